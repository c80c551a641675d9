package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
)

// TestJobSaysWhatSingleRequestsSay: every row of a list comes back once, in its
// place, with its columns, and with the verdict that its address gets when it is
// asked about alone. The behaviors are all but the two that take more time than a
// test has: greylisting (jobs.txtar) and the tarpit (make bench BENCH=jobs).
func TestJobSaysWhatSingleRequestsSay(t *testing.T) {
	const rows, domains = 5000, 200
	behaviors := []string{
		"ok", "catchall", "full", "disabled", "blocked", "busy", "relay", "slow", "drop", "tls", "nullmx", "nomx", "implicit", "disposable", "gone",
	}
	address := func(row int) (email, kind string) {
		k := row * 617 % rows
		domain, user := k%domains, k/domains
		local, behavior := "user", behaviors[domain%len(behaviors)]
		if user%5 == 4 {
			local = "nobody"
		}
		return fmt.Sprintf("%s%d@%s-%d.test", local, user, behavior, domain), local + "@" + behavior
	}
	var list strings.Builder
	list.WriteString("id,email\n")
	for row := range rows {
		email, _ := address(row)
		fmt.Fprintf(&list, "%d,%s\n", row, email)
	}

	p := startWithoutLimits(t)
	// Before its end nothing is asked twice: what fails is tried again after six
	// minutes.
	job := p.call(t, "POST", "/v1/jobs", fmt.Sprintf(`{"upload_id":%q,"deadline":"5m"}`, p.upload(t, "list.csv", list.String())), 202)
	got := p.outcome(t, job.text("id"))
	if len(got.rows) != rows {
		t.Fatalf("%d rows, want %d", len(got.rows), rows)
	}
	got.exact(t)
	alone := p.alone(t, rows, address)
	for row, line := range got.rows {
		email, kind := address(row)
		var r struct{ ID, Email, Status, Reason string }
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		if r.ID != fmt.Sprint(row) || r.Email != email || "200 "+r.Status+" "+r.Reason != alone[kind] {
			t.Fatalf("row %d is %s, want %s; alone it is %s", row, line, email, alone[kind])
		}
	}
}

// alone is what is said about a single address of each kind, asked anew.
func (p *product) alone(t *testing.T, rows int, address func(row int) (email, kind string)) map[string]string {
	t.Helper()
	var mu sync.Mutex
	var asked sync.WaitGroup
	asking, said := make(map[string]bool), make(map[string]string)
	for row := range rows {
		email, kind := address(row)
		if asking[kind] {
			continue
		}
		asking[kind] = true
		asked.Go(func() {
			got, err := p.ask("/v1/verify", fmt.Sprintf(`{"email":%q,"fresh":true}`, email))
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			said[kind] = gist(got)
		})
	}
	asked.Wait()
	return said
}
