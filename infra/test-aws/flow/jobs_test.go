package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	awssfn "github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/verdict"
)

// TestJobs: lists of customers become results, through the real binaries and the
// deployed state machine. The jobs run at the same time, some of them where each
// message is delivered several times, at once and late, and each step is taken
// several times: nothing is counted or answered twice.
func TestJobs(t *testing.T) {
	t.Parallel()
	once, often := work(t, 1), work(t, 3)
	functions := once.steps(once.times)
	maps.Copy(functions, often.steps(often.times))
	cloudtest.Functions(t, functions)
	once.run(t, "", map[string]func(*testing.T, owner){
		"inline": goesInline, "upload": goesByUpload, "drop": goesByDropFolder, "greylist": goesOnAfterGreylisting,
		"deadletter": goesOnWithoutADeadShard, "deadline": endsAtItsDeadline, "cancel": endsWhenCancelled,
		"vendors": goesToVendors, "reverify": goesOnAfterAnAnswer,
	})
	often.run(t, "often-", map[string]func(*testing.T, owner){
		"inline": goesInline, "drop": goesByDropFolder, "greylist": goesOnAfterGreylisting, "deadletter": goesOnWithoutADeadShard,
	})
}

// run starts each job as an account of its own, and looks through the log when
// all are over.
func (w *works) run(t *testing.T, prefix string, jobs map[string]func(*testing.T, owner)) {
	t.Helper()
	admin := w.admin()
	for name, goes := range jobs {
		t.Run(prefix+name, func(t *testing.T) {
			o := w.owner(t, admin, name)
			t.Parallel()
			goes(t, o)
		})
	}
	t.Cleanup(func() {
		log := w.log.String()
		for _, text := range []string{admin, "alice@ok.test", "nobody@ok.test", "user1@tarpit.test", "user77@greylist.test", "whsec_", vendorKey} {
			if strings.Contains(log, text) {
				t.Errorf("the log holds %q", text)
			}
		}
	})
}

// known is the simulator's table twice, the second time in other letters, and
// what comes of it.
func known() (emails []string, want []row) {
	for range 2 {
		for _, v := range verdicts {
			email := v.email
			if len(want) >= len(verdicts) {
				email = strings.Replace(email, ".test", ".TEST", 1)
			}
			emails = append(emails, email)
			want = append(want, row{email, verdict.Status(v.status), verdict.Reason(v.reason)})
		}
	}
	return emails, want
}

func goesInline(t *testing.T, o owner) {
	emails, want := known()
	path := "/inline"
	j := o.submit(t, map[string]any{
		"emails": emails, "deadline": "2m", "webhook_url": o.w.inbox.url + path, "metadata": map[string]string{"order": "7"},
	}, nil)
	j = o.ended(t, j.ID, "completed")
	if got := o.rows(t, j); !reflect.DeepEqual(got, want) {
		t.Errorf("results:\ngot  %v\nwant %v", got, want)
	}

	eventually(t, "webhook", 3*time.Minute, func() bool { return len(o.w.inbox.at(path)) > 0 })
	var body struct {
		Job      string            `json:"job_id"`
		Status   string            `json:"status"`
		Results  []row             `json:"results"`
		URL      string            `json:"results_url"`
		Metadata map[string]string `json:"metadata"`
	}
	if err := json.Unmarshal(o.w.inbox.at(path)[0].body, &body); err != nil {
		t.Fatal(err)
	}
	if body.Job != j.ID || body.Status != "completed" || !reflect.DeepEqual(body.Results, want) || body.Metadata["order"] != "7" ||
		body.URL != "https://rcpt.example.com/v1/jobs/"+j.ID+"/results" {
		t.Errorf("webhook: got %s", o.w.inbox.at(path)[0].body)
	}
	r := must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID+"/deliveries", o.secret, "", 200)
	if strings.Count(string(r.body), `"webhook_id"`) > 1 {
		t.Errorf("deliveries: %s", r.body)
	}
	hooks := len(o.w.inbox.at(path))
	must(t, o.w.jobs, "POST", "/v1/jobs/"+j.ID+"/deliveries/"+r.at("deliveries.0.id")+"/resend", o.secret, "", 202)
	eventually(t, "webhook once more", 3*time.Minute, func() bool { return len(o.w.inbox.at(path)) > hooks })
	if r := must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID+"/results?format=csv&status=CATCH_ALL", o.secret, "", 200); strings.Count(string(r.body), ",CATCH_ALL,") != 2 {
		t.Errorf("rows of one status: %s", r.body)
	}
	if r := must(t, o.w.jobs, "GET", "/v1/jobs?limit=10", o.secret, "", 200); !strings.Contains(string(r.body), j.ID) {
		t.Errorf("list of jobs: %s", r.body)
	}
	o.counted(t, len(verdicts))
	if hooks := o.w.inbox.at(path); slices.ContainsFunc(hooks, func(d delivery) bool { return d.id != hooks[0].id }) {
		t.Errorf("the webhook has several ids: %v", hooks)
	}
	o.isKeptAndForgotten(t, j)
}

// counted compares how many checks the key is charged for.
func (o owner) counted(t *testing.T, want int) {
	t.Helper()
	if r := must(t, o.w.account, "GET", "/v1/usage", o.secret, "", 200); r.field("total") != fmt.Sprint(want) {
		t.Errorf("usage: want %d checks, got %s", want, r.body)
	}
}

// isKeptAndForgotten: the execution waits with the results, and deleting the job
// ends both.
func (o owner) isKeptAndForgotten(t *testing.T, j job) {
	t.Helper()
	states := awssfn.NewFromConfig(o.w.moto)
	execution := &awssfn.DescribeExecutionInput{ExecutionArn: aws.String(strings.Replace(o.w.machine, ":stateMachine:", ":execution:", 1) + ":" + j.ID)}
	status := func() string {
		x, err := states.DescribeExecution(t.Context(), execution)
		if err != nil {
			t.Fatal(err)
		}
		return string(x.Status)
	}
	eventually(t, "the execution waits with the results", time.Minute, func() bool {
		past, err := states.GetExecutionHistory(t.Context(), &awssfn.GetExecutionHistoryInput{ExecutionArn: execution.ExecutionArn})
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(past.Events, func(e types.HistoryEvent) bool {
			return e.StateEnteredEventDetails != nil && *e.StateEnteredEventDetails.Name == "Keep"
		})
	})
	must(t, o.w.jobs, "DELETE", "/v1/jobs/"+j.ID, o.secret, "", 204)
	must(t, o.w.jobs, "GET", "/v1/jobs/"+j.ID, o.secret, "", 404)
	if left := o.w.names(t, "jobs/"+j.ID); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	eventually(t, "the execution is stopped", time.Minute, func() bool { return status() == "ABORTED" })
}

// names lists what is in the bucket under a prefix.
func (s *stack) names(t *testing.T, prefix string) (names []string) {
	t.Helper()
	page, err := s.files().ListObjectsV2(t.Context(), &awss3.ListObjectsV2Input{Bucket: &s.bucket, Prefix: &prefix})
	if err != nil {
		t.Fatal(err)
	}
	for _, object := range page.Contents {
		names = append(names, *object.Key)
	}
	return names
}

// goesOnAfterAnAnswer: what a check in real time leaves UNKNOWN is asked again by
// the prober; the final verdict is told, and found. So is a test event.
func goesOnAfterAnAnswer(t *testing.T, o owner) {
	verify, path := o.w.function("verify"), "/reverify"
	hook := `"webhook_url":"` + o.w.inbox.url + path + `"`
	r := must(t, verify, "POST", "/v1/verify", o.secret, `{"email":"user77@greylist.test","on_unknown":"reverify",`+hook+`}`, 200)
	var answer struct {
		Status string
		Follow struct{ ID, URL string } `json:"reverify"`
	}
	if err := json.Unmarshal(r.body, &answer); err != nil || answer.Status != "UNKNOWN" || answer.Follow.URL == "" {
		t.Fatalf("got %s, want UNKNOWN and what follows", r.body)
	}
	must(t, o.w.jobs, "POST", "/v1/webhooks/test", o.secret, `{"webhook_url":"`+o.w.inbox.url+`/test"}`, 202)
	eventually(t, "test event", 3*time.Minute, func() bool { return len(o.w.inbox.at("/test")) > 0 })
	eventually(t, "final verdict", 3*time.Minute, func() bool { return len(o.w.inbox.at(path)) > 0 })
	if told := o.w.inbox.at(path)[0].body; !bytes.Contains(told, []byte(`"VALID"`)) || !bytes.Contains(told, []byte("user77@greylist.test")) {
		t.Errorf("told: %s", told)
	}
	if r := must(t, verify, "GET", answer.Follow.URL, o.secret, "", 200); !strings.Contains(string(r.body), `"VALID"`) {
		t.Errorf("found: %s", r.body)
	}
}
