package overlay

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

func TestEventsCountOnceForEachKey(t *testing.T) {
	w := open(t)
	one, two := keyOf("one"), keyOf("two")
	e := bounce("Alice@Ok.example", 1)
	if o := w.record(t, one, e, e, bounce("alice@ok.example", 2)); o != (Outcome{Recorded: 2, Duplicates: 1}) {
		t.Errorf("first delivery: %+v", o)
	}
	if o := w.record(t, one, e, bounce("bob@ok.example", 3)); o != (Outcome{Recorded: 1, Duplicates: 1}) {
		t.Errorf("second delivery: %+v", o)
	}
	if o := w.record(t, two, e); o != (Outcome{Recorded: 1}) {
		t.Errorf("another key: %+v", o)
	}
	if n := w.used(t, one); n != 3 {
		t.Errorf("%d of the budget used, want 3", n)
	}
	entries := w.all(t, one)
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Email, b.Email) })
	if len(entries) != 2 {
		t.Fatalf("got %+v, want two entries", entries)
	}
	want := Entry{
		ID: w.entryID("one", mustParse(t, "ALICE@ok.example")), Email: "alice@ok.example", Reason: HardBounce, First: noon(), Last: noon(),
		Count: 2, Recent: 2, Counts: map[Reason]int64{HardBounce: 2}, Source: "test", EventID: "test:2",
	}
	if got := entries[0]; !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	if got := strings.Join(w.forgotten, ", "); got != "one Alice@ok.example, one alice@ok.example, one Alice@ok.example, one bob@ok.example, two Alice@ok.example" {
		t.Errorf("forgotten: %s", got)
	}
	w.clock.Advance(markerLife - time.Second)
	if o := w.record(t, one, e); o != (Outcome{Duplicates: 1}) {
		t.Errorf("before its time is over: %+v", o)
	}
	w.clock.Advance(time.Second)
	if o := w.record(t, one, e); o != (Outcome{Recorded: 1}) {
		t.Errorf("after its time: %+v", o)
	}
}

func TestWhatIsNoEventIsNotRecorded(t *testing.T) {
	w := open(t)
	good := bounce("alice@ok.example", 1)
	for claim, spoil := range map[string]func(*Event){
		"no address":            func(e *Event) { e.Email = "alice" },
		"empty":                 func(e *Event) { *e = Event{} },
		"no reason":             func(e *Event) { e.Reason = "bounce" },
		"no id":                 func(e *Event) { e.ID = "" },
		"a long id":             func(e *Event) { e.ID = strings.Repeat("x", 161) },
		"an id with a new line": func(e *Event) { e.ID = "test:\n" },
		"an id that is no text": func(e *Event) { e.ID = "test:\xff" },
	} {
		e := good
		spoil(&e)
		if o := w.record(t, keyOf("key"), e); o != (Outcome{Invalid: 1}) {
			t.Errorf("%s: %+v", claim, o)
		}
	}
	if n := w.table.writes.Load(); n != 0 {
		t.Errorf("%d writes", n)
	}
	if o := w.record(t, keyOf("key"), Event{}, good); o != (Outcome{Invalid: 1, Recorded: 1}) {
		t.Errorf("one of two: %+v", o)
	}
}

func TestTimesAreClamped(t *testing.T) {
	w := open(t)
	for i, tt := range []struct {
		claim    string
		occurred time.Time
		want     time.Time
	}{
		{"missing", time.Time{}, noon()},
		{"in the future", noon().Add(time.Second), noon()},
		{"far in the future", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), noon()},
		{"beyond what nanoseconds count", time.Date(200_000, 1, 1, 0, 0, 0, 0, time.UTC), noon()},
		{"yesterday, in another zone", noon().Add(-day).In(time.FixedZone("", 7200)), noon().Add(-day)},
		{"ancient", time.Unix(0, 0), oldest()},
		{"before the year 1", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), oldest()},
	} {
		e := bounce(fmt.Sprintf("user%d@ok.example", i), i)
		e.OccurredAt = tt.occurred
		w.record(t, keyOf("key"), e)
		if got := w.look(t, "key", e.Email).History.OccurredAt; !got.Equal(tt.want) || got.Location() != time.UTC {
			t.Errorf("%s: got %v, want %v", tt.claim, got, tt.want)
		}
	}
}

// permutations calls yield with every order of n things.
func permutations(n int, yield func([]int)) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	var swap func(k int)
	swap = func(k int) {
		if k == n {
			yield(order)
			return
		}
		for i := k; i < n; i++ {
			order[k], order[i] = order[i], order[k]
			swap(k + 1)
			order[k], order[i] = order[i], order[k]
		}
	}
	swap(0)
}

func TestOrderDoesNotMatter(t *testing.T) {
	w := open(t)
	days := func(n int) time.Time { return noon().Add(-time.Duration(n) * day) }
	events := []Event{
		{Email: "alice@ok.example", Reason: SoftBounce, OccurredAt: days(5), ID: "a:1", Source: "a"},
		{Email: "Alice@ok.example", Reason: HardBounce, OccurredAt: days(40), ID: "b:1", Source: "b"},
		{Email: "alice@ok.example", Reason: SoftBounce, OccurredAt: days(2), ID: "c:9", Source: "c"},
		{Email: "alice@OK.example", Reason: Unsubscribe, OccurredAt: days(2), ID: "d:1", Source: "d"},
		{Email: "alice@ok.example", Reason: SoftBounce, OccurredAt: days(90), ID: "e:1", Source: "e"},
	}
	want := Entry{
		Email: "alice@ok.example", Reason: HardBounce, First: days(90), Last: days(2), Count: 5, Recent: 3,
		Counts: map[Reason]int64{SoftBounce: 3, HardBounce: 1, Unsubscribe: 1}, Source: "d", EventID: "d:1",
	}
	runs := 0
	permutations(len(events), func(order []int) {
		runs++
		key := keyOf(fmt.Sprint("key", runs))
		// The first ones together, the others one by one; the last one again.
		var first []Event
		for _, i := range order[:runs%4] {
			first = append(first, events[i])
		}
		w.record(t, key, first...)
		for _, i := range order[runs%4:] {
			w.record(t, key, events[i])
		}
		w.record(t, key, events[order[4]])
		entries := w.all(t, key)
		if len(entries) != 1 {
			t.Fatalf("order %v: %d entries", order, len(entries))
		}
		got := entries[0]
		got.ID = ""
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("order %v:\n got  %+v\nwant %+v", order, got, want)
		}
	})
	if runs != 120 {
		t.Errorf("%d orders", runs)
	}
}

func TestTheLatestTimesAreKept(t *testing.T) {
	var r record
	for i := range 40 {
		r.add(Event{Reason: SoftBounce, ID: fmt.Sprint(i)}, noon().Add(-time.Duration(i*7%40)*time.Hour).UnixMilli())
	}
	if len(r.recent) != maxRecent || r.recent[0] != noon().UnixMilli() || !slices.IsSortedFunc(r.recent, func(a, b int64) int { return int(b - a) }) {
		t.Errorf("kept %v", r.recent)
	}
	if r.recent[maxRecent-1] != noon().Add(-15*time.Hour).UnixMilli() || r.counts[SoftBounce] != 40 {
		t.Errorf("the last one is %v, of %d", timeOf(r.recent[maxRecent-1]), r.counts[SoftBounce])
	}
}

func TestAPostTakesFewTransactions(t *testing.T) {
	for _, tt := range []struct {
		events, reads, writes int64
	}{
		{1, 1, 1}, {10, 1, 1}, {24, 1, 1}, {25, 3, 2}, {10_000, 1 + 417, 417},
	} {
		w := open(t)
		key := keyOf("key")
		key.ReportsPerDay = 10_000
		var events []Event
		for i := range tt.events {
			e := bounce(fmt.Sprintf("user%d@d%d.example", i, i), int(i))
			events = append(events, e)
		}
		if o := w.record(t, key, events...); o != (Outcome{Recorded: int(tt.events)}) {
			t.Errorf("%d events: %+v", tt.events, o)
		}
		if r, n := w.table.reads.Load(), w.table.writes.Load(); r != tt.reads || n != tt.writes {
			t.Errorf("%d events took %d reads and %d writes, want %d and %d", tt.events, r, n, tt.reads, tt.writes)
		}
		if o := w.record(t, key, events...); o != (Outcome{Duplicates: int(tt.events)}) || w.table.writes.Load() != tt.writes {
			t.Errorf("%d events again: %+v", tt.events, o)
		}
		if n := w.used(t, key); n != tt.events {
			t.Errorf("%d of the budget used, want %d", n, tt.events)
		}
		if got := w.vault.contexts.Load(); w.vault.sealed.Load() != tt.events || got != "map[account:acc-key key:key purpose:overlay]" {
			t.Errorf("%d addresses sealed in %v", w.vault.sealed.Load(), got)
		}
	}
}

// Nothing that is written holds an address, or an account beside a domain.
func TestTheTableTellsNoAddress(t *testing.T) {
	w := open(t)
	seen := &recorder{Table: w.table.Table}
	w.table.Table = seen
	for _, id := range []string{"one", "two", "three"} {
		w.record(t, keyOf(id), bounce("wilhelmina@ok.example", 1))
	}
	text := strings.Join(seen.text, "\n")
	if strings.Contains(strings.ToLower(text), "wilhelmina") || strings.Contains(text, "acc-") || !strings.Contains(text, "ok.example") {
		t.Errorf("written:\n%s", text)
	}
}

// recorder keeps what is written as text.
type recorder struct {
	store.Table
	text []string
}

func (r *recorder) Transact(ctx context.Context, ops []store.Op) error {
	for _, op := range ops {
		r.text = append(r.text, fmt.Sprintf("%q %v %v", op.Key, op.Item.Attrs, op.Update.Set))
		for _, value := range op.Item.Attrs {
			if octets, ok := value.([]byte); ok {
				r.text = append(r.text, string(octets))
			}
		}
	}
	return r.Table.Transact(ctx, ops)
}
