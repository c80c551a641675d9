package overlay

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// vote reports one address of a domain on behalf of an account.
func (w *world) vote(t *testing.T, account, domain string, change ...func(*Key, *Event)) {
	t.Helper()
	key := Key{ID: "key-" + account, Account: account}
	id := fmt.Sprint("test:", w.table.writes.Load(), w.clock.Now().UnixNano())
	e := Event{Email: "someone@" + domain, Reason: HardBounce, ID: id}
	for _, c := range change {
		c(&key, &e)
	}
	if o := w.record(t, key, e); o.Recorded != 1 {
		t.Fatalf("vote of %s: %+v", account, o)
	}
}

func (w *world) flagged(t *testing.T, domain string) bool {
	t.Helper()
	return w.look(t, "stranger", "nobody@"+domain).Trap
}

func TestThreeAccountsFlagADomain(t *testing.T) {
	w := open(t)
	occurred := func(ago time.Duration) func(*Key, *Event) {
		return func(_ *Key, e *Event) { e.OccurredAt = w.clock.Now().Add(-ago) }
	}
	reason := func(r Reason) func(*Key, *Event) { return func(_ *Key, e *Event) { e.Reason = r } }
	plain := func(*Key, *Event) {}
	for i, tt := range []struct {
		claim  string
		domain string // default: d<i>.example
		third  func(*Key, *Event)
		want   bool
	}{
		{claim: "a third account", third: plain, want: true},
		{claim: "a complaint", third: reason(Complaint), want: true},
		{claim: "a soft bounce", third: reason(SoftBounce)},
		{claim: "an unsubscribe", third: reason(Unsubscribe)},
		{claim: "a day short of 30 days old", third: occurred(29 * day), want: true},
		{claim: "30 days old", third: occurred(30 * day)},
		{claim: "in the future", third: occurred(-time.Hour), want: true},
		{claim: "another key of the first", third: func(k *Key, _ *Event) { k.Account = "a" }},
		{claim: "a key for trying out", third: func(k *Key, _ *Event) { k.Test = true }},
		{claim: "another domain", third: func(_ *Key, e *Event) { e.Email = "someone@other.example" }},
		{claim: "a domain below", third: func(_ *Key, e *Event) { e.Email = "someone@mail.d9.example" }},
		{claim: "a free provider", domain: "free.example", third: plain},
		{claim: "an address literal", domain: "[192.0.2.1]", third: plain},
		{claim: "a domain in another script and case", domain: "BÜCHER.example", third: plain, want: true},
	} {
		domain := tt.domain
		if domain == "" {
			domain = fmt.Sprintf("d%d.example", i)
		}
		w.vote(t, "a", domain)
		w.vote(t, "b", domain)
		if w.flagged(t, domain) {
			t.Errorf("%s: flagged by two", tt.claim)
		}
		w.vote(t, "c", domain, tt.third)
		if got := w.flagged(t, domain); got != tt.want {
			t.Errorf("%s: flagged %v", tt.claim, got)
		}
	}
}

func TestVotesAtOnceAllCount(t *testing.T) {
	w := open(t)
	for n := range 60 {
		e := bounce(fmt.Sprintf("someone@d%d.example", n), n)
		var all sync.WaitGroup
		for _, account := range []string{"a", "b", "c"} {
			all.Go(func() {
				if _, err := w.plain().Record(t.Context(), Key{ID: "key-" + account, Account: account}, []Event{e}, noon(), Terms{}); err != nil {
					t.Errorf("record: %v", err)
				}
			})
		}
		all.Wait()
		if domain := fmt.Sprintf("d%d.example", n); !w.flagged(t, domain) {
			t.Errorf("%s is not flagged", domain)
		}
	}
}

func TestAVoteOfThirtyDaysAgoHasEnded(t *testing.T) {
	for ago, want := range map[time.Duration]bool{window - time.Millisecond: true, window: false} {
		w := open(t)
		w.vote(t, "a", "d.example")
		w.clock.Advance(ago)
		w.vote(t, "b", "d.example")
		w.vote(t, "c", "d.example")
		if got := w.flagged(t, "d.example"); got != want {
			t.Errorf("%v ago: flagged %v", ago, got)
		}
	}
}

func TestOneAccountNeverFlags(t *testing.T) {
	w := open(t)
	for n := range 300 {
		w.vote(t, fmt.Sprint("a", n%2), "d.example", func(k *Key, _ *Event) { k.ID = fmt.Sprint("key", n) })
		w.clock.Advance(3 * time.Hour)
	}
	if w.flagged(t, "d.example") {
		t.Error("flagged by two accounts")
	}
}

func TestAFlagEndsByItself(t *testing.T) {
	w := open(t)
	at := func(d time.Duration) { w.clock.Advance(d - w.clock.Now().Sub(noon())) }
	w.vote(t, "a", "d.example")
	at(10 * day)
	w.vote(t, "b", "d.example")
	at(29 * day)
	w.vote(t, "c", "d.example")
	// On day 30 two are left, so it stands to day 60.
	at(35 * day)
	w.vote(t, "c", "d.example") // two still, nothing new
	at(60*day - time.Second)
	if !w.flagged(t, "d.example") {
		t.Error("not flagged on day 59")
	}
	at(60 * day)
	if w.flagged(t, "d.example") {
		t.Error("flagged on day 60")
	}
	if traps, next, err := w.Traps(t.Context(), "", 10); len(traps) > 0 || next != "" || err != nil {
		t.Errorf("listed: %v, %q, %v", traps, next, err)
	}
	w.vote(t, "a", "d.example") // c is of day 35
	w.vote(t, "b", "d.example")
	if !w.flagged(t, "d.example") {
		t.Error("not flagged again")
	}
	trap, err := w.Trap(t.Context(), "d.example")
	want := Trap{
		Domain: "d.example", Flagged: true, Accounts: 3, LastReport: noon().Add(60 * day),
		Since: noon().Add(60 * day), Until: noon().Add((35 + 60) * day),
	}
	if err != nil || trap != want {
		t.Errorf("got %+v, %v\nwant %+v", trap, err, want)
	}
}

func TestAFlagThatIsRenewedStands(t *testing.T) {
	w := open(t)
	for n := range 40 {
		for _, account := range []string{"a", "b", "c"} {
			w.vote(t, account, "d.example")
		}
		if !w.flagged(t, "d.example") {
			t.Fatalf("not flagged after %d times", n)
		}
		w.clock.Advance(29 * day)
	}
	trap, _ := w.Trap(t.Context(), "d.example")
	if trap.Since != noon() || trap.Until != noon().Add((39*29+60)*day) {
		t.Errorf("got %+v", trap)
	}
}

func TestALiftedFlagNeedsThreeAfresh(t *testing.T) {
	w := open(t)
	if err := w.Lift(t.Context(), "d.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("nothing to lift: %v", err)
	}
	var first []Event
	for i, account := range []string{"a", "b", "c"} {
		e := bounce("someone@d.example", i)
		first = append(first, e)
		w.record(t, Key{ID: "key-" + account, Account: account}, e)
	}
	w.clock.Advance(time.Minute)
	note := store.PutOp(store.Item{Key: store.Key{Part: "note"}, Attrs: store.Attrs{}})
	if err := w.Lift(t.Context(), "d.example", note); err != nil {
		t.Fatal(err)
	}
	if _, err := w.table.Get(t.Context(), note.Key); err != nil {
		t.Errorf("what was given along: %v", err)
	}
	if trap, err := w.Trap(t.Context(), "d.example"); err != nil || trap != (Trap{Domain: "d.example", Lifted: noon().Add(time.Minute)}) {
		t.Errorf("got %+v, %v", trap, err)
	}
	for i, account := range []string{"a", "b", "c"} { // delivered again
		w.record(t, Key{ID: "key-" + account, Account: account}, first[i])
	}
	for i, account := range []string{"d", "e", "d", "a"} {
		if w.flagged(t, "d.example") {
			t.Errorf("flagged after %d reports", i)
		}
		w.vote(t, account, "d.example")
	}
	if !w.flagged(t, "d.example") {
		t.Error("three afresh do not flag it")
	}
	if traps, _, err := w.Traps(t.Context(), "", 10); err != nil || len(traps) != 1 || traps[0].Accounts != 3 {
		t.Errorf("listed: %+v, %v", traps, err)
	}
	if err := w.Lift(t.Context(), "d.example"); err != nil {
		t.Fatal(err)
	}
	if traps, _, _ := w.Traps(t.Context(), "", 10); len(traps) != 0 {
		t.Errorf("listed after it was lifted: %+v", traps)
	}
	if err := w.Lift(t.Context(), "d.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("lifted twice: %v", err)
	}
}

func TestOperatorsSeeCountsAndDates(t *testing.T) {
	w := open(t)
	var domains []string
	for n := range 12 {
		domain := fmt.Sprintf("d%02d.example", n)
		for account := range n * 4 {
			w.vote(t, fmt.Sprint("account", account), domain)
		}
		if n > 0 {
			domains = append(domains, domain)
		}
	}
	var listed []string
	for after := ""; ; {
		traps, next, err := w.Traps(t.Context(), after, 4)
		if err != nil {
			t.Fatal(err)
		}
		for _, trap := range traps {
			listed = append(listed, trap.Domain)
			var n int
			_, _ = fmt.Sscanf(trap.Domain, "d%d", &n)
			if trap.Accounts != min(4*n, maxMarks) || strings.Contains(fmt.Sprint(trap), "account") {
				t.Errorf("got %+v", trap)
			}
		}
		if after = next; after == "" {
			break
		}
	}
	if got, want := strings.Join(listed, " "), strings.Join(domains, " "); got != want {
		t.Errorf("listed %s\nwant %s", got, want)
	}
	if _, _, err := w.Traps(t.Context(), strings.Repeat("x", 2000), 4); !errors.Is(err, ErrCursor) {
		t.Errorf("a cursor of no page: %v", err)
	}
	if _, err := w.Trap(t.Context(), "unheard-of.example"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a domain of no report: %v", err)
	}
}

// A customer who mails one company does not write its domain again and again.
func TestAnAccountRenewsItsMarkOnceAnHour(t *testing.T) {
	w := open(t)
	version := func() int64 {
		item, _ := w.table.Get(t.Context(), domainKey("d.example"))
		return item.Int("version")
	}
	for range 5 {
		w.vote(t, "a", "d.example")
		w.clock.Advance(10 * time.Minute)
	}
	if got := version(); got != 1 {
		t.Errorf("written %d times within an hour", got)
	}
	w.clock.Advance(10 * time.Minute)
	w.vote(t, "a", "d.example")
	if got := version(); got != 2 {
		t.Errorf("written %d times after an hour", got)
	}
}
