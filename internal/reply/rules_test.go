package reply

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"
)

var stages = []Stage{Connect, Greeting, Ehlo, StartTLS, Mail, Rcpt}

var hosts = []string{"", hostGmail, hostMicrosoft, hostOutlook, hostYahoo, hostICloud, hostProofpoint, hostMimecast, hostBarracuda,
	hostSymantec, hostTrend, hostCisco, hostSophos, hostGMX, hostTOnline, hostMailRu, hostYandex, hostQQ, hostNetEase, hostZoho,
	hostComcast, hostOrange}

// breach names the hard rule that a meaning breaks, or "".
func breach(r Reply, stage Stage, m Meaning) string {
	final := m.Class == MailboxNotFound || m.Class == MailboxDisabled
	held := final || m.Class == MailboxFull
	switch ok := r.Code >= 200 && r.Code <= 299; {
	case ok != (m.Class == Accepted || m.Class == AcceptedUnverified):
		return "2yz and nothing else is accepted"
	case m.Class == Accepted && stage == Rcpt && r.Code != 250 && r.Code != 251:
		return "only 250 and 251 accept a recipient"
	case held && stage != Rcpt:
		return "only RCPT is about a mailbox"
	case held && r.Code == 421:
		return "421 is never about a mailbox"
	case final && r.Code < 500:
		return "what is transient is not final"
	case m.Class == DomainTakesNoMail && r.Code < 500:
		return "a transient reply does not close a domain"
	case held && r.Mixed:
		return "a reply in two codes states nothing"
	case held && (m.Listed || m.Split || m.DomainOnly):
		return "about us and about the mailbox at once"
	case m.Weak && m.Class != MailboxNotFound && m.Class != MailboxDisabled && m.Class != Unclear:
		return "Weak without anything to confirm"
	case m.ProbablyMissing && (m.Class != TemporaryFailure || stage != Rcpt):
		return "ProbablyMissing is a hint of transient refusals of RCPT"
	case m.Class == Greylisted && r.Code >= 500 && !strings.Contains(r.Text, ":"):
		return "greylisting is transient"
	case m.RetryAfter < 0 || m.RetryAfter > maxWait:
		return "wait out of range"
	case m.Class == "" || m.Class == Timeout || m.Rule == "":
		return "no class or no rule"
	}
	return ""
}

// Every phrase of every table, under every code and enhanced code, at every
// stage, from every operator.
func TestHardRulesHoldForEveryPhrase(t *testing.T) {
	var phrases []string
	for _, list := range phraseLists() {
		phrases = append(phrases, list...)
	}
	for _, o := range operators {
		for i := range o.rows {
			phrases = append(phrases, strings.Join(o.rows[i].words, " "))
		}
	}
	codes := []int{0, 220, 250, 251, 252, 354, 421, 422, 431, 450, 451, 452, 454, 500, 501, 503, 504, 511, 521, 530, 535, 541, 550, 551, 552, 553, 554, 555, 556, 571, 600}
	enhanced := []Enhanced{{}, {5, 1, 1}, {4, 2, 2}, {5, 7, 1}}
	for i, p := range append(phrases, "") {
		text := strings.ReplaceAll(p, "*", "")
		for _, code := range codes {
			for _, e := range enhanced {
				r := Reply{Code: code, Enhanced: e, Text: text, Mixed: i%7 == 0}
				for _, stage := range stages {
					a := Asked{Stage: stage, Host: hosts[i%len(hosts)], Own: own}
					if m := Classify(r, a); breach(r, stage, m) != "" {
						t.Errorf("%s: %+v %+v: %+v", breach(r, stage, m), a, r, m)
					}
				}
			}
		}
	}
}

// No refusal about us is about the mailbox, whatever its code, whoever says it
// and whatever else it says.
func TestAboutUsIsNeverAboutTheMailbox(t *testing.T) {
	var us []string
	for _, list := range [][]string{blocklistWords, policyWords, hostWords, senderWords, tlsWords, rateWords, relayWords, greylistNames, splitWords} {
		us = append(us, list...)
	}
	for _, p := range us {
		for _, also := range []string{"", "user unknown", "mailbox full", "account disabled", "mailbox unavailable", "<alice@corp.example> does not exist"} {
			text := strings.ReplaceAll(p, "*", "") + ": " + also
			for _, code := range []int{450, 452, 550, 551, 552, 553, 554} {
				for i, e := range []Enhanced{{}, {5, 1, 1}, {5, 1, 10}, {5, 2, 1}, {5, 2, 2}, {5, 4, 1}, {5, 5, 0}, {5, 7, 1}} {
					for _, host := range []string{"", hosts[(code+i)%len(hosts)]} {
						m := Classify(Reply{Code: code, Enhanced: e, Text: text}, Asked{Stage: Rcpt, Host: host, Own: own})
						if aboutMailbox(m.Class) {
							t.Errorf("%s: %d %s %s: got %+v", host, code, e, text, m)
						}
					}
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, wire := range []string{
		"250 2.1.5 Ok", "550-5.1.1 one\n550 5.1.1 two", "550 sorry (#5.1.1)", "550 #5.1.0 Address rejected.", "550-a\n554 b",
		"550 Bo\xeete\x00\x1b[31m", "", "55", "550x", "421", "550 \u202e\ufeff",
	} {
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire string) {
		r, err := Parse(lines(wire))
		if r.Code < 0 || r.Code > 999 || err != nil && r.Code != 0 {
			t.Errorf("code %d, error %v", r.Code, err)
		}
		if len(r.Text) > maxText || !utf8.ValidString(r.Text) || strings.ContainsFunc(r.Text, func(c rune) bool { return !unicode.IsPrint(c) }) {
			t.Errorf("text %q is too long or not printable", r.Text)
		}
		if r.Text != strings.Join(strings.Fields(r.Text), " ") {
			t.Errorf("text %q is not single-spaced", r.Text)
		}
		if e := r.Enhanced; e != (Enhanced{}) && (e.Class != 2 && e.Class != 4 && e.Class != 5 || e.Subject > 999 || e.Detail > 999) {
			t.Errorf("enhanced code %+v", e)
		}
		if n := utf8.RuneCountInString(r.Clean(own)); n > maxClean {
			t.Errorf("clean text has %d characters", n)
		}
		// What was understood reads the same when written on one line.
		if err == nil && r.Enhanced != (Enhanced{}) && !r.Mixed && r.Code >= 100 {
			again, err := Parse([]string{wireOf(r)})
			if err != nil || again != r {
				t.Errorf("%q: read again as %+v, %v, want %+v", wireOf(r), again, err, r)
			}
		}
	})
}

// wireOf writes a reply on one line.
func wireOf(r Reply) string {
	line := []byte{byte('0' + r.Code/100), byte('0' + r.Code/10%10), byte('0' + r.Code%10), ' '}
	return string(line) + r.Enhanced.String() + " " + r.Text
}

func FuzzClassify(f *testing.F) {
	f.Add("user unknown", 550, 511, 5, "alice", 0)
	f.Add("<alice@corp.example>: Recipient address rejected: undeliverable address: host x said: 550 5.1.1 no", 550, 511, 5, "alice", 1)
	f.Add("alice: try again in 00:05:00 or 5 minutes", 450, 420, 5, "alice", 2)
	f.Add("see https://spamhaus.org/x?alice, delist@spamhaus.org", 554, 571, 0, "spam", 3)
	f.Add("Boîte \"pleine\" (alice) [x@y] 'z'", 552, 522, 4, "boîte", 4)
	f.Add("said: 550 said: 550 said: 550 said: 550 unknown user", 450, 0, 5, "said", 5)
	f.Fuzz(func(t *testing.T, text string, code, enhanced, stage int, local string, host int) {
		r := Reply{Code: code, Text: text, Mixed: enhanced%2 == 1, Enhanced: Enhanced{enhanced / 100 % 10, enhanced / 10 % 10, enhanced % 10}}
		a := Asked{Stage: stages[wrap(stage, len(stages))], Host: hosts[wrap(host, len(hosts))], Own: own}
		a.Own.Recipient = local + "@corp.example"
		begin := time.Now()
		m := Classify(r, a)
		if rule := breach(r, a.Stage, m); rule != "" {
			t.Errorf("%s: %+v %+v: %+v", rule, a, r, m)
		}
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("took %v for %d octets", took, len(text))
		}
		// Naming a blocklist besides never turns a refusal into a statement.
		r.Text += " | blocked using zen.spamhaus.org"
		if m := Classify(r, a); code >= 400 && code <= 599 && local != "" && aboutMailbox(m.Class) {
			t.Errorf("about us and the mailbox: %+v %+v: %+v", a, r, m)
		}
	})
}

func wrap(i, n int) int { return (i%n + n) % n }

func BenchmarkClassify(b *testing.B) {
	for _, c := range []struct{ name, wire, host string }{
		{"accepted", "250 2.1.5 Ok", ""},
		{"not found, Postfix", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in virtual mailbox table", "mx.corp.example"},
		{"not found, Gmail", "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1-20020a05si123.1 - gsmtp", hostGmail},
		{"blocked", "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org", "mx.corp.example"},
		{"greylisted", "450 4.2.0 <alice@corp.example>: Recipient address rejected: Greylisted for 300 seconds", "mx.corp.example"},
		{"unknown words", "550 the frobnicator has frobnicated your request for reasons it does not tell", "mx.corp.example"},
	} {
		r, err := Parse(lines(c.wire))
		if err != nil {
			b.Fatal(err)
		}
		a := Asked{Stage: Rcpt, Host: c.host, Banner: "mx.corp.example ESMTP Postfix", Own: own}
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Classify(r, a)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	in := lines("550-5.1.1 The email account that you tried to reach does not exist. Please try\n550 5.1.1 double-checking the recipient's email address")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(in); err != nil {
			b.Fatal(err)
		}
	}
}
