package enroll

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/lists/tenant"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
)

func TestEveryReason(t *testing.T) {
	w := open(t)
	if _, err := w.tenant.Add(t.Context(), acme.ID, tenant.Deny, []string{"denied.example"}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.tenant.Add(t.Context(), acme.ID, tenant.Allow, []string{"disposable-mine.test"}, nil); err != nil {
		t.Fatal(err)
	}
	w.enroll(t, request("member@ok.example"))
	if _, err := w.book.Add(t.Context(), suppress.Key{ID: acme.ID, Account: acme.Account}, suppress.Unsubscribe, "", parse(t, "gone@ok.example")); err != nil {
		t.Fatal(err)
	}
	w.bounce(t, "hard@ok.example", overlay.HardBounce, 1)
	w.bounce(t, "angry@ok.example", overlay.Complaint, 1)
	w.bounce(t, "left@ok.example", overlay.Unsubscribe, 1)
	w.bounce(t, "full@ok.example", overlay.SoftBounce, 1)
	w.bounce(t, "often@ok.example", overlay.SoftBounce, 3)

	for email, want := range map[string]string{
		"a@@b": "! invalid_syntax", "": "! invalid_syntax", "x@disposable.test": "! disposable_domain", "x@denied.example": "! disposable_domain",
		"x@sub.denied.example": "! disposable_domain", "x@disposable-mine.test": "valid enrolled", "x@disposable-suspected.test": "valid review disposable_suspected",
		"MEMBER@ok.example": "! already_enrolled", "Gone@ok.example": "! suppressed", "hard@ok.example": "! previously_bounced",
		"angry@ok.example": "! previously_bounced", "left@ok.example": "! previously_bounced", "full@ok.example": "valid review soft_bounce",
		"often@ok.example": "valid review soft_bounce", "invalid@ok.example": "! vendor_invalid", "undeliverable@ok.example": "! vendor_invalid",
		"misread@ok.example": "unknown review", "trap@ok.example": "! vendor_invalid",
		"burner@ok.example": "! disposable_domain", "burner@disposable-mine.test": "risky review", "invalid@disposable-mine.test": "! vendor_invalid",
		"risky@ok.example": "risky review", "unsure@ok.example": "risky review", "unknown@ok.example": "unknown review",
		"fine@ok.example": "valid enrolled", "late@ok.example": "deadline pending", "cutoff@ok.example": "deadline pending", "failing@ok.example": "failed review",
		"odd@ok.example": "unknown review", "broke@ok.example": "failed review", "ours@ok.example": "failed review", "x@[192.0.2.1]": "valid enrolled",
	} {
		in, out := lines(w.enroll(t, request(email)))
		got := strings.TrimPrefix(in, email+" ")
		if out != "" {
			got = "!" + strings.TrimPrefix(out, email)
		}
		if got != want {
			t.Errorf("%s: %s, want %s", email, got, want)
		}
	}
}

// What is no proof keeps an address out where the key's policy says so.
func TestPolicyDecidesWhatIsNoProof(t *testing.T) {
	w := open(t)
	w.bounce(t, "full@ok.example", overlay.SoftBounce, 1)
	w.bounce(t, "often@ok.example", overlay.SoftBounce, 3)
	for i, account := range []string{"one", "two", "three"} {
		e := overlay.Event{Email: fmt.Sprintf("user%d@trap.example", i), Reason: overlay.HardBounce, Source: "api", ID: fmt.Sprint("api:", i)}
		if _, err := w.overlay.Record(t.Context(), overlay.Key{ID: "k" + account, Account: account}, []overlay.Event{e}, noon(), overlay.Terms{}); err != nil {
			t.Fatal(err)
		}
	}
	emails := []string{"full@ok.example", "often@ok.example", "x@trap.example", "x@disposable-suspected.test"}
	block, accept, review := verdict.Block, verdict.Accept, verdict.Review
	for _, c := range []struct {
		rules   Rules
		in, out string
	}{
		{Rules{block, block, block, block}, "", "full@ok.example previously_bounced; often@ok.example previously_bounced; x@trap.example spam_trap; x@disposable-suspected.test disposable_suspected"},
		{Rules{accept, block, accept, accept}, "full@ok.example valid enrolled; x@trap.example valid enrolled; x@disposable-suspected.test valid enrolled", "often@ok.example previously_bounced"},
		{Rules{review, accept, review, review}, "full@ok.example valid review soft_bounce; often@ok.example valid enrolled; x@trap.example valid review spam_trap; x@disposable-suspected.test valid review disposable_suspected", ""},
	} {
		r := request(emails...)
		r.Rules, r.Sequence = c.rules, fmt.Sprintf("seq-%s", c.rules.SoftBounced)
		if in, out := lines(w.enroll(t, r)); in != c.in || out != c.out {
			t.Errorf("%v: in are\n%s\nout are\n%s", c.rules, in, out)
		}
	}
}

// An address that several things speak against is kept out by the first; vendors
// are paid for none of them.
func TestOrderOfChecks(t *testing.T) {
	w := open(t)
	all := func(email string) {
		if _, err := w.book.Add(t.Context(), suppress.Key{ID: acme.ID, Account: acme.Account}, suppress.Manual, "", parse(t, email)); err != nil {
			t.Fatal(err)
		}
		w.bounce(t, email, overlay.HardBounce, 1)
	}
	w.enroll(t, request("invalid@denied.example", "valid1@ok.example", "valid2@ok.example"))
	if got := w.chain.asked; len(got) != 3 {
		t.Fatalf("vendors are asked about %v", got)
	}
	if _, err := w.tenant.Add(t.Context(), acme.ID, tenant.Deny, []string{"denied.example"}, nil); err != nil {
		t.Fatal(err)
	}
	all("valid1@denied.example") // and disposable
	all("valid1@ok.example")     // and a member
	all("invalid@ok.example")    // and invalid
	w.bounce(t, "invalid2@ok.example", overlay.HardBounce, 1)
	w.chain.asked = nil
	in, out := lines(w.enroll(t, request(
		"valid1@denied.example", "valid1@ok.example", "invalid@ok.example", "invalid2@ok.example", "invalid3@ok.example", "INVALID3@ok.example", "broken", "broken",
	)))
	want := "valid1@denied.example disposable_domain; valid1@ok.example already_enrolled; invalid@ok.example suppressed; invalid2@ok.example previously_bounced; " +
		"invalid3@ok.example vendor_invalid; INVALID3@ok.example duplicate; broken invalid_syntax; broken invalid_syntax"
	if in != "" || out != want {
		t.Errorf("in are %q, out are\n%s", in, out)
	}
	if got := w.chain.asked; !reflect.DeepEqual(got, []string{"invalid3@ok.example"}) {
		t.Errorf("vendors are asked about %v", got)
	}
}

func TestGateTellsWhetherItWasClosed(t *testing.T) {
	failed := &vendors.FailedError{Trace: []vendors.Step{{Vendor: vendors.Hunter, Outcome: "server", Error: "hunter: HTTP 500: down"}}}
	for name, c := range map[string]struct {
		change func(*world)
		emails []string
		key    Key
		want   Standing
		in     string
	}{
		"all judged":          {emails: []string{"fine@ok.example", "invalid@ok.example"}, want: Standing{Checked, "", 2, 2}, in: "fine@ok.example valid enrolled"},
		"nobody to ask about": {emails: []string{"a@@b"}, want: Standing{Checked, "", 0, 0}},
		"some failed": {emails: []string{"fine@ok.example", "failing@ok.example"}, in: "fine@ok.example valid enrolled; failing@ok.example failed review",
			want: Standing{Partial, "no vendor gave a verdict on 1 of the addresses: hunter: HTTP 429: slow down", 2, 1}},
		"all vendors down": {change: func(w *world) { w.chain.each = failed }, emails: []string{"a@ok.example", "b@ok.example"},
			in:   "a@ok.example failed review; b@ok.example failed review",
			want: Standing{Open, "no vendor gave a verdict on 2 of the addresses: hunter: HTTP 500: down", 2, 0}},
		"none configured": {change: func(w *world) { w.chain.fail = vendors.ErrNone }, emails: []string{"a@ok.example"}, in: "a@ok.example none enrolled",
			want: Standing{Open, "no email verification provider is configured", 1, 0}},
		"no chain": {change: func(w *world) { w.cfg.Vendors = nil }, emails: []string{"a@ok.example"}, in: "a@ok.example none enrolled",
			want: Standing{Open, "no email verification provider is configured", 1, 0}},
		"none configured, and yet disposable": {change: func(w *world) { w.chain.fail = vendors.ErrNone }, emails: []string{"a@disposable.test"},
			want: Standing{Checked, "", 0, 0}},
		"test key": {key: Key{ID: "key9", Account: "acme", Test: true}, emails: []string{"invalid@ok.example"}, in: "invalid@ok.example none enrolled",
			want: Standing{Open, "vendors are not asked for test keys", 1, 0}},
		"trouble of ours": {change: func(w *world) { w.chain.fail = errors.New("host 10.0.0.7 is down") }, emails: []string{"a@ok.example"}, in: "a@ok.example failed review",
			want: Standing{Open, "no vendor gave a verdict on 1 of the addresses: the verification could not be carried out", 1, 0}},
		"time ran out": {emails: []string{"late@ok.example", "cutoff@ok.example", "fine@ok.example"},
			in:   "late@ok.example deadline pending; cutoff@ok.example deadline pending; fine@ok.example valid enrolled",
			want: Standing{Partial, "time did not allow to verify 2 of the addresses; they are verified in the background", 3, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			w := open(t)
			if c.change != nil {
				c.change(w)
			}
			r := request(c.emails...)
			if c.key.ID != "" {
				r.Key = c.key
			}
			result := w.enroll(t, r)
			if in, _ := lines(result); result.Gate != c.want || in != c.in {
				t.Errorf("the gate is %+v, in are %s", result.Gate, in)
			}
			if r.Key.Test && len(w.chain.asked) > 0 {
				t.Errorf("a test key spends credits on %v", w.chain.asked)
			}
		})
	}
}

func TestSequencesAreTheKeysOwn(t *testing.T) {
	w := open(t)
	first := w.enroll(t, request("alice@ok.example"))
	for _, other := range []Key{{ID: "key2", Account: "acme"}, {ID: "key2", Account: "other"}} {
		if _, err := w.Find(t.Context(), other, "seq-1"); other.Account == "acme" && !errors.Is(err, ErrNotFound) {
			t.Errorf("another key finds the sequence: %v", err)
		}
		if err := w.Remove(t.Context(), other, "seq-1", first.Enrolled[0].ID); !errors.Is(err, ErrNotFound) {
			t.Errorf("another key removes: %v", err)
		}
	}
	r := request("alice@ok.example")
	r.Key = Key{ID: "key2", Account: "acme"}
	if in, out := lines(w.enroll(t, r)); in == "" {
		t.Errorf("another key's own sequence of that name refuses: %s", out)
	}
	r = request("alice@ok.example")
	r.Sequence = "seq-2"
	second := w.enroll(t, r)
	if in, out := lines(second); in == "" || second.Enrolled[0].ID == first.Enrolled[0].ID {
		t.Errorf("another sequence refuses, or tells that they share: %s %s", in, out)
	}
	if n := len(w.all(t, "seq-1", Filter{})); n != 1 {
		t.Errorf("%d members", n)
	}
}

func TestMembersAreListedAndRemoved(t *testing.T) {
	w := open(t)
	var emails []string
	for n := range 250 {
		emails = append(emails, fmt.Sprintf("user%03d@ok.example", n))
	}
	emails = append(emails, "risky@ok.example", "unknown@ok.example", "late@ok.example")
	result := w.enroll(t, request(emails...))
	if len(result.Enrolled) != 253 {
		t.Fatal(lines(result))
	}
	count := func(f Filter, limit int) (n int) {
		for after := ""; ; {
			members, next, err := w.List(t.Context(), acme, "seq-1", f, after, limit)
			if err != nil || len(members) > limit {
				t.Fatal(len(members), err)
			}
			if n += len(members); next == "" {
				return n
			}
			after = next
		}
	}
	for _, c := range []struct {
		f    Filter
		want int
	}{{Filter{}, 253}, {Filter{State: Review}, 2}, {Filter{State: Waiting}, 1}, {Filter{Verification: Valid}, 250}, {Filter{Address: parse(t, "USER007@ok.example")}, 1}, {Filter{Verification: None}, 0}} {
		for _, limit := range []int{1, 50, 1000} {
			if got := count(c.f, limit); got != c.want {
				t.Errorf("%+v by %d: %d members, want %d", c.f, limit, got, c.want)
			}
		}
	}
	if got := w.all(t, "seq-1", Filter{Address: parse(t, "risky@ok.example")})[0]; !reflect.DeepEqual(got, result.Enrolled[250]) {
		t.Errorf("listed is %+v, answered was %+v", got, result.Enrolled[250])
	}
	if err := w.Remove(t.Context(), acme, "seq-1", result.Enrolled[0].ID); err != nil {
		t.Fatal(err)
	}
	if n, err := w.RemoveAddresses(t.Context(), acme, "seq-1", parse(t, "USER001@ok.example"), parse(t, "user001@ok.example"), parse(t, "nobody@ok.example")); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	for _, id := range []string{result.Enrolled[0].ID, "", "x", strings.Repeat("a", 32)} {
		if err := w.Remove(t.Context(), acme, "seq-1", id); !errors.Is(err, ErrNotFound) {
			t.Errorf("remove %q: %v", id, err)
		}
	}
	s, err := w.Find(t.Context(), acme, "seq-1")
	if err != nil || s.Members != 251 || s.CreatedAt != noon() {
		t.Errorf("the sequence is %+v, %v", s, err)
	}
	if in, _ := lines(w.enroll(t, request("user000@ok.example"))); in == "" {
		t.Error("who was removed cannot come back")
	}
	w.delete(t)
}

func (w *world) delete(t *testing.T) {
	t.Helper()
	if err := w.Delete(t.Context(), acme, "seq-1"); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), acme, "seq-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("deleted again: %v", err)
	}
	if _, err := w.Find(t.Context(), acme, "seq-1"); !errors.Is(err, ErrNotFound) {
		t.Errorf("found after its end: %v", err)
	}
	if _, err := w.RemoveAddresses(t.Context(), acme, "seq-1", parse(t, "a@ok.example")); !errors.Is(err, ErrNotFound) {
		t.Errorf("members removed after its end: %v", err)
	}
	page, err := w.table.Query(t.Context(), store.Query{Part: memberKey(acme.ID, "seq-1", "").Part})
	if err != nil || len(page.Items) > 0 {
		t.Errorf("%d members are left, %v", len(page.Items), err)
	}
}

func TestSequenceNames(t *testing.T) {
	for _, good := range []string{"1", "seq-1", "Spring_2026.b:7", strings.Repeat("a", 128)} {
		if !IsSequence(good) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", "-a", ".", "..", "_x", "a b", "a#b", "a/b", "ä", "a\x00", strings.Repeat("a", 129)} {
		if IsSequence(bad) {
			t.Errorf("%q is taken", bad)
		}
	}
}

// What is stored and logged gives no address away.
func TestAddressesAreSealed(t *testing.T) {
	w := open(t)
	w.chain.fail = errors.New("oops")
	w.refuse = errors.New("queue down")
	w.enroll(t, named("once", "alice@secret.example"))
	w.chain.fail = nil
	w.enroll(t, named("twice", "late@secret.example"))
	if strings.Contains(w.log.String(), "secret.example") || !strings.Contains(w.log.String(), "gate is open") {
		t.Errorf("the log says %s", w.log)
	}
	for _, part := range []string{memberKey(acme.ID, "seq-1", "").Part, headKey(acme.ID, "").Part, "IDEM#" + acme.ID} {
		page, err := w.table.Query(t.Context(), store.Query{Part: part})
		if err != nil || len(page.Items) == 0 {
			t.Fatal(part, len(page.Items), err)
		}
		for _, item := range page.Items {
			text := item.Key.Sort
			for _, value := range item.Attrs {
				if octets, ok := value.([]byte); ok {
					value = string(octets)
				}
				text += fmt.Sprint(value)
			}
			if strings.Contains(text, "alice") || strings.Contains(text, "secret.example") {
				t.Errorf("%s shows %q", part, text)
			}
		}
	}
}

func TestLateMembersAreFinishedInTheBackground(t *testing.T) {
	w := open(t)
	w.chain.each = vendors.ErrLate
	if _, err := w.tenant.Add(t.Context(), acme.ID, tenant.Allow, []string{"mine.example"}, nil); err != nil {
		t.Fatal(err)
	}
	w.enroll(t, request("fine@ok.example", "invalid@ok.example", "risky@ok.example", "burner@ok.example", "burner@mine.example", "gone@ok.example", "late@ok.example", "failing@ok.example"))
	if len(w.pending) != 1 || len(w.pending[0].Members) != 8 || strings.Contains(fmt.Sprint(w.pending), "@") {
		t.Fatalf("queued is %+v", w.pending)
	}
	if n := len(w.all(t, "seq-1", Filter{State: Waiting})); n != 8 {
		t.Fatalf("%d members are pending", n)
	}
	if _, err := w.RemoveAddresses(t.Context(), acme, "seq-1", parse(t, "gone@ok.example")); err != nil {
		t.Fatal(err)
	}
	w.chain.each = nil
	left, err := w.Finish(t.Context(), w.pending[0])
	if err != nil || len(left.Members) != 1 || left.Key != acme.ID || left.Account != acme.Account || left.Sequence != "seq-1" {
		t.Fatalf("left is %+v, %v", left, err)
	}
	var got []string
	for _, m := range w.all(t, "seq-1", Filter{}) {
		got = append(got, strings.TrimSpace(fmt.Sprint(m.Email, " ", m.Verification, " ", m.State, " ", strings.Trim(fmt.Sprint(m.Findings), "[]"))))
	}
	slices.Sort(got)
	want := []string{
		"burner@mine.example risky review", "burner@ok.example risky review disposable_suspected", "failing@ok.example failed review", "fine@ok.example valid enrolled",
		"invalid@ok.example invalid review", "late@ok.example deadline pending", "risky@ok.example risky review",
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("members are\n%s", strings.Join(got, "\n"))
	}
	asked := len(w.chain.asked)
	again, err := w.Finish(t.Context(), w.pending[0])
	if err != nil || !reflect.DeepEqual(again, left) || len(w.chain.asked) != asked+1 {
		t.Errorf("a second delivery leaves %+v, %v, and asks about %v", again, err, w.chain.asked[asked:])
	}
	w.clock.Advance(pendingLife)
	if rest, err := w.Finish(t.Context(), left); err != nil || len(rest.Members) > 0 {
		t.Errorf("after its time is left %+v, %v", rest, err)
	}
	if got := w.all(t, "seq-1", Filter{Verification: Failed}); len(got) != 2 || len(w.all(t, "seq-1", Filter{State: Waiting})) > 0 {
		t.Errorf("failed are %+v", got)
	}
}

// Whose verification nobody finishes is for a person to look at.
func TestNobodyWaitsForever(t *testing.T) {
	for name, change := range map[string]func(*world){
		"no queue":   func(w *world) { w.cfg.Later = nil },
		"queue down": func(w *world) { w.refuse = errors.New("throttled") },
	} {
		w := open(t)
		change(w)
		if in, _ := lines(w.enroll(t, request("late@ok.example"))); in != "late@ok.example failed review" {
			t.Errorf("%s: %s", name, in)
		}
	}
}

func TestWritingHasItsOwnTime(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
	defer cancel()
	end, _ := ctx.Deadline()
	heard := false
	w.cfg.Vendors = asker(func(deadline time.Time) {
		if heard = true; !deadline.Equal(end.Add(-writeTime)) {
			t.Errorf("vendors have until %v before the end", end.Sub(deadline))
		}
	})
	if _, err := w.Enroll(ctx, request("a@ok.example")); err != nil || !heard {
		t.Fatal(heard, err)
	}
}
