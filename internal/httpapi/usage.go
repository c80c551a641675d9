package httpapi

import (
	"context"
	"net/http"
	"time"

	"rcpt/internal/usage"
)

// Days of GET /v1/usage.
const (
	defaultDays = 30
	maxDays     = 365
)

// counts are numbers of checks, each counted once by its kind and once by its
// outcome.
type counts struct {
	Total     int64            `json:"total"`
	ByKind    map[string]int64 `json:"by_kind"`    // full, soft, cached, test; of lists job_full, job_soft, job_cached
	ByOutcome map[string]int64 `json:"by_outcome"` // the status of the verdict
}

func newCounts() counts {
	return counts{ByKind: make(map[string]int64), ByOutcome: make(map[string]int64)}
}

func (c *counts) add(kind, outcome string, n int64) {
	c.Total += n
	c.ByKind[kind] += n
	c.ByOutcome[outcome] += n
}

// usage answers GET /v1/usage with the checks of a key, the asking one unless
// another is named, by day in UTC. Days without checks are left out.
func (a *api) usage(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "days", "from", "key", "to")
	if err != nil {
		return err
	}
	key := c.key
	if id, given := q["key"]; given {
		if key, err = a.visibleKey(r.Context(), c.key, id); err != nil {
			return err
		}
	}
	from, to, err := q.span(c.received.UTC())
	if err != nil {
		return err
	}
	days, err := a.Meter.Usage(r.Context(), key.ID, from, to)
	if err != nil {
		return err
	}
	report := reportOf(key.ID, from, to, days)
	if report.Vendors, err = a.vendorCosts(r.Context(), key.Account, from, to); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, report)
}

// vendorCosts is what the account of a key asked vendors in the same days: their
// keys are the account's, whichever key asks.
func (a *api) vendorCosts(ctx context.Context, account string, from, to time.Time) (*vendorCost, error) {
	if a.Ledger == nil {
		return nil, nil
	}
	days, err := a.Ledger.Usage(ctx, account, from, to)
	if err != nil {
		return nil, err
	}
	cost := costOf(sumOf(days).All)
	return &cost, nil
}

// span is the days asked for, from and to included: either so many up to today,
// or those between two dates, of which the later one is today if it is left out.
func (q query) span(now time.Time) (from, to time.Time, err error) {
	today := now.Truncate(24 * time.Hour)
	days, err := q.number("days", 1, maxDays, defaultDays)
	if err != nil {
		return from, to, err
	}
	if to, err = q.date("to", today); err != nil {
		return from, to, err
	}
	if from, err = q.date("from", to.AddDate(0, 0, 1-days)); err != nil {
		return from, to, err
	}
	_, counted := q["days"]
	_, begins := q["from"]
	switch {
	case counted && begins:
		return from, to, badField("days", "and from exclude each other")
	case from.Year() < 0: // has no form in which to answer
		return from, to, badField("to", "must be later")
	case from.After(to):
		return from, to, badField("from", "must not be after to")
	case to.Sub(from) >= maxDays*24*time.Hour:
		return from, to, badField("from", "must be less than %d days before to", maxDays)
	}
	return from, to, nil
}

// date is the parameter as midnight, UTC, of a day; absent, it is otherwise.
func (q query) date(name string, otherwise time.Time) (time.Time, error) {
	text, given := q[name]
	if !given {
		return otherwise, nil
	}
	day, err := time.Parse(time.DateOnly, text)
	if err != nil {
		return day, badField(name, "must be a day such as 2026-11-22")
	}
	return day, nil
}

// dayShape is one day of a report.
type dayShape struct {
	Day string `json:"day"` // UTC
	counts
}

// reportShape is the answer of GET /v1/usage.
type reportShape struct {
	Key  string `json:"key"`
	From string `json:"from"` // the first day
	To   string `json:"to"`   // the last one
	counts
	Vendors *vendorCost `json:"vendors"` // of the account; null: not known here
	Days    []dayShape  `json:"days"`
}

func reportOf(key string, from, to time.Time, days []usage.Day) reportShape {
	report := reportShape{
		Key: key, From: from.Format(time.DateOnly), To: to.Format(time.DateOnly), counts: newCounts(), Days: []dayShape{},
	}
	for _, d := range days {
		day := dayShape{Day: d.Day, counts: newCounts()}
		for kind, outcomes := range d.Counts {
			for outcome, n := range outcomes {
				day.add(kind, outcome, n)
				report.add(kind, outcome, n)
			}
		}
		report.Days = append(report.Days, day)
	}
	return report
}
