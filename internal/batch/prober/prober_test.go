package prober_test

import (
	"context"
	"iter"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/batch"
	"rcpt/internal/batch/results"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// everybody is an address or two of every behavior of the simulation.
func everybody() []string {
	return []string{
		"alice@ok.test", "nobody@ok.test", "user1@catchall.test", "alice@full.test", "alice@disabled.test", "alice@blocked.test",
		"alice@relay.test", "bob@slow.test", "alice@tls.test", "alice@nullmx.test", "alice@nomx.test", "alice@nowhere.test",
		"alice@implicit.test", "nobody@implicit.test", "alice@greylist.test", "nobody@greylist.test",
		"alice@busy.test", "alice@tarpit.test", "alice@drop.test",
	}
}

func TestAShardComesToWhatEachAddressWouldAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, emails := newWorld(t), everybody()
		job := w.job(batch.Draft{}, emails)
		w.run(1)
		answers := w.exact(job.ID, len(emails))

		alone := newWorld(t).verifier
		for row, email := range emails {
			request := verify.Request{Scope: "other", Email: email, Policy: verify.DefaultPolicy()}
			v := alone.Verify(t.Context(), request)
			if v.Reason == verdict.Greylisted {
				time.Sleep(time.Until(*v.RetryAt))
				v = alone.Verify(t.Context(), request)
			}
			want, got := results.Of(v), *answers[int64(row)]
			want.CheckedAt, got.CheckedAt = time.Time{}, time.Time{}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%s: got %+v, want %+v", email, got, want)
			}
		}
	})
}

func TestNobodyWaitsForServersThatNeverChange(t *testing.T) {
	for _, behavior := range []string{"busy", "tarpit", "drop", "blocked", "relay"} {
		t.Run(behavior, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				var emails []string
				for _, name := range strings.Fields("a b c d e f g h i j k l m n o p q r s t u v w x y z") {
					emails = append(emails, name+"@"+behavior+".test")
				}
				began := time.Now()
				job := w.job(batch.Draft{Deadline: 20 * time.Minute}, emails)
				w.run(1)
				for row, a := range w.exact(job.ID, len(emails)) {
					if a.Status != verdict.Unknown || a.Reason == verdict.Internal || a.Reason == verdict.Deadline {
						t.Errorf("row %d is %s %s", row, a.Status, a.Reason)
					}
				}
				if took := w.flow.ended.Sub(began); took <= 0 || took > 12*time.Minute {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// script is a verifier that says what a test wants.
type script struct {
	mu    sync.Mutex
	takes time.Duration
	say   func(round int, r verify.Request) (e verify.Evidence, answered bool)
	asked []asked
	flows []verify.Flow
	round int
}

type asked struct {
	after time.Duration
	email string
}

func (s *script) VerifyAll(ctx context.Context, requests iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict] {
	return func(yield func(int, verdict.Verdict) bool) {
		all := slices.Collect(requests)
		s.mu.Lock()
		for _, r := range all {
			s.asked = append(s.asked, asked{time.Since(start()), r.Email})
		}
		s.flows = append(s.flows, f)
		round := s.round
		s.round++
		s.mu.Unlock() // before it waits: a bubble does not see through a lock
		select {
		case <-time.After(s.takes):
		case <-ctx.Done():
		}
		for n, r := range all {
			e, answered := s.say(round, r)
			if !answered {
				continue
			}
			e.Given, e.Mode = r.Email, r.Mode
			e.Address, _ = address.Parse(r.Email)
			if e.Gathered.IsZero() {
				e.Gathered = time.Now()
			}
			v := verify.Decide(e, r.Policy)
			v.Evidence = e
			if !yield(n, v) {
				return
			}
		}
	}
}

// start is when a bubble begins.
func start() time.Time { return time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) }

// probed is evidence of a probe that was answered so.
func probed(a smtpprobe.Answer) verify.Evidence {
	e := verify.Evidence{Probe: &verify.Probe{Answer: a}}
	e.Route.Status, e.Route.Host = "found", "mx.ok.test"
	return e
}

func with(s *script) func(*world) { return func(w *world) { w.ask = s } }

// askedAt fails unless the address was asked at these times, or up to a minute
// later: the queue of the test is looked at every now and then.
func (s *script) askedAt(t *testing.T, email string, want ...time.Duration) {
	t.Helper()
	var got []time.Duration
	for _, a := range s.asked {
		if a.email == email {
			got = append(got, a.after)
		}
	}
	if !slices.EqualFunc(got, want, func(g, w time.Duration) bool { return g >= w && g < w+time.Minute }) {
		t.Errorf("%s is asked at %v, want %v", email, got, want)
	}
}

func TestGreylistedAddressesAreAskedAfterTheWaitsOfTheReference(t *testing.T) {
	for _, tt := range []struct {
		claim    string
		deadline time.Duration
		want     []time.Duration
	}{
		{"as long as there is time", 6 * time.Hour, []time.Duration{0, 6 * time.Minute, 36 * time.Minute, 276 * time.Minute}},
		{"never beyond the deadline", 2 * time.Hour, []time.Duration{0, 6 * time.Minute, 36 * time.Minute}},
		{"not at all", 5 * time.Minute, []time.Duration{0}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &script{say: func(int, verify.Request) (verify.Evidence, bool) {
					return probed(smtpprobe.Answer{Class: reply.Greylisted, Stage: reply.Rcpt, Code: 451}), true
				}}
				w := newWorld(t, with(s))
				job := w.job(batch.Draft{Deadline: tt.deadline}, []string{"alice@ok.test"})
				w.run(1)
				s.askedAt(t, "alice@ok.test", tt.want...)
				if a := w.exact(job.ID, 1)[0]; a.Reason != verdict.Greylisted {
					t.Errorf("got %s %s, want what the last attempt said", a.Status, a.Reason)
				}
			})
		})
	}
}

// TestEachAddressHasItsOwnTime: a shard holds addresses of many servers.
func TestEachAddressHasItsOwnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{say: func(round int, r verify.Request) (verify.Evidence, bool) {
			a := smtpprobe.Answer{Class: reply.Greylisted, Stage: reply.Rcpt, Code: 451}
			switch {
			case strings.HasPrefix(r.Email, "fast"):
				a.Retry = 50 * time.Second
			case strings.HasPrefix(r.Email, "soon"):
				a.Retry = 52 * time.Second
			case strings.HasPrefix(r.Email, "late"):
				a.Retry = 20 * time.Minute
			}
			if round > 0 {
				a = smtpprobe.Answer{Class: reply.MailboxNotFound, Stage: reply.Rcpt, Code: 550}
			}
			return probed(a), true
		}}
		w := newWorld(t, with(s))
		job := w.job(batch.Draft{}, []string{"fast@ok.test", "soon@ok.test", "late@ok.test", "plain@ok.test"})
		w.run(1)
		for email, want := range map[string]time.Duration{
			"fast@ok.test": time.Minute, "soon@ok.test": time.Minute, "plain@ok.test": 6 * time.Minute, "late@ok.test": 24 * time.Minute,
		} {
			s.askedAt(t, email, 0, want)
		}
		if len(s.flows) != 4 {
			t.Errorf("%d attempts asked, want the two that are due together to share one", len(s.flows))
		}
		w.exact(job.ID, 4)
	})
}

// TestWhatTheTimeDidNotSufficeForComesSoon and uses up none of the waits.
func TestWhatTheTimeDidNotSufficeForComesSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{takes: time.Hour, say: func(round int, r verify.Request) (verify.Evidence, bool) {
			switch {
			case round < 4 && strings.HasPrefix(r.Email, "lost"):
				return verify.Evidence{Lost: verify.LostDeadline}, true
			case round < 4:
				return verify.Evidence{}, false // never taken from the stream
			}
			return probed(smtpprobe.Answer{Class: reply.Greylisted, Stage: reply.Rcpt, Code: 451}), true
		}}
		w := newWorld(t, with(s))
		job := w.job(batch.Draft{}, []string{"lost@ok.test", "left@ok.test"})
		w.run(1)
		const attempt = 150 * time.Second
		for _, email := range []string{"lost@ok.test", "left@ok.test"} {
			s.askedAt(t, email, 0, attempt+5*time.Second, 2*attempt+15*time.Second, 3*attempt+35*time.Second, 4*attempt+75*time.Second,
				5*attempt+75*time.Second+6*time.Minute, 6*attempt+75*time.Second+36*time.Minute, 7*attempt+75*time.Second+276*time.Minute)
		}
		w.exact(job.ID, 2)
	})
}

func TestAnswersComeBeforeTheDeadlineOfTheJob(t *testing.T) {
	for _, deadline := range []time.Duration{batch.MinDeadline, time.Minute, 2 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			job := w.job(batch.Draft{Deadline: deadline}, []string{"alice@ok.test", "alice@tarpit.test", "alice@greylist.test"})
			w.run(1)
			answers := w.exact(job.ID, 3)
			if answers[0].Status != verdict.Valid || answers[1].Status != verdict.Unknown {
				t.Errorf("got %s and %s", answers[0].Status, answers[1].Status)
			}
			if passed := answers[2].Status == verdict.Valid; passed != (deadline >= time.Minute) {
				t.Errorf("of a greylist of 20 s: %s %s with a deadline of %v", answers[2].Status, answers[2].Reason, deadline)
			}
			for row, a := range answers {
				if a.CheckedAt.After(job.Deadline) {
					t.Errorf("row %d is of %v after the deadline", row, a.CheckedAt.Sub(job.Deadline))
				}
			}
		})
	}
}

// TestWhatNobodyWasAskedAboutIsNoCheck: the queue is long, or the verifier came to
// half of the shard.
func TestWhatNobodyWasAskedAboutIsNoCheck(t *testing.T) {
	for claim, tt := range map[string]struct {
		late time.Duration
		want int64
	}{
		"all of a shard that comes too late": {time.Minute, 0},
		"what the verifier did not come to":  {0, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &script{takes: time.Hour, say: func(_ int, r verify.Request) (verify.Evidence, bool) {
				switch {
				case strings.HasPrefix(r.Email, "lost"):
					return verify.Evidence{Lost: verify.LostDeadline}, true
				case strings.HasPrefix(r.Email, "left"):
					return verify.Evidence{}, false // never taken from the stream
				}
				e := probed(smtpprobe.Answer{Class: reply.Accepted, Stage: reply.Rcpt, Code: 250})
				e.Probe.CatchAll = verify.Checks
				return e, true
			}}
			w := newWorld(t, with(s))
			job := w.job(batch.Draft{Deadline: time.Minute}, []string{"alice@ok.test", "lost@ok.test", "left@ok.test"})
			time.Sleep(tt.late)
			w.run(1)
			w.exact(job.ID, 3)
			if got := w.load(job.ID); got.Checks != tt.want || w.used() != tt.want || got.Done.ByReason[verdict.Deadline] != 4-2*tt.want {
				t.Errorf("%s: %d checks of the job, %d of the key, %v", claim, got.Checks, w.used(), got.Done.ByReason)
			}
		})
	}
}

// TestTheTimeOfTheFunctionBoundsAnAttempt: what it found must be kept before the
// function ends.
func TestTheTimeOfTheFunctionBoundsAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &script{takes: time.Hour, say: func(int, verify.Request) (verify.Evidence, bool) {
			return verify.Evidence{Lost: verify.LostDeadline}, true
		}}
		w := newWorld(t, with(s))
		job := w.job(batch.Draft{}, []string{"alice@ok.test"})
		ctx, cancel := context.WithTimeout(t.Context(), 80*time.Second)
		defer cancel()
		if err := w.worker.Handle(ctx, batch.Message{Kind: batch.KindShard, Job: job.ID, Items: batch.FilesOf(job.ID).Shard(0, 0, "planned")}); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start()); got != time.Minute {
			t.Errorf("asked for %v, want 20 s less than there are", got)
		}
	})
}

func TestVendorsGetTheirShareAndNothingThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var paid []bool
		s := &script{say: func(round int, r verify.Request) (verify.Evidence, bool) {
			e := probed(smtpprobe.Answer{Class: smtpprobe.ConnectionFailed})
			e.Given, e.Gathered = r.Email, time.Now()
			v := verify.Decide(e, r.Policy)
			v.Evidence = e
			paid = append(paid, r.Vendors && r.Account == account && !r.Later(v))
			return e, true
		}}
		w := newWorld(t, with(s))
		job := w.job(batch.Draft{Options: batch.Options{Vendors: true}}, []string{"alice@ok.test"})
		w.run(1)
		if want := []bool{false, true}; !reflect.DeepEqual(paid, want) {
			t.Errorf("vendors are asked: %v, want %v", paid, want)
		}
		for _, f := range s.flows {
			if f.Probing != 90*time.Second {
				t.Errorf("probing takes %v of 150 s", f.Probing)
			}
		}
		w.exact(job.ID, 1)
	})
}

// TestNothingButGreylistingPassesInASimulation: test keys get their answers at
// once.
func TestNothingButGreylistingPassesInASimulation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, emails := newWorld(t), everybody()
		job := w.job(batch.Draft{Test: true}, emails)
		w.run(1)
		for row, a := range w.exact(job.ID, len(emails)) {
			if took := a.CheckedAt.Sub(start()); took > time.Minute {
				t.Errorf("row %d took %v", row, took)
			}
		}
	})
}
