package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// Drills take a job through deaths and repetitions and want what an undisturbed
// job comes to. They are small unless DRILL=full is set (make drill).

// drillFull reports whether drills have their full size.
func drillFull() bool { return os.Getenv("DRILL") == "full" }

// drillList is a CSV file of n addresses at domains of every behavior that does
// not depend on time, every ninth of them a repetition.
func drillList(n int) string {
	var list strings.Builder
	list.WriteString("n,Email,note\n")
	for i := range n {
		which := i
		if i%9 == 8 {
			which = i / 2 // which is a repetition itself now and then
		}
		fmt.Fprintf(&list, "%d,%s,\"row, %d\"\n", i, drillAddress(which), i)
	}
	return list.String()
}

func drillAddress(i int) string {
	domain := i / 13 % 100
	switch i % 13 {
	case 0:
		return fmt.Sprintf("user%d@ok-%d.test", i, domain)
	case 1:
		return fmt.Sprintf("nobody%d@ok-%d.test", i, domain)
	case 2:
		return fmt.Sprintf("anybody%d@catchall-%d.test", i, domain)
	case 3:
		return fmt.Sprintf("user%d@full-%d.test", i, domain)
	case 4:
		return fmt.Sprintf("user%d@disabled-%d.test", i, domain)
	case 5:
		return fmt.Sprintf("user%d@relay-%d.test", i, domain)
	case 6:
		return fmt.Sprintf("user%d@blocked-%d.test", i, domain)
	case 7:
		return fmt.Sprintf("user%d@nullmx-%d.test", i, domain)
	case 8:
		return fmt.Sprintf("user%d@nomx-%d.test", i, domain)
	case 9:
		return fmt.Sprintf("user%d@implicit-%d.test", i, domain)
	case 10:
		return fmt.Sprintf("user%d@disposable-%d.test", i, domain)
	case 11:
		return fmt.Sprintf("user%d@nowhere-%d.test", i, domain)
	}
	return fmt.Sprintf("user..%d@ok.test", i)
}

// plainly asks without holding the answer against the description: of files, and
// of a product that may die under way.
func plainly() *http.Client { return &http.Client{Transport: &http.Transport{}} }

// fetch makes a request with the key and returns the body of its answer.
func (p *product) fetch(ctx context.Context, method, path, body string, header ...string) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, p.env.URL+path, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+p.env.Key)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	client := plainly()
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	return answer.StatusCode, text, err
}

// upload sends a list and returns the id to make a job of.
func (p *product) upload(t *testing.T, filename, list string) string {
	t.Helper()
	to := p.call(t, "POST", "/v1/uploads", fmt.Sprintf(`{"filename":%q,"size":%d}`, filename, len(list)), 201)
	r, err := http.NewRequest(to.text("method"), to.text("url"), strings.NewReader(list))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := plainly().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode >= 300 {
		t.Fatalf("upload answers %s", answer.Status)
	}
	return to.text("upload_id")
}

// drilled is a job as GET /v1/jobs/{id} shows it.
type drilled struct {
	ID       string           `json:"id"`
	Status   string           `json:"status"`
	Total    int64            `json:"total"`
	Done     int64            `json:"done"`
	ByStatus map[string]int64 `json:"by_status"`
	ByReason map[string]int64 `json:"by_reason"`
	Error    *string          `json:"error"`
}

func (d drilled) ended() bool { return d.Status != "queued" && d.Status != "running" }

// show looks at a job. The error is that of a product that is not there.
func (p *product) show(ctx context.Context, id string) (d drilled, err error) {
	status, text, err := p.fetch(ctx, "GET", "/v1/jobs/"+id, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("answer %d: %s", status, text)
	}
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(text, &d)
}

// follow waits until a job is as wanted.
func (p *product) follow(t *testing.T, id string, wanted func(drilled) bool) drilled {
	t.Helper()
	for end := time.Now().Add(5 * patience); ; time.Sleep(10 * time.Millisecond) {
		d, err := p.show(t.Context(), id)
		if err != nil {
			t.Fatalf("%v\n%s", err, p.log)
		}
		if wanted(d) {
			return d
		}
		if d.ended() || time.Now().After(end) {
			t.Fatalf("the job stands at %+v\n%s", d, p.log)
		}
	}
}

// outcome is what a job came to, without what depends on time.
type outcome struct {
	job   drilled
	rows  []string       // of the results
	usage map[string]any // total and by_outcome
}

// outcome reads what a job came to that has ended.
func (p *product) outcome(t *testing.T, id string) outcome {
	t.Helper()
	o := outcome{job: p.follow(t, id, drilled.ended)}
	if o.job.Status != "completed" {
		t.Fatalf("the job ended as %+v", o.job)
	}
	status, text, err := p.fetch(t.Context(), "GET", "/v1/jobs/"+id+"/results?format=jsonl", "")
	if err != nil || status != http.StatusOK {
		t.Fatalf("results: %d, %v", status, err)
	}
	for line := range bytes.Lines(text) {
		o.rows = append(o.rows, timeless(t, line))
	}
	used := p.call(t, "GET", "/v1/usage", "", 200)
	o.usage = map[string]any{"total": used.text("total"), "by_outcome": fmt.Sprint(used.fields["by_outcome"])}
	return o
}

// timeless is a row of the results without when it was checked.
func timeless(t *testing.T, line []byte) string {
	t.Helper()
	const checked = `"checked_at":"`
	before, rest, found := strings.Cut(string(line), checked)
	if !found || !json.Valid(line) {
		t.Fatalf("no row of results: %s", line)
	}
	return before + checked + rest[strings.Index(rest, `"`):]
}

// alike fails unless a disturbed job came to what the undisturbed one did, with
// counters that agree with its rows.
func (o outcome) alike(t *testing.T, undisturbed outcome) {
	t.Helper()
	o.exact(t)
	if len(o.rows) != len(undisturbed.rows) {
		t.Fatalf("%d rows, undisturbed %d", len(o.rows), len(undisturbed.rows))
	}
	wrong := 0
	for i, row := range o.rows {
		if row != undisturbed.rows[i] {
			if wrong++; wrong <= 5 {
				t.Errorf("row %d:\n%s\nundisturbed:\n%s", i, row, undisturbed.rows[i])
			}
		}
	}
	if wrong > 0 {
		t.Errorf("%d rows differ from those of the undisturbed run", wrong)
	}
	if got, want := fmt.Sprint(o.usage), fmt.Sprint(undisturbed.usage); got != want {
		t.Errorf("usage is %s, undisturbed %s", got, want)
	}
}

// exact fails unless the counters of the job and the usage of its key are those
// that its rows give.
func (o outcome) exact(t *testing.T) {
	t.Helper()
	want := drilled{ID: o.job.ID, Status: "completed", ByStatus: make(map[string]int64), ByReason: make(map[string]int64)}
	unique := make(map[string]bool)
	for _, row := range o.rows {
		var r struct{ Email, Status, Reason string }
		if err := json.Unmarshal([]byte(row), &r); err != nil {
			t.Fatal(err)
		}
		want.Total, want.Done = want.Total+1, want.Done+1
		want.ByStatus[r.Status]++
		want.ByReason[r.Reason]++
		unique[r.Email] = true
	}
	if got, want := fmt.Sprint(o.job), fmt.Sprint(want); got != want {
		t.Errorf("the job says %s, its rows %s", got, want)
	}
	if got := o.usage["total"]; got != fmt.Sprint(len(unique)) {
		t.Errorf("usage counts %v checks, want %d", got, len(unique))
	}
}

// unmarshaled is JSON of the product in a value; the zero value if it is none.
func unmarshaled[T any](text []byte, to *T) *T {
	if json.Unmarshal(text, to) != nil {
		return new(T)
	}
	return to
}

// middle is the median, and last the greatest, of times.
func middle(times []time.Duration) (median, last time.Duration) {
	if len(times) == 0 {
		return 0, 0
	}
	sorted := slices.SortedFunc(slices.Values(times), cmp.Compare[time.Duration])
	return sorted[len(sorted)/2], sorted[len(sorted)-1]
}
