package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
)

func TestResultsLookLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	list := "\ufeffname;Mail;status\r\n\"=1+1\";alice@ok.example;new\r\nBob;\"no; address\";\r\nCarol;carol@known.example;<old>\r\nAlice;alice@ok.example;new\r\n"
	id := d.submit(t, d.acme, `{"upload_id":"`+d.upload(t, d.acme, "{}", list)+`"}`)
	d.complete(t, id)
	var text strings.Builder
	for _, query := range []string{"", "?format=json", "?format=jsonl", "?format=csv", "?status=INVALID,catch_all", "?status=VALID&format=csv", "?status=RISKY", "?status=RISKY&format=csv", "?status=RISKY&format=jsonl"} {
		r := httptest.NewRequest("GET", "/v1/jobs/"+id+"/results"+query, nil)
		r.Header.Set("Authorization", "Bearer "+d.acme)
		r.Header.Set("X-Request-Id", "req-1")
		again := d.ask("GET", "/v1/jobs/"+id+"/results"+query, d.acme, "")
		w := d.do(r)
		if w.Body.String() != again.Body.String() {
			t.Errorf("%s: twice is\n%s\n%s", query, w.Body, again.Body)
		}
		fmt.Fprintf(&text, "-- %s --\n%s\n", query, strings.ReplaceAll(string(response(w)), id, "job_ID"))
	}
	golden(t, filepath.Join("testdata", "jobs", "results.txt"), []byte(strings.ReplaceAll(text.String(), "\r", "<CR>")))
}

func TestLargeResultsAreElsewhere(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":`+strings.ReplaceAll(many(9_999), "user", strings.Repeat("u", 60))+`}`)
	d.complete(t, id)
	for _, format := range []string{"json", "jsonl"} {
		w := d.ask("GET", "/v1/jobs/"+id+"/results?format="+format, d.acme, "")
		if w.Code != 302 || w.Body.Len() > 0 {
			t.Fatalf("%s: %d with %d octets", format, w.Code, w.Body.Len())
		}
		file := httptest.NewRecorder()
		d.files.ServeHTTP(file, httptest.NewRequest("GET", w.Header().Get("Location"), nil))
		if rows := strings.Count(file.Body.String(), `"email":`); file.Code != 200 || rows != 9_999 || file.Body.Len() <= maxInlineResults {
			t.Errorf("%s: the link answers %d with %d rows, %d octets", format, file.Code, rows, file.Body.Len())
		}
		if name := file.Header().Get("Content-Disposition"); !strings.Contains(name, id+"."+format) {
			t.Errorf("a browser saves it as %s", name)
		}
		d.clock = d.clock.Add(linkTime + time.Second)
		file = httptest.NewRecorder()
		if d.files.ServeHTTP(file, httptest.NewRequest("GET", w.Header().Get("Location"), nil)); file.Code != 403 {
			t.Errorf("after an hour the link answers %d", file.Code)
		}
	}
	// Of the smaller document all is in the answer.
	w := d.ask("GET", "/v1/jobs/"+id+"/results?format=csv", d.acme, "")
	if rows := strings.Count(w.Body.String(), "\r\n"); w.Code != 200 || rows != 10_000 {
		t.Errorf("csv: %d with %d lines", w.Code, rows)
	}
}

func TestWhatHasNotEndedHasNoResults(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	refused := func(claim, id, detail string) {
		t.Helper()
		for _, query := range []string{"", "?format=csv&status=VALID"} {
			w := d.ask("GET", "/v1/jobs/"+id+"/results"+query, d.acme, "")
			if p := problemOf(t, w); w.Code != 409 || !strings.Contains(p.Detail, detail) {
				t.Errorf("%s: %d %s", claim, w.Code, p.Detail)
			}
		}
	}
	refused("queued", id, "has not ended")
	d.begin(t, id)
	refused("running", id, "has not ended")
	d.work(t)
	d.steps(t, d.collect.Step, "collect", id)
	refused("not finished", id, "has not ended")
	failed := d.submit(t, d.acme, `{"upload_id":"`+d.upload(t, d.acme, "{}", "")+`"}`)
	d.begin(t, failed)
	d.end(t, failed)
	refused("failed", failed, "its error says why")
}

// A job that was cancelled before its list was read has the rows of the list all
// the same, and of a filter that nothing passes results without rows.
func TestRowsOfACancelledJobAreInItsResults(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example"],"webhook_url":"https://hook.example/x"}`)
	object(t, d.ask("POST", "/v1/jobs/"+id+"/cancel", d.acme, ""), 202)
	if next := d.begin(t, id); next != "collect" {
		t.Fatalf("after it was cancelled comes %s", next)
	}
	d.end(t, id)
	const (
		row    = `{"email":"alice@ok.example","status":"UNKNOWN","score":0,"reason":"cancelled","action":"retry","disposable":false,"catch_all":false,"free_provider":false,"role":false,"relay":false,"spam_trap":false,"closed_provider":false,"mx_found":false}`
		header = "email,status,score,reason,action,disposable,catch_all,free_provider,role,relay,spam_trap,closed_provider,mx_found,role_class,tag,canonical,suggestion,mx_host,mx_provider,checked_at\r\n"
	)
	for query, want := range map[string]string{
		"": `{"job_id":"` + id + `","results":[` + row + `]}`, "?status=VALID": `{"job_id":"` + id + `","results":[]}`,
		"?format=jsonl": row + "\n", "?format=jsonl&status=VALID": "",
		"?format=csv": header + "alice@ok.example,UNKNOWN,0,cancelled,retry" + strings.Repeat(",false", 8) + strings.Repeat(",", 7) + "\r\n", "?format=csv&status=VALID,INVALID": header,
	} {
		for range 2 {
			if w := d.ask("GET", "/v1/jobs/"+id+"/results"+query, d.acme, ""); w.Code != 200 || w.Body.String() != want {
				t.Errorf("%s: %d %q, want %q", query, w.Code, w.Body, want)
			}
		}
	}
	if job := d.job(t, d.acme, id); job["status"] != "cancelled" || job["done"] != 1.0 {
		t.Errorf("the job is %v", job)
	}
}

func TestForgottenResultsAreGone(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	d.complete(t, id)
	if err := d.jobs.Blob.Delete(t.Context(), batch.FilesOf(id).Output("all", "csv")); err != nil {
		t.Fatal(err)
	}
	if w := d.ask("GET", "/v1/jobs/"+id+"/results?format=csv", d.acme, ""); w.Code != 409 {
		t.Errorf("while it is being forgotten: %d %s", w.Code, w.Body)
	}
}

func TestAWebhookIsSentAgain(t *testing.T) {
	d, m := newMailman(t, 500)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example"],"webhook_url":"https://hook.example/x"}`)
	d.complete(t, id)
	m.deliver(t)
	first := m.header.Get("Webhook-Id")
	path := "/v1/jobs/" + id + "/deliveries"
	one := object(t, d.ask("GET", path, d.acme, ""), 200)["deliveries"].([]any)[0].(map[string]any)
	if one["state"] != "pending" || one["id"] != first || one["url"] != "https://hook.example/x" || one["attempts"].([]any)[0].(map[string]any)["status"] != 500.0 {
		t.Errorf("listed is %v", one)
	}
	m.status = 204
	body := m.body
	d.clock = d.clock.Add(time.Second)
	if again := object(t, d.ask("POST", path+"/"+first+"/resend", d.acme, ""), 202); again["state"] != "pending" || again["next_attempt_at"] != "2026-11-13T12:00:02Z" {
		t.Errorf("sent again is %v", again)
	}
	m.deliver(t)
	if m.header.Get("Webhook-Id") != first || m.body != body {
		t.Errorf("sent again is %s %s", m.header.Get("Webhook-Id"), m.body)
	}
	one = object(t, d.ask("GET", path, d.acme, ""), 200)["deliveries"].([]any)[0].(map[string]any)
	if one["state"] != "delivered" || len(one["attempts"].([]any)) != 2 {
		t.Errorf("in the end it is %v", one)
	}
	for _, delivery := range []string{"msg_none", "test_1", "a%2Fb", "a%23b", "%00"} {
		if w := d.ask("POST", path+"/"+delivery+"/resend", d.acme, ""); w.Code != 404 {
			t.Errorf("%s: %d", delivery, w.Code)
		}
	}
	if w := d.ask("DELETE", "/v1/jobs/"+id, d.acme, ""); w.Code != 204 {
		t.Fatal(w.Body)
	}
	if _, err := m.book.Find(t.Context(), "acme", id, first); err == nil {
		t.Error("its delivery outlives the job")
	}
}

// What a receiver parses and writes again is what was signed.
func TestBodiesOfWebhooksSurviveJSON(t *testing.T) {
	d, m := newMailman(t, 204)
	list := `[{"mail":"alice@ok.example","n":1.50,"2":"b","1":"<a>","o":{"z":1,"5":2}},{"mail":"bob@ok.example","n":1e21}]`
	id := d.submit(t, d.acme, `{"upload_id":"`+d.upload(t, d.acme, "{}", list)+`","webhook_url":"https://hook.example/x","metadata":{"b":"1","10":"\u2028","9":"</script>"}}`)
	d.complete(t, id)
	m.deliver(t)
	for _, word := range []string{`{"1":"<a>","2":"b","mail":"alice@ok.example","n":1.5,"o":{"5":2,"z":1},"email":`, `"n":1e+21,`, `"metadata":{"9":"</script>","10":"` + "\u2028" + `","b":"1"}}`} {
		if !strings.Contains(m.body, word) {
			t.Errorf("%s is not in %s", word, m.body)
		}
	}
	if !json.Valid([]byte(m.body)) || strings.Contains(m.body, `\u`) {
		t.Errorf("the body is %s", m.body)
	}
}
