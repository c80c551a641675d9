package refresh_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/lists/refresh"
)

// fixtures is where snapshots of public lists lie: beside the checkout, for they
// are not ours to carry.
const fixtures = "../../../../shared/fixtures/lists"

// fixtureServer serves the fixtures, with lines added to one of them.
type fixtureServer struct {
	*httptest.Server
	poison map[string][]string // by list
}

func serveFixtures(t *testing.T) *fixtureServer {
	t.Helper()
	if _, err := os.Stat(fixtures); errors.Is(err, os.ErrNotExist) {
		t.Skip("the snapshots of public lists lie beside the checkout, and not here")
	}
	s := &fixtureServer{poison: make(map[string][]string)}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := strings.Trim(r.URL.Path, "/")
		data, err := os.ReadFile(filepath.Join(fixtures, name+".txt.gz"))
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if lines := s.poison[name]; lines != nil {
			var more bytes.Buffer
			zip := gzip.NewWriter(&more)
			_, _ = zip.Write([]byte("\n" + strings.Join(lines, "\n") + "\n"))
			_ = zip.Close()
			data = append(data, more.Bytes()...) // two members are one stream (RFC 1952 §2.2)
		}
		w.Header().Set("Content-Type", "application/gzip")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *fixtureServer) sources(t *testing.T) (sources []refresh.Source) {
	t.Helper()
	for _, list := range []struct{ family, name string }{
		{"aggregates", "amieiro"}, {"aggregates", "stellarsand"}, {"aggregates", "fnando"}, {"aggregates", "mydearniko"},
		{refresh.Popular, "top50k"},
	} {
		source, ok := refresh.NewSource(list.family, s.URL+"/"+list.name)
		if !ok {
			t.Fatalf("no family %s", list.family)
		}
		source.Name = list.name
		sources = append(sources, source)
	}
	return sources
}

// TestCheckRefreshOnFixtures refreshes from snapshots of real lists, poison and
// all, by the way of the product: over HTTP, through the store, into a reader.
func TestCheckRefreshOnFixtures(t *testing.T) {
	if raceDetector {
		t.Skip("a million lines prove figures; the races are those of the small lists of the other tests")
	}
	server := serveFixtures(t)
	w := newWorld(t, nil)
	w.config.Sources, w.config.Client, w.config.MinPopular = server.sources(t), server.Client(), 0
	w.config.Timeout = time.Minute

	began, most := time.Now(), watchMemory()
	first := w.run(refresh.Request{})
	took := time.Since(began)
	table := w.follow()
	info := table.Info()
	t.Logf("%s in %v: %d hosts, %d rules, %d registrable; curated %d, several families %d, one family %d, aggregators %d", first.Outcome,
		took.Round(time.Millisecond), info.Hosts, info.Rules, info.Registrable, info.Curated, info.Families, info.Family, info.Aggregator)
	for _, s := range first.Sources {
		t.Logf("%-12s %6d lines %6d hosts %5d new %5d quarantined %4d held %4d removed %4d rejected %s", s.Name, s.Lines, s.Hosts, s.New, s.Quarantined,
			s.Held, s.Removed, sum(s.Rejects), s.Problem)
	}
	t.Logf("held back: %d %v", first.HeldBack, first.Held[:min(len(first.Held), 12)])
	if info.Hosts < 238_000 || first.Outcome != refresh.Published {
		t.Errorf("%s with %d hosts, want 238000", first.Outcome, info.Hosts)
	}
	nothingReal(t, table)
	defer func() { t.Logf("largest heap: %d MiB", most()>>20) }()

	for claim, poison := range map[string][]string{
		"50,000 new names": flood(50_000), "a few names": {"another-poisoned-name.com"},
	} {
		server.poison["amieiro"] = append([]string{"gmail.com", "spotify.com", "com.ar", "duckdns.org", "mozmail.com", "harvard.edu"}, poison...)
		if claim == "a few names" {
			server.poison["amieiro"] = server.poison["amieiro"][:6]
		}
		w.clock.Advance(24 * time.Hour)
		r := w.run(refresh.Request{})
		t.Logf("poison, %s: %s, %d added, %d removed; %s: %q, %d removed, %d rejected", claim, r.Outcome, r.Added, r.Removed, r.Sources[0].Name,
			r.Sources[0].Problem, r.Sources[0].Removed, sum(r.Sources[0].Rejects))
		if after := w.follow(); !sameHosts(after, table) || r.Added != 0 || r.Removed != 0 {
			t.Errorf("poison, %s: %d hosts after %d", claim, after.Info().Hosts, info.Hosts)
		}
	}
}

// watchMemory returns a function that ends the watch and tells the largest heap.
func watchMemory() (most func() uint64) {
	stop, result := make(chan struct{}), make(chan uint64)
	go func() {
		var largest uint64
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			largest = max(largest, m.HeapAlloc)
			select {
			case <-tick.C:
			case <-stop:
				result <- largest
				return
			}
		}
	}()
	return func() uint64 { close(stop); return <-result }
}

// nothingReal checks that no name that is known to be real, nor an ancestor of
// it, is disposable.
func nothingReal(t *testing.T, table *lists.Table) {
	t.Helper()
	groups := map[string][]string{
		"well-known": build.WellKnown(), "popular": build.Popular(), "zones": build.Zones(), "relays": lists.Relays(),
	}
	for name, kind := range lists.New().Known() {
		for bit, group := range map[lists.Kind]string{lists.University: "universities", lists.Freemail: "free-mail", lists.Brand: "brands"} {
			if kind&bit != 0 && !strings.ContainsAny(name, "*?") {
				groups[group] = append(groups[group], name)
			}
		}
	}
	for _, group := range slices.Sorted(maps.Keys(groups)) {
		matched := 0
		for _, name := range groups[group] {
			if d := table.Disposable(name); d.Listed() {
				matched++
				t.Errorf("%s is disposable by %s", name, d.Rule)
			}
		}
		t.Logf("%d %s names: %d disposable", len(groups[group]), group, matched)
	}
	if matched := popularAndLoose(t, table); len(matched) > 0 {
		t.Errorf("popular sites outside the curated tier: %v", matched)
	}
}

// popularAndLoose returns the popular sites that the built-in table lacks and
// this one has, though nobody reviewed them.
func popularAndLoose(t *testing.T, table *lists.Table) (matched []string) {
	t.Helper()
	file, err := os.Open(filepath.Join(fixtures, "top50k.txt.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	builtin, known := lists.New(), 0
	for lines := bufio.NewScanner(plain); lines.Scan(); {
		d := table.Disposable(lines.Text())
		if !d.Listed() {
			continue
		}
		known++
		if d.Tier != lists.Curated && !builtin.Disposable(lines.Text()).Listed() {
			matched = append(matched, lines.Text())
		}
	}
	t.Logf("of the 50000 most popular sites %d are disposable, %d of them by the refresh alone", known, len(matched))
	return matched
}

func sameHosts(a, b *lists.Table) bool {
	return maps.Equal(maps.Collect(a.Hosts()), maps.Collect(b.Hosts()))
}

func flood(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("poisoned-name-%d.com", i))
	}
	return names
}

func sum(rejects map[build.Reject]int) (n int) {
	for _, count := range rejects {
		n += count
	}
	return n
}
