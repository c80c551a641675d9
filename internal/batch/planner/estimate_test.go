package planner_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/intake"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/planner"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

// source is a list in memory.
func source(list string) intake.Source {
	return func(offset int64) (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(list[offset:])), nil }
}

// asked is a job that an estimate is about.
func asked(m verify.Mode) batch.Job {
	return batch.Job{Account: "acme", Key: "key1", Options: batch.Options{Mode: m, Policy: verify.DefaultPolicy()}}
}

func TestEstimateCountsWhatAJobWouldDo(t *testing.T) {
	w := newWorld(t, nil)
	for _, c := range []struct {
		claim, list string
		mode        verify.Mode
		want        planner.Estimate
	}{
		{"one of each", "alice@ok.example\nALICE@ok.example\nbob@known.example\nno address\n", verify.Full,
			planner.Estimate{Rows: 4, Broken: 1, Duplicates: 1, Unique: 2, Known: 1, Ask: 1, Domains: 1, Time: 5*time.Second + 250*time.Millisecond}},
		{"broken rows that repeat each other", `["x","x","y",""]`, verify.Full, planner.Estimate{Rows: 4, Broken: 4, Time: 5 * time.Second}},
		{"all known", known(5000), verify.Full, planner.Estimate{Rows: 5000, Duplicates: 4999, Unique: 1, Known: 1, Time: 5 * time.Second}},
		// Two hundred addresses at one domain take as long as its operator bears.
		{"one domain", strings.ReplaceAll(users(200), "@d", "@one.example,"), verify.Full,
			planner.Estimate{Rows: 200, Unique: 200, Ask: 200, Domains: 1, Time: 55 * time.Second}},
		{"a disposable domain", strings.ReplaceAll(users(200), "@d", "@disposable.example,"), verify.Full,
			planner.Estimate{Rows: 200, Unique: 200, Domains: 1, Time: 5 * time.Second}},
		{"many domains", users(7000), verify.Full, planner.Estimate{Rows: 7000, Unique: 7000, Ask: 7000, Domains: 700, Time: 22*time.Second + 500*time.Millisecond}},
		{"many domains, softly", users(7000), verify.Soft, planner.Estimate{Rows: 7000, Unique: 7000, Ask: 7000, Domains: 700, Time: 5*time.Second + 350*time.Millisecond}},
	} {
		got, err := w.planner.Estimate(t.Context(), asked(c.mode), source(c.list))
		if err != nil || got != c.want {
			t.Errorf("%s: %+v, %v\nwant %+v", c.claim, got, err, c.want)
		}
	}
}

func TestEstimateOfALongListIsThatOfItsBeginning(t *testing.T) {
	w := newWorld(t, nil)
	got, err := w.planner.Estimate(t.Context(), asked(verify.Full), source(known(plan.PerPass+1)))
	if err != nil || !got.Sampled || got.Rows != plan.PerPass || got.Duplicates != plan.PerPass-1 {
		t.Errorf("one row too long: %+v, %v", got, err)
	}
	if got, err = w.planner.Estimate(t.Context(), asked(verify.Full), source(known(plan.PerPass))); err != nil || got.Sampled || got.Rows != plan.PerPass {
		t.Errorf("as long as can be: %+v, %v", got, err)
	}
	w.late = time.Second // each look at the clock
	if got, err = w.planner.Estimate(t.Context(), asked(verify.Full), source(known(plan.PerPass))); err != nil || !got.Sampled || got.Rows == 0 || got.Rows > 20_000 {
		t.Errorf("with a slow reader: %+v, %v", got, err)
	}
}

func TestEstimateOfWhatIsNoList(t *testing.T) {
	w := newWorld(t, nil)
	for _, list := range []string{"", "\x89PNG\r\n\x1a\n\x00", "name,city\nAnn,Rome\n", "email,n\n" + named(2000) + "\"open,1\n" + named(10)} {
		var fault *intake.Error
		if e, err := w.planner.Estimate(t.Context(), asked(verify.Full), source(list)); !errors.As(err, &fault) {
			t.Errorf("%.20q: %+v, %v", list, e, err)
		}
	}
	gone := intake.FromBlob(t.Context(), w.book.Blob, "uploads/x/none", "1")
	if _, err := w.planner.Estimate(t.Context(), asked(verify.Full), gone); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of none: %v", err)
	}
}

func TestEstimateLeavesNothing(t *testing.T) {
	w := newWorld(t, nil)
	job := w.create(strings.NewReader(users(100)), batch.Options{})
	before, err := w.book.Blob.List(t.Context(), "", "", store.MaxBlobPage)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.planner.Estimate(t.Context(), job, intake.FromBlob(t.Context(), w.book.Blob, job.Source.Blob, job.Source.Version)); err != nil {
		t.Fatal(err)
	}
	after, err := w.book.Blob.List(t.Context(), "", "", store.MaxBlobPage)
	if err != nil || fmt.Sprint(before) != fmt.Sprint(after) {
		t.Errorf("files before %v, after %v, %v", before, after, err)
	}
	if same, err := w.book.Load(t.Context(), job.ID); err != nil || same.Status != batch.Queued || same.Total != 0 {
		t.Errorf("the job is %+v, %v", same, err)
	}
}
