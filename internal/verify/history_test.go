package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/embedded"
	"rcpt/internal/overlay"
	"rcpt/internal/verdict"
)

// overlayFunc is an Overlay as a function.
type overlayFunc func(ctx context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error)

func (f overlayFunc) Look(ctx context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error) {
	return f(ctx, key, addresses...)
}

// ledger is an Overlay that says of each key's reports that they bounced hard.
type ledger struct {
	mu       sync.Mutex
	reported map[string]bool // key and address
	reads    atomic.Int64
}

func (l *ledger) Look(_ context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error) {
	l.reads.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	sights := make([]overlay.Sight, len(addresses))
	for i, a := range addresses {
		if l.reported[key+" "+a.Identity()] {
			sights[i].History = verdict.History{Matched: true, PreviousReason: "hard_bounce", Count: 1}
		}
	}
	return sights, nil
}

func (l *ledger) report(key, address string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.reported[key+" "+address] = true
}

func TestTheOverlayIsReadOnceForEachCheck(t *testing.T) {
	for claim, tt := range map[string]struct {
		email string
		want  int64
	}{"an address": {"alice@ok.example", 1}, "a literal": {"alice@[192.0.2.1]", 1}, "no address": {"alice", 0}} {
		synctest.Test(t, func(t *testing.T) {
			b, l := newBench(oneExchanger, takes(time.Millisecond)), &ledger{}
			b.cfg.Overlay = l
			r := ask(time.Second)
			r.Email = tt.email
			b.Verify(t.Context(), r)
			if got := l.reads.Load(); got != tt.want {
				t.Errorf("%s: %d reads, want %d", claim, got, tt.want)
			}
		})
	}
}

func TestAStreamReadsTheOverlayForManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(oneExchanger, takes(time.Millisecond)), &ledger{reported: map[string]bool{"key user7@no.example": true}}
		b.cfg.Overlay = l
		var requests iter.Seq[Request] = func(yield func(Request) bool) {
			for i := range 1000 {
				if !yield(Request{Scope: "key", Email: fmt.Sprintf("user%d@no.example", i), Mode: Soft, Policy: DefaultPolicy()}) {
					return
				}
			}
		}
		for i, v := range b.VerifyAll(t.Context(), requests, Flow{}) {
			if matched := v.Reason == verdict.PreviouslyBounced; matched != (i == 7) {
				t.Errorf("address %d: %s %s", i, v.Status, v.Reason)
			}
		}
		if n := l.reads.Load(); n < 10 || n > 30 {
			t.Errorf("%d reads for 1000 addresses", n)
		}
	})
}

func TestAnOverlayThatCannotBeReadCostsNoVerdict(t *testing.T) {
	for claim, look := range map[string]overlayFunc{
		"it fails": func(context.Context, string, ...address.Address) ([]overlay.Sight, error) {
			return nil, errors.New("gone")
		},
		"it hangs": func(ctx context.Context, _ string, _ ...address.Address) ([]overlay.Sight, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newBench(oneExchanger, takes(time.Millisecond))
			b.cfg.Overlay = look
			got := b.Verify(t.Context(), ask(4*time.Second))
			synctest.Wait()
			if got.Status != verdict.Valid || !got.Evidence.(Evidence).HistoryLost {
				t.Errorf("%s: %s %s", claim, got.Status, got.Reason)
			}
			if !strings.Contains(b.log.String(), "reports of key not readable") || strings.Contains(b.log.String(), "alice") {
				t.Errorf("%s: log %q", claim, b.log)
			}
		})
	}
}

// A check that comes after a report does not wait for one that came before it.
func TestAReportShowsWhileAProbeIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, l := newBench(oneExchanger, takes(2*time.Second)), &ledger{reported: map[string]bool{}}
		b.cfg.Overlay = l
		first := make(chan verdict.Verdict)
		go func() { first <- b.Verify(t.Context(), ask(4*time.Second)) }()
		synctest.Wait()
		l.report("key", "alice@ok.example")
		start := time.Now()
		got := b.Verify(t.Context(), ask(4*time.Second))
		if got.Reason != verdict.PreviouslyBounced || time.Since(start) != 0 {
			t.Errorf("%s %s after %v", got.Status, got.Reason, time.Since(start))
		}
		if before := <-first; before.Status != verdict.Valid {
			t.Errorf("the check before: %s %s", before.Status, before.Reason)
		}
		other := ask(4 * time.Second)
		other.Scope = "other"
		if got := b.Verify(t.Context(), other); got.Status != verdict.Valid || time.Since(start) != 4*time.Second {
			t.Errorf("another key: %s %s after %v", got.Status, got.Reason, time.Since(start))
		}
	})
}

func TestForgetDropsTheEvidenceOfTheKeyAlone(t *testing.T) {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(oneExchanger, takes(0))
	b.cfg.Cache = db.Cache()
	b.Verifier = New(b.cfg)
	check := func(key, email string) (cached bool) {
		r := ask(time.Minute)
		r.Scope, r.Email = key, email
		return b.Verify(t.Context(), r).Cached
	}
	emails := []string{"alice@ok.example", "Alice@ok.example", "bob@ok.example"}
	for _, email := range emails {
		check("one", email)
		check("two", email)
	}
	f := NewForgetter(db.Cache(), []byte("secret"))
	for i, want := range []int{2, 0} {
		a, _ := address.Parse("Alice@OK.example")
		c, _ := address.Parse("carol@ok.example")
		if n, err := f.Forget(t.Context(), "one", a, c); n != want || err != nil {
			t.Errorf("call %d: %d dropped, want %d; error %v", i, n, want, err)
		}
	}
	for _, email := range emails {
		if got, want := check("one", email), email == "bob@ok.example"; got != want {
			t.Errorf("%s of the key: cached %v", email, got)
		}
		if !check("two", email) {
			t.Errorf("%s of another key: not cached", email)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	a, _ := address.Parse("alice@ok.example")
	if _, err := f.Forget(t.Context(), "one", a); err == nil {
		t.Error("no error from a table that is closed")
	}
}
