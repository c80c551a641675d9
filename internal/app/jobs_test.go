package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"

	"rcpt/internal/batch"
	"rcpt/internal/config"
	"rcpt/internal/keys"
	"rcpt/internal/trigger"
)

// carryOut carries out one step of a job and returns what comes next.
func carryOut(t *testing.T, do func(context.Context, batch.Step) (batch.Next, error), step, job string) string {
	t.Helper()
	cursor := ""
	for range 100 {
		next, err := do(t.Context(), batch.Step{Step: step, Job: job, Cursor: cursor})
		if err != nil {
			t.Fatalf("%s: %v", step, err)
		}
		if next.Next != step {
			return next.Next
		}
		cursor = next.Cursor
	}
	t.Fatalf("%s goes round in circles", step)
	return ""
}

// A file goes through every function of lists and becomes results. Those that ask
// no exchanger have no name to introduce themselves with.
func TestADroppedFileBecomesResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cfg := backstage(t)
		nameless := config.Config{PublicURL: "https://rcpt.example"}
		key, secrets, err := keys.NewBook(p.Control, p.Vault, p.Now, rand.Reader).Create(t.Context(), keys.Draft{Account: "acme", Test: true})
		if err != nil {
			t.Fatal(err)
		}
		accept, err := DropFolder(nameless, p)
		if err != nil {
			t.Fatal(err)
		}
		info, err := p.Blob.Put(t.Context(), "drop/"+key.ID+"/list.csv", strings.NewReader("name,email\nAlice,alice@ok.test\nBob,nobody@ok.test\nNo one,\nAlice,alice@ok.test\n"))
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if err := accept(t.Context(), trigger.File{Name: info.Name, Version: info.Version}); err != nil {
				t.Fatal(err)
			}
		}
		jobs, _, err := Batch(p).List(t.Context(), "acme", "", 10)
		if err != nil || len(jobs) != 1 {
			t.Fatalf("%d jobs, %v", len(jobs), err)
		}
		plan, err := Planner(nameless, p)
		if err != nil {
			t.Fatal(err)
		}
		ask, err := Prober(cfg, p)
		if err != nil {
			t.Fatal(err)
		}
		collect, err := Collector(nameless, p)
		if err != nil {
			t.Fatal(err)
		}
		carryOut(t, plan, "ingest", jobs[0].ID)
		if next := carryOut(t, plan, "plan", jobs[0].ID); next != "drain" {
			t.Fatalf("after the plan comes %s", next)
		}
		work(t, p.ProbeQueue, ask)
		carryOut(t, collect, "collect", jobs[0].ID)
		carryOut(t, collect, "finish", jobs[0].ID)
		text := fileOf(t, p, "results/"+key.ID+"/list.csv.csv")
		for line, want := range []string{"name,email,status,", "Alice,alice@ok.test,VALID,96,smtp_verified,accept,", "Bob,nobody@ok.test,INVALID,", "No one,,INVALID,0,invalid_syntax,", "Alice,alice@ok.test,VALID,"} {
			if lines := strings.Split(text, "\r\n"); len(lines) != 6 || !strings.HasPrefix(lines[line], want) {
				t.Errorf("line %d of the results is not %s:\n%s", line, want, text)
			}
		}
		if summary := fileOf(t, p, "results/"+key.ID+"/list.csv.summary.json"); !strings.Contains(summary, `"status":"completed","total":4,"done":4,`) {
			t.Errorf("the summary is %s", summary)
		}

		handler, err := Jobs(nameless, p)
		if err != nil {
			t.Fatal(err)
		}
		r := httptest.NewRequest("POST", "/v1/jobs/estimate", strings.NewReader(`{"emails":["alice@ok.test","carol@ok.test"]}`))
		r.Header.Set("Authorization", "Bearer "+secrets.API)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		var estimate struct {
			Cached   int `json:"cached"`
			NeedSMTP int `json:"need_smtp"`
		}
		if err := json.Unmarshal(w.Body.Bytes(), &estimate); err != nil || w.Code != 200 || estimate.Cached != 1 || estimate.NeedSMTP != 1 {
			t.Errorf("the estimate of another list: %d %s", w.Code, w.Body)
		}
	})
}

func fileOf(t *testing.T, p Ports, name string) string {
	t.Helper()
	file, _, err := p.Blob.Open(t.Context(), name, 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
