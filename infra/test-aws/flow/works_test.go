package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"rcpt/infra/host"
	"rcpt/internal/batch"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/verdict"
)

// works is an installation with everything that a job needs at work: the state
// machine, and the functions behind queues.
type works struct {
	*stack
	jobs, account, providers *host.Function

	probers *pool
	double  *vendordouble.Double
	inbox   *inbox
	times   int

	mu    sync.RWMutex
	rules map[string]rule // by job
}

// handler handles an event of a function.
type handler func(ctx context.Context, event []byte) (host.Result, error)

// rule says who handles a message of the queue of probes; nil: whoever is free. It
// may keep the message waiting.
type rule func(ctx context.Context, m batch.Message) handler

const (
	probersAtOnce  = 6 // of which some wait for tar pits
	messagesAtOnce = 16
)

// work opens an installation whose messages are delivered, and whose steps are
// taken, so many times each. moto must be told of the steps.
func work(t *testing.T, times int) *works {
	t.Helper()
	w := &works{inbox: receive(t), times: times, rules: make(map[string]rule)}
	double, settings := paid(t, 0)
	w.double, w.stack = double, open(t, append(settings, "RCPT_WEBHOOK_ALLOW=127.0.0.0/8", "RCPT_PUBLIC_URL=https://rcpt.example.com")...)
	w.jobs, w.account, w.providers = w.function("jobs"), w.function("account"), w.function("providers")
	w.probers = w.pool("prober", probersAtOnce, proberTime)
	w.source("ProbeQueue", messagesAtOnce, times, w.probe)
	w.source("ProbeDead", 2, times, plainly(w.pool("deadletter", 2, otherTime)))
	w.source("DeliveryQueue", 2, times, plainly(w.pool("notifier", 2, otherTime)))
	w.source("DropQueue", 2, times, plainly(w.pool("dropfolder", 2, otherTime)))
	return w
}

// probe has a message of the queue of probes handled by the rule of its job.
func (w *works) probe(ctx context.Context, body string, event []byte) (host.Result, error) {
	var m batch.Message
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return host.Result{}, err
	}
	w.mu.RLock()
	obey := w.rules[m.Job]
	w.mu.RUnlock()
	if obey != nil {
		if other := obey(ctx, m); other != nil {
			return other(ctx, event)
		}
	}
	return w.probers.invoke(ctx, event)
}

// owner is an account with its one key.
type owner struct {
	w          *works
	id, secret string // of the key
}

// owner makes an account.
func (w *works) owner(t *testing.T, admin, account string) owner {
	t.Helper()
	made := must(t, w.account, "POST", "/v1/keys", admin, `{"account":"`+account+`"}`, 201)
	w.inbox.knows(made.field("webhook_secret"))
	return owner{w: w, id: made.field("id"), secret: made.field("secret")}
}

// job is what GET /v1/jobs/{id} says.
type job struct {
	ID       string                   `json:"id"`
	Status   string                   `json:"status"`
	Total    int64                    `json:"total"`
	Done     int64                    `json:"done"`
	ByStatus map[verdict.Status]int64 `json:"by_status"`
	ByReason map[verdict.Reason]int64 `json:"by_reason"`
	Error    *string                  `json:"error"`
}

// submit submits a job. The rule holds from its first message on.
func (o owner) submit(t *testing.T, body map[string]any, obey rule) job {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	o.w.mu.Lock() // messages wait for the rule
	defer o.w.mu.Unlock()
	j := jobOf(t, must(t, o.w.jobs, "POST", "/v1/jobs", o.secret, string(text), 202))
	o.w.rules[j.ID] = obey
	return j
}

func jobOf(t *testing.T, r response) (j job) {
	t.Helper()
	if err := json.Unmarshal(r.body, &j); err != nil || j.ID == "" {
		t.Fatalf("%s is no job: %v", r.body, err)
	}
	return j
}

func (o owner) look(t *testing.T, id string) job {
	t.Helper()
	return jobOf(t, must(t, o.w.jobs, "GET", "/v1/jobs/"+id, o.secret, "", 200))
}

// ended waits until a job has ended, and compares how it did.
func (o owner) ended(t *testing.T, id, status string) job {
	t.Helper()
	var j job
	eventually(t, "job "+id+" ends", 5*time.Minute, func() bool {
		j = o.look(t, id)
		return j.Status != "queued" && j.Status != "running"
	})
	if j.Status != status || j.Done != j.Total {
		t.Errorf("the job ended %s with %d of %d rows, error %v; want %s with all", j.Status, j.Done, j.Total, j.Error, status)
	}
	return j
}

// row is an answer, as far as tests look at it.
type row struct {
	Email  string         `json:"email"`
	Status verdict.Status `json:"status"`
	Reason verdict.Reason `json:"reason"`
}

// rows returns the results of a job, which must be as many as the job counts, by
// status and reason, too.
func (o owner) rows(t *testing.T, j job) []row {
	t.Helper()
	var document struct {
		Job     string `json:"job_id"`
		Results []row  `json:"results"`
	}
	r := must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID+"/results?format=json", o.secret, "", 200)
	if err := json.Unmarshal(r.body, &document); err != nil || document.Job != j.ID {
		t.Fatalf("results %.300s: %v", r.body, err)
	}
	statuses, reasons := make(map[verdict.Status]int64), make(map[verdict.Reason]int64)
	for _, row := range document.Results {
		statuses[row.Status]++
		reasons[row.Reason]++
	}
	if fmt.Sprint(statuses) != fmt.Sprint(j.ByStatus) || fmt.Sprint(reasons) != fmt.Sprint(j.ByReason) || int64(len(document.Results)) != j.Total {
		t.Errorf("%d results with %v %v, but the job counts %d with %v %v", len(document.Results), statuses, reasons, j.Total, j.ByStatus, j.ByReason)
	}
	return document.Results
}
