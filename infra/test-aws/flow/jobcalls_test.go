package flow

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"rcpt/internal/cloud/cloudtest"
)

// counter stands before moto and counts the requests of functions that are paid
// for, by what infra/cost calls them.
type counter struct {
	mu    sync.Mutex
	calls map[string]float64
}

func counted(t *testing.T, endpoint string) (*counter, string) {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	c := &counter{calls: make(map[string]float64)}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host }}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.calls[kindOf(r)]++
		c.mu.Unlock()
		pass.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return c, server.URL
}

// kindOf names a request. Deleting files costs nothing; listings are paid for like
// writes, but are made by an environment now and then, and not for a shard.
func kindOf(r *http.Request) string {
	service, action, named := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch {
	case named && service == "AmazonSQS":
		return "messages"
	case named:
		return action
	case r.URL.Query().Has("delete"), r.Method == http.MethodDelete:
		return "deletes"
	case r.URL.Query().Has("list-type"):
		return "listings"
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return "gets"
	}
	return "puts"
}

// TestCallsOfAJob measures what a row more costs a job whose every address is
// asked, in units and requests and octets of log, and compares it with the file
// from which infra/cost reckons.
func TestCallsOfAJob(t *testing.T) {
	w := work(t, 1)
	units, dynamo := metered(t, *w.dynamo.BaseEndpoint)
	requests, moto := counted(t, *w.moto.BaseEndpoint)
	w.env = append(w.env, "AWS_ENDPOINT_URL_DYNAMODB="+dynamo, "AWS_ENDPOINT_URL="+moto)
	w.log = new(journal) // without the requests of whoever waits for the job
	w.probers = w.pool("prober", probersAtOnce, proberTime)
	cloudtest.Functions(t, w.steps(1))
	o := w.owner(t, w.admin(), "calls")

	const (
		shards    = 16
		delivered = 2 // requests of Lambda's own for a message: it is received and deleted
	)
	cost := func(list, shards int) map[string]float64 {
		units.reads, units.writes = 0, 0
		clear(requests.calls)
		logged := len(w.log.String())
		var emails []string
		for n := range shards {
			emails = append(emails, addresses(fmt.Sprintf("ok-%d-%d.test", list, n), shardful)...)
		}
		j := o.submit(t, map[string]any{"emails": emails, "deadline": "5m"}, nil)
		o.ended(t, j.ID, "completed")
		requests.mu.Lock()
		defer requests.mu.Unlock()
		all := map[string]float64{"reads": units.reads, "writes": units.writes, "lines": float64(len(w.log.String()) - logged)}
		for name, n := range requests.calls {
			all[name] = n
		}
		return all
	}
	small, large := cost(1, 1), cost(2, 1+shards)

	var known map[string]map[string]float64
	text, err := os.ReadFile("../../cost/batch.json")
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"reads", "writes", "gets", "puts", "messages", "lines"} {
		got := (large[name] - small[name]) / shards
		if name == "messages" {
			got += delivered
		}
		reckoned := shardful*(known["row"][name]+known["address"][name]) + known["attempt"][name] + known["shard"][name]
		t.Logf("a shard of %d addresses: %.1f %s, reckoned %.1f", shardful, got, name, reckoned)
		// Reckoned is with more domains than these, whose addresses share less.
		if got > 1.1*reckoned || got < reckoned/2 {
			t.Errorf("%s: %.1f a shard, infra/cost/batch.json says %.1f", name, got, reckoned)
		}
	}
}
