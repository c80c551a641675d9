package httpapi

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/planner"
	"rcpt/internal/batch/results"
	"rcpt/internal/embedded"
	"rcpt/internal/notify"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// office works on the jobs of a desk, a step at a time: what the state machine
// and the workers do elsewhere.
type office struct {
	jobs    *batch.Book
	plans   *planner.Planner
	collect *collector.Collector
	probes  store.Queue
	files   http.Handler // what links lead to
}

// withJobs gives the parts of functions/jobs.
func withJobs(deps *Deps, db *embedded.DB) *office {
	o := &office{probes: db.Queue("probes", embedded.DeadLetters{}), files: db.BlobLinks()}
	o.jobs = batch.NewBook(batch.Config{Table: db.Control(), Blob: db.Blob(), Probes: o.probes, Flow: byHand{}, Now: deps.Now, Log: deps.Log})
	o.plans = planner.New(planner.Config{
		Book: o.jobs, Meter: usage.NewMeter(db.Control(), deps.Now, nil), Verifier: someKnown{}, TestVerifier: someKnown{}, Now: deps.Now, Log: deps.Log,
	})
	o.collect = collector.New(collector.Config{
		Book: o.jobs, Base: "https://rcpt.example", Now: deps.Now, Log: deps.Log,
		Post: func(ctx context.Context, draft notify.Draft) error { return deps.Deliveries.Post(ctx, draft) },
	})
	deps.Jobs, deps.Plans, deps.Results = o.jobs, o.plans, o.collect
	return o
}

// byHand is a state machine that the test itself carries out.
type byHand struct{ store.Workflow }

func (byHand) Start(context.Context, string, []byte) error   { return nil }
func (byHand) Succeed(context.Context, string, []byte) error { return nil }
func (byHand) Stop(context.Context, string, string) error    { return nil }

// someKnown knows what is no address, and everybody at a domain called known.
type someKnown struct{}

func (someKnown) Recall(_ context.Context, requests []verify.Request) ([]verify.Known, error) {
	known := make([]verify.Known, len(requests))
	for i, r := range requests {
		switch _, domain, ok := strings.Cut(r.Email, "@"); {
		case !ok:
			known[i].Verdict = &verdict.Verdict{Status: verdict.Invalid, Reason: verdict.InvalidSyntax, Action: verdict.Block, CheckedAt: noon}
		case domain == "known.example":
			known[i].Verdict = &verdict.Verdict{Status: verdict.CatchAll, Score: 50, Reason: verdict.CatchAllDomain, Action: verdict.Warn, MXFound: true, Cached: true, CheckedAt: noon}
		}
	}
	return known, nil
}

// begin reads the list of a job and plans it; it returns what comes next.
func (o *office) begin(t testing.TB, id string) string {
	t.Helper()
	if next := o.steps(t, o.plans.Step, "ingest", id); next != "plan" {
		return next
	}
	return o.steps(t, o.plans.Step, "plan", id)
}

// end brings a job to its end.
func (o *office) end(t testing.TB, id string) {
	t.Helper()
	o.steps(t, o.collect.Step, "collect", id)
	o.steps(t, o.collect.Step, "finish", id)
}

// complete does all of it; whoever is asked about is VALID.
func (o *office) complete(t testing.TB, id string) {
	t.Helper()
	if o.begin(t, id) == "drain" {
		o.work(t)
	}
	o.end(t, id)
}

func (o *office) steps(t testing.TB, step func(context.Context, batch.Step) (batch.Next, error), name, id string) string {
	t.Helper()
	for cursor, n := "", 0; n < 1000; n++ {
		next, err := step(t.Context(), batch.Step{Step: name, Job: id, Cursor: cursor})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if next.Next != name {
			return next.Next
		}
		cursor = next.Cursor
	}
	t.Fatalf("%s goes round in circles", name)
	return ""
}

// work answers the shards in the queue.
func (o *office) work(t testing.TB) {
	t.Helper()
	for {
		all, err := o.probes.Receive(t.Context(), 10, 0, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(all) == 0 {
			return
		}
		for _, one := range all {
			var m batch.Message
			if err := json.Unmarshal([]byte(one.Body), &m); err != nil {
				t.Fatal(err)
			}
			if m.Kind == batch.KindShard {
				o.answer(t, m)
			}
			if err := o.probes.Delete(t.Context(), one.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func (o *office) answer(t testing.TB, m batch.Message) {
	t.Helper()
	ctx := t.Context()
	job, err := o.jobs.Load(ctx, m.Job)
	if err != nil {
		t.Fatal(err)
	}
	file, err := o.jobs.Open(ctx, m.Items)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	shard, err := plan.ReadShard(file)
	if err != nil {
		t.Fatal(err)
	}
	var tally batch.Tally
	name := batch.FilesOf(job.ID).Found(m.Shard, m.Attempt, "only")
	err = o.jobs.Write(ctx, name, func(to io.Writer) error {
		w := results.NewWriter(to)
		for _, item := range shard.Items {
			tally.Add(verdict.Valid, verdict.SMTPVerified, int64(item.Rows.Len()))
			a := results.Answer{Status: verdict.Valid, Reason: verdict.SMTPVerified, Action: verdict.Accept, Score: 96, MXFound: true, CheckedAt: noon}
			if err := w.Write(a, item.Rows); err != nil {
				return err
			}
		}
		return w.Close()
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.jobs.Mark(ctx, job, batch.Mark{Shard: m.Shard, Attempt: m.Attempt, Answers: name}, tally); err != nil {
		t.Fatal(err)
	}
}

// upload sends a list as its link says and returns the upload's id.
func (d *desk) upload(t *testing.T, secret, draft, list string) string {
	t.Helper()
	made := object(t, d.ask("POST", "/v1/uploads", secret, draft), 201)
	if len(made["fields"].(map[string]any)) != 0 {
		t.Fatalf("a form: %v", made)
	}
	w := httptest.NewRecorder()
	d.files.ServeHTTP(w, httptest.NewRequest(made["method"].(string), made["url"].(string), strings.NewReader(list)))
	if w.Code != 200 {
		t.Fatalf("sending the file answers %d %s", w.Code, w.Body)
	}
	return made["upload_id"].(string)
}

// submit makes a job and returns its id.
func (d *desk) submit(t *testing.T, secret, body string) string {
	t.Helper()
	return object(t, d.ask("POST", "/v1/jobs", secret, body), 202)["id"].(string)
}

// job looks at one.
func (d *desk) job(t *testing.T, secret, id string) map[string]any {
	t.Helper()
	return object(t, d.ask("GET", "/v1/jobs/"+id, secret, ""), 200)
}
