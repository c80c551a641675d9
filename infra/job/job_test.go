package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is an rcpt with one job in it.
type fake struct {
	*httptest.Server
	method string // of uploads
	steps  []string
	refuse map[string]int // how often a path is answered 503 at first

	mu       sync.Mutex
	uploaded map[string]string
	jobs     map[string]string // idempotency key -> body
	asked    int               // how often for the job
	looked   chan struct{}     // a message for each time, if there is room
}

func newFake(t *testing.T, steps ...string) *fake {
	f := &fake{
		method: http.MethodPut, steps: steps, refuse: map[string]int{}, uploaded: map[string]string{}, jobs: map[string]string{},
		looked: make(chan struct{}, 100),
	}
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	path := r.Method + " " + r.URL.Path
	if f.refuse[path] > 0 {
		f.refuse[path]--
		refuse(w, 503, `{"title":"Service Unavailable"}`)
		return
	}
	if r.Header.Get("Authorization") != "Bearer rk_live_a_b" && path != f.method+" /files" {
		refuse(w, 401, `{"title":"Unauthorized","detail":"no such key"}`)
		return
	}
	switch path {
	case "POST /v1/uploads":
		id := fmt.Sprintf("up_%d", len(f.uploaded))
		f.uploaded[id] = ""
		answer(w, 201, upload{ID: id, URL: f.URL + "/files?id=" + id, Method: f.method, Fields: map[string]string{"x-field": "value of " + id}})
	case f.method + " /files":
		f.receive(w, r)
	case "POST /v1/jobs":
		body, _ := io.ReadAll(r.Body)
		key := r.Header.Get("Idempotency-Key")
		if before, ok := f.jobs[key]; key == "" || ok && before != string(body) {
			refuse(w, 422, `{"title":"Unprocessable Content","detail":"used with another request"}`)
			return
		}
		f.jobs[key] = string(body)
		answer(w, 202, json.RawMessage(`{"id":"job_x","status":"queued","total":0,"done":0,"by_status":{},"by_reason":{}}`))
	case "GET /v1/jobs/job_x":
		step := f.steps[min(f.asked, len(f.steps)-1)]
		f.asked++
		answer(w, 200, json.RawMessage(step))
		f.looked <- struct{}{}
	case "GET /v1/jobs/job_x/results":
		_, _ = io.WriteString(w, "results as "+r.URL.Query().Get("format")+"\n")
	default:
		refuse(w, 404, `{"title":"Not Found","detail":"there is no such job"}`)
	}
}

// receive takes an upload as S3 does: with its length told, and the file last in
// a form.
func (f *fake) receive(w http.ResponseWriter, r *http.Request) {
	id, field := r.URL.Query().Get("id"), r.Header.Get("x-field")
	var content []byte
	if f.method == http.MethodPost {
		if err := r.ParseMultipartForm(1 << 20); err != nil || len(r.MultipartForm.File["file"]) != 1 {
			refuse(w, 400, `{"title":"Bad Request"}`)
			return
		}
		field = r.FormValue("x-field")
		file, _ := r.MultipartForm.File["file"][0].Open()
		content, _ = io.ReadAll(file)
	} else {
		content, _ = io.ReadAll(r.Body)
	}
	if r.ContentLength < 0 || field != "value of "+id || r.Header.Get("Authorization") != "" {
		refuse(w, 400, `{"title":"Bad Request","detail":"not as the link says"}`)
		return
	}
	f.uploaded[id] = string(content)
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func refuse(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

const (
	half = `{"id":"job_x","status":"running","total":4,"done":2,"by_status":{"VALID":2},"by_reason":{"smtp_verified":2}}`
	all  = `{"id":"job_x","status":"completed","total":4,"done":4,"by_status":{"VALID":3,"INVALID":1},"by_reason":{"smtp_verified":3,"null_mx":1},"created_at":"2026-11-22T12:00:00Z","finished_at":"2026-11-22T12:00:07Z"}`
)

// list is a list in a folder of its own.
func list(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "my list.csv")
	if err := os.WriteFile(path, []byte("email\nalice@ok.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// job runs the command.
func (f *fake) job(ctx context.Context, args ...string) (out string, err error) {
	o, err := readOrder(args)
	if err != nil {
		return "", err
	}
	var text bytes.Buffer
	w := &watch{
		order: o, client: &client{url: f.URL, key: "rk_live_a_b", pause: time.Millisecond}, out: &text, every: time.Millisecond,
	}
	err = w.run(ctx)
	return text.String(), err
}

func wantFile(t *testing.T, path, content string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != content {
		t.Errorf("%s holds %q, %v, want %q", filepath.Base(path), got, err, content)
	}
}

// wantNothing says that what a run leaves for the next is gone.
func wantNothing(t *testing.T, folder string, but ...string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) != len(but) {
		t.Errorf("%d files left, %v, want %q: %v", len(entries), err, but, entries)
	}
}

func TestListComesBackAsResults(t *testing.T) {
	for _, method := range []string{http.MethodPut, http.MethodPost} {
		t.Run(method, func(t *testing.T) {
			f, path := newFake(t, half, all), list(t)
			f.method = method
			out, err := f.job(t.Context(), "-mode", "soft", "-column", "email", path)
			if err != nil {
				t.Fatal(err)
			}
			wantFile(t, strings.TrimSuffix(path, ".csv")+".results.csv", "results as csv\n")
			wantNothing(t, filepath.Dir(path), "list", "results")
			if f.uploaded["up_0"] != "email\nalice@ok.test\n" || len(f.jobs) != 1 {
				t.Errorf("uploaded %q, jobs %q", f.uploaded, f.jobs)
			}
			for _, body := range f.jobs {
				if body != `{"email_column":"email","mode":"soft","upload_id":"up_0"}` {
					t.Errorf("submitted %s", body)
				}
			}
			for _, want := range []string{"running, 2 of 4", "completed job_x after 7 s: 4 rows", "VALID                           3   75.0 %", "null_mx", "my list.results.csv"} {
				if !strings.Contains(out, want) {
					t.Errorf("%q is not in\n%s", want, out)
				}
			}
		})
	}
}

func TestBrokenOffItGoesOnWithTheSameJob(t *testing.T) {
	f, path := newFake(t, half), list(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.looked
		cancel()
	}()
	out, err := f.job(ctx, path)
	if !errors.Is(err, context.Canceled) || !strings.Contains(out, "job_x goes on without you") {
		t.Fatalf("ended with %v after\n%s", err, out)
	}
	f.mu.Lock()
	f.steps = []string{all}
	f.mu.Unlock()
	if out, err = f.job(t.Context(), "-format", "json", path); err != nil || len(f.uploaded) != 1 || len(f.jobs) != 1 {
		t.Errorf("ended with %v, %d uploads, %d jobs:\n%s", err, len(f.uploaded), len(f.jobs), out)
	}
	wantFile(t, strings.TrimSuffix(path, ".csv")+".results.json", "results as json\n")

	// The next one is another job, though the list is the same.
	if _, err := f.job(t.Context(), path); err != nil || len(f.jobs) != 2 {
		t.Errorf("ended with %v, %d jobs", err, len(f.jobs))
	}
}

func TestChangedListIsAnotherJob(t *testing.T) {
	f, path := newFake(t, half), list(t)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-f.looked
		cancel()
	}()
	if _, err := f.job(ctx, path); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("email\nbob@ok.test\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	f.steps = []string{all}
	f.mu.Unlock()
	if _, err := f.job(t.Context(), path); err != nil || f.uploaded["up_1"] != "email\nbob@ok.test\n" || len(f.jobs) != 2 {
		t.Errorf("ended with %v, uploaded %q, %d jobs", err, f.uploaded, len(f.jobs))
	}
}

func TestForgottenJobIsMadeAnew(t *testing.T) {
	f, path := newFake(t, all), list(t)
	o := order{file: path, format: "csv"}
	digest, err := o.digest()
	if err != nil {
		t.Fatal(err)
	}
	w := &watch{order: o}
	if err := w.keep(ticket{List: digest, Upload: "up_old", Job: "job_old"}); err != nil {
		t.Fatal(err)
	}
	if _, err := f.job(t.Context(), path); err != nil || len(f.uploaded) != 1 {
		t.Errorf("ended with %v, %d uploads", err, len(f.uploaded))
	}
}

func TestRequestsAreRepeatedWhileRcptIsAway(t *testing.T) {
	f, path := newFake(t, half, all), list(t)
	for _, request := range []string{"POST /v1/uploads", "PUT /files", "POST /v1/jobs", "GET /v1/jobs/job_x", "GET /v1/jobs/job_x/results"} {
		f.refuse[request] = 3
	}
	if _, err := f.job(t.Context(), path); err != nil || len(f.jobs) != 1 {
		t.Errorf("ended with %v, %d jobs", err, len(f.jobs))
	}
}

func TestRefusalIsToldInWords(t *testing.T) {
	f, path := newFake(t, all), list(t)
	w := &watch{order: order{file: path, format: "csv"}, client: &client{url: f.URL, key: "wrong"}, out: io.Discard}
	err := w.run(t.Context())
	if err == nil || err.Error() != "rcpt answers 401 Unauthorized: no such key" {
		t.Errorf("error is %v", err)
	}
	wantNothing(t, filepath.Dir(path), "list")

	f.Close()
	if err := w.run(t.Context()); err == nil || !strings.Contains(err.Error(), "make run") {
		t.Errorf("error is %v when nobody is there", err)
	}
}

func TestFailedAndCancelledJobs(t *testing.T) {
	f, path := newFake(t, `{"id":"job_x","status":"failed","error":"the file is no list"}`), list(t)
	if _, err := f.job(t.Context(), path); err == nil || err.Error() != "job_x failed: the file is no list" {
		t.Errorf("error is %v", err)
	}
	wantNothing(t, filepath.Dir(path), "list")
	f.steps = []string{strings.Replace(all, "completed", "cancelled", 1)}
	if _, err := f.job(t.Context(), path); err == nil || !strings.Contains(err.Error(), "cancelled before it was done") {
		t.Errorf("error is %v", err)
	}
	wantNothing(t, filepath.Dir(path), "list", "results")
}

func TestOrder(t *testing.T) {
	for _, c := range []struct{ args, results string }{
		{"a/list.csv", "a/list.results.csv"}, {"list.CSV", "list.results.csv"}, {"list.jsonl.gz", "list.results.jsonl"}, {"list.json", "list.results.json"},
		{"list", "list.results.csv"}, {"list.xyz", "list.results.csv"}, {"-format jsonl list.csv", "list.results.jsonl"},
		{"", ""}, {"a b", ""}, {"-format xml a", ""}, {"-nothing a", ""},
	} {
		o, err := readOrder(strings.Fields(c.args))
		if c.results == "" && err == nil || c.results != "" && (err != nil || o.results() != c.results) {
			t.Errorf("%q: results %q, %v, want %q", c.args, o.results(), err, c.results)
		}
	}
}

func TestSettings(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "env"), []byte("RCPT_URL='http://a b'\nRCPT_KEY=rk_1\nOTHER=x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for claim, c := range map[string]struct {
		env  map[string]string
		want client
	}{
		"the folder":          {map[string]string{"RCPT_DATA": dir}, client{url: "http://a b", key: "rk_1"}},
		"the environment":     {map[string]string{"RCPT_DATA": "nowhere", "RCPT_URL": "u", "RCPT_KEY": "k"}, client{url: "u", key: "k"}},
		"a key of its own":    {map[string]string{"RCPT_DATA": dir, "RCPT_KEY": "k"}, client{url: "http://a b", key: "k"}},
		"nothing to be found": {map[string]string{"RCPT_DATA": filepath.Join(dir, "nowhere")}, client{}},
	} {
		c.want.pause = time.Second
		got, err := open(func(name string) string { return c.env[name] })
		if c.want.url == "" && (err == nil || !strings.Contains(err.Error(), "make run")) {
			t.Errorf("%s: error is %v", claim, err)
		}
		if c.want.url != "" && (err != nil || *got != c.want) {
			t.Errorf("%s: got %+v, %v, want %+v", claim, got, err, c.want)
		}
	}
}

func TestProgressTellsRateAndTimeLeft(t *testing.T) {
	at := func(seconds int) time.Time { return time.Date(2026, 11, 22, 12, 0, seconds, 0, time.UTC) }
	var plain, line bytes.Buffer
	p, q := progress{out: &plain}, progress{out: &line, line: true}
	for _, s := range []struct {
		j       job
		seconds int
	}{
		{job{Status: "queued"}, 0},
		{job{Status: "running", Total: 100_000}, 1},
		{job{Status: "running", Total: 100_000, Done: 1_000}, 2},
		{job{Status: "running", Total: 100_000, Done: 20_000}, 11},
		{job{Status: "running", Total: 100_000, Done: 20_500, EstimatedEndAt: at(311)}, 41},
		{job{Status: "completed", Total: 100_000, Done: 100_000}, 55},
	} {
		p.show(s.j, at(s.seconds))
		q.show(s.j, at(s.seconds))
	}
	want := `queued
running, 0 of 100,000
running, 20,000 of 100,000, 1,818/s, about 44 s left
running, 20,500 of 100,000, 17/s, about 4 min left
completed, 100,000 of 100,000
`
	if plain.String() != want {
		t.Errorf("told\n%s, want\n%s", &plain, want)
	}
	lines := strings.Split(line.String(), "\r")
	if len(lines) != 7 || !strings.HasPrefix(lines[4], "[###.............]  running, 20,000 of") || strings.Contains(line.String(), "\n") {
		t.Errorf("the line was %q", lines)
	}
	for _, shown := range lines[1:] {
		if len(shown) != lineWidth {
			t.Errorf("%q has %d columns", shown, len(shown))
		}
	}
}
