package verify

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/overlay"
)

// act is what one key does at a time.
type act struct {
	at    time.Duration
	key   string
	email string
	event overlay.Event // a report; without an id the act is a check
}

// acts are random reports and checks of a few addresses by several keys, each
// at a time of its own, so that probes overlap. No domain gets three votes.
func acts(chance *rand.Rand) (all []act) {
	for n := range 120 {
		a := act{
			at:  time.Duration(n)*100*time.Millisecond + time.Duration(chance.Int64N(int64(90*time.Millisecond))),
			key: fmt.Sprint("key", chance.IntN(4)), email: fmt.Sprintf("user%d@d%d.example", chance.IntN(3), chance.IntN(2)),
		}
		if chance.IntN(4) == 0 {
			reason := []overlay.Reason{overlay.SoftBounce, overlay.Unsubscribe}[chance.IntN(2)]
			if a.key <= "key1" {
				reason = overlay.HardBounce
			}
			a.event = overlay.Event{Email: a.email, Reason: reason, ID: fmt.Sprint("test:", chance.IntN(40)), Source: "test"}
		}
		all = append(all, a)
	}
	return all
}

// play carries acts out and returns what the checks of each key came to, and
// when.
func play(t *testing.T, all []act) map[string][]string {
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	b := newBench(oneExchanger, takes(time.Second))
	secret := []byte("secret")
	book := overlay.New(overlay.Config{
		Table: db.Cache(), Vault: db.Vault(), Secret: secret, Now: time.Now, Forget: NewForgetter(db.Cache(), secret).Forget,
	})
	b.cfg.Cache, b.cfg.Overlay = db.Cache(), book
	b.Verifier = New(b.cfg)

	start := time.Now()
	var mu sync.Mutex
	seen := make(map[string][]string)
	var under sync.WaitGroup
	for _, a := range all {
		under.Go(func() {
			time.Sleep(a.at)
			if a.event.ID != "" {
				key := overlay.Key{ID: a.key, Account: a.key, ReportsPerDay: 5}
				if _, err := book.Record(t.Context(), key, []overlay.Event{a.event}, time.Now(), overlay.Terms{}); err != nil {
					t.Errorf("record: %v", err)
				}
				return
			}
			r := ask(4 * time.Second)
			r.Scope, r.Email = a.key, a.email
			v := b.Verify(t.Context(), r)
			line := fmt.Sprint(a.at, " ", v.Status, " ", v.Reason, " cached ", v.Cached, " history ", v.AccountHistory.Count, v.AccountHistory.PreviousReason,
				" trap ", v.SpamTrap, " at ", time.Since(start), " in ", v.LatencyMS)
			mu.Lock()
			defer mu.Unlock()
			seen[a.key] = append(seen[a.key], line)
		})
	}
	under.Wait()
	for _, lines := range seen {
		slices.Sort(lines)
	}
	return seen
}

// What the others report and check shows in nothing that a key gets: not in its
// verdicts, and not in the time that they take, whatever is under way.
func TestAKeyNoticesNothingOfTheOthers(t *testing.T) {
	for seed := range uint64(8) {
		synctest.Test(t, func(t *testing.T) {
			everything := acts(rand.New(rand.NewPCG(seed, 5)))
			together := play(t, everything)
			for n := range 4 {
				key := fmt.Sprint("key", n)
				alone := play(t, slices.DeleteFunc(slices.Clone(everything), func(a act) bool { return a.key != key }))
				got, want := strings.Join(together[key], "\n"), strings.Join(alone[key], "\n")
				if got != want {
					t.Errorf("seed %d: among others %s gets\n%s\nalone\n%s", seed, key, got, want)
				}
				if !strings.Contains(got, "previously_bounced") || !strings.Contains(got, "smtp_verified") {
					t.Errorf("seed %d: %s sees only\n%s", seed, key, got)
				}
			}
		})
	}
}
