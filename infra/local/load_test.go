package main

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
)

// TestThousandsOfConnectionsAtOnce opens 5,000 connections, or as many as this
// machine lets a process have, all at the same moment, keeps them, and wants a
// proper answer on every one. Whatever the load, no mailbox that exists may be
// called absent.
func TestThousandsOfConnectionsAtOnce(t *testing.T) {
	p := startWithoutLimits(t)
	n := connections(t, 5000)
	began := time.Now()
	answers, times := make([]string, n), make([]time.Duration, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			got, err := p.exchange(t, sample(i))
			answers[i], times[i] = gist(got), time.Since(began)
			if err != nil {
				answers[i] = err.Error()
			}
		})
	}
	all.Wait()
	t.Logf("%d connections at once: all answered after %s", n, time.Since(began).Round(time.Millisecond))

	tally, slowest := make(map[string]int), make(map[string]time.Duration)
	for i, got := range answers {
		s := sample(i)
		what := s.claim + ": " + got
		if !slices.Contains(s.want, got) {
			what += ", which is wrong"
			t.Fail()
		}
		tally[what]++
		slowest[what] = max(slowest[what], times[i])
	}
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%6d %s; the slowest after %s", tally[what], what, slowest[what].Round(time.Millisecond))
	}
	expect(t, p, "alice@ok-afterwards.test", "VALID", "smtp_verified")
}

// startWithoutLimits runs rcpt with a key that may ask as often as it likes: the
// one that it makes for itself may ask ten questions at once.
func startWithoutLimits(t *testing.T) *product {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	db, err := embedded.Open(data, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	book := app.Keys(app.Ports{Control: db.Control(), Vault: db.Vault(), Now: time.Now})
	_, made, err := book.Create(t.Context(), keys.Draft{Account: account, Limits: &keys.Limits{}})
	err = errors.Join(err, writeEnv(filepath.Join(data, "env"), environment{Key: made.API, HookToken: made.Hook, WebhookSecret: made.Webhook}), db.Close())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "RCPT_DATA="+data)
	if p.env.Key != made.API {
		t.Fatal("the key of the folder is not used")
	}
	return p
}

// connections is wanted, unless this process or a child of it can have fewer
// descriptors; the product needs some for its exchangers, too.
func connections(t *testing.T, wanted int) int {
	t.Helper()
	const others = 1000 // 400 sessions with simulated exchangers, both ends of which are the product's, and files
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if raceDetector { // it ends a process that has 8,128 goroutines
		wanted = min(wanted, 1000)
	}
	allowed := int(min(limit.Cur, 1<<20))
	n := min(wanted, max(allowed-others, allowed/4))
	if n < wanted {
		t.Logf("only %d connections: the limit of descriptors is %d, race detector %v", n, limit.Cur, raceDetector)
	}
	return n
}

// probe is one request of the mixture.
type probe struct {
	claim, method, path, body string
	stranger                  bool // without key
	want                      []string
}

// sample is the ith request of the mixture. A verdict may be undecided for want
// of time, but never say anything else than the truth.
func sample(i int) probe {
	undecided := []string{"200 UNKNOWN timeout", "200 UNKNOWN deadline", "200 UNKNOWN dns_failure", "200 UNKNOWN connection_failed", "200 RISKY unconfirmed"}
	verify := func(claim, email, verdict string) probe {
		return probe{claim: claim, method: "POST", path: "/v1/verify", body: `{"email":"` + email + `"}`, want: append([]string{"200 " + verdict}, undecided...)}
	}
	domain := fmt.Sprintf("-%d.test", i/10%200) // some share a domain, few an address
	switch i % 10 {
	case 0, 1, 2:
		return verify("a mailbox", fmt.Sprintf("user%d@ok%s", i, domain), "VALID smtp_verified")
	case 3:
		return verify("no mailbox", fmt.Sprintf("nobody%d@ok%s", i, domain), "INVALID mailbox_not_found")
	case 4:
		return verify("a catch-all domain", fmt.Sprintf("user%d@catchall%s", i, domain), "CATCH_ALL catch_all")
	case 5:
		s := verify("a tarpit", fmt.Sprintf("user%d@tarpit%s", i, domain), "UNKNOWN timeout")
		s.body = strings.Replace(s.body, "}", `,"timeout_ms":500}`, 1)
		// Thousands at once may use up half a second before the key's limits
		// could be looked at.
		s.want = append(s.want, "503 unavailable")
		return s
	case 6:
		return verify("bad syntax", "user..one@ok.test", "INVALID invalid_syntax")
	case 7:
		return probe{claim: "bad JSON", method: "POST", path: "/v1/check", body: "{", want: []string{"400 bad-request"}}
	case 8:
		return probe{claim: "no key", method: "POST", path: "/v1/verify", body: "{}", stranger: true, want: []string{"401 unauthorized"}}
	}
	return probe{claim: "health", method: "GET", path: "/v1/health", stranger: true, want: []string{"200 ok -"}}
}

// exchange opens a connection that stays open until the test ends, sends one
// request and reads one answer.
func (p *product) exchange(t *testing.T, s probe) (answer, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.env.URL, "http://"))
	if err != nil {
		return answer{}, err
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return answer{}, err
	}
	key := "Authorization: Bearer " + p.env.Key + "\r\n"
	if s.stranger {
		key = ""
	}
	_, err = fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: rcpt.example\r\n%sContent-Length: %d\r\n\r\n%s", s.method, s.path, key, len(s.body), s.body)
	if err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

// TestAnswersAreInTimeUnderLoad asks 200 silent exchangers at once, with half a
// second for each.
func TestAnswersAreInTimeUnderLoad(t *testing.T) {
	p := startWithoutLimits(t)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 200}}
	defer client.CloseIdleConnections()
	const n, limit = 200, 500 * time.Millisecond
	times := make([]time.Duration, n)
	var all sync.WaitGroup
	for i := range times {
		all.Go(func() {
			began := time.Now()
			body := fmt.Sprintf(`{"email":"user%d@tarpit-%d.test","timeout_ms":%d}`, i, i, limit.Milliseconds())
			got, err := p.post(client, "/v1/verify", body)
			times[i] = time.Since(began)
			if err != nil || got.text("status") != "UNKNOWN" {
				t.Errorf("request %d: %q, %v", i, gist(got), err)
			}
		})
	}
	all.Wait()
	slices.Sort(times)
	late, _ := slices.BinarySearch(times, limit)
	t.Logf("%d requests of %s: median %s, 99th percentile %s, slowest %s; %d above the limit", n, limit, times[n/2], times[n*99/100], times[n-1], n-late)
	if times[n-1] > 30*limit { // generous: the machine may be busy with other tests
		t.Errorf("the slowest answer took %s", times[n-1])
	}
}
