package refresh_test

import (
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/refresh"
)

func TestSourcesAreMergedWithTheBuiltInTable(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("aggregates-one", "one.com", "both.com", "builtin-000.com", "*.Wildcard.com", "# comment", "192.0.2.1")
	w.list("wesbos-two", "both.com", "two.com")
	w.list("castle-three", "fresh.com", "builtin-001.com")
	w.list("popular", "1,google.com", "2,example.org")
	r := w.run(refresh.Request{})
	if r.Outcome != refresh.Published || r.Table.Hosts != 205 || r.Added != 5 || r.Removed != 0 {
		t.Errorf("%s with %d hosts, %d added, %d removed", r.Outcome, r.Table.Hosts, r.Added, r.Removed)
	}
	if s := r.Sources[0]; s.Lines != 6 || s.Hosts != 4 || s.New != 3 || s.Rejects["ip_address"] != 1 {
		t.Errorf("first source: %+v", s)
	}
	w.wantTiers(map[string]lists.Tier{
		"one.com": lists.Aggregator, "both.com": lists.Families, "fresh.com": lists.Curated, "builtin-001.com": lists.Curated,
		"builtin-000.com": lists.Families, "x.wildcard.com": lists.Aggregator, "google.com": "",
	})
	if info := w.live.Table().Info(); !info.Built.Equal(start) || info.Hosts != 205 {
		t.Errorf("the table in use is of %v with %d hosts", info.Built, info.Hosts)
	}
}

func TestWhatMustNeverMatchIsKeptOut(t *testing.T) {
	poison := []string{
		"gmail.com", "www.gmail.com", "spotify.com", "*.outlook.com", "com", "co.uk", "ddns.net", "harvard.edu", "appleid.com",
		"privaterelay.appleid.com", "x.mozmail.com", "mooo.com", "yahoo.ch", "59gmail.com", "gmaul.com", "gmail.cm", "goo.ne.jp", "ox.ac.uk",
	}
	w := newWorld(t, names("builtin", 200))
	w.list("reviewed-poisoned", append([]string{"throwaway-one.com"}, poison...)...)
	w.list("popular", "example.org")
	r := w.run(refresh.Request{})
	if r.Added != 1 || r.Table.Hosts != 201 {
		t.Errorf("%d added, want throwaway-one.com alone: %q", r.Added, r.AddedEG)
	}
	if s := r.Sources[0]; s.Held+s.Removed+sum(s.Rejects) != len(poison) {
		t.Errorf("the report has %d of %d: %+v", s.Held+s.Removed+sum(s.Rejects), len(poison), s)
	}
}

func TestNewNamesOfPopularSitesAreHeld(t *testing.T) {
	w := newWorld(t, append(names("builtin", 200), "popular-temp-mail.com"))
	w.list("aggregates-one", "airline.com", "airline.com.au", "chain-store.com", "popular-temp-mail.com", "school.edu", "office.gov.uk", "college.ac.jp")
	w.list("castle-two", "airline.com.au", "college.ac.jp")
	w.list("popular", "GlobalRank,TldRank,Domain", `1,1,"airline.com",com,5`, "2,airline.com.au", "www.chain-store.com", "popular-temp-mail.com")
	r := w.run(refresh.Request{})
	want := []string{"airline.com popular", "chain-store.com popular", "college.ac.jp reserved", "office.gov.uk reserved", "school.edu reserved"}
	if !slices.Equal(r.Held, want) || r.HeldBack != len(want) || r.Sources[0].Held != 5 || r.Sources[1].Held != 1 {
		t.Errorf("held are %q (%d and %d), want %q", r.Held, r.Sources[0].Held, r.Sources[1].Held, want)
	}
	w.wantTiers(map[string]lists.Tier{
		"airline.com": "", "airline.com.au": lists.Curated, "popular-temp-mail.com": lists.Families, "school.edu": "", "x.chain-store.com": "",
	})
}

func TestFreeProvidersAreNeverFirmByNewLists(t *testing.T) {
	var free string
	for name, kind := range lists.New().Known() {
		if kind == lists.FreeFirm && strings.HasSuffix(name, ".com") && (free == "" || name < free) {
			free = name
		}
	}
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", free)
	w.list("mailchecker-two", free)
	w.list("popular", "example.org")
	w.run(refresh.Request{})
	w.wantTiers(map[string]lists.Tier{free: lists.Aggregator})
	w.list("castle-three", free)
	if r := w.daily(); !slices.Contains(r.Held, free+" free") {
		t.Errorf("held are %q, want %s", r.Held, free)
	}
	w.wantTiers(map[string]lists.Tier{free: ""})
}

// TestQuarantine: a name that one list alone brings waits a week at the lowest
// tier, unless another list agrees or the list is curated.
func TestQuarantine(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "alone.com", "agreed.com", "later.com")
	w.list("mailchecker-two", "agreed.com")
	w.list("castle-three", "curated.com")
	w.list("popular", "example.org")
	r := w.run(refresh.Request{})
	if r.Quarantined != 2 || r.Sources[0].Quarantined != 2 {
		t.Errorf("%d in quarantine, want 2", r.Quarantined)
	}
	w.wantTiers(map[string]lists.Tier{
		"alone.com": lists.Aggregator, "agreed.com": lists.Families, "curated.com": lists.Curated, "later.com": lists.Aggregator,
	})
	for range 3 {
		w.daily()
	}
	w.list("mailchecker-two", "agreed.com", "later.com")
	w.list("wesbos-one", "alone.com", "agreed.com", "later.com", "newer.com")
	for range 3 {
		w.daily()
	}
	w.wantTiers(map[string]lists.Tier{"alone.com": lists.Aggregator, "later.com": lists.Families, "newer.com": lists.Aggregator})
	w.daily() // the seventh day
	w.wantTiers(map[string]lists.Tier{"alone.com": lists.Family, "newer.com": lists.Aggregator})
	w.list("wesbos-one", "alone.com", "agreed.com", "later.com")
	if r := w.daily(); r.Removed != 1 || r.Quarantined != 0 {
		t.Errorf("%d removed, %d in quarantine", r.Removed, r.Quarantined)
	}
	w.wantTiers(map[string]lists.Tier{"alone.com": lists.Family, "newer.com": ""})
}

func TestUnchangedSourcesAreNotFetchedAgain(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", names("one", 20)...)
	w.list("popular", "example.org")
	w.run(refresh.Request{})
	r := w.daily()
	if n := w.web.answers("wesbos-one"); n != 1 || r.Sources[0].Problem != "" || r.Sources[0].Hosts != 20 || r.Sources[0].Lines != 0 {
		t.Errorf("fetched %d times, %+v", n, r.Sources[0])
	}
	if info := w.follow().Info(); r.Outcome != refresh.Published || !info.Built.Equal(start.Add(24*time.Hour)) || info.Hosts != 220 {
		t.Errorf("%s: the table in use is of %v with %d hosts", r.Outcome, info.Built, info.Hosts)
	}
}

// TestBadSourcesKeepTheLastGoodCopy goes through what a source may do to us. The
// other source is fine, so that a table is published all the same.
func TestBadSourcesKeepTheLastGoodCopy(t *testing.T) {
	text := func(kind, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			_, _ = io.WriteString(w, body)
		}
	}
	good := strings.Join(names("one", 1000), "\n")
	page := "<!DOCTYPE html>\n<html><head>\n<title>Sign in</title>\n</head><body>\n<p>Please sign in.\n</body></html>\n"
	for _, tt := range []struct {
		claim string
		page  http.HandlerFunc
		want  string
	}{
		{"it is gone", http.NotFound, "status 404"},
		{"it has an accident", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }, "status 503"},
		{"it became a page", text("text/html; charset=utf-8", page), "text/html: no list of hosts"},
		{"it became a page that calls itself text", text("text/plain", page), "are no hosts: no list of hosts"},
		{"it became JSON", text("application/json", `["`+strings.Join(names("one", 1000), `","`)+`"]`), "a line of more than 4096 octets: no list"},
		{"it is empty", text("text/plain", ""), "no list of hosts"},
		{"it holds comments only", text("text/plain", strings.Repeat("# nothing\n", 1000)), "no list of hosts"},
		{"it shrank", text("text/plain", strings.Join(names("one", 890), "\n")), "890 hosts after 1000"},
		{"it swelled", text("text/plain", good+"\n"+strings.Join(flood(200), "\n")), "1200 hosts after 1000"},
		{"it is cut off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			_, _ = io.WriteString(w, good)
		}, "unexpected EOF"},
		{"it is no gzip after all", text("text/plain", "\x1f\x8bnot gzip"), "unpack"},
		{"it redirects in circles", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }, "too many redirects"},
		{"it redirects to a file", func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		}, "scheme"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			w := newWorld(t, names("builtin", 5000))
			w.config.Client = refresh.NewClient(nobody, loopback)
			w.list("wesbos-one", names("one", 1000)...)
			w.list("mailchecker-two", "two.com")
			w.list("popular", "example.org")
			w.run(refresh.Request{})
			w.meter.take()
			w.web.handle("wesbos-one", tt.page)
			r := w.daily()
			s := r.Sources[0]
			if !strings.Contains(s.Problem, tt.want) || s.Hosts != 1000 || !s.Good.Equal(start) {
				t.Errorf("report %+v, want %q and the copy of the day before", s, tt.want)
			}
			w.meter.want(t, "lists_source_failed source wesbos-one")
			if r.Outcome != refresh.Published || r.Added+r.Removed != 0 || w.follow().Info().Hosts != 6001 {
				t.Errorf("%s with %d hosts, %d added, %d removed", r.Outcome, r.Table.Hosts, r.Added, r.Removed)
			}
			w.list("wesbos-one", append(names("one", 1000), "back.com")...)
			if r := w.daily(); r.Sources[0].Problem != "" || r.Added != 1 {
				t.Errorf("when it is well again: %+v, %d added", r.Sources[0], r.Added)
			}
		})
	}
}

// TestNotModifiedWithoutACopy: a server may say so although nobody asked.
func TestNotModifiedWithoutACopy(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "one.com")
	w.list("popular", "example.org")
	w.web.handle("wesbos-one", func(out http.ResponseWriter, _ *http.Request) { out.WriteHeader(http.StatusNotModified) })
	r := w.run(refresh.Request{})
	if r.Sources[0].Problem != "status 304" || r.Outcome != refresh.Kept || r.Reason != "sources" {
		t.Errorf("%s %s, %+v", r.Outcome, r.Reason, r.Sources[0])
	}
	w.meter.want(t, "lists_refresh_rejected reason sources")
	if w.follow().Info().Hosts != 200 {
		t.Error("the built-in table is not in use any more")
	}
}

// TestLostCopiesComeAgain: what we do not have must not be "not modified".
func TestLostCopiesComeAgain(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", names("one", 20)...)
	w.list("popular", "example.org")
	w.run(refresh.Request{})
	page, err := w.blob.List(t.Context(), "lists/sources/", "", 10)
	if err != nil || len(page.Blobs) != 2 {
		t.Fatalf("%d copies, %v", len(page.Blobs), err)
	}
	for _, b := range page.Blobs {
		if _, err := w.blob.Put(t.Context(), b.Name, strings.NewReader("damaged")); err != nil {
			t.Fatal(err)
		}
	}
	if r := w.daily(); r.Outcome != refresh.Published || r.Removed != 0 || w.web.answers("wesbos-one") != 2 {
		t.Errorf("%s, %d removed, fetched %d times", r.Outcome, r.Removed, w.web.answers("wesbos-one"))
	}
	if w.daily(); w.web.answers("wesbos-one") != 2 {
		t.Error("the copy was not mended")
	}
}

// TestHugeSourcesNeedNoMemory streams 2 GB, plain and as a gzip bomb.
func TestHugeSourcesNeedNoMemory(t *testing.T) {
	line := strings.Repeat("x", 50) + ".com\n"
	block := []byte(strings.Repeat(line, 20_000)) // 1.1 MB
	const blocks = 2000
	stream := func(w io.Writer) (sent int) {
		for range blocks {
			n, err := w.Write(block)
			if sent += n; err != nil {
				return sent
			}
		}
		return sent
	}
	sent := make(chan int, 2)
	w := newWorld(t, names("builtin", 200))
	w.config.Timeout = 5 * time.Minute
	w.list("wesbos-plain", "one.com")
	w.list("wesbos-bomb", "one.com")
	w.list("aggregates-fine", "fine.com")
	w.list("popular", "example.org")
	w.web.handle("wesbos-plain", func(out http.ResponseWriter, _ *http.Request) { sent <- stream(out) })
	w.web.handle("wesbos-bomb", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Encoding", "gzip") // which the transport unpacks by itself
		zip := gzip.NewWriter(out)
		sent <- stream(zip)
	})
	most := watchMemory()
	r := w.run(refresh.Request{})
	heap := most()
	for _, s := range r.Sources[:2] {
		if !strings.Contains(s.Problem, "more than 16 MiB") {
			t.Errorf("%s: %q", s.Name, s.Problem)
		}
	}
	w.web.Close() // both handlers have returned
	t.Logf("taken %d and %d of %d octets; largest heap %d MiB", <-sent, <-sent, blocks*len(block), heap>>20)
	if r.Outcome != refresh.Published || heap > 160<<20 {
		t.Errorf("%s with a heap of %d MiB", r.Outcome, heap>>20)
	}
}

// silence is a transport that never answers, or stops in the middle.
type silence struct {
	http.RoundTripper
	head, body string // parts of URLs
}

func (s silence) RoundTrip(r *http.Request) (*http.Response, error) {
	switch {
	case strings.Contains(r.URL.Path, s.head):
		<-r.Context().Done()
		return nil, r.Context().Err()
	case strings.Contains(r.URL.Path, s.body):
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(stalled{r})}, nil
	}
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("example.org\n"))}, nil
}

type stalled struct{ *http.Request }

func (s stalled) Read([]byte) (int, error) {
	<-s.Context().Done()
	return 0, s.Context().Err()
}

func TestSourcesThatHangAreGivenUp(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-head", "one.com")
	w.list("wesbos-body", "one.com")
	w.list("wesbos-fine", "one.com")
	w.list("popular", "example.org")
	synctest.Test(t, func(t *testing.T) {
		w.config.Client = &http.Client{Transport: silence{head: "head", body: "body"}}
		w.config.Timeout = time.Minute
		began := time.Now()
		r, err := refresh.New(w.config).Run(t.Context(), refresh.Request{})
		if err != nil || r.Outcome != refresh.Published || time.Since(began) != time.Minute {
			t.Errorf("%s, %v after %v", r.Outcome, err, time.Since(began))
		}
		for _, s := range r.Sources[:2] {
			if !strings.Contains(s.Problem, "deadline exceeded") {
				t.Errorf("%s: %q", s.Name, s.Problem)
			}
		}
	})
}

func TestWithoutPopularSitesNothingIsJudged(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "one.com")
	w.list("popular", "example.org")
	w.config.MinPopular = 3 // example.org counts once
	if r := w.run(refresh.Request{}); r.Outcome != refresh.Kept || r.Reason != "popular" {
		t.Errorf("%s %s", r.Outcome, r.Reason)
	}
	w.meter.want(t, "lists_refresh_rejected reason popular")
}

func TestWorseTablesAreNotPublished(t *testing.T) {
	w := newWorld(t, names("builtin", 1000))
	w.list("wesbos-one", names("one", 100)...)
	w.list("popular", "example.org")
	w.run(refresh.Request{})
	w.list("wesbos-two", names("two", 500)...)
	if r := w.daily(); r.Outcome != refresh.Kept || r.Reason != "grown" || w.follow().Info().Hosts != 1100 {
		t.Errorf("%s %s: %s", r.Outcome, r.Reason, r.Detail)
	}
	w.config.Sources = slices.DeleteFunc(w.config.Sources, func(s refresh.Source) bool { return strings.HasPrefix(s.Name, "wesbos") })
	w.list("wesbos-three", "three.com")
	if r := w.daily(); r.Outcome != refresh.Kept || r.Reason != "shrunk" || w.follow().Info().Hosts != 1100 {
		t.Errorf("%s %s: %s", r.Outcome, r.Reason, r.Detail)
	}
	w.meter.want(t, "lists_refresh_rejected reason shrunk")
	if r := w.run(refresh.Request{Accept: []string{"table"}}); r.Outcome != refresh.Published || w.follow().Info().Hosts != 1001 {
		t.Errorf("accepted: %s %s: %s", r.Outcome, r.Reason, r.Detail)
	}
}

func TestAPersonMayAcceptASource(t *testing.T) {
	w := newWorld(t, names("builtin", 2000))
	w.list("wesbos-one", names("one", 100)...)
	w.list("popular", "example.org")
	w.run(refresh.Request{})
	w.list("wesbos-one", names("one", 300)...)
	if r := w.daily(); r.Sources[0].Problem != "300 hosts after 100" {
		t.Errorf("%+v", r.Sources[0])
	}
	if r := w.run(refresh.Request{Accept: []string{"wesbos-one"}}); r.Sources[0].Problem != "" || r.Added != 200 {
		t.Errorf("accepted: %+v, %d added", r.Sources[0], r.Added)
	}
	if r := w.daily(); r.Sources[0].Problem != "" {
		t.Errorf("the day after: %+v", r.Sources[0])
	}
}

func TestThirtyTablesStay(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("popular", "example.org")
	for i := range 40 {
		w.list("wesbos-one", append(names("one", 20), fmt.Sprintf("day-%d.com", i))...)
		if r := w.daily(); r.Outcome != refresh.Published || r.Problems != nil {
			t.Fatalf("day %d: %s %q", i, r.Outcome, r.Problems)
		}
	}
	page, err := w.blob.List(t.Context(), "lists/", "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	kinds := make(map[string]int)
	for _, b := range page.Blobs {
		kinds[b.Name[strings.LastIndexByte(b.Name, '.'):]]++
	}
	// One copy a day, that of the popular sites, and one not old enough to go.
	if kinds[".bin"] != 30 || kinds[".json"] != 32 || kinds[".gz"] < 31 || kinds[".gz"] > 32 {
		t.Errorf("blobs by kind: %v", kinds)
	}
}

func TestRollback(t *testing.T) {
	w := newWorld(t, names("builtin", 200))
	w.list("wesbos-one", "good.com")
	w.list("popular", "example.org")
	good := w.run(refresh.Request{}).Snapshot
	w.list("wesbos-one", "good.com", "bad.com")
	bad := w.daily()
	w.wantTiers(map[string]lists.Tier{"bad.com": lists.Aggregator})

	w.clock.Advance(time.Hour)
	if r := w.run(refresh.Request{Rollback: good}); r.Outcome != refresh.RolledBack || r.Snapshot != good {
		t.Errorf("%s to %s", r.Outcome, r.Snapshot)
	}
	w.wantTiers(map[string]lists.Tier{"good.com": lists.Aggregator, "bad.com": ""})
	if r := w.daily(); r.Outcome != refresh.Kept || r.Reason != "rolled_back" || w.web.answers("wesbos-one") != 2 {
		t.Errorf("the day after: %s %s", r.Outcome, r.Reason)
	}
	w.list("wesbos-one", "good.com", "better.com")
	if r := w.run(refresh.Request{Resume: true}); r.Outcome != refresh.Published || r.Added != 1 || r.Removed != 0 {
		t.Errorf("resumed: %s, %d added, %d removed", r.Outcome, r.Added, r.Removed)
	}
	w.wantTiers(map[string]lists.Tier{"good.com": lists.Aggregator, "bad.com": "", "better.com": lists.Aggregator})

	if r := w.run(refresh.Request{Rollback: "builtin"}); r.Outcome != refresh.RolledBack || r.Snapshot != "" {
		t.Errorf("%s to %q", r.Outcome, r.Snapshot)
	}
	for _, snapshot := range []string{"nothing", strings.Repeat("0", 64), "../" + bad.Snapshot} {
		if _, err := refresh.New(w.config).Run(t.Context(), refresh.Request{Rollback: snapshot}); !errors.Is(err, refresh.ErrNoTable) {
			t.Errorf("Rollback to %q: %v", snapshot, err)
		}
	}
}
