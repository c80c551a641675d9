package verify

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"rcpt/internal/verdict"
)

func TestPolicyNamed(t *testing.T) {
	for name, want := range map[string]string{"": "default", "default": "default", "b2b": "b2b", "b2c_strict": "b2c_strict"} {
		p, err := PolicyNamed(name)
		if err != nil || p.Name != want || p.check() != nil {
			t.Errorf("PolicyNamed(%q) = %q, %v, check %v", name, p.Name, err, p.check())
		}
	}
	if _, err := PolicyNamed("B2B"); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), `"B2B"`) {
		t.Errorf("an unknown name: %v, want ErrPolicy that names it", err)
	}
}

func TestParsePolicyReadsWhatAKeyStores(t *testing.T) {
	b2b, err := PolicyNamed("b2b")
	if err != nil {
		t.Fatal(err)
	}
	own := func(base Policy, change func(*Policy)) Policy {
		base.Name = "own"
		change(&base)
		return base
	}
	for _, tt := range []struct {
		claim, text string
		want        Policy
	}{
		{"nothing is the default", ``, DefaultPolicy()},
		{"null too", `null`, DefaultPolicy()},
		{"a name", `"b2b"`, b2b},
		{"an empty object is the default by another name", `{}`, own(DefaultPolicy(), func(*Policy) {})},
		{"an own finding over the default", `{"role":"block"}`, own(DefaultPolicy(), func(p *Policy) { p.Role = verdict.Block })},
		{"an own finding over another", `{"extends":"b2b","free":"accept"}`, own(b2b, func(p *Policy) { p.Free = verdict.Accept })},
		{"a name of its own", `{"name":"checkout","tag":"warn"}`, own(DefaultPolicy(), func(p *Policy) { p.Name, p.Tag = "checkout", verdict.Warn })},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got, err := ParsePolicy([]byte(tt.text))
			if err != nil || got != tt.want {
				t.Errorf("ParsePolicy(%s) = %+v, %v, want %+v", tt.text, got, err, tt.want)
			}
		})
	}
}

func TestParsePolicyNamesTheFieldAtFault(t *testing.T) {
	for _, tt := range []struct{ claim, text, names string }{
		{"an unknown name", `"strictest"`, "strictest"},
		{"an unknown base", `{"extends":"b2c"}`, "b2c"},
		{"an unknown field", `{"catchall":"warn"}`, "catchall"},
		{"an unknown action", `{"catch_all":"maybe"}`, "catch_all"},
		{"an empty action", `{"soft_bounced_repeated":""}`, "soft_bounced_repeated"},
		{"an action in capitals", `{"free":"WARN"}`, "free"},
		{"a number for an action", `{"mailbox_full":1}`, "mailbox_full"},
		{"a number for the base", `{"extends":1}`, "extends"},
		{"a number", `1`, "a name or an object"},
		{"a list", `["b2b"]`, "a name or an object"},
		{"half an object", `{"role":`, "unexpected end"},
		{"an object and a rest", `{} {}`, "after top-level value"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got, err := ParsePolicy([]byte(tt.text))
			if !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), tt.names) || strings.Contains(err.Error(), "Go ") {
				t.Errorf("ParsePolicy(%s): %v, want ErrPolicy that names %s", tt.text, err, tt.names)
			}
			if got != (Policy{}) {
				t.Errorf("ParsePolicy(%s) gave a policy beside the error: %+v", tt.text, got)
			}
		})
	}
}

// TestPolicyChecksEveryFinding: a field that check forgets would let a verdict
// out without action.
func TestPolicyChecksEveryFinding(t *testing.T) {
	for i := range reflect.TypeFor[Policy]().NumField() {
		field := reflect.TypeFor[Policy]().Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "name" {
			continue
		}
		p := DefaultPolicy()
		reflect.ValueOf(&p).Elem().Field(i).SetString("maybe")
		if err := p.check(); !errors.Is(err, ErrPolicy) || !strings.Contains(err.Error(), " "+name+":") {
			t.Errorf("%s: check says %v", field.Name, err)
		}
	}
}

func TestPolicyRoundTripsAsJSON(t *testing.T) {
	for _, name := range []string{"default", "b2b", "b2c_strict"} {
		p, err := PolicyNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ParsePolicy(text); err != nil || got != p {
			t.Errorf("%s came back as %+v, %v", name, got, err)
		}
	}
}

func TestTheStrictestFindingDecides(t *testing.T) {
	// Every finding has another action than its neighbors.
	p := DefaultPolicy()
	p.Valid, p.Role, p.Free, p.Relay, p.Tag = verdict.Accept, verdict.Warn, verdict.Retry, verdict.Review, verdict.Block
	p.SoftBounced, p.SoftBouncedRepeated = verdict.Warn, verdict.Review
	p.DisposableSuspected, p.SpamTrap, p.CatchAll, p.PossibleTypo = verdict.Review, verdict.Block, verdict.Retry, verdict.Warn
	valid := verdict.Verdict{Status: verdict.Valid, Reason: verdict.SMTPVerified}
	soft := func(count int) verdict.History {
		return verdict.History{Matched: true, PreviousReason: "soft_bounce", Recent: count}
	}
	for _, tt := range []struct {
		claim  string
		change func(v *verdict.Verdict)
		want   verdict.Action
	}{
		{"nothing beside the status", func(*verdict.Verdict) {}, verdict.Accept},
		{"a role", func(v *verdict.Verdict) { v.Role = true }, verdict.Warn},
		{"free", func(v *verdict.Verdict) { v.FreeProvider = true }, verdict.Retry},
		{"a role, free", func(v *verdict.Verdict) { v.Role, v.FreeProvider = true, true }, verdict.Retry},
		{"a relay, free", func(v *verdict.Verdict) { v.Relay, v.FreeProvider = true, true }, verdict.Review},
		{"a tag, a role", func(v *verdict.Verdict) { v.Tag, v.Role = "news", true }, verdict.Block},
		{"a trap", func(v *verdict.Verdict) { v.SpamTrap = true }, verdict.Block},
		{"a weak listing", func(v *verdict.Verdict) { v.Disposable = true }, verdict.Review},
		{"a firm listing counts once", func(v *verdict.Verdict) {
			v.Status, v.Reason, v.Disposable = verdict.Disposable, verdict.DisposableDomain, true
		}, verdict.Block},
		{"a soft bounce", func(v *verdict.Verdict) { v.AccountHistory = soft(1) }, verdict.Warn},
		{"two", func(v *verdict.Verdict) { v.AccountHistory = soft(2) }, verdict.Warn},
		{"three", func(v *verdict.Verdict) { v.AccountHistory = soft(3) }, verdict.Review},
		{"a typo", func(v *verdict.Verdict) { v.TypoOf = "gmail.com" }, verdict.Warn},
		{"a typo at a catch-all domain", func(v *verdict.Verdict) {
			v.Status, v.Reason, v.TypoOf, v.CatchAll = verdict.Risky, verdict.PossibleTypo, "gmail.com", true
		}, verdict.Retry},
		{"invalid, whatever else", func(v *verdict.Verdict) {
			v.Status, v.Reason, v.Role, v.Relay = verdict.Invalid, verdict.MailboxNotFound, true, true
		}, verdict.Block},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			v := valid
			tt.change(&v)
			if got := p.Action(v); got != tt.want {
				t.Errorf("action %s, want %s", got, tt.want)
			}
		})
	}
}

// TestEveryReasonHasAnAction asks the built-in policies about every word of
// the closed list.
func TestEveryReasonHasAnAction(t *testing.T) {
	actions := func(name string) map[verdict.Reason]verdict.Action {
		p, err := PolicyNamed(name)
		if err != nil {
			t.Fatal(err)
		}
		table := make(map[verdict.Reason]verdict.Action)
		for _, r := range verdict.Reasons() {
			for _, s := range r.Statuses() {
				table[r] = p.Action(verdict.Verdict{Status: s, Reason: r})
			}
		}
		return table
	}
	const accept, warn, block, retry, review = verdict.Accept, verdict.Warn, verdict.Block, verdict.Retry, verdict.Review
	want := map[verdict.Reason][3]verdict.Action{ // default, b2b, b2c_strict
		verdict.SMTPVerified: {accept, accept, accept}, verdict.VendorVerified: {accept, accept, accept},
		verdict.InvalidSyntax: {block, block, block}, verdict.DomainNotFound: {block, block, block}, verdict.NoMX: {block, block, block},
		verdict.NullMX: {block, block, block}, verdict.MailboxNotFound: {block, block, block}, verdict.MailboxDisabled: {block, block, block},
		verdict.VendorInvalid: {block, block, block}, verdict.DisposableDomain: {block, block, block},
		verdict.PreviouslyBounced: {warn, warn, review}, // as RISKY, the second of its statuses
		verdict.CatchAllDomain:    {warn, accept, review}, verdict.Unconfirmed: {warn, accept, review}, verdict.VendorRisky: {warn, accept, review},
		verdict.MailboxFull: {warn, warn, block}, verdict.SpamTrap: {review, block, block}, verdict.PossibleTypo: {warn, warn, block},
		verdict.DisposableSuspected: {warn, review, block}, verdict.SoftOK: {accept, accept, accept},
		verdict.Greylisted: {retry, retry, retry}, verdict.Timeout: {retry, retry, retry}, verdict.RateLimited: {retry, retry, retry},
		verdict.EgressBlocked: {retry, retry, retry}, verdict.ConnectionFailed: {retry, retry, retry}, verdict.TemporaryFailure: {retry, retry, retry},
		verdict.DNSFailure: {retry, retry, retry}, verdict.Deadline: {retry, retry, retry}, verdict.Cancelled: {retry, retry, retry},
		verdict.Internal:     {retry, retry, retry},
		verdict.ProbeBlocked: {accept, accept, review}, verdict.RelayDenied: {accept, accept, review}, verdict.MXUnreachable: {accept, accept, review},
		verdict.SMTPUTF8Required: {accept, accept, review}, verdict.ProtocolError: {accept, accept, review}, verdict.UnclearReply: {accept, accept, review},
		verdict.VendorUndecided: {accept, accept, review},
	}
	for i, name := range []string{"default", "b2b", "b2c_strict"} {
		for r, got := range actions(name) {
			if got != want[r][i] {
				t.Errorf("%s: %s is %s, want %s", name, r, got, want[r][i])
			}
		}
	}
}
