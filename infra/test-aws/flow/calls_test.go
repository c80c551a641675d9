package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// meter stands before DynamoDB and sums up what it says each call consumed.
type meter struct {
	mu            sync.Mutex
	reads, writes float64
}

func metered(t *testing.T, endpoint string) (*meter, string) {
	t.Helper()
	target, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	m := new(meter)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			body, _ := io.ReadAll(r.In.Body)
			var call map[string]any
			if json.Unmarshal(body, &call) == nil {
				call["ReturnConsumedCapacity"] = "TOTAL"
				body, _ = json.Marshal(call)
			}
			r.Out.Header.Set("Asked", strconv.Itoa(bytes.Count(body, []byte(`"PK"`))))
			r.Out.Body, r.Out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
			r.Out.Header.Del("Accept-Encoding")
		},
		ModifyResponse: func(r *http.Response) error {
			body, err := io.ReadAll(r.Body)
			if err != nil {
				return err
			}
			m.add(r.Request.Header.Get("X-Amz-Target"), body, r.Request.Header.Get("Asked"))
			// The SDK compares a checksum of what DynamoDB said.
			r.Body = io.NopCloser(bytes.NewReader(body))
			return nil
		},
	}
	server := httptest.NewServer(proxy)
	t.Cleanup(server.Close)
	return m, server.URL
}

// add reads ConsumedCapacity, which is one object or, for calls about several
// tables, a list of them. What DynamoDB Local leaves out is added: reading an item
// that is not there costs a unit like any other, and so does a write that its
// condition refuses.
func (m *meter) add(target string, body []byte, asked string) {
	var one struct {
		ConsumedCapacity struct{ CapacityUnits float64 }
	}
	var many struct {
		ConsumedCapacity []struct{ CapacityUnits float64 }
	}
	units := 0.0
	if json.Unmarshal(body, &one) == nil {
		units = one.ConsumedCapacity.CapacityUnits
	} else if json.Unmarshal(body, &many) == nil {
		for _, c := range many.ConsumedCapacity {
			units += c.CapacityUnits
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if slices.Contains([]string{"GetItem", "Query", "BatchGetItem"}, target[strings.LastIndexByte(target, '.')+1:]) {
		items, _ := strconv.ParseFloat(asked, 64)
		m.reads += max(units, items, 1)
	} else {
		m.writes += max(units, 1)
	}
}

// TestCallsOfACheck measures what a check costs in units of DynamoDB and octets
// of log, and compares it with the file from which infra/cost reckons.
func TestCallsOfACheck(t *testing.T) {
	s := open(t)
	admin := s.admin()
	secret := must(t, s.function("account"), "POST", "/v1/keys", admin, `{"account":"acme"}`, 201).field("secret")
	m, address := metered(t, *s.dynamo.BaseEndpoint)
	s.env = append(s.env, "AWS_ENDPOINT_URL_DYNAMODB="+address)
	f := s.function("verify")
	must(t, f, "POST", "/v1/verify", secret, `{"email":"alice@ok.test"}`, 200)

	const each = 40
	measured := make(map[string]map[string]float64)
	for _, kind := range []string{"cached", "soft", "full"} {
		m.reads, m.writes = 0, 0
		logged := len(s.log.String())
		for n := range each {
			body := fmt.Sprintf(`{"email":"alice@ok-%s-%d.test","mode":"%s"}`, kind, n, map[string]string{"soft": "soft"}[kind])
			if kind == "cached" {
				body = `{"email":"alice@ok.test"}`
			}
			must(t, f, "POST", "/v1/verify", secret, strings.Replace(body, `,"mode":""`, "", 1), 200)
		}
		measured[kind] = map[string]float64{
			"reads": m.reads / each, "writes": m.writes / each, "lines": math.Round(float64(len(s.log.String())-logged) / each),
		}
	}

	var known map[string]map[string]float64
	text, err := os.ReadFile("../../cost/calls.json")
	if err == nil {
		err = json.Unmarshal(text, &known)
	}
	if err != nil {
		t.Fatal(err)
	}
	for kind, figures := range measured {
		for name, got := range figures {
			// Octets of a log vary with what is in it.
			if slack := map[string]float64{"lines": 0.2 * got}[name] + 0.11; math.Abs(got-known[kind][name]) > slack {
				now, _ := json.Marshal(measured)
				t.Fatalf("%s: %s is %.3g, infra/cost/calls.json says %.3g; measured:\n%s", kind, name, got, known[kind][name], now)
			}
		}
	}
}
