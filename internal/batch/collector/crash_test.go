package collector_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
)

// courses are the ways that a job may go.
var courses = map[string]struct {
	monthly int64
	lazy    bool
	early   func(m *machine, job batch.Job) error
	want    string // within the outcome
}{
	"completed": {want: `completed "", 40 rows`},
	"deadline":  {lazy: true, want: `completed "", 40 rows`},
	"cancelled": {want: `cancelled "", 40 rows`, early: func(m *machine, job batch.Job) error {
		_, err := m.plain.Cancel(m.t.Context(), "acme", job.ID)
		return err
	}},
	"over quota":         {monthly: 30, want: "failed"},
	"few enough, folded": {monthly: 36, want: `completed "", 40 rows`},
}

// carryOut goes a course with one fault, the nth call, and returns its outcome.
func carryOut(t *testing.T, course string, f fault) (outcome string, calls []string) {
	synctest.Test(t, func(t *testing.T) {
		c, m := courses[course], newMachine(t, open(t))
		m.faults.fault = f
		job := m.create(longList(40), batch.Options{Monthly: c.monthly})
		job = m.run(job, "ingest", "done", c.lazy, func() {
			if c.early != nil {
				m.must(c.early(m, job))
			}
		})
		for range 3 { // what is late changes nothing
			time.Sleep(20 * time.Minute)
			m.messages()
		}
		calls, m.faults.n = m.faults.calls, 0
		outcome = m.outcome(job)
	})
	return outcome, calls
}

// TestWhoeverDiesTheJobEndsTheSame: each call of a port fails once, before it is
// carried out or after, in two ways out of five.
func TestWhoeverDiesTheJobEndsTheSame(t *testing.T) {
	for course, c := range courses {
		t.Run(course, func(t *testing.T) {
			want, calls := carryOut(t, course, fault{})
			if !strings.HasPrefix(want, c.want) || len(calls) < 15 {
				t.Fatalf("%d calls; undisturbed it comes to\n%s", len(calls), want)
			}
			each := 3
			if course == "completed" {
				each = 1 // most calls of the other courses are the same
			}
			last := slices.Index(calls, "post") + 3 // behind that files are removed, one sort after the other
			for n := each; n <= last; n += each {
				ways := []fault{{n: n, err: errFault}, {n: n, after: true, err: store.ErrUnknown}, {n: n, err: store.ErrThrottled}, {n: n, after: true, err: errFault}, {n: n, err: store.ErrUnknown}}
				for _, f := range []fault{ways[n%5], ways[(n+1)%5]} {
					t.Run(fmt.Sprintf("%d %s after=%v %v", n, calls[n-1], f.after, f.err), func(t *testing.T) {
						t.Parallel() // they wait for the disk
						if got, _ := carryOut(t, course, f); got != want {
							t.Errorf("got\n%s\nwant\n%s", got, want)
						}
					})
				}
			}
		})
	}
}

// TestAStepThatIsStillUnderWayChangesNothing: at each call of a step the process
// that carries it out stands still, until another one has carried out the same
// step and all others. Then it goes on.
func TestAStepThatIsStillUnderWayChangesNothing(t *testing.T) {
	want, _ := carryOut(t, "completed", fault{})
	for _, step := range []string{"ingest", "plan", "collect", "finish"} {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			for n := 1; ; n++ {
				got, reached := overtaken(t, step, n)
				if !reached {
					if n < 5 {
						t.Errorf("it has %d calls", n-1)
					}
					return
				}
				if got != want {
					t.Fatalf("overtaken at call %d: got\n%s\nwant\n%s", n, got, want)
				}
			}
		})
	}
}

// overtaken has a step stand still at its nth call, if it reaches that.
func overtaken(t *testing.T, step string, n int) (outcome string, reached bool) {
	synctest.Test(t, func(t *testing.T) {
		db := open(t)
		slow, other := newMachine(t, db), newMachine(t, db)
		job := slow.create(longList(40), batch.Options{})
		other.run(job, "ingest", step, false, nil)
		slow.faults.fault = fault{n: len(slow.faults.calls) + n, meanwhile: func() {
			reached = true
			other.run(job, step, "done", false, nil)
		}}
		do := slow.planner.Step
		if step == "collect" || step == "finish" {
			do = slow.collector.Step
		}
		_, err := do(t.Context(), batch.Step{Step: step, Job: job.ID})
		if err != nil && !reached {
			t.Error(err)
		}
		time.Sleep(20 * time.Minute)
		slow.messages()
		if !reached {
			return
		}
		other.posted = append(other.posted, slow.posted...)
		job, err = other.plain.Load(t.Context(), job.ID)
		other.must(err)
		outcome = other.outcome(job)
	})
	return outcome, reached
}

// TestAJobThatIsGivenUpCostsNothing, whatever it had found.
func TestAJobThatIsGivenUpCostsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, open(t))
		job := m.create(longList(40), batch.Options{})
		m.run(job, "ingest", "collect", false, nil)
		if got := m.charged(); got != 36 {
			t.Errorf("%d checks are charged for 36 addresses", got)
		}
		for range 2 {
			m.step(m.collector.Step, batch.Step{Step: "abandon", Job: job.ID, Error: "States.Timeout"})
		}
		job, err := m.plain.Load(t.Context(), job.ID)
		m.must(err)
		if job.Status != batch.Failed || !strings.Contains(job.Error, "our side") || m.charged() != 0 {
			t.Errorf("%s: %q, %d checks are charged", job.Status, job.Error, m.charged())
		}
	})
}

// TestAFaultOfTheListIsToldWhateverComesAfter.
func TestAFaultOfTheListIsToldWhateverComesAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, open(t))
		job := m.create("a,b\n\"open", batch.Options{})
		m.run(job, "ingest", "fail", false, nil)
		m.step(m.collector.Step, batch.Step{Step: "abandon", Job: job.ID})
		if job, err := m.plain.Load(t.Context(), job.ID); err != nil || !strings.Contains(job.Error, "the list cannot be read") {
			t.Errorf("%q, %v", job.Error, err)
		}
	})
}

// TestACancellationAtAnyCall ends the job with an answer for every row, also where
// none was read before, and leaves charged what was checked.
func TestACancellationAtAnyCall(t *testing.T) {
	for from := range 4 {
		t.Run(fmt.Sprint(from), func(t *testing.T) {
			t.Parallel() // they wait for the disk
			for n := from + 1; cancelled(t, n); n += 4 {
			}
		})
	}
}

// cancelled has the job cancelled at the nth call of its execution, if there are
// as many.
func cancelled(t *testing.T, n int) (reached bool) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t, open(t))
		job := m.create(longList(40), batch.Options{Monthly: 40})
		m.faults.fault = fault{n: len(m.faults.calls) + n, meanwhile: func() {
			reached = true
			if _, err := m.plain.Cancel(t.Context(), "acme", job.ID); err != nil && !errors.Is(err, batch.ErrEnded) {
				t.Error(err)
			}
		}}
		job = m.run(job, "ingest", "done", false, nil)
		m.messages()
		days, err := m.meter.Usage(t.Context(), "key1", job.CreatedAt, time.Now())
		m.must(err)
		var checks int64
		for _, day := range days {
			for _, outcomes := range day.Counts {
				for _, n := range outcomes {
					checks += n
				}
			}
		}
		if job.Status != batch.Cancelled && job.Status != batch.Completed || job.Done.Rows != 40 || job.Total != 40 || checks != m.charged() {
			t.Errorf("at call %d: %s, %d of %d rows, %d checks, %d charged", n, job.Status, job.Done.Rows, job.Total, checks, m.charged())
		}
		name, err := m.collector.Results(t.Context(), job, results.JSONL, nil)
		m.must(err)
		file, err := m.plain.Open(t.Context(), name)
		m.must(err)
		text, err := io.ReadAll(file)
		m.must(errors.Join(err, file.Close()))
		if lines := strings.Count(string(text), "\n"); int64(lines) != job.Total {
			t.Errorf("at call %d: %d results of %d rows", n, lines, job.Total)
		}
	})
	return reached
}
