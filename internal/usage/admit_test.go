package usage

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"rcpt/internal/store"
)

// holding makes an item of a key with these attributes.
func holding(attrs store.Attrs) store.Item { return store.Item{Key: itemKey("k1"), Attrs: attrs} }

// in returns the end of a term that far from noon.
func in(d time.Duration) int64 { return noon.Add(d).UnixNano() }

func TestAdmissionHolds(t *testing.T) {
	for claim, c := range map[string]struct {
		limits Limits
		slot   int64 // -1: none
		seen   store.Attrs
		stands store.Attrs // nil: as seen
		want   bool
	}{
		"nothing there":                         {limits: Limits{Concurrency: 2, Monthly: 1, PerSecond: 1}, want: true},
		"no limits":                             {slot: -1, stands: store.Attrs{"m2026-11": int64(99)}, want: true},
		"one check left":                        {limits: Limits{Monthly: 5}, slot: -1, stands: store.Attrs{"m2026-11": int64(4)}, want: true},
		"no check left":                         {limits: Limits{Monthly: 5}, slot: -1, stands: store.Attrs{"m2026-11": int64(5)}},
		"quota lowered below what is used":      {limits: Limits{Monthly: 5}, slot: -1, stands: store.Attrs{"m2026-11": int64(50)}},
		"another month is used up":              {limits: Limits{Monthly: 5}, slot: -1, stands: store.Attrs{"m2026-10": int64(5), "m2026-12": int64(5)}, want: true},
		"second used up":                        {limits: Limits{PerSecond: 3}, slot: -1, stands: store.Attrs{secondName(noon): int64(3)}},
		"second before used up":                 {limits: Limits{PerSecond: 3}, slot: -1, stands: store.Attrs{secondName(noon.Add(-time.Second)): int64(3)}, want: true},
		"slot held":                             {limits: Limits{Concurrency: 2}, stands: store.Attrs{"s0": in(1), "width": int64(2)}},
		"slot ended now":                        {limits: Limits{Concurrency: 2}, stands: store.Attrs{"s0": in(0), "width": int64(2)}, want: true},
		"slot held by a clock one term ahead":   {limits: Limits{Concurrency: 2}, stands: store.Attrs{"s0": in(2 * term), "width": int64(2)}},
		"slot taken before the clock went back": {limits: Limits{Concurrency: 2}, stands: store.Attrs{"s0": in(2*term + 1), "width": int64(2)}, want: true},
		"limit raised":                          {limits: Limits{Concurrency: 4}, slot: 3, stands: store.Attrs{"s0": in(1), "width": int64(2)}, want: true},
		"limit lowered, unseen":                 {limits: Limits{Concurrency: 2}, stands: store.Attrs{"width": int64(3), "admitted": int64(9)}},
		"limit lowered, seen":                   {limits: Limits{Concurrency: 2}, seen: store.Attrs{"width": int64(3), "admitted": int64(9)}, want: true},
		"limit lowered, another came first": {
			limits: Limits{Concurrency: 2}, seen: store.Attrs{"width": int64(3), "admitted": int64(9)},
			stands: store.Attrs{"width": int64(3), "admitted": int64(10)},
		},
	} {
		if c.stands == nil {
			c.stands = c.seen
		}
		p := place{key: "k1"}
		if c.slot >= 0 && c.limits.Concurrency > 0 {
			p.slot, p.end = c.slot, in(term)
		}
		u := admission(p, c.limits, holding(c.seen), noon)
		if err := u.Check(); err != nil {
			t.Errorf("%s: %v", claim, err)
		}
		if got := store.AllHold(u.If, holding(c.stands)); got != c.want {
			t.Errorf("%s: got %v, want %v", claim, got, c.want)
		}
	}
}

func TestAdmissionWrites(t *testing.T) {
	full := Limits{Concurrency: 2, Monthly: 5, PerSecond: 3}
	many := store.Attrs{"width": int64(200), "admitted": int64(7)}
	for n := range int64(198) {
		many[slotName(n+2)] = in(-1)
	}
	for claim, c := range map[string]struct {
		limits Limits
		stands store.Attrs
		want   string
	}{
		"first request": {full, nil,
			fmt.Sprint("map[admitted:1 m2026-11:1 r1795348800:1 s0:", in(term), " width:2]")},
		"no limits": {Limits{}, nil, "map[m2026-11:1]"},
		"width comes down when the slots beyond have ended": {Limits{Concurrency: 1},
			store.Attrs{"width": int64(3), "s1": in(-1), "s2": in(3 * term)},
			fmt.Sprint("map[admitted:1 m2026-11:1 s0:", in(term), " width:1]")},
		"width stays while one of them is held": {Limits{Concurrency: 2},
			store.Attrs{"width": int64(4), "s2": in(-1), "s3": in(1), "admitted": int64(7)},
			fmt.Sprint("map[admitted:8 m2026-11:1 s0:", in(term), " s3:", in(1), " width:4]")},
	} {
		p := place{key: "k1"}
		if c.limits.Concurrency > 0 {
			p.end = in(term)
		}
		after, err := admission(p, c.limits, holding(c.stands), noon).Apply(holding(c.stands))
		if got := fmt.Sprint(map[string]any(after.Attrs)); err != nil || got != c.want {
			t.Errorf("%s: got %s, %v, want %s", claim, got, err, c.want)
		}
	}
	// More slots beyond than one write may name: they go in parts.
	item := holding(many)
	for range 4 {
		if got := item.Int("width"); got != 200 {
			t.Errorf("width before all slots beyond are gone: got %d, want 200", got)
		}
		u := admission(place{key: "k1", end: in(term)}, Limits{Concurrency: 2}, item, noon)
		if err := u.Check(); err != nil {
			t.Fatal(err)
		}
		item, _ = u.Apply(item)
	}
	if got := len(item.Attrs); item.Int("width") != 2 || got != 4 {
		t.Errorf("got %v, want width of 2 and no slots beyond", item.Attrs)
	}
}

func TestJudge(t *testing.T) {
	limits := Limits{Concurrency: 2, Monthly: 5, PerSecond: 3}
	late := noon.Add(250 * time.Millisecond)
	for claim, c := range map[string]struct {
		stands store.Attrs
		want   error
		after  time.Duration
	}{
		"nothing there":                {nil, nil, 0},
		"month first":                  {store.Attrs{"m2026-11": int64(5), secondName(noon): int64(3), "s0": in(term), "s1": in(term)}, ErrQuota, 8*24*time.Hour + 12*time.Hour - 250*time.Millisecond},
		"then second":                  {store.Attrs{"m2026-11": int64(4), secondName(noon): int64(3), "s0": in(term), "s1": in(term)}, ErrRate, 750 * time.Millisecond},
		"then slots":                   {store.Attrs{"m2026-11": int64(4), secondName(noon): int64(2), "s0": in(term), "s1": in(term)}, ErrBusy, time.Second},
		"slots beyond the limit count": {store.Attrs{"s7": in(term), "s198": in(term)}, ErrBusy, time.Second},
		"ended slots do not":           {store.Attrs{"s0": in(term), "s1": in(0), "s2": in(3 * term)}, nil, 0},
	} {
		refused := judge(holding(c.stands), limits, late)
		if refused == nil {
			if c.want != nil {
				t.Errorf("%s: not refused, want %v", claim, c.want)
			}
			continue
		}
		if !errors.Is(refused, c.want) || refused.RetryAfter != c.after {
			t.Errorf("%s: got %v after %v, want %v after %v", claim, refused, refused.RetryAfter, c.want, c.after)
		}
		if want := (Standing{Limit: refused.Max, Reset: c.after}); refused.Standing() != want {
			t.Errorf("%s: got %+v, want %+v", claim, refused.Standing(), want)
		}
	}
}

func TestUntilMonth(t *testing.T) {
	for at, want := range map[string]time.Duration{
		"2026-12-31T23:59:59Z":      time.Second,
		"2028-02-28T00:00:00Z":      48 * time.Hour,
		"2026-12-01T01:00:00+02:00": time.Hour,
	} {
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := untilMonth(now); got != want {
			t.Errorf("%s: got %v, want %v", at, got, want)
		}
	}
}

func TestTightest(t *testing.T) {
	stands := holding(store.Attrs{"m2026-11": int64(90), secondName(noon): int64(3), "s0": in(term), "s5": in(term)})
	for claim, c := range map[string]struct {
		limits Limits
		want   Standing
	}{
		"no limits":     {Limits{}, Standing{}},
		"month":         {Limits{Monthly: 91, PerSecond: 10, Concurrency: 10}, Standing{91, 1, untilMonth(noon)}},
		"second":        {Limits{Monthly: 1000, PerSecond: 5, Concurrency: 10}, Standing{5, 2, time.Second}},
		"slots":         {Limits{Monthly: 1000, Concurrency: 10}, Standing{10, 8, time.Second}},
		"limit lowered": {Limits{Monthly: 50}, Standing{50, 0, untilMonth(noon)}},
	} {
		if got := tightest(stands, c.limits, noon); got != c.want {
			t.Errorf("%s: got %+v, want %+v", claim, got, c.want)
		}
	}
}

func TestStale(t *testing.T) {
	item := holding(store.Attrs{
		"width": int64(1), "admitted": int64(1), "archived": int64(1), "s0": in(-term), "2020-01-01/full/VALID": int64(1),
		"m2025-10": int64(1), "m2025-11": int64(1), "m2026-11": int64(1), "m2027-11": int64(1),
		secondName(noon.Add(-6 * time.Second)): int64(1), secondName(noon.Add(-5 * time.Second)): int64(1),
		secondName(noon.Add(time.Hour)): int64(1),
	})
	got := stale(item, noon)
	slices.Sort(got)
	if want := []string{"m2025-10", secondName(noon.Add(-6 * time.Second))}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
