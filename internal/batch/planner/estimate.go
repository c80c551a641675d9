package planner

import (
	"context"
	"io"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/intake"
	"rcpt/internal/batch/plan"
	"rcpt/internal/verify"
)

// Estimate says what a job would be. Numbers of rows and addresses are exact
// unless Sampled, and then those of the beginning of the list. Each row is one of
// Broken, Duplicates and Unique.
type Estimate struct {
	Rows       int64 // that were looked at
	Sampled    bool  // there are more
	Broken     int64 // rows whose text is no address
	Duplicates int64 // rows that repeat the address of an earlier one
	Unique     int64 // addresses
	Known      int64 // of those, answered from the cache or without asking anybody
	Ask        int64 // of those, the ones that somebody is to be asked about: exchangers, in soft mode DNS
	Domains    int64 // that DNS is to be asked about: those of Ask, and disposable ones, where nobody else is

	// Time is what the job would take, of Sampled the part that was looked at: a
	// rough guess, since exchangers decide.
	Time time.Duration
}

const (
	// sample is how many rows are looked at: as many as are folded at once.
	sample = plan.PerPass

	// sampleTime is how long the list is read, so that there is time left to look
	// the addresses up within one request.
	sampleTime = 10 * time.Second
)

// What a job's pace is reckoned by: measured with package pace in force and
// exchangers that answer in a second or two.
const (
	perOperator = 4.0   // addresses a second at one operator: two sessions at once, some eight answers each
	inAll       = 400.0 // addresses a second of the fleet
	softly      = 2000. // domains a second, by DNS alone
	overhead    = 5 * time.Second
)

// Estimate looks at a list without keeping anything of it. An error that is an
// *intake.Error is the list's.
func (p *Planner) Estimate(ctx context.Context, job batch.Job, list intake.Source) (e Estimate, err error) {
	reader, err := intake.Open(list, intake.Options{EmailColumn: job.Options.EmailColumn})
	if err != nil {
		return Estimate{}, err
	}
	defer func() { _ = reader.Close() }() // only read
	items, err := plan.Distinct(p.beginning(reader, &e))
	if err != nil {
		return Estimate{}, err
	}
	domains := make(map[string]int64)
	for from := 0; from < len(items); from += recallAtOnce * recallers {
		window := items[from:min(from+recallAtOnce*recallers, len(items))]
		known, err := p.recall(ctx, job, window)
		if err != nil {
			return Estimate{}, err
		}
		for i, item := range window {
			switch {
			case item.Domain() == "":
				e.Broken += int64(item.Rows.Len())
				continue
			case known[i].Verdict != nil:
				e.Known++
			case known[i].Unprobed:
				domains[item.Domain()] += 0 // by DNS alone
			default:
				e.Ask++
				domains[item.Domain()]++
			}
			e.Unique++
		}
	}
	e.Duplicates, e.Domains = e.Rows-e.Broken-e.Unique, int64(len(domains))
	e.Time = expected(domains, e.Ask, job.Options.Mode)
	return e, nil
}

// beginning yields rows until there are enough, or time is up.
func (p *Planner) beginning(reader *intake.Reader, e *Estimate) func(yield func(plan.Entry, error) bool) {
	until := p.Now().Add(sampleTime)
	return func(yield func(plan.Entry, error) bool) {
		for {
			row, err := reader.Next()
			if err == io.EOF {
				return
			}
			if err == nil && (e.Rows == sample || e.Rows%1000 == 999 && p.Now().After(until)) {
				e.Sampled = true
				return
			}
			if err == nil {
				e.Rows++
			}
			if !yield(plan.Entry{Row: row.Number, Email: row.Email}, err) || err != nil {
				return
			}
		}
	}
}

// expected is how long asking takes: as long as the domain with the most
// addresses, or as all together.
func expected(domains map[string]int64, ask int64, m verify.Mode) time.Duration {
	if ask == 0 {
		return overhead
	}
	if m == verify.Soft {
		return overhead + seconds(float64(len(domains))/softly)
	}
	var most int64
	for _, n := range domains {
		most = max(most, n)
	}
	return overhead + seconds(max(float64(most)/perOperator, float64(ask)/inAll))
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }
