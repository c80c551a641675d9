package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"rcpt/infra/bench/jobs"
)

// watched is a job as it goes on, and what the process that does it takes up.
type watched struct {
	pid   int
	began time.Time

	mu       sync.Mutex
	ended    bool
	state    jobs.State
	last     time.Time
	moved    time.Time // when more rows were answered
	marks    []time.Duration
	resident float64 // MB, the most
}

// milestones are the parts of the rows, in percent, whose moment is noted.
func milestones() []int { return []int{50, 80, 90, 99} }

func (w *watched) see(s jobs.State) {
	resident, _ := residentOf(w.pid) // 0 where there is no /proc
	w.mu.Lock()
	defer w.mu.Unlock()
	w.resident = max(w.resident, resident)
	now := time.Now()
	if s.Done != w.state.Done || s.Status != w.state.Status {
		w.moved = now
	}
	w.state, w.last = s, now
	for all := milestones(); s.Total > 0 && len(w.marks) < len(all) && s.Done*100 >= s.Total*all[len(w.marks)]; {
		w.marks = append(w.marks, now.Sub(w.began))
	}
}

func (w *watched) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
}

func (w *watched) over() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// resting reports whether the job has come to wait for servers that it will ask
// again.
func (w *watched) resting() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended || len(w.marks) > 0 && time.Since(w.moved) > 5*time.Second
}

func (w *watched) tell(l jobs.List, deadline time.Duration) {
	fmt.Printf("large job: %d rows over %d domains of %d behaviors, deadline %s: %s after %.1f s, at most %.0f MB resident, the simulated internet included\n",
		l.Rows, l.Domains, len(l.Behaviors), deadline, w.state.Status, w.last.Sub(w.began).Seconds(), w.resident)
	for i, mark := range w.marks {
		fmt.Printf("  %d of 100 rows answered after %.1f s\n", milestones()[i], mark.Seconds())
	}
}

// sortOf tells addresses apart that should be answered differently.
func sortOf(email string) string {
	return jobs.Behavior(email) + " " + strings.TrimRight(email[:strings.IndexByte(email, '@')], "0123456789")
}

// checkResults compares each row of the results with the list, and with what is
// said about a single address of its kind.
func checkResults(ctx context.Context, large, single jobs.Client, id string, l jobs.List) error {
	want := make(map[string]string)
	rows, misplaced, different, example := 0, 0, 0, ""
	err := large.Results(ctx, id, func(a jobs.Answer) error {
		if rows >= l.Rows || a.Email != l.Address(rows) || a.ID != strconv.Itoa(rows) {
			misplaced++
		}
		rows++
		k := sortOf(a.Email)
		if want[k] == "" {
			alone, err := single.Verify(ctx, a.Email)
			if err != nil {
				return err
			}
			want[k] = alone.Words()
		}
		if a.Words() != want[k] {
			different++
			example = fmt.Sprintf("; %s is %s, alone %s", a.Email, a.Words(), want[k])
		}
		return nil
	})
	fmt.Printf("results: %d rows, %d out of place, %d answered otherwise than a single address of the %d kinds%s\n", rows, misplaced, different, len(want), example)
	if err == nil && (rows != l.Rows || misplaced > 0 || different > 0) {
		fmt.Println("missed: every row once, in order, as if asked alone")
	}
	return err
}
