package httpapi

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/usage"
)

// day is noon of a day in November 2026.
func day(n int) time.Time { return time.Date(2026, 11, n, 12, 0, 0, 0, time.UTC) }

// checksOn makes one check on each of these days in November 2026.
func checksOn(t *testing.T, d *desk, days ...int) {
	t.Helper()
	for _, n := range days {
		d.clock = day(n)
		if w := d.ask("POST", "/v1/verify", d.other, goodQuestion); w.Code != 200 {
			t.Fatalf("status %d", w.Code)
		}
	}
}

func TestUsageIsToldByDay(t *testing.T) {
	d := newDesk(t, nil)
	checksOn(t, d, 14, 16, 16, 20)
	one := func(n, total int) string {
		return fmt.Sprintf(`{"day":"2026-11-%02d","total":%d,"by_kind":{"full":%d},"by_outcome":{"VALID":%d}}`, n, total, total, total)
	}
	for _, c := range []struct {
		query, from, to string
		total           int
		days            []string
	}{
		{"", "2026-10-22", "2026-11-20", 4, []string{one(14, 1), one(16, 2), one(20, 1)}},
		{"?days=1", "2026-11-20", "2026-11-20", 1, []string{one(20, 1)}},
		{"?days=5", "2026-11-16", "2026-11-20", 3, []string{one(16, 2), one(20, 1)}},
		{"?days=365", "2025-11-21", "2026-11-20", 4, []string{one(14, 1), one(16, 2), one(20, 1)}},
		{"?from=2026-11-15", "2026-11-15", "2026-11-20", 3, []string{one(16, 2), one(20, 1)}},
		{"?from=2026-11-14&to=2026-11-16", "2026-11-14", "2026-11-16", 3, []string{one(14, 1), one(16, 2)}},
		{"?to=2026-11-16&days=2", "2026-11-15", "2026-11-16", 2, []string{one(16, 2)}},
		{"?to=2027-01-01", "2026-12-03", "2027-01-01", 0, nil},
		{"?from=2026-11-17&to=2026-11-17", "2026-11-17", "2026-11-17", 0, nil},
		{"?from=0001-01-01&to=0001-01-01", "0001-01-01", "0001-01-01", 0, nil},
	} {
		counts := `"by_kind":{},"by_outcome":{}`
		if c.total > 0 {
			counts = fmt.Sprintf(`"by_kind":{"full":%d},"by_outcome":{"VALID":%d}`, c.total, c.total)
		}
		want := fmt.Sprintf(`{"key":"%s","from":"%s","to":"%s","total":%d,%s,"vendors":{"calls":0,"cost_usd":0},"days":[%s]}`+"\n", idOf(d.other), c.from, c.to, c.total, counts, strings.Join(c.days, ","))
		if w := d.ask("GET", "/v1/usage"+c.query, d.other, ""); w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s answers %d\n%s want\n%s", c.query, w.Code, w.Body, want)
		}
	}
}

func TestUsageIsSeenByTheAccountAndTheOperator(t *testing.T) {
	d := newDesk(t, nil)
	checksOn(t, d, 14)
	sibling := d.create(t, `{"account":"other","scopes":["report"]}`)
	for claim, c := range map[string]struct {
		secret string
		status int
	}{"the key itself": {d.other, 200}, "a key of its account": {sibling, 200}, "the operator": {d.admin, 200}, "another account": {d.acme, 404}} {
		w := d.ask("GET", "/v1/usage?key="+idOf(d.other), c.secret, "")
		if w.Code != c.status || c.status == 200 && !strings.Contains(w.Body.String(), `"total":1,`) {
			t.Errorf("%s: %d %s", claim, w.Code, w.Body)
		}
	}
	if got := d.total(t, sibling); got != 0 {
		t.Errorf("a key without checks has %d", got)
	}
}

func TestUsageThatCannotBeReadIsNotZero(t *testing.T) {
	d := newDesk(t, func(d *Deps) { d.Meter = usage.NewMeter(broken{}, d.Now, nil) })
	if w := d.ask("GET", "/v1/usage", d.other, ""); w.Code != 500 || strings.Contains(w.Body.String(), "fire") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// broken is a Table that cannot be read.
type broken struct{ store.Table }

func (broken) Get(context.Context, store.Key) (store.Item, error) {
	return store.Item{}, errors.New("disk on fire")
}
