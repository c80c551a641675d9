package verify

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// gathered is the time of all evidence in the tests of Decide.
var gathered = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func parse(t testing.TB, email string) address.Address {
	t.Helper()
	a, err := address.Parse(email)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// probedEvidence is evidence of a domain that takes mail and was asked.
func probedEvidence(t testing.TB, p Probe) Evidence {
	return Evidence{
		Given: "alice@ok.example", Address: parse(t, "alice@ok.example"), Mode: Full, Gathered: gathered,
		Route: Route{Status: mx.Found, Host: "mx.ok.example"}, Probe: &p,
	}
}

// answer is a reply to RCPT with the code that goes with its class.
func answer(c reply.Class) smtpprobe.Answer {
	a := smtpprobe.Answer{Class: c, Stage: reply.Rcpt, Code: 550, Text: string(c), Host: "mx.ok.example"}
	switch c {
	case "":
		return smtpprobe.Answer{}
	case reply.Accepted:
		a.Code = 250
	case reply.AcceptedUnverified:
		a.Code = 252
	case reply.Greylisted, reply.TemporaryFailure:
		a.Code = 450
	case reply.Timeout, smtpprobe.ConnectionFailed, smtpprobe.Unreachable, smtpprobe.Unresolvable, smtpprobe.DNSFailure,
		smtpprobe.Held, smtpprobe.EgressClosed, smtpprobe.NotAsked, smtpprobe.Fault:
		a.Stage, a.Code, a.Text = reply.Connect, 0, ""
	}
	return a
}

func weak(c reply.Class) smtpprobe.Answer {
	a := answer(c)
	a.Weak = true
	return a
}

// answers are all that can come of asking for one mailbox; the weak ones too.
func answers() []smtpprobe.Answer {
	all := []smtpprobe.Answer{weak(reply.MailboxNotFound), weak(reply.MailboxDisabled), weak(reply.Unclear)}
	for _, c := range []reply.Class{
		"", reply.Accepted, reply.AcceptedUnverified, reply.MailboxNotFound, reply.MailboxFull, reply.MailboxDisabled, reply.Greylisted,
		reply.RateLimited, reply.BlockedByPolicy, reply.RelayDenied, reply.TLSRequired, reply.SMTPUTF8Required, reply.TemporaryFailure,
		reply.ProtocolError, reply.Timeout, reply.DomainTakesNoMail, reply.Unclear,
		smtpprobe.ConnectionFailed, smtpprobe.Unreachable, smtpprobe.Unresolvable, smtpprobe.DNSFailure, smtpprobe.Held,
		smtpprobe.EgressClosed, smtpprobe.NotAsked, smtpprobe.Fault,
	} {
		all = append(all, answer(c))
	}
	return all
}

// expectation is a verdict for the combinations it matches. An empty list
// matches everything; "weak" before a class is the weak answer.
type expectation struct {
	answer   string
	canaries []string
	controls []string
	held     string // the operator's "no such user" is not believed: yes, no, or empty for both
	status   verdict.Status
	reason   verdict.Reason
}

func label(a smtpprobe.Answer) string {
	if a.Weak {
		return "weak " + string(a.Class)
	}
	return string(a.Class)
}

// expectations say for every answer what follows from it, the canary, the
// control and the hold. The first that matches counts.
func expectations() []expectation {
	takesAny := []string{"accepted", "accepted_unverified"}
	checks := []string{"mailbox_not_found", "mailbox_disabled"}
	vaguely := []string{"weak mailbox_not_found", "weak mailbox_disabled"}
	sure := slices.Concat(checks, vaguely) // the accepted mailbox is the control
	bare := []string{"unclear", "weak unclear"}
	rows := []expectation{
		{"accepted", takesAny, nil, "", verdict.CatchAll, verdict.CatchAllDomain},
		{"accepted", sure, nil, "", verdict.Valid, verdict.SMTPVerified},
		{"accepted", nil, nil, "", verdict.Risky, verdict.Unconfirmed},
		{"accepted_unverified", sure, nil, "", verdict.Risky, verdict.Unconfirmed},
		{"accepted_unverified", nil, nil, "", verdict.CatchAll, verdict.CatchAllDomain},

		{"mailbox_not_found", nil, nil, "yes", verdict.Unknown, verdict.TemporaryFailure},
		{"mailbox_not_found", nil, nil, "no", verdict.Invalid, verdict.MailboxNotFound},
		{"weak mailbox_not_found", nil, takesAny, "yes", verdict.Unknown, verdict.TemporaryFailure},
		{"weak mailbox_not_found", nil, takesAny, "no", verdict.Invalid, verdict.MailboxNotFound},
		{"weak mailbox_not_found", nil, nil, "", verdict.Unknown, verdict.UnclearReply},

		{"mailbox_disabled", nil, nil, "yes", verdict.Unknown, verdict.TemporaryFailure},
		{"mailbox_disabled", nil, nil, "no", verdict.Invalid, verdict.MailboxDisabled},
		{"weak mailbox_disabled", nil, takesAny, "yes", verdict.Unknown, verdict.TemporaryFailure},
		{"weak mailbox_disabled", nil, takesAny, "no", verdict.Invalid, verdict.MailboxDisabled},
		{"weak mailbox_disabled", nil, nil, "", verdict.Unknown, verdict.UnclearReply},

		{"weak unclear", bare, takesAny, "yes", verdict.Unknown, verdict.TemporaryFailure},
		{"weak unclear", bare, takesAny, "no", verdict.Invalid, verdict.MailboxNotFound},
		{"weak unclear", nil, nil, "", verdict.Unknown, verdict.UnclearReply},
		{"unclear", nil, nil, "", verdict.Unknown, verdict.UnclearReply},

		{"mailbox_full", nil, nil, "", verdict.Risky, verdict.MailboxFull},
		{"domain_takes_no_mail", nil, nil, "", verdict.Invalid, verdict.NullMX},
		{"", nil, nil, "", verdict.CatchAll, verdict.CatchAllDomain}, // not asked: known to take anyone
	}
	for class, reason := range map[string]verdict.Reason{
		"greylisted": verdict.Greylisted, "rate_limited": verdict.RateLimited, "blocked_by_policy": verdict.ProbeBlocked,
		"relay_denied": verdict.RelayDenied, "tls_required": verdict.ProbeBlocked, "smtputf8_required": verdict.SMTPUTF8Required,
		"temporary_failure": verdict.TemporaryFailure, "protocol_error": verdict.ProtocolError, "timeout": verdict.Timeout,
		"connection_failed": verdict.ConnectionFailed, "unreachable": verdict.MXUnreachable, "unresolvable": verdict.MXUnreachable,
		"dns_failure": verdict.DNSFailure, "held": verdict.ProbeBlocked, "egress_closed": verdict.EgressBlocked,
		"not_asked": verdict.Deadline, "fault": verdict.Internal,
	} {
		rows = append(rows, expectation{class, nil, nil, "", verdict.Unknown, reason})
	}
	return rows
}

func (x expectation) matches(a, canary, control string, held bool) bool {
	return x.answer == a && (x.canaries == nil || slices.Contains(x.canaries, canary)) &&
		(x.controls == nil || slices.Contains(x.controls, control)) && (x.held == "" || (x.held == "yes") == held)
}

func TestDecideOnEveryAnswerCanaryControlAndHold(t *testing.T) {
	rows := expectations()
	for _, a := range answers() {
		for _, canary := range answers() {
			for _, control := range answers() {
				for _, held := range []bool{false, true} {
					p := Probe{Answer: a, Canary: canary, Control: control, Peer: true, HoldNotFound: held}
					if a.Class == "" {
						p.CatchAll = TakesAny
					}
					if a.Class == canary.Class {
						p.Canary.Text = a.Text
					}
					got := Decide(probedEvidence(t, p), DefaultPolicy())
					i := slices.IndexFunc(rows, func(x expectation) bool {
						return x.matches(label(a), label(canary), label(control), held)
					})
					name := fmt.Sprintf("%q, canary %q, control %q, hold %v", label(a), label(canary), label(control), held)
					if i < 0 {
						t.Fatalf("%s: nothing is expected", name)
					}
					if got.Status != rows[i].status || got.Reason != rows[i].reason {
						t.Errorf("%s: %s %s, want %s %s", name, got.Status, got.Reason, rows[i].status, rows[i].reason)
					}
				}
			}
		}
	}
}

func TestDecideNeedsRcptAndAPermanentCode(t *testing.T) {
	for _, class := range []reply.Class{reply.MailboxNotFound, reply.MailboxDisabled, reply.DomainTakesNoMail} {
		for _, stage := range []reply.Stage{reply.Connect, reply.Greeting, reply.Ehlo, reply.StartTLS, reply.Mail, reply.Rcpt} {
			for _, code := range []int{0, 250, 421, 450, 550, 554, 999} {
				a := answer(class)
				a.Stage, a.Code = stage, code
				got := Decide(probedEvidence(t, Probe{Answer: a, Control: answer(reply.Accepted)}), DefaultPolicy())
				proof := stage == reply.Rcpt && (code == 550 || code == 554)
				if (got.Status == verdict.Invalid) != proof {
					t.Errorf("%s with %d at %s: %s %s", class, code, stage, got.Status, got.Reason)
				}
			}
		}
	}
}

func TestDecideComparesBareRefusalsWordByWord(t *testing.T) {
	probe := func(change func(*smtpprobe.Answer)) Probe {
		bare := weak(reply.Unclear)
		bare.Rule = "none"
		canary := bare
		change(&canary)
		return Probe{Answer: bare, Canary: canary, Control: answer(reply.Accepted), Peer: true}
	}
	for claim, change := range map[string]func(*smtpprobe.Answer){
		"another text":          func(a *smtpprobe.Answer) { a.Text = "other" },
		"another code":          func(a *smtpprobe.Answer) { a.Code = 553 },
		"another enhanced code": func(a *smtpprobe.Answer) { a.Enhanced = "5.0.0" },
		"another stage":         func(a *smtpprobe.Answer) { a.Stage = reply.Mail },
	} {
		if got := Decide(probedEvidence(t, probe(change)), DefaultPolicy()); got.Reason != verdict.UnclearReply {
			t.Errorf("%s: %s %s, want unclear_reply", claim, got.Status, got.Reason)
		}
	}
	if got := Decide(probedEvidence(t, probe(func(*smtpprobe.Answer) {})), DefaultPolicy()); got.Reason != verdict.MailboxNotFound {
		t.Errorf("the same words: %s %s, want mailbox_not_found", got.Status, got.Reason)
	}
	ofPostmaster := probe(func(*smtpprobe.Answer) {})
	ofPostmaster.Peer = false
	if got := Decide(probedEvidence(t, ofPostmaster), DefaultPolicy()); got.Reason != verdict.UnclearReply {
		t.Errorf("the same words, only postmaster accepted: %s %s, want unclear_reply", got.Status, got.Reason)
	}
	ofPostmaster.Answer.Rule = "microsoft:all-rejected"
	if got := Decide(probedEvidence(t, ofPostmaster), DefaultPolicy()); got.Reason != verdict.MailboxNotFound {
		t.Errorf("an operator's words, only postmaster accepted: %s %s, want mailbox_not_found", got.Status, got.Reason)
	}
}

func TestDecideKeepsTheOrderOfPrecedence(t *testing.T) {
	hard := verdict.History{Matched: true, PreviousReason: "hard_bounce", Count: 1}
	soft := verdict.History{Matched: true, PreviousReason: "soft_bounce", Recent: 1}
	firm := lists.Disposable{Tier: lists.Curated, Rule: "ok.example"}
	suspected := lists.Disposable{Tier: lists.Aggregator, Rule: "ok.example"}
	gone, failed := Route{Status: mx.NXDomain}, Route{Status: mx.Failed}
	// Each row adds what goes before everything below it.
	e := probedEvidence(t, Probe{Answer: answer(reply.Accepted), Canary: answer(reply.MailboxNotFound)})
	for _, step := range []struct {
		claim  string
		add    func()
		status verdict.Status
		reason verdict.Reason
	}{
		{"the mailbox", func() {}, verdict.Valid, verdict.SMTPVerified},
		{"a likely typo", func() { e.Lists.Typo = lists.Typo{Meant: "gmail.com", Certain: true} }, verdict.Risky, verdict.PossibleTypo},
		{"a spam trap", func() { e.Trap = true }, verdict.Risky, verdict.SpamTrap},
		{"a suspected disposable", func() { e.Lists.Disposable = suspected }, verdict.Risky, verdict.DisposableSuspected},
		{"a disposable", func() { e.Lists.Disposable = firm }, verdict.Disposable, verdict.DisposableDomain},
		{"a name server that fails", func() { e.Route = failed }, verdict.Disposable, verdict.DisposableDomain},
		{"no such domain", func() { e.Route = gone }, verdict.Invalid, verdict.DomainNotFound},
		{"a soft bounce of this key", func() { e.History = soft }, verdict.Risky, verdict.PreviouslyBounced},
		{"a hard bounce of this key", func() { e.History = hard }, verdict.Invalid, verdict.PreviouslyBounced},
		{"syntax", func() { e.Syntax = &address.SyntaxError{Problem: "no @"} }, verdict.Invalid, verdict.InvalidSyntax},
	} {
		step.add()
		got := Decide(e, DefaultPolicy())
		if got.Status != step.status || got.Reason != step.reason {
			t.Errorf("%s: %s %s, want %s %s", step.claim, got.Status, got.Reason, step.status, step.reason)
		}
	}
}

func TestAnOwnReportMakesNothingMilder(t *testing.T) {
	for claim, add := range map[string]func(*Evidence){
		"no such domain": func(e *Evidence) { e.Route = Route{Status: mx.NXDomain} },
		"disposable":     func(e *Evidence) { e.Lists.Disposable = lists.Disposable{Tier: lists.Curated, Rule: "ok.example"} },
	} {
		e := probedEvidence(t, Probe{})
		e.Probe = nil
		add(&e)
		alone := Decide(e, DefaultPolicy())
		e.History = verdict.History{Matched: true, PreviousReason: "soft_bounce", Count: 1, Recent: 1}
		got := Decide(e, DefaultPolicy())
		if got.Reason != verdict.PreviouslyBounced || got.Action != alone.Action || got.Action != verdict.Block || got.Score > alone.Score {
			t.Errorf("%s: %s %s %d with a report, %s %s %d without", claim, got.Reason, got.Action, got.Score, alone.Reason, alone.Action, alone.Score)
		}
	}
}

func TestDecideReadsReportsOfTheKey(t *testing.T) {
	for reason, want := range map[string]verdict.Status{
		"hard_bounce": verdict.Invalid, "spam_complaint": verdict.Invalid, "unsubscribe": verdict.Invalid, "soft_bounce": verdict.Risky,
	} {
		e := probedEvidence(t, Probe{Answer: answer(reply.Accepted), Canary: answer(reply.MailboxNotFound)})
		e.History = verdict.History{Matched: true, PreviousReason: reason, Count: 1}
		got := Decide(e, DefaultPolicy())
		if got.Status != want || got.Reason != verdict.PreviouslyBounced || got.AccountHistory != e.History {
			t.Errorf("%s: %s %s with %+v, want %s previously_bounced", reason, got.Status, got.Reason, got.AccountHistory, want)
		}
	}
}

// TestDecideGivesEveryReason: each word of the closed list but those of vendors
// follows from some evidence.
func TestDecideGivesEveryReason(t *testing.T) {
	seen := make(map[verdict.Reason]bool)
	note := func(e Evidence) {
		v := Decide(e, DefaultPolicy())
		seen[v.Reason] = true
		if !slices.Contains(v.Reason.Statuses(), v.Status) {
			t.Errorf("%s goes with %s", v.Reason, v.Status)
		}
	}
	for _, a := range answers() {
		note(probedEvidence(t, Probe{Answer: a, Canary: answer(reply.MailboxNotFound)}))
		note(probedEvidence(t, Probe{Answer: a}))
	}
	plain := probedEvidence(t, Probe{})
	plain.Probe = nil
	for _, change := range []func(e *Evidence){
		func(e *Evidence) { e.Syntax = &address.SyntaxError{} },
		func(e *Evidence) { e.History = verdict.History{Matched: true} },
		func(e *Evidence) { e.Route.Status = mx.NXDomain },
		func(e *Evidence) { e.Route.Status = mx.NoMail },
		func(e *Evidence) { e.Route.Status = mx.NullMX },
		func(e *Evidence) { e.Lists.Disposable.Tier = lists.Families },
		func(e *Evidence) { e.Lists.Disposable.Tier = lists.Family },
		func(e *Evidence) { e.Trap = true },
		func(e *Evidence) { e.Lists.Typo = lists.Typo{Meant: "gmail.com", Certain: true} },
		func(e *Evidence) { e.Mode = Soft },
		func(e *Evidence) { e.Lost = LostDeadline },
		func(e *Evidence) { e.Lost = LostCancelled },
		func(e *Evidence) { e.Lost = LostInternal },
	} {
		e := plain
		change(&e)
		note(e)
	}
	for _, r := range verdict.Reasons() {
		vendors := slices.Contains([]verdict.Reason{verdict.VendorVerified, verdict.VendorInvalid, verdict.VendorRisky, verdict.VendorUndecided}, r)
		if seen[r] == vendors {
			t.Errorf("%s: given %v, want %v", r, seen[r], !vendors)
		}
	}
}

func TestDecideWithoutAProbe(t *testing.T) {
	long := parse(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa@ok.example")
	for _, tt := range []struct {
		claim string
		e     Evidence
		want  verdict.Reason
	}{
		{"DNS failed", Evidence{Route: Route{Status: mx.Failed}}, verdict.DNSFailure},
		{"DNS timed out", Evidence{Route: Route{Status: mx.Timeout}}, verdict.DNSFailure},
		{"MX names that are none", Evidence{Route: Route{Status: mx.Unresolvable}}, verdict.MXUnreachable},
		{"the time ended before DNS answered", Evidence{Lost: LostDeadline}, verdict.Deadline},
		{"the time ended before the probe", Evidence{Route: Route{Status: mx.Found}, Lost: LostDeadline}, verdict.Deadline},
		{"the caller left", Evidence{Lost: LostCancelled}, verdict.Cancelled},
		{"our fault", Evidence{Lost: LostInternal}, verdict.Internal},
		{"soft mode", Evidence{Mode: Soft, Route: Route{Status: mx.Implicit}}, verdict.SoftOK},
		{"soft mode without an answer of DNS", Evidence{Mode: Soft, Lost: LostDeadline}, verdict.Deadline},
		{"soft mode and DNS ill", Evidence{Mode: Soft, Route: Route{Status: mx.Failed}}, verdict.DNSFailure},
		{"too long to ask for", Evidence{Address: long, Route: Route{Status: mx.Found}}, verdict.ProtocolError},
		{"too long and DNS ill", Evidence{Address: long, Route: Route{Status: mx.Timeout}}, verdict.DNSFailure},
		{"a literal", Evidence{Address: parse(t, "alice@[192.0.2.1]")}, verdict.MXUnreachable},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if tt.e.Address.IsEmpty() {
				tt.e.Address = parse(t, "alice@ok.example")
			}
			got := Decide(tt.e, DefaultPolicy())
			if got.Status != verdict.Unknown || got.Reason != tt.want || got.RetryAt != nil {
				t.Errorf("%s %s, retry at %v, want UNKNOWN %s without", got.Status, got.Reason, got.RetryAt, tt.want)
			}
		})
	}
}

func TestCatchAllStatusAndFlagAgree(t *testing.T) {
	for _, a := range answers() {
		for _, canary := range answers() {
			p := Probe{Answer: a, Canary: canary}
			if a.Class == "" {
				p.CatchAll = TakesAny
			}
			v := Decide(probedEvidence(t, p), DefaultPolicy())
			if v.Status == verdict.CatchAll && !v.CatchAll {
				t.Errorf("answer %s, canary %s: CATCH_ALL with catch_all false", label(a), label(canary))
			}
			if v.Status == verdict.Valid && v.CatchAll {
				t.Errorf("answer %s, canary %s: VALID with catch_all true", label(a), label(canary))
			}
		}
	}
}
