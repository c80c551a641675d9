package reply

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func trimStar(p string) string { return strings.TrimSuffix(p, "*") }

// ownVocabulary returns local parts made of the matcher's own words: every
// phrase joined by every separator, and every word.
func ownVocabulary() []string {
	var locals []string
	add := func(phrases []string) {
		for _, p := range phrases {
			words := strings.Fields(trimStar(p))
			locals = append(locals, words...)
			for _, sep := range []string{".", "-", "_", "+", ""} {
				locals = append(locals, strings.Join(words, sep))
			}
			locals = append(locals, strings.ToUpper(strings.Join(words, ".")))
		}
	}
	for _, list := range phraseLists() {
		add(list)
	}
	for _, o := range operators {
		for i := range o.rows {
			add(o.rows[i].words)
		}
	}
	locals = append(locals, "a", "in", "user.unknown", "spam", "blocked", "mailbox-full", "user", "5.1.1", "550", "300", "x")
	slices.Sort(locals)
	return slices.Compact(locals)
}

// templates are replies that echo: neutral, about us, not found and the rest.
var templates = []string{
	"550 5.0.0 %s rejected for some reason",
	"550 %s: nothing doing",
	"550 %s",
	"554 5.7.1 %s: Recipient address rejected: Access denied",
	"554 5.7.1 %s: Client host [192.0.2.25] blocked using zen.spamhaus.org",
	"550 5.1.1 %s: your IP has a poor reputation",
	"550 5.7.1 %s: Relay access denied",
	"550 5.1.1 %s: Recipient address rejected: User unknown in virtual mailbox table",
	"550 %s... User unknown",
	"550 No such user %s here",
	"550 unknown user: %s",
	"550 user %s does not exist",
	"550 %s does not exist",
	"550 Requested action not taken: mailbox unavailable %s",
	"552 5.2.2 %s mailbox is full",
	"550 %s: account is disabled",
	"450 4.2.0 %s: Greylisted, try again in 300 seconds",
	"450 4.1.1 %s: User unknown",
	"451 4.3.0 %s: later",
	"421 4.7.0 %s too many connections",
	"530 %s Must issue a STARTTLS command first",
	"550-Callout verification failed:\n550 550 %s unknown user",
	"250 2.1.5 %s ok",
}

// An echo of our own words that is marked as such, by its domain, by angle
// brackets or by quotes, must not change what a reply means: the class, and
// everything else of the meaning, is that of a neutral local part.
func TestEchoedLocalPartsChangeNothing(t *testing.T) {
	locals := ownVocabulary()
	for _, echo := range []string{"<%s@corp.example>", "%s@CORP.example", "<%s>", `"%s"`} {
		for _, template := range templates {
			wire := func(local string) string { return fmt.Sprintf(template, fmt.Sprintf(echo, local)) }
			want := meaningFor(t, wire("zqxjk"), "zqxjk")
			for _, local := range locals {
				if got := meaningFor(t, wire(local), local); got != want {
					t.Errorf("%q\n got %+v\nwant %+v", wire(local), got, want)
				}
			}
		}
	}
}

// Undelimited, an echo cannot be told from the server's own words. It must
// then never make a statement about a mailbox, and never open a breaker.
func TestBareLocalPartsConcludeNothing(t *testing.T) {
	locals := ownVocabulary()
	for _, template := range templates {
		wire := func(local string) string { return fmt.Sprintf(template, local) }
		want := meaningFor(t, wire("zqxjk"), "zqxjk")
		for _, local := range locals {
			got := meaningFor(t, wire(local), local)
			if got.Class != want.Class && aboutMailbox(got.Class) {
				t.Errorf("%q\n got %+v\nwant %+v", wire(local), got, want)
			}
			if got.Listed && !want.Listed {
				t.Errorf("%q: listed by an echo: %+v", wire(local), got)
			}
		}
	}
}

// A server's own words stay what they are for a local part that happens to be
// one of them, as long as the reply is told apart by a code or an echo.
func TestLocalPartsDoNotDestroyTheServersWords(t *testing.T) {
	for _, c := range []struct {
		local, wire string
		want        Class
	}{
		{"user", "550 5.1.1 User unknown", MailboxNotFound},
		{"unknown", "550 5.1.1 User unknown", MailboxNotFound},
		{"user", "550 <user@corp.example>: User unknown", MailboxNotFound},
		{"unknown", "550 <unknown@corp.example>: User unknown", MailboxNotFound},
		{"user.unknown", "550 User unknown", MailboxNotFound},
		{"a", "550 not a valid mailbox", MailboxNotFound},
		{"a", "550 a mailbox is not found here, says a man", MailboxNotFound},
		{"user", "550 Unknown users are refused", BlockedByPolicy},
		{"mailbox-full", "552 5.2.2 <mailbox-full@corp.example> mailbox full", MailboxFull},
		{"spam", "550 5.1.1 <spam@corp.example>: rejected as spam", BlockedByPolicy},
		{"spam", "550 rejected as spam", Unclear},
		{"spam", "550 5.7.1 rejected as spam", BlockedByPolicy},
		{"blocked", "550 5.1.1 <blocked@corp.example> your IP is blocked", BlockedByPolicy},
		{"alice", "550 User alice unknown", MailboxNotFound},
		{"alice", "550 alice: no such user", MailboxNotFound},
		{"alice.smith", "550 No such user alice.smith.", MailboxNotFound},
		{"list", "550 Recipient not in list", Unclear},
		{"user", "550 User unknown", Unclear},
		{"unknown", "550 User unknown rejected", Unclear},
		{"news+spam", "550 <news> unknown user", MailboxNotFound},
		{`"john doe"`, `550 <"john doe"@corp.example> unknown user`, MailboxNotFound},
		{`"user unknown"`, `550 "user unknown": rejected`, Unclear},
		{"jürgen", "550 5.0.0 <jürgen@corp.example>: user unknown", MailboxNotFound},
	} {
		if got := meaningFor(t, c.wire, c.local); got.Class != c.want {
			t.Errorf("%s: %q: got %+v, want %s", c.local, c.wire, got, c.want)
		}
	}
}

func meaningFor(t *testing.T, wire, local string) Meaning {
	t.Helper()
	o := own
	o.Recipient = local + "@corp.example"
	return ask(t, wire, Asked{Stage: Rcpt, Own: o})
}

func TestClean(t *testing.T) {
	six := own
	six.IP = netip.MustParseAddr("2001:db8::25")
	for _, c := range []struct {
		name, text string
		own        Own
		want       string
	}{
		{"recipient", "<alice@corp.example>: Recipient rejected", own, "<*>: Recipient rejected"},
		{"case does not matter", "<Alice@Corp.Example> ALICE no", own, "<*> * no"},
		{"not within other words", "malice and alice's alice.smith x-alice", own, "malice and *'s alice.smith x-alice"},
		{"end of sentence", "unknown alice.", own, "unknown *."},
		{"sender, name, address", "verify@probe.example probe1.probe.example [192.0.2.25] 192.0.2.250", own, "* * [*] 192.0.2.250"},
		{"IPv6", "[2001:db8::25] IPv6:2001:0db8:0000:0000:0000:0000:0000:0025", six, "[*] IPv6:*"},
		{"other people", "contact <bob.smith@other.example>, rcpt=alice@corp.example", own, "contact <*>, rcpt=*"},
		{"quoted local part", `to "bob smith"@other.example now`, own, "to * now"},
		{"a blocklist keeps its name", "mail delist@spamhaus.org now", own, "mail * spamhaus.org now"},
		{"URL", "see https://corp.example:443/x/alice?y=1. Bye (http://a.example/b)", own, "see https://corp.example:443. Bye (http://a.example)"},
		{"URL without scheme", "see www.corp.example/x/alice, and/or 192.0.2.0/24", own, "see www.corp.example, and/or 192.0.2.0/24"},
		{"a word of the servers' own stays", "User unknown", Own{Recipient: "user@corp.example"}, "User unknown"},
		{"delimited it goes", "<User> unknown", Own{Recipient: "user@corp.example"}, "<*> unknown"},
		{"typographic quotes", "“alice” and ‘alice’", own, "“*” and ‘*’"},
		{"empty own words", "alice 550", Own{}, "alice 550"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := (Reply{Text: c.text}).Clean(c.own); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	long := Reply{Text: strings.Repeat("ü", 1000)}
	if got := len([]rune(long.Clean(own))); got != maxClean {
		t.Errorf("length in characters: got %d, want %d", got, maxClean)
	}
	if got := (Reply{Text: "a\x01b\x02c\x03d"}).Clean(own); got != "a b c d" {
		t.Errorf("marks from outside: got %q", got)
	}
}

func TestFold(t *testing.T) {
	for masked, want := range map[string]string{
		"":                               "| |",
		"\x01: Recipient rejected: User": "@ recipient rejected | user |",
		"User doesn't exist":             "| user doesnt exist |",
		"User (\x01) unknown, try":       "@ user unknown | try |",
		"No \x01; yes":                   "@ no | yes |",
		"o, \x01: not found":             "| o @ not found |",
		"grey-list and IP=1.2.3.4":       "| grey list and ip 1.2.3.4 |",
		"mx.spam-filter.example said":    "| mx.spam-filter.example said |",
		"unknown.Check it":               "| unknown | check it |",
		"RESOLVER.ADR.NotFound; x":       "| resolver.adr.notfound | x |",
		"HL:REP x - b -- c":              "| hl rep x | b | c |",
		"The user has a mailbox":         "| user has mailbox |",
		"Boîte pleine, Empfänger groß":   "| boite pleine | empfaenger gross |",
		"użytkownik “x” ‘y’ don’t":       "| uzytkownik x y dont |",
		"_ __ a_b":                       "| a b |",
		"L'adresse n'existe pas":         "| l adresse n existe pas |",
		"Konto żaden, uživatel":          "| konto zaden | uzivatel |",
		"用户x不存在。 ユーザー":                   "| 用 户 x 不 存 在 | ユ ー ザ ー |",
	} {
		if got := fold(masked); got.s != want {
			t.Errorf("%q: got %q, want %q", masked, got.s, want)
		}
	}
}
