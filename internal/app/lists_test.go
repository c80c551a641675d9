package app

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/lists/refresh"
)

// refreshed is an instance that refreshes from URLs of this machine.
type refreshed struct {
	cfg   config.Config
	ports Ports
	log   *bytes.Buffer

	mu   sync.Mutex
	seen []string // metrics
}

func newRefreshed(t *testing.T, urls string) *refreshed {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	r := &refreshed{log: new(bytes.Buffer)}
	settings := map[string]string{"RCPT_LISTS_URLS": urls, "RCPT_PROBE_ALLOW": "127.0.0.1"}
	if r.cfg, err = config.Read(func(name string) string { return settings[name] }, "host.example"); err != nil {
		t.Fatal(err)
	}
	r.ports = Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Blob: db.Blob(), Secret: []byte("0123456789abcdef"),
		Log: slog.New(slog.NewTextHandler(r.log, nil)), Now: time.Now,
		Metric: func(name string, _ float64, labels ...string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.seen = append(r.seen, strings.Join(append([]string{name}, labels...), " "))
		},
	}
	return r
}

// hosts asks the function how many hosts its table has.
func hosts(t *testing.T, function http.Handler) (n int) {
	t.Helper()
	_, text := send(function, "GET", "/v1/health", "", "")
	var health struct{ Lists struct{ Hosts int } }
	if err := json.Unmarshal([]byte(text), &health); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return health.Lists.Hosts
}

// TestCheckServedAfterRefresh refreshes from snapshots of real lists, which lie
// beside the checkout, and counts what the service serves: in the process that
// refreshed, and in another one that finds the table by itself.
func TestCheckServedAfterRefresh(t *testing.T) {
	const fixtures = "../../../shared/fixtures/lists"
	if _, err := os.Stat(fixtures); errors.Is(err, os.ErrNotExist) {
		t.Skip("the snapshots of public lists lie beside the checkout, and not here")
	}
	server := httptest.NewServer(http.FileServer(http.Dir(fixtures)))
	t.Cleanup(server.Close)
	var urls []string
	for _, name := range []string{"amieiro", "stellarsand", "fnando", "mydearniko"} {
		urls = append(urls, fmt.Sprintf("%s/%s.txt.gz", server.URL, name))
	}
	r := newRefreshed(t, strings.Join(append(urls, "popular="+server.URL+"/top50k.txt.gz"), ","))
	other, err := Verify(r.cfg, r.ports) // with a table of its own
	if err != nil {
		t.Fatal(err)
	}
	r.ports.Lists = lists.NewLive(lists.New())
	verify, err := Verify(r.cfg, r.ports)
	if err != nil {
		t.Fatal(err)
	}
	before := hosts(t, verify)
	report, err := Refresher(r.cfg, r.ports)(t.Context(), refresh.Request{})
	if err != nil || report.Outcome != refresh.Published {
		t.Fatalf("%s %s, %v", report.Outcome, report.Detail, err)
	}
	after := hosts(t, verify)
	synctest.Test(t, func(t *testing.T) {
		stale := hosts(t, other) // and begins to look
		synctest.Wait()
		t.Logf("/v1/health: %d hosts before, %d after; in another process %d, and %d at the next request", before, after, stale, hosts(t, other))
		if after < 238_000 || before >= after || stale != before || hosts(t, other) != after {
			t.Error("want 238000 hosts after the refresh, in every process")
		}
	})
	if err := build.CheckNames(func(name string) string { return r.ports.Lists.Table().Disposable(name).Rule }); err != nil {
		t.Error(err)
	}
}

// TestClosedNetworkIsOneLine: on a machine that reaches nobody the refresh is
// quiet, and the built-in table stays.
func TestClosedNetworkIsOneLine(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	r := newRefreshed(t, fmt.Sprintf("http://%s/a.txt,popular=http://%s/b.txt", closed.Addr(), closed.Addr()))
	r.ports.Lists = lists.NewLive(lists.New())
	before := r.ports.Lists.Table()
	report, err := Refresher(r.cfg, r.ports)(t.Context(), refresh.Request{})
	if err != nil || report.Outcome != refresh.Kept || report.Reason != "sources" || report.Failed() != 2 {
		t.Errorf("%s %s, %d failed, %v", report.Outcome, report.Reason, report.Failed(), err)
	}
	if lines := strings.Count(r.log.String(), "\n"); lines != 1 || r.ports.Lists.Table() != before {
		t.Errorf("%d lines of log: %s", lines, r.log)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if seen := strings.Join(r.seen, "\n"); !strings.Contains(seen, "lists_refresh_rejected reason sources") || !strings.Contains(seen, "lists_age_hours") {
		t.Errorf("measured %s", seen)
	}
}

// TestPrivateSourcesAreRefused: without an exemption a list on our own network is
// not fetched, in plain or not.
func TestPrivateSourcesAreRefused(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the private server was asked") }))
	t.Cleanup(server.Close)
	r := newRefreshed(t, fmt.Sprintf("%s/a,http://%s/b,popular=http://10.0.0.1/c", server.URL, server.Listener.Addr()))
	r.cfg.ProbeAllow = nil
	report, err := Refresher(r.cfg, r.ports)(t.Context(), refresh.Request{})
	if err != nil || report.Failed() != 3 {
		t.Fatalf("%d failed, %v", report.Failed(), err)
	}
	for _, s := range report.Sources {
		if !strings.Contains(s.Problem, "not public") {
			t.Errorf("%s: %s", s.URL, s.Problem)
		}
	}
}

func TestSourcesOfTheSetting(t *testing.T) {
	count := func(urls string) (lists, popular int) {
		for _, s := range sources(newRefreshed(t, urls).cfg.ListsURLs) {
			if s.Family == refresh.Popular {
				popular++
			} else {
				lists++
			}
		}
		return lists, popular
	}
	for urls, want := range map[string][2]int{
		"": {11, 1}, "off": {0, 0}, "default,castle=https://lists.example/a": {12, 1}, "https://lists.example/a": {1, 1},
		"https://lists.example/a,popular=https://lists.example/b": {1, 1},
	} {
		if lists, popular := count(urls); lists != want[0] || popular != want[1] {
			t.Errorf("%q: %d lists, %d of popular sites, want %v", urls, lists, popular, want)
		}
	}
	for _, family := range []string{"reviewed", "fakefilter", "castle", "community", "mailchecker", "wesbos", "aggregates"} {
		if lists, _ := count(family + "=https://lists.example/a"); lists != 1 || build.Families()[family] == 0 {
			t.Errorf("the family %s is not known everywhere", family)
		}
	}
	for _, s := range refresh.DefaultSources() {
		if !strings.HasPrefix(s.URL, "https://") || s.Name == "" {
			t.Errorf("%+v", s)
		}
	}
}

// TestSampleEventsOfTheRefresher decodes each as the function does.
func TestSampleEventsOfTheRefresher(t *testing.T) {
	files, err := filepath.Glob("../../events/refresher/*.json")
	if err != nil || len(files) < 3 {
		t.Fatalf("%d events, %v", len(files), err)
	}
	var daily, asked int
	for _, file := range files {
		text, err := os.ReadFile(file)
		var req refresh.Request
		if err = errors.Join(err, json.Unmarshal(text, &req)); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		if req.Rollback == "" && !req.Resume && req.Accept == nil {
			daily++
		} else {
			asked++
		}
	}
	if daily != 1 || asked != 2 {
		t.Errorf("%d daily events, %d of an operator", daily, asked)
	}
}

// TestRollbackByEvent goes back to the built-in table, and on again.
func TestRollbackByEvent(t *testing.T) {
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	for i := range 10_000 {
		_, _ = fmt.Fprintf(zip, "%d,site-%d.com\n", i, i)
	}
	_ = zip.Close()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/top" {
			_, _ = w.Write(zipped.Bytes())
			return
		}
		_, _ = fmt.Fprintln(w, "throwaway-of-today.com")
	}))
	t.Cleanup(server.Close)
	r := newRefreshed(t, server.URL+"/list,popular="+server.URL+"/top")
	r.ports.Lists = lists.NewLive(lists.New())
	run := Refresher(r.cfg, r.ports)
	for _, step := range []struct {
		req    refresh.Request
		want   refresh.Outcome
		listed bool
	}{
		{refresh.Request{}, refresh.Published, true}, {refresh.Request{Rollback: "builtin"}, refresh.RolledBack, false},
		{refresh.Request{}, refresh.Kept, false}, {refresh.Request{Resume: true}, refresh.Published, true},
	} {
		report, err := run(t.Context(), step.req)
		if err != nil || report.Outcome != step.want {
			t.Errorf("%+v: %s %s, %v, want %s", step.req, report.Outcome, report.Detail, err, step.want)
		}
		if got := r.ports.Lists.Table().HasHost("throwaway-of-today.com"); got != step.listed {
			t.Errorf("%+v: listed %v", step.req, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		started := r.ports // a process that starts later
		started.Lists, started.Now = lists.NewLive(lists.New()), time.Now
		following(started, http.NotFoundHandler())
		synctest.Wait()
		if !started.Lists.Table().HasHost("throwaway-of-today.com") {
			t.Error("a new process does not look for the table before its first request")
		}
	})
}
