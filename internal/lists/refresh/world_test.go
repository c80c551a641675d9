package refresh_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/lists/refresh"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// start is when the tests begin, later than any built-in table.
var start = time.Date(2027, time.March, 1, 6, 0, 0, 0, time.UTC)

// world is a job, the store it writes to and the web it reads from.
type world struct {
	*testing.T
	clock  *storetest.Clock
	blob   store.Blob
	web    *web
	config refresh.Config
	live   *lists.Live
	meter  *meter
}

// newWorld returns a world whose built-in table has these hosts; nil: the real
// one. Its sources are those of the web's lists, in the order of their names:
// "family-anything".
func newWorld(t *testing.T, builtin []string) *world {
	t.Helper()
	w := &world{T: t, clock: storetest.NewClock(start), web: newWeb(t), meter: new(meter)}
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w.blob = db.Blob()
	table := lists.New()
	if builtin != nil {
		table = tableOf(t, start.Add(-24*time.Hour), builtin...)
	}
	w.live = lists.NewLive(table)
	w.config = refresh.Config{
		Blob: w.blob, Client: w.web.Client(), Table: table, Now: w.clock.Now, Metric: w.meter.count, MinPopular: 1, Timeout: 10 * time.Second,
	}
	return w
}

// lists puts a list on the web and makes it a source.
func (w *world) list(name string, lines ...string) {
	w.Helper()
	w.web.set(name, lines...)
	family, _, _ := strings.Cut(name, "-")
	source, ok := refresh.NewSource(family, w.web.URL+"/"+name)
	if !ok {
		w.Fatalf("no family %s", family)
	}
	source.Name = name
	if !slices.ContainsFunc(w.config.Sources, func(s refresh.Source) bool { return s.Name == name }) {
		w.config.Sources = append(w.config.Sources, source)
	}
}

func (w *world) run(req refresh.Request) refresh.Report {
	w.Helper()
	r, err := refresh.New(w.config).Run(w.Context(), req)
	if err != nil {
		w.Fatalf("Run: %v", err)
	}
	return r
}

// daily runs a day later.
func (w *world) daily() refresh.Report {
	w.Helper()
	w.clock.Advance(24 * time.Hour)
	return w.run(refresh.Request{})
}

func (w *world) follower() *refresh.Follower {
	return refresh.NewFollower(refresh.FollowerConfig{Blob: w.blob, Live: w.live, Table: w.config.Table, Now: w.clock.Now, Metric: w.meter.count})
}

// follow returns the table that a reader has in use after a look.
func (w *world) follow() *lists.Table {
	w.Helper()
	if err := w.follower().Look(w.Context()); err != nil {
		w.Fatalf("Look: %v", err)
	}
	return w.live.Table()
}

// wantTiers checks what the table in use says of hosts; "": not listed.
func (w *world) wantTiers(want map[string]lists.Tier) {
	w.Helper()
	table := w.follow()
	for host, tier := range want {
		if got := table.Disposable(host); got.Tier != tier {
			w.Errorf("%s is of tier %q, want %q", host, got.Tier, tier)
		}
	}
}

// tableOf returns a table with these hosts beside the built-in small tables.
func tableOf(t *testing.T, built time.Time, hosts ...string) *lists.Table {
	t.Helper()
	table, err := lists.Open(string(snapshotOf(t, built, hosts...)))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func snapshotOf(t *testing.T, built time.Time, hosts ...string) []byte {
	t.Helper()
	all := make(build.Hosts)
	for _, host := range hosts {
		all[host] = lists.Mailchecker | lists.Community
	}
	var r build.Report
	data, err := build.Encode(all, built, &r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// names returns n hosts that begin with a word.
func names(word string, n int) (hosts []string) {
	for i := range n {
		hosts = append(hosts, fmt.Sprintf("%s-%03d.com", word, i))
	}
	return hosts
}

// web serves lists, with ETags.
type web struct {
	*httptest.Server
	mu    sync.Mutex
	pages map[string]http.HandlerFunc
	asked map[string]int // answers of 200, by list
}

func newWeb(t *testing.T) *web {
	w := &web{pages: make(map[string]http.HandlerFunc), asked: make(map[string]int)}
	w.Server = httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		page := w.pages[strings.Trim(r.URL.Path, "/")]
		w.mu.Unlock()
		if page == nil {
			http.NotFound(out, r)
			return
		}
		page(out, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *web) handle(name string, page http.HandlerFunc) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.pages[name] = page
}

func (w *web) set(name string, lines ...string) {
	text := strings.Join(lines, "\n") + "\n"
	etag := fmt.Sprintf("%q", fmt.Sprintf("%d-%x", len(text), hashOf(text)))
	w.handle(name, func(out http.ResponseWriter, r *http.Request) {
		out.Header().Set("ETag", etag)
		out.Header().Set("Content-Type", "text/plain; charset=utf-8")
		if r.Header.Get("If-None-Match") == etag {
			out.WriteHeader(http.StatusNotModified)
			return
		}
		w.mu.Lock()
		w.asked[name]++
		w.mu.Unlock()
		_, _ = out.Write([]byte(text))
	})
}

func (w *web) answers(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked[name]
}

func hashOf(text string) (h uint32) {
	for _, c := range []byte(text) {
		h = h*31 + uint32(c)
	}
	return h
}

// meter keeps what was measured.
type meter struct {
	mu   sync.Mutex
	seen []string
}

func (m *meter) count(name string, value float64, labels ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if name == "lists_age_hours" {
		labels = []string{fmt.Sprintf("%.0f", value)}
	}
	m.seen = append(m.seen, strings.Join(append([]string{name}, labels...), " "))
}

// take returns what was measured since the last take.
func (m *meter) take() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := m.seen
	m.seen = nil
	return seen
}

// want checks that a measure was taken, and forgets all.
func (m *meter) want(t *testing.T, measure string) {
	t.Helper()
	if seen := m.take(); !slices.Contains(seen, measure) {
		t.Errorf("measured %q, want %q among it", seen, measure)
	}
}
