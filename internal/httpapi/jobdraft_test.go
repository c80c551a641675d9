package httpapi

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/keys"
	"rcpt/internal/verify"
)

// badJobs are bodies of which no job is made, each with one thing wrong.
func badJobs() []string {
	const emails = `{"emails":["alice@ok.example"],`
	bodies := []string{
		"", "[]", "{", "{}", `{"emails":null}`, `{"emails":[]}`, `{"emails":"alice@ok.example"}`, `{"emails":[5]}`, `{"emails":["a@b.example",null]}`, `{"emails":["\ud800"]}`,
		`{"emails":["` + strings.Repeat("a", 1001) + `"]}`, `{"upload_id":"up_00000000000000000000000000"}`, `{"upload_id":""}`, `{"upload_id":"../x"}`, `{"upload_id":"` + strings.Repeat("u", 5000) + `"}`,
		emails + `"upload_id":"up_00000000000000000000000000"}`, emails + `"emails":[]}`, emails + `"email_column":"email"}`,
	}
	names := make([]string, 51)
	for i := range names {
		names[i] = fmt.Sprintf(`"n%d":""`, i)
	}
	for _, field := range []string{
		`"mode":"fast"`, `"mode":5`, `"policy":""`, `"policy":"lax"`, `"policy":"own"`, `"policy":{"free":"block"}`, `"vendors":"on"`, `"vendors":true`,
		`"deadline":"9s"`, `"deadline":"73h"`, `"deadline":"soon"`, `"deadline":600`, `"deadline":""`, `"deadline":"-1h"`, `"keep":"59m"`, `"keep":"2161h"`, `"keep":"30d"`,
		`"webhook_url":"http://hook.example/"`, `"webhook_url":"https://127.0.0.1/"`, `"webhook_url":"https://169.254.169.254/latest"`, `"webhook_url":"hook"`, `"webhook_url":5`,
		`"metadata":"x"`, `"metadata":[]`, `"metadata":{"a":1}`, `"metadata":{"a":null}`, `"metadata":{"a":{"b":"c"}}`, `"metadata":{"` + strings.Repeat("a", 101) + `":""}`,
		`"metadata":{"a":"` + strings.Repeat("ä", 1001) + `"}`, `"metadata":{` + strings.Join(names, ",") + `}`, `"email":"a@b.example"`,
		`"metadata":{"a":"b"` + more(9) + `}`,
	} {
		bodies = append(bodies, emails+field+"}")
	}
	return bodies
}

// more are fields of 1,000 octets.
func more(n int) (fields string) {
	for i := range n {
		fields += fmt.Sprintf(`,"m%d":"%s"`, i, strings.Repeat("a", 1000))
	}
	return fields
}

func TestBadJobsNameTheFieldAtFault(t *testing.T) {
	d := newDesk(t, nil)
	for body, field := range map[string]string{
		`{}`: "emails", `{"emails":[]}`: "emails", `{"emails":` + many(10_001) + `}`: "emails", `{"upload_id":"up_x"}`: "upload_id",
		`{"emails":["a@b.example"],"upload_id":"up_x"}`: "upload_id", `{"emails":["a@b.example"],"email_column":"1"}`: "email_column",
		`{"emails":["a@b.example"],"mode":"fast"}`: "mode", `{"emails":["a@b.example"],"policy":"lax"}`: "policy",
		`{"emails":["a@b.example"],"deadline":"1s"}`: "deadline", `{"emails":["a@b.example"],"keep":"1s"}`: "keep",
		`{"emails":["a@b.example"],"metadata":{"a":"1","b":"a","\u0061":"2"}}`: "metadata",
		`{"emails":["a@b.example"],"metadata":{"a":1}}`:                        "metadata", `{"emails":["a@b.example"],"webhook_url":"https://10.0.0.1/"}`: "webhook_url",
	} {
		for _, path := range []string{"/v1/jobs", "/v1/jobs/estimate"} {
			w := d.ask("POST", path, d.acme, body)
			if p := problemOf(t, w); w.Code != 400 || p.Field != field {
				t.Errorf("%.80s: %d, field %q: %s", body, w.Code, p.Field, p.Detail)
			}
		}
	}
	if jobs := object(t, d.ask("GET", "/v1/jobs", d.acme, ""), 200)["jobs"].([]any); len(jobs) != 0 {
		t.Errorf("jobs were made: %v", jobs)
	}
}

func TestAJobIsAsLongAsItMayBe(t *testing.T) {
	d := newDesk(t, nil)
	if w := d.ask("POST", "/v1/jobs", d.acme, `{"emails":`+many(10_000)+`}`); w.Code != 202 {
		t.Errorf("10,000 addresses: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"/v1/jobs", "/v1/jobs/estimate"} {
		w := d.ask("POST", path, d.acme, `{"emails":["`+strings.Repeat("a", 5<<20)+`"]}`)
		if p := problemOf(t, w); w.Code != 413 || p.Detail != "the body may have 5120 KB" {
			t.Errorf("over 5 MB: %d %+v", w.Code, p)
		}
	}
}

// What is not said in the body is the key's.
func TestOptionsOfAJob(t *testing.T) {
	d := newDesk(t, nil)
	plain := d.create(t, `{"account":"acme"}`)
	own := d.create(t, `{"account":"acme","plan":"soft","policy":{"extends":"b2b","free":"block"},"webhook_url":"https://own.example/hook","limits":{"monthly":500}}`)
	free := d.create(t, `{"account":"acme","test":true,"limits":{"monthly":500}}`)
	policy := func(text string) verify.Policy {
		p, err := verify.ParsePolicy([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const base = "http://example.com"
	for _, c := range []struct {
		claim, secret, body string
		want                batch.Options
		deadline, keep      time.Duration
	}{
		{"nothing said", plain, ``, batch.Options{Mode: verify.Full, Policy: policy(""), Base: base}, 6 * time.Hour, 30 * 24 * time.Hour},
		{"nulls", plain, `,"mode":null,"policy":null,"webhook_url":null,"vendors":null,"deadline":null,"keep":null,"metadata":null,"email_column":null,"upload_id":null`,
			batch.Options{Mode: verify.Full, Policy: policy(""), Base: base}, 6 * time.Hour, 30 * 24 * time.Hour},
		{"all said", plain, `,"mode":"soft","policy":"b2c_strict","webhook_url":"https://hook.example/x","vendors":"on_unknown","deadline":"10m","keep":"90m","metadata":{"a":"b"}`,
			batch.Options{Mode: verify.Soft, Policy: policy(`"b2c_strict"`), WebhookURL: "https://hook.example/x", Vendors: true, Metadata: map[string]string{"a": "b"}, Base: base}, 10 * time.Minute, 90 * time.Minute},
		{"the key's", own, ``, batch.Options{Mode: verify.Soft, Policy: policy(`{"extends":"b2b","free":"block"}`), WebhookURL: "https://own.example/hook", Monthly: 500, Base: base}, 6 * time.Hour, 30 * 24 * time.Hour},
		{"its webhook left out", own, `,"webhook_url":"","policy":"own"`, batch.Options{Mode: verify.Soft, Policy: policy(`{"extends":"b2b","free":"block"}`), Monthly: 500, Base: base}, 6 * time.Hour, 30 * 24 * time.Hour},
		{"a test key costs nothing", free, ``, batch.Options{Mode: verify.Full, Policy: policy(""), Base: base}, 6 * time.Hour, 30 * 24 * time.Hour},
	} {
		id := d.submit(t, c.secret, `{"emails":["a@b.example"]`+c.body+`}`)
		job, err := d.jobs.Load(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(job.Options, c.want) || job.Deadline.Sub(job.CreatedAt) != c.deadline || job.Keep != c.keep {
			t.Errorf("%s: %+v, %s, %s\nwant %+v, %s, %s", c.claim, job.Options, job.Deadline.Sub(job.CreatedAt), job.Keep, c.want, c.deadline, c.keep)
		}
	}
}

func TestWhatAKeyMayAskOfAJob(t *testing.T) {
	d := newDesk(t, nil)
	jobsOnly := d.create(t, `{"account":"acme","scopes":["jobs"]}`)
	soft := d.create(t, `{"account":"acme","plan":"soft"}`)
	for _, c := range []struct{ claim, secret, field, detail string }{
		{"paid verifiers without the scope", jobsOnly, `"vendors":"on_unknown"`, string(keys.Providers)},
		{"paid verifiers by a test key", d.acmeTest, `"vendors":"on_unknown"`, "test keys"},
		{"full checks under a soft plan", soft, `"mode":"full"`, "soft"},
	} {
		for _, path := range []string{"/v1/jobs", "/v1/jobs/estimate"} {
			w := d.ask("POST", path, c.secret, `{"emails":["a@b.example"],`+c.field+`}`)
			if p := problemOf(t, w); w.Code != 403 || !strings.Contains(p.Detail, c.detail) {
				t.Errorf("%s: %d %s", c.claim, w.Code, p.Detail)
			}
		}
	}
	if w := d.ask("POST", "/v1/jobs", jobsOnly, `{"emails":["a@b.example"],"vendors":"off"}`); w.Code != 202 {
		t.Errorf("without paid verifiers: %d %s", w.Code, w.Body)
	}
}

// FuzzJobBody: whatever a body is, the answer is a job that says what was asked,
// or a problem of the caller's.
func FuzzJobBody(f *testing.F) {
	for _, body := range append(badJobs(), `{"emails":["a@b.example"]}`, `{"emails":["a@b.example"],"metadata":{"a":"b"},"deadline":"1h","vendors":"off"}`) {
		f.Add(body)
	}
	a := New(Deps{Keys: only{keys.Key{ID: "livekey2", Account: "acme", Scopes: keys.AllButAdmin()}}}).(*api)
	a.Deliveries = nil
	f.Fuzz(func(t *testing.T, body string) {
		if strings.Contains(body, "webhook_url") || strings.Contains(body, "upload_id") || strings.Contains(body, `\u`) {
			return // these ask others
		}
		r := httptest.NewRequest("POST", "/v1/jobs", strings.NewReader(body))
		d, err := a.readJob(httptest.NewRecorder(), r, &call{key: keys.Key{ID: "livekey2", Account: "acme", Scopes: keys.AllButAdmin()}, received: noon})
		if err != nil {
			if status := answerFor(err).status; status < 400 || status >= 500 {
				t.Errorf("%d: %v", status, err)
			}
			return
		}
		var asked struct{ Emails []string }
		if err := json.Unmarshal([]byte(body), &asked); err != nil || int64(len(asked.Emails)) != d.draft.Rows {
			t.Errorf("%d rows of %d, %v", d.draft.Rows, len(asked.Emails), err)
		}
		var listed []string
		if err := json.Unmarshal(d.list, &listed); err != nil || !reflect.DeepEqual(listed, asked.Emails) {
			t.Errorf("listed are %q, asked for %q, %v", listed, asked.Emails, err)
		}
	})
}
