package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// as is the product asked with another key.
func (p *product) as(key string) *product {
	return &product{env: environment{URL: p.env.URL, Key: key}}
}

// newKey makes a key with limits, given as JSON.
func (p *product) newKey(t *testing.T, limits string) string {
	t.Helper()
	made, err := p.as(p.env.AdminKey).ask("/v1/keys", `{"account":"drill","limits":`+limits+`}`)
	if err != nil || made.status != http.StatusCreated {
		t.Fatalf("make a key: %v, %v", made, err)
	}
	return made.fields["secret"].(string)
}

// launchIn starts the product on a folder that outlives it.
func launchIn(t *testing.T, data string) *product {
	t.Helper()
	p, err := launch(t.TempDir(), []string{"RCPT_ADDR=127.0.0.1:0", "RCPT_DATA=" + data, "RCPT_DNS=" + nowhere}, "rcpt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.end(syscall.SIGKILL) })
	return p
}

func TestFortyAtOnceAreTenAnswers(t *testing.T) {
	p := launchIn(t, filepath.Join(t.TempDir(), "data"))
	var answered, refused atomic.Int64
	var wg sync.WaitGroup
	for range 40 {
		wg.Go(func() {
			got, err := p.ask("/v1/verify", `{"email":"alice@slow.test"}`)
			switch {
			case err == nil && got.status == http.StatusOK:
				answered.Add(1)
			case err == nil && got.status == http.StatusTooManyRequests:
				refused.Add(1)
			default:
				t.Errorf("%v, %v", got, err)
			}
		})
	}
	wg.Wait()
	if answered.Load() != 10 || refused.Load() != 30 {
		t.Errorf("%d answered, %d refused, want 10 and 30", answered.Load(), refused.Load())
	}
}

// The month of a key is never granted twice, however often the process dies,
// and only what was under way when it died is lost.
func TestQuotaIsExactThoughTheProcessDies(t *testing.T) {
	const quota, clients, kills = 3000, 64, 20
	data := filepath.Join(t.TempDir(), "data")
	p := launchIn(t, data)
	key := p.newKey(t, fmt.Sprintf(`{"monthly":%d,"concurrency":0}`, quota))

	var answered atomic.Int64
	for kill := range kills + 1 {
		var enough atomic.Int64
		enough.Store(quota / (2 * kills)) // answers until the next death; the month outlasts the deaths
		if kill == kills {
			enough.Store(quota)
		}
		dead, usedUp := make(chan struct{}), atomic.Bool{}
		var die sync.Once
		var wg sync.WaitGroup
		for range clients {
			wg.Go(func() {
				for !usedUp.Load() {
					select {
					case <-dead:
						return
					default:
					}
					got, err := p.as(key).ask("/v1/verify", `{"email":"alice@ok.test"}`)
					switch {
					case err != nil: // died under way
					case got.status == http.StatusOK:
						answered.Add(1)
						if enough.Add(-1) <= 0 {
							die.Do(func() { p.signal(syscall.SIGKILL); close(dead) })
						}
					case got.status == http.StatusPaymentRequired:
						usedUp.Store(true)
					default:
						t.Errorf("%v", got)
						return
					}
				}
			})
		}
		wg.Wait()
		if kill < kills {
			_ = p.end(syscall.SIGKILL)
			p = launchIn(t, data)
		}
	}
	lost := quota - answered.Load()
	t.Logf("%d of %d answered, %d lost with %d deaths among %d clients", answered.Load(), quota, lost, kills, clients)
	if lost < 0 || lost > kills*clients {
		t.Errorf("%d answered of %d, want none too many and at most %d fewer", answered.Load(), quota, kills*clients)
	}
	if got, err := p.as(key).ask("/v1/verify", `{"email":"alice@ok.test"}`); err != nil || got.status != http.StatusPaymentRequired {
		t.Errorf("after the month is used up: %v, %v, want 402", got, err)
	}
}
