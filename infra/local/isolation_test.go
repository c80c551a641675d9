package main

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

var isolationSeed = flag.Uint64("isolation-seed", 1, "what the keys of TestNothingButConsensusCrossesKeys do")

// consensus is what all accounts together reported of domains: reports that have
// begun, and those that were acknowledged.
type consensus struct {
	mu          sync.Mutex
	begun, done map[string]map[string]bool // accounts by domain
}

func (c *consensus) add(to map[string]map[string]bool, domain, account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if to[domain] == nil {
		to[domain] = make(map[string]bool)
	}
	to[domain][account] = true
}

func (c *consensus) reached(in map[string]map[string]bool, domain string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(in[domain]) >= 3
}

// customer is one key and what it alone did.
type customer struct {
	*product
	account string
	all     *consensus
	chance  *rand.Rand
	reports map[string]map[string]int // by address, then by reason
	sent    []string                  // bodies of reports, some of which come again
}

func (c *customer) email() (email, domain string) {
	domain = fmt.Sprintf("ok-%d.test", c.chance.IntN(6))
	return []string{"alice", "bob", "user1", "nobody"}[c.chance.IntN(4)] + "@" + domain, domain
}

// report reports something new, or something again.
func (c *customer) report(t *testing.T) {
	if len(c.sent) > 0 && c.chance.IntN(4) == 0 {
		if got, err := c.ask("/v1/report-bounce", c.sent[c.chance.IntN(len(c.sent))]); err != nil || got.text("duplicate") != "true" {
			t.Errorf("%s reports again: %v, %v", c.account, got.fields, err)
		}
		return
	}
	email, domain := c.email()
	reason := []string{"hard_bounce", "soft_bounce", "spam_complaint", "unsubscribe"}[c.chance.IntN(4)]
	votes := reason == "hard_bounce" || reason == "spam_complaint"
	if votes {
		c.all.add(c.all.begun, domain, c.account)
	}
	body := fmt.Sprintf(`{"email":%q,"reason":%q,"event_id":"e%d"}`, email, reason, len(c.sent))
	got, err := c.ask("/v1/report-bounce", body)
	if err != nil || got.text("recorded") != "true" {
		t.Errorf("%s reports: %v, %v", c.account, got.fields, err)
	}
	if votes {
		c.all.add(c.all.done, domain, c.account)
	}
	c.sent = append(c.sent, body)
	if c.reports[email] == nil {
		c.reports[email] = make(map[string]int)
	}
	c.reports[email][reason]++
}

// check asks for a verdict and holds it against what this key did itself, and
// what all agree on.
func (c *customer) check(t *testing.T) {
	email, domain := c.email()
	must := c.all.reached(c.all.done, domain)
	got, err := c.ask("/v1/check", fmt.Sprintf(`{"email":%q,"fresh":%t}`, email, c.chance.IntN(3) == 0))
	may := c.all.reached(c.all.begun, domain)
	if err != nil || got.status != http.StatusOK {
		t.Errorf("%s checks: %v, %v", c.account, got, err)
		return
	}
	if trap := got.text("spam_trap") == "true"; trap && !may || !trap && must {
		t.Errorf("%s: %s is called a trap: %t, three accounts reported it before: %t, by now: %t", c.account, domain, trap, must, may)
	}
	matched, reason, count := "false", "-", 0
	for _, strongest := range []string{"soft_bounce", "unsubscribe", "hard_bounce", "spam_complaint"} {
		if n := c.reports[email][strongest]; n > 0 {
			matched, reason, count = "true", strongest, count+n
		}
	}
	text := "-"
	if count > 0 {
		text = fmt.Sprint(min(count, 16))
	}
	if got.text("account_history.matched") != matched || got.text("account_history.previous_reason") != reason || got.text("account_history.count") != text ||
		(got.text("reason") == "previously_bounced") != (count > 0) {
		t.Errorf("%s asks for %s and is told %v, %s; want matched %s, %s, %s", c.account, email, got.fields["account_history"], got.text("reason"), matched, reason, text)
	}
}

// erase forgets an address, if there is something to forget.
func (c *customer) erase(t *testing.T) {
	if len(c.reports) == 0 {
		return
	}
	known := slices.Sorted(maps.Keys(c.reports))
	email := known[c.chance.IntN(len(known))]
	r, err := http.NewRequest(http.MethodDelete, c.env.URL+"/v1/addresses", strings.NewReader(fmt.Sprintf(`{"email":%q}`, email)))
	if err != nil {
		t.Error(err)
		return
	}
	r.Header.Set("Authorization", "Bearer "+c.env.Key)
	if got, err := do(http.DefaultClient, r); err != nil || got.text("reports") != "1" {
		t.Errorf("%s erases %s: %v, %v", c.account, email, got.fields, err)
	}
	delete(c.reports, email)
}

// TestNothingButConsensusCrossesKeys has seven keys of four accounts report,
// check and erase the same few addresses at the same time, at random. What each
// is told follows from what it did itself and from what accounts agree on, and
// from nothing that another key did or has under way.
func TestNothingButConsensusCrossesKeys(t *testing.T) {
	p := start(t)
	all := &consensus{begun: make(map[string]map[string]bool), done: make(map[string]map[string]bool)}
	var keys sync.WaitGroup
	for i := range 7 {
		account := fmt.Sprint("account-", i%4)
		made, err := p.as(p.env.AdminKey).ask("/v1/keys", `{"account":"`+account+`","limits":{"reports_per_day":0}}`)
		if err != nil || made.status != http.StatusCreated {
			t.Fatal(made, err)
		}
		c := &customer{
			product: p.as(made.text("secret")), account: account, all: all, reports: make(map[string]map[string]int),
			chance: rand.New(rand.NewPCG(*isolationSeed, uint64(i))),
		}
		keys.Go(func() {
			for range 250 {
				switch n := c.chance.IntN(20); {
				case n < 6 && len(c.sent) < 60:
					c.report(t)
				case n == 6:
					c.erase(t)
				default:
					c.check(t)
				}
			}
		})
	}
	keys.Wait()
}
