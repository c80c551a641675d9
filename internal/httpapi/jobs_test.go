package httpapi

import (
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// jobSamples are those of the routes of jobs: one that has ended, with a
// delivery, and one that has not.
func (d *desk) jobSamples(t *testing.T) []sample {
	t.Helper()
	ended := d.submit(t, d.acme, `{"emails":["alice@ok.example"],"webhook_url":"https://hook.example/x"}`)
	d.complete(t, ended)
	open := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	of := func(id string, more ...string) []string { return append([]string{"{job}", id}, more...) }
	one := `{"emails":["alice@ok.example"]}`
	return []sample{
		{route: "POST /v1/uploads", caller: d.acme, lacks: d.acmeReader, body: `{"filename":"list.csv","size":5}`, status: 201, bodies: []string{
			"", "[]", `{"size":0}`, `{"size":-1}`, `{"size":4294967297}`, `{"size":"5"}`, `{"size":1.5}`, `{"filename":5}`, `{"filename":"a\u0000"}`,
			`{"filename":"` + strings.Repeat("a", 201) + `"}`, `{"name":"list.csv"}`,
		}},
		{route: "POST /v1/jobs/estimate", caller: d.acme, lacks: d.acmeReader, body: one, status: 200, bodies: badJobs(), query: []string{"a=b"}},
		{route: "POST /v1/jobs", caller: d.acme, lacks: d.acmeReader, body: one, status: 202, bodies: badJobs(), query: []string{"a=b"}},
		{route: "GET /v1/jobs", caller: d.acme, lacks: d.acmeReader, status: 200, query: []string{
			"limit=0", "limit=101", "limit=x", "next=", "next=%00", "next=five", "status=queued", "%zz",
		}},
		{route: "GET /v1/jobs/{job}", caller: d.acme, lacks: d.acmeReader, status: 200, fill: of(ended)},
		{route: "GET /v1/jobs/{job}/results", caller: d.acme, lacks: d.acmeReader, status: 200, fill: of(ended), query: []string{
			"format=xml", "format=", "format=JSON", "format=json&format=csv", "status=", "status=FINE", "status=VALID,", "filter=VALID",
		}},
		{route: "GET /v1/jobs/{job}/deliveries", caller: d.acme, lacks: d.acmeReader, status: 200, fill: of(ended), query: []string{
			"limit=0", "limit=201", "next=", "next=a%23b", "state=failed",
		}},
		{route: "POST /v1/jobs/{job}/deliveries/{delivery}/resend", caller: d.acme, lacks: d.acmeReader, status: 202, fill: of(ended, "{delivery}", "msg_"+ended)},
		{route: "POST /v1/jobs/{job}/cancel", caller: d.acme, lacks: d.acmeReader, status: 202, fill: of(open)},
		{route: "DELETE /v1/jobs/{job}", caller: d.acme, lacks: d.acmeReader, status: 204, fill: of(ended)},
	}
}

// TestJobsLookLikeThis keeps a job in each of its statuses, as the contract has
// it, and its webhook.
func TestJobsLookLikeThis(t *testing.T) {
	d, m := newMailman(t, 204)
	var text strings.Builder
	keep := func(claim string, w *httptest.ResponseRecorder, id string) {
		fmt.Fprintf(&text, "-- %s --\n%s\n", claim, strings.ReplaceAll(string(response(w)), id, "job_ID"))
	}
	ask := func(method, path, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+d.acme)
		r.Header.Set("X-Request-Id", "req-1")
		return d.do(r)
	}
	w := ask("POST", "/v1/jobs", `{"emails":["alice@ok.example","no address","alice@ok.example","bob@known.example"],"webhook_url":"https://hook.example/x","metadata":{"b":"<é>","10":"x"},"deadline":"90m","policy":"b2b"}`)
	id := object(t, w, 202)["id"].(string)
	keep("queued", w, id)
	d.clock = d.clock.Add(time.Second)
	d.begin(t, id)
	d.clock = d.clock.Add(1500 * time.Millisecond)
	keep("running", ask("GET", "/v1/jobs/"+id, ""), id)
	d.work(t)
	d.end(t, id)
	keep("completed", ask("GET", "/v1/jobs/"+id, ""), id)
	m.deliver(t)
	fmt.Fprintf(&text, "-- webhook --\n%s\n\n", strings.ReplaceAll(m.body, id, "job_ID"))
	keep("deliveries", ask("GET", "/v1/jobs/"+id+"/deliveries", ""), id)

	id = d.submit(t, d.acme, `{"upload_id":"`+d.upload(t, d.acme, `{"filename":"C:\\lists\\broken.csv"}`, "a,b\n\"open")+`","webhook_url":"https://hook.example/x"}`)
	d.begin(t, id)
	d.end(t, id)
	keep("failed", ask("GET", "/v1/jobs/"+id, ""), id)
	m.deliver(t)
	fmt.Fprintf(&text, "-- webhook of the failed --\n%s\n", strings.ReplaceAll(m.body, id, "job_ID"))
	golden(t, filepath.Join("testdata", "jobs", "jobs.txt"), []byte(strings.ReplaceAll(text.String(), idOf(d.acme), "KEY")))
}

func TestALongListIsUploaded(t *testing.T) {
	d := newDesk(t, nil)
	upload := d.upload(t, d.acme, `{"filename":"lists/März.csv"}`, "Name;Mail\nAlice;alice@ok.example\nBob;bob@known.example\n")
	id := d.submit(t, d.acme, `{"upload_id":"`+upload+`","email_column":"mail"}`)
	d.complete(t, id)
	job := d.job(t, d.acme, id)
	if job["status"] != "completed" || job["total"] != 2.0 || job["done"] != 2.0 || job["filename"] != "März.csv" {
		t.Errorf("the job is %v", job)
	}
	if w := d.ask("POST", "/v1/jobs", d.other, `{"upload_id":"`+upload+`"}`); w.Code != 400 || problemOf(t, w).Field != "upload_id" {
		t.Errorf("another account makes a job of it: %d", w.Code)
	}
	unsent := object(t, d.ask("POST", "/v1/uploads", d.acme, "{}"), 201)["upload_id"].(string)
	if w := d.ask("POST", "/v1/jobs", d.acme, `{"upload_id":"`+unsent+`"}`); w.Code != 400 || problemOf(t, w).Field != "upload_id" {
		t.Errorf("a job of what was not sent: %d", w.Code)
	}
}

func TestAnUploadIsNoLongerThanAnnounced(t *testing.T) {
	d := newDesk(t, nil)
	made := object(t, d.ask("POST", "/v1/uploads", d.acme, `{"size":5}`), 201)
	w := httptest.NewRecorder()
	d.files.ServeHTTP(w, httptest.NewRequest("PUT", made["url"].(string), strings.NewReader("a@b.example")))
	if w.Code != 413 {
		t.Errorf("11 octets of 5: %d %s", w.Code, w.Body)
	}
}

func TestARequestNamedAgainIsTheSameJob(t *testing.T) {
	d := newDesk(t, nil)
	const body = `{"emails":["alice@ok.example"]}`
	ask := func(secret, name, body string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/jobs", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+secret)
		if name != "" {
			r.Header.Set("Idempotency-Key", name)
		}
		return d.do(r)
	}
	first := ask(d.acme, "k-1", body)
	id := object(t, first, 202)["id"].(string)
	if location := first.Header().Get("Location"); location != "/v1/jobs/"+id {
		t.Errorf("Location is %q", location)
	}
	d.complete(t, id)
	again := ask(d.acme, "k-1", body)
	if job := object(t, again, 202); job["id"] != id || job["status"] != "completed" || again.Header().Get("Location") != "/v1/jobs/"+id {
		t.Errorf("the same request makes %v", job)
	}
	for claim, w := range map[string]*httptest.ResponseRecorder{
		"another name": ask(d.acme, "k-2", body), "another key": ask(d.other, "k-1", body), "no name": ask(d.acme, "", body),
	} {
		if object(t, w, 202)["id"] == id {
			t.Errorf("%s: the same job", claim)
		}
	}
	if w := ask(d.acme, "k-1", `{"emails":["bob@ok.example"]}`); w.Code != 422 || problemOf(t, w).Field != "Idempotency-Key" {
		t.Errorf("another body: %d", w.Code)
	}
	for _, name := range []string{strings.Repeat("a", 256), "ä", "a\x7f"} {
		if w := ask(d.acme, name, body); w.Code != 400 || problemOf(t, w).Field != "Idempotency-Key" {
			t.Errorf("the name %.10q: %d", name, w.Code)
		}
	}
	if w := d.ask("DELETE", "/v1/jobs/"+id, d.acme, ""); w.Code != 204 {
		t.Fatal(w.Body)
	}
	if w := ask(d.acme, "k-1", body); w.Code != 422 {
		t.Errorf("after the job was deleted: %d", w.Code)
	}
	d.clock = d.clock.Add(25 * time.Hour)
	if w := ask(d.acme, "k-1", body); w.Code != 202 {
		t.Errorf("the next day: %d %s", w.Code, w.Body)
	}
}

func TestJobsOfOthersDoNotExist(t *testing.T) {
	d := newDesk(t, nil)
	live := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	test := d.submit(t, d.acmeTest, `{"emails":["alice@ok.example"]}`)
	d.complete(t, live)
	colleague := d.create(t, `{"account":"acme","scopes":["jobs"]}`)
	for _, c := range []struct {
		secret, id string
		status     int
	}{
		{d.acme, live, 200}, {colleague, live, 200}, {d.acmeTest, test, 200},
		{d.other, live, 404}, {d.acmeTest, live, 404}, {d.acme, test, 404}, {d.other, test, 404}, {d.acme, "job_none", 404}, {d.acme, "up_x", 404}, {d.acme, "job_%00", 404},
	} {
		if w := d.ask("GET", "/v1/jobs/"+c.id, c.secret, ""); w.Code != c.status {
			t.Errorf("%s: %d, want %d", c.id, w.Code, c.status)
		}
		if c.status != 404 {
			continue
		}
		for _, route := range []string{"DELETE /v1/jobs/", "POST /v1/jobs/ /cancel", "GET /v1/jobs/ /results", "GET /v1/jobs/ /deliveries", "POST /v1/jobs/ /deliveries/msg_x/resend"} {
			parts := append(strings.Split(route, " "), "")
			if w := d.ask(parts[0], parts[1]+c.id+parts[2], c.secret, ""); w.Code != 404 {
				t.Errorf("%s of %s: %d", route, c.id, w.Code)
			}
		}
	}
	for secret, want := range map[string]string{d.acme: live, colleague: live, d.acmeTest: test, d.other: ""} {
		if got := strings.Join(d.jobIDs(t, secret, ""), " "); got != want {
			t.Errorf("listed are %q, want %q", got, want)
		}
	}
}

// jobIDs are those of a whole list, page by page.
func (d *desk) jobIDs(t *testing.T, secret, query string) (ids []string) {
	t.Helper()
	for next := ""; ; {
		page := object(t, d.ask("GET", "/v1/jobs?"+query+next, secret, ""), 200)
		for _, job := range page["jobs"].([]any) {
			ids = append(ids, job.(map[string]any)["id"].(string))
		}
		if page["next"] == nil {
			return ids
		}
		next = "&next=" + page["next"].(string) // needs no escaping
	}
}

func TestJobsAreListedTheLatestFirst(t *testing.T) {
	d := newDesk(t, nil)
	var want []string
	for i := range 5 {
		d.clock = d.clock.Add(time.Second)
		want = append([]string{d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)}, want...)
		if i%2 == 0 {
			d.submit(t, d.acmeTest, `{"emails":["alice@ok.example"]}`)
		}
	}
	for _, query := range []string{"", "limit=1", "limit=2", "limit=5", "limit=100"} {
		if got := d.jobIDs(t, d.acme, query); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestCancelAndDelete(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example","bob@known.example"]}`)
	if w := d.ask("DELETE", "/v1/jobs/"+id, d.acme, ""); w.Code != 409 || !strings.Contains(problemOf(t, w).Detail, "cancel it first") {
		t.Errorf("deleting a job under way: %d", w.Code)
	}
	d.begin(t, id)
	for range 2 {
		if job := object(t, d.ask("POST", "/v1/jobs/"+id+"/cancel", d.acme, ""), 202); job["status"] != "running" {
			t.Errorf("cancelled is %v", job)
		}
	}
	d.end(t, id)
	job := d.job(t, d.acme, id)
	if job["status"] != "cancelled" || !reflect.DeepEqual(job["by_reason"], map[string]any{"cancelled": 1.0, "catch_all": 1.0}) || job["done"] != 2.0 || job["finished_at"] == nil {
		t.Errorf("the job is %v", job)
	}
	if w := d.ask("POST", "/v1/jobs/"+id+"/cancel", d.acme, ""); w.Code != 409 {
		t.Errorf("cancelling what has ended: %d", w.Code)
	}
	if w := d.ask("DELETE", "/v1/jobs/"+id, d.acme, ""); w.Code != 204 || w.Body.Len() != 0 {
		t.Errorf("deleting: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"", "/results", "/deliveries"} {
		if w := d.ask("GET", "/v1/jobs/"+id+path, d.acme, ""); w.Code != 404 {
			t.Errorf("%s of a deleted job: %d", path, w.Code)
		}
	}
	if page, err := d.jobs.Blob.List(t.Context(), "jobs/"+id, "", 10); err != nil || len(page.Blobs) > 0 {
		t.Errorf("its files are %v, %v", page.Blobs, err)
	}
}

func TestNoJobBeginsInASpentMonth(t *testing.T) {
	d := newDesk(t, nil)
	key := d.create(t, `{"account":"acme","limits":{"monthly":2}}`)
	const body = `{"emails":["a@ok.example"]}`
	submit := func(once string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("POST", "/v1/jobs", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+key)
		r.Header.Set("Idempotency-Key", once)
		return d.do(r)
	}
	if w := submit("before"); w.Code != 202 {
		t.Fatalf("two checks are left: %d %s", w.Code, w.Body)
	}
	d.begin(t, d.submit(t, key, `{"emails":["a@ok.example","b@ok.example"]}`))
	w := submit("after")
	if w.Code != 402 || w.Header().Get("RateLimit-Limit") != "2" || w.Header().Get("RateLimit-Remaining") != "0" || w.Header().Get("RateLimit-Reset") == "" {
		t.Errorf("nothing is left: %d %v %s", w.Code, w.Header(), w.Body)
	}
	if w := submit("before"); w.Code != 202 {
		t.Errorf("what was submitted before: %d %s", w.Code, w.Body)
	}
	if w := d.ask("POST", "/v1/jobs/estimate", key, body); w.Code != 200 {
		t.Errorf("an estimate: %d %s", w.Code, w.Body)
	}
}

func TestSubmittingIsUnderTheLimitsOfTheKey(t *testing.T) {
	d := newDesk(t, nil)
	slow := d.create(t, `{"account":"acme","limits":{"monthly":1,"requests_per_second":2}}`)
	const body = `{"emails":["a@ok.example","b@ok.example"]}`
	for _, path := range []string{"/v1/jobs/estimate", "/v1/jobs"} {
		if w := d.ask("POST", path, slow, body); w.Code >= 300 || w.Header().Get("RateLimit-Limit") != "2" {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
	}
	if w := d.ask("POST", "/v1/jobs", slow, body); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("the third of a second: %d", w.Code)
	}
	d.clock = d.clock.Add(2 * time.Second)
	id := d.submit(t, slow, body) // no check is made yet, so that none is charged
	d.begin(t, id)
	d.end(t, id)
	if job := d.job(t, slow, id); job["status"] != "failed" || !strings.Contains(fmt.Sprint(job["error"]), "1 checks a month") {
		t.Errorf("over the month: %v", job)
	}
}

func TestAPathWithoutParametersSaysSo(t *testing.T) {
	d := newDesk(t, nil)
	w := d.ask("POST", "/v1/jobs?mode=soft", d.acme, `{"emails":["alice@ok.example"]}`)
	if p := problemOf(t, w); w.Code != 400 || p.Field != "mode" || !strings.HasSuffix(p.Detail, "has none with this method") {
		t.Errorf("%d, field %q, %q", w.Code, p.Field, p.Detail)
	}
}

func TestEstimate(t *testing.T) {
	d := newDesk(t, nil)
	const list = `["a@ok.example","A@ok.example ","b@ok.example","c@other.example","d@known.example","no address","no address",""]`
	want := map[string]any{
		"rows": 8.0, "sampled": false, "duplicates": 1.0, "broken": 3.0, "unique": 4.0, "cached": 1.0, "need_smtp": 3.0, "need_dns": 2.0, "expected_seconds": 5.0,
	}
	if got := object(t, d.ask("POST", "/v1/jobs/estimate", d.acme, `{"emails":`+list+`}`), 200); !reflect.DeepEqual(got, want) {
		t.Errorf("inline: %v, want %v", got, want)
	}
	upload := d.upload(t, d.acme, "{}", list)
	if got := object(t, d.ask("POST", "/v1/jobs/estimate", d.acme, `{"upload_id":"`+upload+`"}`), 200); !reflect.DeepEqual(got, want) {
		t.Errorf("uploaded: %v, want %v", got, want)
	}
	want["need_smtp"] = 0.0
	if got := object(t, d.ask("POST", "/v1/jobs/estimate", d.acmeTest, `{"mode":"soft","emails":`+list+`}`), 200); !reflect.DeepEqual(got, want) {
		t.Errorf("soft: %v, want %v", got, want)
	}
	w := d.ask("POST", "/v1/jobs/estimate", d.acme, `{"upload_id":"`+d.upload(t, d.acme, "{}", "\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR")+`"}`)
	if p := problemOf(t, w); w.Code != 400 || p.Title != "List not readable" {
		t.Errorf("of a picture: %d %+v", w.Code, p)
	}
	if jobs := d.jobIDs(t, d.acme, ""); len(jobs) != 0 || d.total(t, d.acme) != 0 {
		t.Errorf("an estimate leaves %v", jobs)
	}
}
