package dynamo_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/keys"
	"rcpt/internal/pace"
	"rcpt/internal/store"
	"rcpt/internal/usage"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// everything is a storm in which one try in ten is spoiled one way or another.
func everything(seed uint64) func(operation string) cloudtest.Fault {
	return cloudtest.Storm(seed, 10, slices.Concat(harmless, ambiguous)...)
}

// retried calls until the outcome is known to be good.
func retried(t *testing.T, call func() error) {
	for range 100 {
		if call() == nil {
			return
		}
	}
	t.Error("got 100 errors in a row")
}

// A check that was admitted and is done until Done says so is counted once. One
// whose admission came to an unknown end may have been counted on the month, as
// the Meter says, and nothing else.
func TestUsageInAStorm(t *testing.T) {
	client, calm, name := stormy(t, everything(4))
	limits := usage.Limits{Concurrency: 200, Monthly: writers*rounds - 100}
	meter := usage.NewMeter(dynamo.New(client, name, restless(atNoon)), atNoon, nil)
	var admitted, canceled, done, unknown, refused atomic.Int64
	writing(func(_, round int, _ string) {
		ticket, err := meter.Admit(t.Context(), "k1", limits)
		switch {
		case errors.Is(err, usage.ErrQuota):
			refused.Add(1)
			return
		case err != nil:
			if !errors.Is(err, store.ErrThrottled) {
				unknown.Add(1)
			}
			return
		}
		admitted.Add(1)
		if round%5 == 0 {
			retried(t, func() error { return ticket.Cancel(t.Context()) })
			canceled.Add(1)
			return
		}
		retried(t, func() error { return ticket.Done(t.Context(), usage.Check{Kind: "full", Outcome: "VALID"}) })
		done.Add(1)
	})
	days, err := usage.NewMeter(dynamo.New(calm, name, restless(atNoon)), atNoon, nil).Usage(t.Context(), "k1", noon, noon)
	if err != nil || len(days) != 1 || days[0].Counts["full"]["VALID"] != done.Load() {
		t.Errorf("got %+v, %v, want %d checks", days, err, done.Load())
	}
	item, err := dynamo.New(calm, name, restless(atNoon)).Get(t.Context(), store.Key{Part: "RT#k1"})
	if err != nil {
		t.Fatal(err)
	}
	kept := admitted.Load() - canceled.Load()
	if got := item.Int("m2026-11"); got < kept || got > kept+unknown.Load() || got > limits.Monthly {
		t.Errorf("month: got %d, want %d to %d", got, kept, kept+unknown.Load())
	}
	t.Logf("admitted %d, unknown %d, refused %d, given back %d", admitted.Load(), unknown.Load(), refused.Load(), canceled.Load())
}

// A key that was made is there as a whole: by its secret, in both lists and in
// the audit log; a change is there together with its entry, once.
func TestKeysInAStorm(t *testing.T) {
	client, calm, name := stormy(t, everything(5))
	book := keys.NewBook(dynamo.New(client, name, restless(atNoon)), plainVault{}, atNoon, rand.Reader)
	truth := keys.NewBook(dynamo.New(calm, name, restless(atNoon)), plainVault{}, atNoon, rand.Reader)
	made := make(chan keys.Key, writers*rounds)
	var unknown, changed atomic.Int64
	writing(func(_, round int, name string) {
		if round%4 > 0 {
			return
		}
		key, secrets, err := book.Create(t.Context(), keys.Draft{Account: "acme"})
		if err != nil {
			unknown.Add(1)
			return
		}
		if got, err := truth.Authenticate(t.Context(), secrets.API); err != nil || got.ID != key.ID {
			t.Errorf("Authenticate = %+v, %v, want key %s", got, err, key.ID)
		}
		if _, err := book.Change(t.Context(), key.ID, keys.Patch{Label: &name}); err == nil {
			changed.Add(1)
			if got, err := truth.Find(t.Context(), key.ID); err != nil || got.Label != name {
				t.Errorf("Find = %+v, %v, want the label %q", got, err, name)
			}
		} else {
			unknown.Add(1)
		}
		made <- key
	})
	close(made)
	listed := map[string]int{}
	for _, account := range []string{"", "acme"} {
		for key := range pages(t, func(after string) ([]keys.Key, string, error) { return truth.List(t.Context(), account, after, 100) }) {
			listed[key.ID]++
		}
	}
	acts := map[keys.Act]map[string]int{keys.Created: {}, keys.Changed: {}}
	for entry := range pages(t, func(after string) ([]keys.Entry, string, error) { return truth.Audit(t.Context(), "acme", after, 100) }) {
		acts[entry.Act][entry.Key]++
	}
	n := 0
	for key := range made {
		n++
		if listed[key.ID] != 2 || acts[keys.Created][key.ID] != 1 || acts[keys.Changed][key.ID] > 1 {
			t.Errorf("key %s: in %d lists, %d times created, %d times changed", key.ID, listed[key.ID], acts[keys.Created][key.ID], acts[keys.Changed][key.ID])
		}
	}
	for id, lists := range listed {
		if lists != 2 || acts[keys.Created][id] != 1 {
			t.Errorf("key %s: in %d lists, %d times created", id, lists, acts[keys.Created][id])
		}
	}
	if extra := len(listed) - n; extra < 0 || int64(extra) > unknown.Load() {
		t.Errorf("got %d keys beside the %d acknowledged, want at most %d", extra, n, unknown.Load())
	}
	if extra := int64(len(acts[keys.Changed])) - changed.Load(); extra < 0 || extra > unknown.Load() {
		t.Errorf("got %d changes beside the %d acknowledged, want at most %d", extra, changed.Load(), unknown.Load())
	}
	t.Logf("%d keys, %d changed, %d unknown", n, changed.Load(), unknown.Load())
}

// pages ranges over a list page by page.
func pages[T any](t *testing.T, list func(after string) ([]T, string, error)) func(yield func(T) bool) {
	return func(yield func(T) bool) {
		for after, more := "", true; more; more = after != "" {
			var some []T
			var err error
			if some, after, err = list(after); err != nil {
				t.Fatal(err)
			}
			for _, one := range some {
				if !yield(one) {
					return
				}
			}
		}
	}
}

type plainVault struct{}

func (plainVault) Seal(_ context.Context, text []byte, _ map[string]string) ([]byte, error) {
	return text, nil
}
func (plainVault) Open(_ context.Context, text []byte, _ map[string]string) ([]byte, error) {
	return text, nil
}

// No operator gets more sessions at once than it bears, and what is lost is made
// good when its term ends: sessions go on.
func TestPaceInAStorm(t *testing.T) {
	const operator, term = "ovh.net", 60 * time.Second
	client, calm, name := stormy(t, everything(6))
	start := time.Now()
	clock := func() time.Time { return noon.Add(60 * time.Since(start)) }
	truth := dynamo.New(calm, name, restless(nil))
	pacer := pace.New(pace.Config{Mode: pace.On, Table: dynamo.New(client, name, restless(clock)), Now: clock})
	to := pace.Target{Host: "mx." + operator, IP: netip.MustParseAddr("192.0.2.1"), Domain: "d.example"}
	var mu sync.Mutex
	running := map[string]time.Time{} // by session, since when at the longest
	var lost atomic.Int64
	writing(func(_, round int, name string) {
		if round%6 > 0 {
			return
		}
		permit, since := pace.Permit{}, time.Time{}
		for err := errors.New("not yet"); err != nil; {
			since = clock()
			permit, err = pacer.Admit(t.Context(), to)
		}
		mu.Lock()
		running[name] = since
		n := 0
		for _, began := range running {
			if clock().Sub(began) < term {
				n++
			}
		}
		mu.Unlock()
		if n > pace.SessionsAtOnce(operator) {
			t.Errorf("%d sessions at once", n)
		}
		_, _ = truth.Get(t.Context(), item.Key) // the session
		mu.Lock()
		delete(running, name)
		mu.Unlock()
		if _, err := permit.Done(t.Context(), pace.Report{Asked: 1}); err != nil {
			lost.Add(1)
		}
	})
	t.Logf("%d sessions in %v, %d of which may have left their slot taken", writers*rounds/6, clock().Sub(noon), lost.Load())
}
