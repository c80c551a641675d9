package prober_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// some are addresses that take two attempts.
func some() []string {
	return []string{"alice@ok.test", "nobody@ok.test", "alice@greylist.test", "nobody@greylist.test"}
}

// gist is what a job came to, by row.
func gist(answers map[int64]*results.Answer) string {
	var all []string
	for row, a := range answers {
		all = append(all, fmt.Sprintf("%06d %s %s", row, a.Status, a.Reason))
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

const someGist = `000000 VALID smtp_verified
000001 INVALID mailbox_not_found
000002 VALID smtp_verified
000003 INVALID mailbox_not_found
100000 VALID smtp_verified
100003 INVALID mailbox_not_found`

// TestMessagesComeMoreThanOnce: to several workers at once, and again when all is
// done.
func TestMessagesComeMoreThanOnce(t *testing.T) {
	for times := 2; times <= 5; times++ {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			job := w.job(batch.Draft{}, some())
			w.run(times)
			if got := gist(w.exact(job.ID, 4)); got != someGist {
				t.Errorf("got\n%s", got)
			}
			for _, m := range w.messages(job.ID) {
				if err := w.worker.Handle(t.Context(), m); err != nil {
					t.Errorf("%+v again: %v", m, err)
				}
			}
			w.run(1)
			w.exact(job.ID, 4)
		})
	}
}

// messages are those that the job was worked on by.
func (w *world) messages(id string) (all []batch.Message) {
	w.t.Helper()
	marks, _, err := w.plain.Marks(w.t.Context(), id, "", 100)
	w.must(err)
	items := batch.FilesOf(id).Shard(0, 0, "planned")
	for _, m := range marks {
		all = append(all, batch.Message{Kind: batch.KindShard, Job: id, Shard: m.Shard, Attempt: m.Attempt, Items: items})
		items = m.Rest
	}
	return append(all, batch.Message{Kind: batch.KindSettle, Job: id}, batch.Message{Kind: batch.KindStart, Job: id})
}

// TestWhoeverDiesSomebodyGoesOn: each call of a store fails once, in turn, before it
// is carried out or after, and in each way.
func TestWhoeverDiesSomebodyGoesOn(t *testing.T) {
	clean := 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.job(batch.Draft{}, some())
		w.run(1)
		clean = len(w.faults.calls)
	})
	if clean < 12 {
		t.Fatalf("only %d calls", clean)
	}
	for n := 1; n <= clean; n++ {
		for _, after := range []bool{false, true} {
			for _, cause := range []error{errFault, store.ErrUnknown, store.ErrThrottled} {
				if after && errors.Is(cause, store.ErrThrottled) {
					continue // says that nothing was done
				}
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					w.faults.n, w.faults.after, w.faults.err = n, after, cause
					job := w.job(batch.Draft{}, some())
					w.run(1)
					if got := gist(w.exact(job.ID, 4)); got != someGist || t.Failed() {
						t.Errorf("call %d, %s, after %v, %v: got\n%s", n, w.faults.calls[n-1], after, cause, got)
					}
				})
			}
		}
	}
}

func TestAJobThatIsClosedTakesNoAnswers(t *testing.T) {
	for _, tt := range []struct {
		claim string
		calls int // of the verifier
		early bool
	}{{"before the attempt", 0, true}, {"in the middle of it", 1, false}} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var w *world
				var job batch.Job
				cancel := func() {
					if _, err := w.plain.Cancel(t.Context(), account, job.ID); err != nil {
						t.Error(err)
					}
				}
				s := &script{say: func(int, verify.Request) (verify.Evidence, bool) {
					cancel()
					return probed(smtpprobe.Answer{Class: reply.MailboxNotFound, Stage: reply.Rcpt, Code: 550}), true
				}}
				w = newWorld(t, with(s))
				job = w.job(batch.Draft{}, []string{"alice@ok.test"})
				if tt.early {
					cancel()
				}
				w.run(1)
				if got := w.load(job.ID); got.Done.Rows != 0 || got.Closed != 0 || w.used() != 0 {
					t.Errorf("counted: %+v, %d checks", got.Done, w.used())
				}
				if len(w.answers(job.ID)) != 0 || len(s.flows) != tt.calls {
					t.Errorf("%d answers are marked, the verifier was asked %d times", len(w.answers(job.ID)), len(s.flows))
				}
			})
		})
	}
}

func TestAMessageOfAJobThatIsGoneIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for _, kind := range []batch.Kind{batch.KindShard, batch.KindStart, batch.KindSettle, "other"} {
			m := batch.Message{Kind: kind, Job: "job_gone"}
			if err := errors.Join(w.worker.Handle(t.Context(), m), w.worker.Bury(t.Context(), m)); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
	})
}

// TestTheMarkThatStandsCounts: somebody else marked the attempt while it was made.
func TestTheMarkThatStandsCounts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *world
		var job batch.Job
		s := &script{}
		s.say = func(round int, _ verify.Request) (verify.Evidence, bool) {
			if round == 0 {
				rest := batch.FilesOf(job.ID).Shard(0, 1, "theirs")
				w.must(w.plain.Write(t.Context(), rest, theirs))
				_, err := w.plain.Mark(t.Context(), job, batch.Mark{Rest: rest, NotBefore: time.Now().Add(time.Hour)}, batch.Tally{})
				w.must(err)
			}
			return probed(smtpprobe.Answer{Class: reply.MailboxNotFound, Stage: reply.Rcpt, Code: 550}), true
		}
		w = newWorld(t, with(s))
		job = w.job(batch.Draft{}, []string{"alice@ok.test"})
		w.run(1)
		s.askedAt(t, "alice@ok.test", 0)
		s.askedAt(t, "bob@ok.test", time.Hour)
		if answers := w.answers(job.ID); len(answers) != 1 || answers[7] == nil {
			t.Errorf("got %s", gist(answers))
		}
		if w.used() != 1 || w.load(job.ID).Done.Rows != 1 {
			t.Errorf("%d checks and %d rows are counted", w.used(), w.load(job.ID).Done.Rows)
		}
	})
}

// TestNothingIsMarkedWhenTheProcessIsEnded: what was being asked is asked again.
func TestNothingIsMarkedWhenTheProcessIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{takes: time.Hour, say: func(int, verify.Request) (verify.Evidence, bool) {
			return verify.Evidence{Lost: verify.LostCancelled}, true
		}}
		w := newWorld(t, with(s))
		job := w.job(batch.Draft{}, some())
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(10*time.Second, cancel)
		m := batch.Message{Kind: batch.KindShard, Job: job.ID, Items: batch.FilesOf(job.ID).Shard(0, 0, "planned")}
		if err := w.worker.Handle(ctx, m); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, marked, err := w.plain.Marked(t.Context(), job.ID, 0, 0); marked || err != nil {
			t.Errorf("marked: %v, %v", marked, err)
		}
	})
}

func TestEarlyMessagesArePutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id := "job_0123456789abcdefghijkmnpq"
		early := batch.Message{Kind: batch.KindStart, Job: id, NotBefore: time.Now().Add(20 * time.Minute).UnixMilli()}
		if err := w.worker.Handle(t.Context(), early); err != nil {
			t.Fatal(err)
		}
		// The job is there only now: had the message been dealt with, nobody would begin it.
		w.must(w.db.Control().Put(t.Context(), store.Item{Key: store.Key{Part: "JOB#" + id}, Attrs: store.Attrs{"status": "queued", "options": "{}"}}))
		w.run(1)
		if !slices.Equal(w.flow.started, []string{id}) {
			t.Errorf("started: %v", w.flow.started)
		}
	})
}

// TestWhatNobodyCanDealWithEnds: a verifier that hangs until the function ends, each
// time, for the rest of an attempt or for all of it.
func TestWhatNobodyCanDealWithEnds(t *testing.T) {
	for _, tt := range []struct {
		claim string
		good  int // rounds
		want  string
	}{
		{"from the start", 0, "000000 UNKNOWN internal\n000001 UNKNOWN internal\n100000 UNKNOWN internal"},
		{"from the second attempt on", 1, "000000 VALID smtp_verified\n000001 UNKNOWN internal\n100000 VALID smtp_verified"},
	} {
		for times := 1; times <= 2; times++ {
			t.Run(tt.claim, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					var w *world
					s := &script{}
					s.say = func(round int, r verify.Request) (verify.Evidence, bool) {
						if round >= tt.good*times {
							time.Sleep(10 * time.Minute)
						}
						e := probed(smtpprobe.Answer{Class: reply.Accepted, Stage: reply.Rcpt, Code: 250})
						if e.Probe.CatchAll = verify.Checks; strings.HasPrefix(r.Email, "wait") {
							e = probed(smtpprobe.Answer{Class: reply.Greylisted, Stage: reply.Rcpt, Code: 451})
						}
						return e, true
					}
					w = newWorld(t, with(s))
					job := w.job(batch.Draft{Deadline: 24 * time.Hour}, []string{"alice@ok.test", "wait@ok.test"})
					w.run(times)
					if got := gist(w.exact(job.ID, 2)); got != tt.want {
						t.Errorf("got\n%s", got)
					}
					if w.counts["job_attempts buried"] == 0 {
						t.Errorf("nothing was buried: %v", w.counts)
					}
				})
			})
		}
	}
}

// TestAShardWhoseFileIsLostIsClosed: the collector fills in its rows.
func TestAShardWhoseFileIsLostIsClosed(t *testing.T) {
	for claim, ruin := range map[string]func(w *world, name string){
		"gone": func(w *world, name string) { w.must(w.db.Blob().Delete(w.t.Context(), name)) },
		"damaged": func(w *world, name string) {
			_, err := w.db.Blob().Put(w.t.Context(), name, bytes.NewReader([]byte("rcpt-shard-1\nhm")))
			w.must(err)
		},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				job := w.job(batch.Draft{}, some(), []string{"alice@ok.test"})
				ruin(w, batch.FilesOf(job.ID).Shard(0, 0, "planned"))
				w.run(1)
				if got := w.load(job.ID); !got.Complete() || got.Done.Rows != 1 || w.flow.succeeded != 1 {
					t.Errorf("%d of %d shards closed, %d rows, %d times finished", got.Closed, got.Shards, got.Done.Rows, w.flow.succeeded)
				}
			})
		})
	}
}

func TestDeadMessagesAboutExecutionsAreCarriedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		job := w.job(batch.Draft{})
		for _, kind := range []batch.Kind{batch.KindSettle, batch.KindStart} {
			if err := w.worker.Bury(t.Context(), batch.Message{Kind: kind, Job: job.ID}); err != nil {
				t.Error(err)
			}
		}
		if w.flow.succeeded != 1 {
			t.Error("a job without shards is not settled")
		}
	})
}

// TestCallsOfAShard holds what a shard of one attempt costs.
func TestCallsOfAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		job := w.job(batch.Draft{}, []string{"alice@ok.test", "nobody@ok.test"}, []string{"alice@tls.test"})
		for shard := range int64(2) {
			before := len(w.faults.calls)
			m := batch.Message{Kind: batch.KindShard, Job: job.ID, Shard: shard, Items: batch.FilesOf(job.ID).Shard(shard, 0, "planned")}
			w.must(w.worker.Handle(t.Context(), m))
			want := []string{"get many", "open file", "put file", "transact", "get"}
			if shard == 1 {
				want = append(want, "succeed")
			}
			if got := w.faults.calls[before:]; !slices.Equal(got, want) {
				t.Errorf("shard %d: %v, want %v", shard, got, want)
			}
		}
		if job = w.load(job.ID); job.Done.ByReason[verdict.SMTPVerified] != 3 {
			t.Errorf("counted: %v", job.Done)
		}
	})
}

// TestABusyTableIsAskedAgainAtOnce: a message comes again a quarter of an hour
// later only.
func TestABusyTableIsAskedAgainAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		job := w.job(batch.Draft{}, []string{"alice@ok.test"})
		w.faults.n, w.faults.err = 4, store.ErrThrottled // the transaction, see TestCallsOfAShard
		m := batch.Message{Kind: batch.KindShard, Job: job.ID, Items: batch.FilesOf(job.ID).Shard(0, 0, "planned")}
		if err := w.worker.Handle(t.Context(), m); err != nil || w.faults.calls[3] != "transact" || w.faults.calls[4] != "transact" {
			t.Errorf("%v: %v", w.faults.calls, err)
		}
		w.exact(job.ID, 1)
	})
}
