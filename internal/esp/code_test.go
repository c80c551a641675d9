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
		{"prose", "the address bounced; this can harm your reputation", overlay.HardBounce},
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

func TestTextsWithoutAFlagAreJudged(t *testing.T) {
	for text, want := range map[string]overlay.Reason{
		"550 5.1.1 user unknown":                 overlay.HardBounce,
		"5.1.1":                                  overlay.HardBounce,
		"smtp; 550 user unknown":                 overlay.HardBounce,
		"551 user not local":                     overlay.SoftBounce,
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
