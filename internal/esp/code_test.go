package esp

import (
	"testing"

	"rcpt/internal/overlay"
)

func TestCodesWeaken(t *testing.T) {
	for _, c := range []struct {
		claim, text string
		want        overlay.Reason
	}{
		{"unknown user", "smtp; 550 5.1.1 <ana@example.org>: user unknown", overlay.HardBounce},
		{"null MX", "556 5.1.10 domain does not accept mail", overlay.HardBounce},
		{"mailbox disabled", "550 5.2.1 disabled", overlay.HardBounce},
		{"full", "552 5.2.2 over quota", overlay.SoftBounce},
		{"too large", "552 5.2.3 message too big", overlay.SoftBounce},
		{"too large for the system", "5.3.4", overlay.SoftBounce},
		{"content", "554 5.6.0 bad content", overlay.SoftBounce},
		{"policy", "550-5.7.26 unauthenticated", overlay.SoftBounce},
		{"policy of qmail's form", "554 refused (#5.7.1)", overlay.SoftBounce},
		{"transient", "4.4.7 expired", overlay.SoftBounce},
		{"a transient reply code", "452 over quota", overlay.SoftBounce},
		{"a transient reply code in the middle", "delivery ended: 451 later", overlay.SoftBounce},
		{"the sender's address", "5.1.8", overlay.SoftBounce},
		{"another 5.x.x", "550 5.4.1 recipient rejected", overlay.HardBounce},
		{"a bare 550", "550 no such user here", overlay.HardBounce},
		{"a bare 550 about a blocklist", "550 blocked using a blocklist, see https://lists.example/192.0.2.1", overlay.SoftBounce},
		{"a bare 552 of a full mailbox", "552 mailbox full", overlay.SoftBounce},
		{"an IP address", "550 no such user, says 192.4.5.7", overlay.HardBounce},
		{"an IP address of four low octets", "550 no such user 4.5.6.7", overlay.HardBounce},
		{"a version", "550 user unknown (Exim 4.97.1)", overlay.HardBounce},
		{"a version with a letter", "550 user unknown v4.2.2", overlay.HardBounce},
		{"digits in an address", "550 5.1.1 <450@example.org> unknown", overlay.HardBounce},
		{"digits in a name", "550 5.1.1 mx-450.example.org says no", overlay.HardBounce},
		{"a blocklist under the code of an unknown user", "550 5.1.1 blocked using zen.spamhaus.org", overlay.SoftBounce},
		{"a reputation under the code of an unknown user", "550 5.1.1 rejected due to the bad reputation of the sender", overlay.SoftBounce},
		{"a rate under the code of a disabled mailbox", "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages", overlay.SoftBounce},
		{"full under the code of an unknown user", "550 5.1.1 mailbox full", overlay.SoftBounce},
		{"an unknown user, and a word to spammers", "550 5.1.1 User unknown; if this is not spam, ask abuse@example.org", overlay.HardBounce},
		{"an unknown user, and a policy", "550 5.1.1 <ana@example.org>: user unknown, see our policy", overlay.HardBounce},
		{"an unknown user, and our address", "550 no such user. Your IP address is 192.0.2.1", overlay.HardBounce},
		{"an unknown host", "550 5.1.2 host unknown", overlay.HardBounce},
		{"no route to the domain", "smtp; 550 5.4.4 Host or domain name not found", overlay.HardBounce},
		{"no route, without a reply code", "5.4.4 (unable to route: no mail hosts for domain)", overlay.HardBounce},
		{"a loop", "550 5.4.6 routing loop", overlay.SoftBounce},
		{"Microsoft's edge", "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) [DB5EUR03FT004.eop-EUR03.prod.protection.outlook.com]", overlay.HardBounce},
		{"Microsoft's edge, cut short", "550 5.4.1 Recipient address rejected: Access denied", overlay.HardBounce},
		{"access denied", "550 Access denied", overlay.SoftBounce},
		{"spam in words alone", "message rejected as spam by the content filter", overlay.SoftBounce},
		{"full in words alone", "the mailbox is full", overlay.SoftBounce},
		{"too large, without an enhanced code", "552 message size exceeds the limit", overlay.SoftBounce},
		{"too large in words alone", "Message too large", overlay.SoftBounce},
		{"an attachment", "550 attachment type not allowed", overlay.SoftBounce},
		{"spam, and nothing sure about the mailbox", "550 Message rejected as spam. Mailbox unavailable", overlay.SoftBounce},
		{"an unknown user, and an invitation", "5.1.1 User unknown, check the address and try again", overlay.HardBounce},
		{"no answer", "timed out while waiting for the server", overlay.SoftBounce},
		{"an unknown user in words alone", "recipient rejected: user unknown", overlay.HardBounce},
		{"no such domain in words alone", "Host or domain name not found. Name service error for name=nowhere.example type=A", overlay.HardBounce},
		{"a code alone that says nothing", "5.3.0", overlay.HardBounce},
		{"571, which is policy", "571 refused by the rejection list", overlay.SoftBounce},
		{"nothing", "", overlay.HardBounce},
	} {
		if got := weaken(overlay.HardBounce, c.text); got != c.want {
			t.Errorf("%s (%q): %s, want %s", c.claim, c.text, got, c.want)
		}
		for _, reason := range []overlay.Reason{overlay.SoftBounce, overlay.Complaint, overlay.Unsubscribe, ""} {
			if got := weaken(reason, c.text); got != reason {
				t.Errorf("%s: %q became %q; only hard_bounce may change", c.claim, reason, got)
			}
		}
	}
}

func TestProseOfTheESPMeansNothing(t *testing.T) {
	for text, want := range map[string]overlay.Reason{
		"the address bounced; this can harm your reputation":        overlay.HardBounce,
		"blocked senders are listed at https://lists.example":       overlay.HardBounce,
		"the server said: 550 blocked using zen.spamhaus.org":       overlay.SoftBounce,
		"the server said 5.7.1":                                     overlay.SoftBounce,
		"the server said: 550 5.1.1 no such user; mind your policy": overlay.HardBounce,
		"": overlay.HardBounce,
	} {
		if got := weakenProse(overlay.HardBounce, text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
		if got := weakenProse(overlay.Complaint, text); got != overlay.Complaint {
			t.Errorf("%q: a complaint became %s", text, got)
		}
	}
}

func TestTextsWithoutAFlagAreJudged(t *testing.T) {
	for text, want := range map[string]overlay.Reason{
		"550 5.1.1 user unknown":                 overlay.HardBounce,
		"5.1.1":                                  overlay.HardBounce,
		"smtp; 550 user unknown":                 overlay.HardBounce,
		"551 user not local":                     overlay.SoftBounce,
		"550 5.1.1 blocked using a blocklist":    overlay.SoftBounce,
		"553 no such mailbox":                    overlay.HardBounce,
		"554 user unknown":                       overlay.SoftBounce,
		"no such user":                           overlay.HardBounce,
		"550 5.7.1 user unknown":                 overlay.SoftBounce,
		"450 user unknown":                       overlay.SoftBounce,
		"550 refused":                            overlay.SoftBounce,
		"550 spam refused, user unknown or not?": overlay.SoftBounce,
		"":                                       overlay.SoftBounce,
	} {
		if got := judge(text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}
