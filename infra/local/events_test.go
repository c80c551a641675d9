package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
)

// How long the drill is.
var (
	drillEvents = flag.Int("drill-events", 20_000, "events of TestEventsCountOnceThoughTheProcessDies")
	drillDeaths = flag.Int("drill-deaths", 50, "deaths in it")
)

const (
	drillPost      = 10  // events of a POST
	drillClients   = 16  // POSTs at once
	drillAddresses = 300 // so that many events are about one address
)

// drill is a stream of events to an ESP's hook, each POST of which is sent until
// it is acknowledged, and some again.
type drill struct {
	t     *testing.T
	posts int

	mu      sync.Mutex
	waiting []int // posts to be sent
	chance  *rand.Rand

	acked, known atomic.Int64 // POSTs; events that were on record when they came
}

// event says which address the event of a number is about, and what.
func event(n int) (email, kind, reason string) {
	email = fmt.Sprintf("user%d@ok-%d.test", n%drillAddresses, n%7)
	kinds := [][2]string{{"spamreport", "spam_complaint"}, {"unsubscribe", "unsubscribe"}, {"bounce", "hard_bounce"}}
	k := kinds[n/drillAddresses%3]
	return email, k[0], k[1]
}

func body(post int) string {
	var events []string
	for n := post * drillPost; n < (post+1)*drillPost; n++ {
		email, kind, _ := event(n)
		events = append(events, fmt.Sprintf(`{"email":%q,"event":%q,"type":"bounce","status":"5.1.1","timestamp":%d,"sg_event_id":"drill-%d"}`, email, kind, 1790000000+n, n))
	}
	return "[" + strings.Join(events, ",") + "]"
}

// next takes a post, now and then one that was acknowledged before; -1: none is
// left.
func (d *drill) next() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.waiting) == 0 {
		return -1
	}
	if d.chance.IntN(10) == 0 {
		return d.chance.IntN(d.posts)
	}
	post := d.waiting[0]
	d.waiting = d.waiting[1:]
	return post
}

func (d *drill) again(post int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = append(d.waiting, post)
}

// send sends posts until none is left or the product has died.
func (d *drill) send(p *product, url string, dead <-chan struct{}, acknowledged func()) {
	for {
		select {
		case <-dead:
			return
		default:
		}
		post := d.next()
		if post < 0 {
			return
		}
		r, err := http.NewRequest(http.MethodPost, url, strings.NewReader(body(post)))
		if err != nil {
			d.t.Error(err)
			return
		}
		r.Header.Set("Content-Type", "application/json")
		got, err := do(http.DefaultClient, r)
		switch {
		case err != nil: // it died under way
			d.again(post)
		case got.status == http.StatusOK:
			d.acked.Add(1)
			var known int64
			_, _ = fmt.Sscan(got.text("duplicates"), &known)
			d.known.Add(known)
			acknowledged()
		default:
			d.t.Errorf("%d %v", got.status, got.fields)
			return
		}
	}
}

// TestEventsCountOnceThoughTheProcessDies kills the product at random moments
// under a stream of events. Each is recorded once, the counts are exact, and the
// budget is charged once for each.
func TestEventsCountOnceThoughTheProcessDies(t *testing.T) {
	if raceDetector { // which makes all of it ten times as long
		*drillEvents, *drillDeaths = *drillEvents/10, *drillDeaths/10
	}
	data := filepath.Join(t.TempDir(), "data")
	p := launchIn(t, data)
	made, err := p.as(p.env.AdminKey).ask("/v1/keys", fmt.Sprintf(`{"account":"drill","limits":{"reports_per_day":%d,"concurrency":0}}`, *drillEvents))
	if err != nil || made.status != http.StatusCreated {
		t.Fatal(made, err)
	}
	key, token := made.text("secret"), made.text("hook_token")
	d := &drill{t: t, posts: *drillEvents / drillPost, chance: rand.New(rand.NewPCG(7, 7))}
	for post := range d.posts {
		d.waiting = append(d.waiting, post)
	}
	for death := range *drillDeaths + 1 {
		dead := make(chan struct{})
		var left atomic.Int64
		left.Store(1 + int64(d.chance.IntN(max(1, 2*d.posts/(*drillDeaths+1)-1))))
		var die sync.Once
		var clients sync.WaitGroup
		for range drillClients {
			clients.Go(func() {
				d.send(p, p.env.URL+"/v1/hooks/sendgrid/"+token, dead, func() {
					if left.Add(-1) <= 0 && death < *drillDeaths {
						die.Do(func() { p.signal(syscall.SIGKILL); close(dead) })
					}
				})
			})
		}
		clients.Wait()
		if death < *drillDeaths {
			_ = p.end(syscall.SIGKILL)
			p = launchIn(t, data)
		}
	}
	p = &product{cmd: p.cmd, log: p.log, ended: p.ended, env: environment{URL: p.env.URL, Key: key}}
	d.compare(p)

	// Everything once more is known; so the budget has been charged for each once,
	// and is used up but for what flowed back meanwhile.
	recorded := 0
	for post := range d.posts {
		recorded += d.post(p, token, body(post), http.StatusOK)
	}
	if recorded != 0 {
		t.Errorf("%d events were recorded by a second delivery", recorded)
	}
	for post := d.posts; ; post++ {
		if post > d.posts+d.posts/10 {
			t.Error("the budget was not charged for every event")
			break
		}
		if d.post(p, token, body(post), 0) < 0 {
			break
		}
	}
	t.Logf("%d events in POSTs of %d, %d deaths, %d POSTs acknowledged, %d events in them known before", *drillEvents, drillPost, *drillDeaths, d.acked.Load(), d.known.Load())
}

// post sends one more and returns how many were recorded; -1 over budget.
func (d *drill) post(p *product, token, body string, status int) int {
	got, err := p.ask("/v1/hooks/sendgrid/"+token, body)
	if err != nil || status != 0 && got.status != status {
		d.t.Fatalf("%v, %v", got, err)
	}
	if got.status == http.StatusTooManyRequests {
		return -1
	}
	var n int
	_, _ = fmt.Sscan(got.text("recorded"), &n)
	return n
}

// compare holds the list of reports against the events.
func (d *drill) compare(p *product) {
	want := make(map[string]map[string]int)
	for n := range d.posts * drillPost {
		email, _, reason := event(n)
		if want[email] == nil {
			want[email] = make(map[string]int)
		}
		want[email][reason]++
	}
	seen := 0
	for next := "/v1/bounces?limit=200"; next != ""; {
		got := p.call(d.t, "GET", next, "", http.StatusOK)
		for _, row := range got.fields["bounces"].([]any) {
			row := answer{fields: row.(map[string]any)}
			email, total := row.text("email"), 0
			for reason, n := range want[email] {
				total += n
				if row.text("by_reason."+reason) != fmt.Sprint(n) {
					d.t.Errorf("%s of %s: %s, want %d", reason, email, row.text("by_reason."+reason), n)
				}
			}
			if row.text("count") != fmt.Sprint(total) {
				d.t.Errorf("%s: %s events, want %d", email, row.text("count"), total)
			}
			seen++
		}
		next = ""
		if cursor := got.text("next"); cursor != "-" {
			next = "/v1/bounces?limit=200&next=" + cursor
		}
	}
	if seen != len(want) {
		d.t.Errorf("%d addresses were reported, want %d", seen, len(want))
	}
}
