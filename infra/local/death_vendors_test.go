package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"rcpt/internal/sim/vendordouble"
)

// payer is a product that pays a double of a vendor, which outlives it.
type payer struct {
	*product
	data, base string
	double     *vendordouble.Double
}

func (p *payer) launchAgain(t *testing.T) {
	t.Helper()
	product, err := launch(t.TempDir(), []string{
		"RCPT_ADDR=127.0.0.1:0", "RCPT_DATA=" + p.data, "RCPT_DNS=" + nowhere, "RCPT_VENDOR_BASE_MILLIONVERIFIER=" + p.base,
	}, "rcpt")
	if err != nil {
		t.Fatal(err)
	}
	p.product = product
	t.Cleanup(func() { _ = product.end(syscall.SIGKILL) })
}

// paid is what the vendor charged for and what the account's books say: entries
// that are counted, and such that may have been paid.
func (p *payer) paid(t *testing.T) (charged, counted, open int) {
	t.Helper()
	var usage struct {
		Calls int `json:"total_calls"`
	}
	p.read(t, "/v1/email-verifiers/usage", &usage)
	for next := ""; ; {
		var page struct {
			Entries []struct{ ID string } `json:"entries"`
			Next    *string               `json:"next"`
		}
		p.read(t, "/v1/email-verifiers/log?state=open&limit=200&next="+url.QueryEscape(next), &page)
		open += len(page.Entries)
		if page.Next == nil {
			break
		}
		next = *page.Next
	}
	return p.double.Counts("millionverifier").Charged, usage.Calls, open
}

func (p *payer) read(t *testing.T, path string, into any) {
	t.Helper()
	status, text, err := p.fetch(t.Context(), "GET", strings.TrimSuffix(path, "&next="), "")
	if err != nil || status != 200 {
		t.Fatalf("%s answers %d, %v: %s", path, status, err, text)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// TestPaidVerdictsSurviveDeaths kills the product in the middle of calls that pay
// a vendor, and wants each call that was charged to be counted, or to stand in the
// log as one that may have been paid. What is repeated is not paid again but for
// the calls that were under way.
func TestPaidVerdictsSurviveDeaths(t *testing.T) {
	t.Parallel()
	const rows, underWay = 300, 30 // of a call, see vendors.VerifyAll
	kills := 3
	if drillFull() {
		kills = 8
	}
	double := vendordouble.New(vendordouble.Options{})
	base, err := double.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	p := &payer{data: filepath.Join(t.TempDir(), "data"), base: base, double: double}
	p.launchAgain(t)
	status, text, err := p.fetch(t.Context(), "POST", "/v1/email-verifiers/providers", `{"provider":"millionverifier","api_key":"delay20-key-of-drill"}`)
	if err != nil || status != 201 {
		t.Fatalf("adding the key answers %d, %v: %s", status, err, text)
	}
	// Places of the dead are free again after 30 seconds; the living do not wait.
	if status, text, err := p.as(p.env.AdminKey).fetch(t.Context(), "PUT", "/v1/email-verifiers/catalog", `{"catalog":[{"provider":"millionverifier","at_once":100}]}`); err != nil || status != 200 {
		t.Fatalf("changing the catalog answers %d, %v: %s", status, err, text)
	}
	emails := make([]string, rows)
	for i := range emails {
		emails[i] = fmt.Sprintf("ok%d@drill.example", i)
	}
	body, err := json.Marshal(map[string]any{"emails": emails})
	if err != nil {
		t.Fatal(err)
	}
	for kill := range kills {
		enough := (kill + 1) * rows / (kills + 1)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			_, _, _ = p.fetch(t.Context(), "POST", "/v1/email-verifiers/verify-bulk", string(body))
		}()
		for double.Counts("millionverifier").Charged < enough {
			select {
			case <-ended:
				t.Fatalf("the call ended with %d of %d charged", double.Counts("millionverifier").Charged, rows)
			case <-time.After(time.Millisecond):
			}
		}
		_ = p.end(syscall.SIGKILL)
		<-ended
		if err := p.indiscretion(); err != nil {
			t.Error(err)
		}
		p.launchAgain(t)
		charged, counted, open := p.paid(t)
		t.Logf("killed with %d charged: %d are counted, %d may have been paid", charged, counted, open)
		if counted > charged || charged > counted+open || open > (kill+1)*underWay {
			t.Errorf("%d charged, %d counted, %d open", charged, counted, open)
		}
	}
	status, text, err = p.fetch(t.Context(), "POST", "/v1/email-verifiers/verify-bulk", string(body))
	if err != nil || status != 200 || strings.Count(string(text), `"status":"valid"`) != rows {
		t.Fatalf("the last call answers %d, %v: %.300s", status, err, text)
	}
	charged, counted, open := p.paid(t)
	t.Logf("in the end %d charged for %d rows: %d are counted, %d may have been paid", charged, rows, counted, open)
	if counted > charged || charged > counted+open || charged > rows+open {
		t.Errorf("%d charged, %d counted, %d open", charged, counted, open)
	}
	if err := p.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}
