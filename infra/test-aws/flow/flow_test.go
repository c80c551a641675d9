package flow

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rcpt/infra/host"
	"rcpt/internal/batch"
)

// TestEveryEventIsAnswered sends each file of events/ to the function of its
// folder: none may fail, but for steps of a job that is not there, and those behind
// HTTP answer below 500.
func TestEveryEventIsAnswered(t *testing.T) {
	s := open(t)
	folders, err := filepath.Glob("../../../functions/*/main.go")
	if err != nil || len(folders) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	for _, main := range folders {
		name := filepath.Base(filepath.Dir(main))
		files, err := filepath.Glob("../../../events/" + name + "/*.json")
		if err != nil || len(files) == 0 {
			t.Errorf("%s has no sample event: %v", name, err)
			continue
		}
		f := s.function(name)
		for _, file := range files {
			t.Run(name+"/"+strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
				event, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				result, err := f.Invoke(t.Context(), event)
				if err != nil {
					t.Fatal(err)
				}
				if result.Failed && !isOfNoJob(result) {
					t.Fatalf("failed: %s\n%s", result.Payload, s.log.tail(10))
				}
				var http struct{ RequestContext *struct{} }
				if err := json.Unmarshal(event, &http); err != nil || http.RequestContext == nil {
					return // a schedule's
				}
				r, err := read(result)
				if err != nil || r.status < 200 || r.status >= 500 {
					t.Errorf("got %d %s, %v", r.status, r.body, err)
				}
			})
		}
	}
}

// isOfNoJob reports whether a step of a job says to the state machine, which can
// do nothing else with it, that there is no such job.
func isOfNoJob(result host.Result) bool {
	var f fault
	err := json.Unmarshal(result.Payload, &f)
	return err == nil && (f.Message == batch.ErrJob.Error() || f.Message == batch.ErrEnded.Error())
}

// TestMalformedEventIsAnsweredAndTheNextOneWorks: what is no event at all must
// not end the process or be tried for ever.
func TestMalformedEventIsAnsweredAndTheNextOneWorks(t *testing.T) {
	s := open(t)
	f := s.function("verify")
	for _, event := range []string{`{}`, `[]`, `"text"`, `null`, `{"version":"2.0","headers":7}`, `{"Records":[]}`} {
		result, err := f.Invoke(t.Context(), []byte(event))
		if err != nil {
			t.Fatal(err)
		}
		if result.Failed {
			t.Errorf("%s: the invocation failed with %s", event, result.Payload)
		}
		must(t, f, "GET", "/v1/health", "", "", 200)
	}
	if pid := f.PID(); pid == 0 {
		t.Error("the process has ended")
	}
}

// verdicts are rows of the simulator: address, then status and reason.
var verdicts = []struct{ email, status, reason string }{
	{"alice@ok.test", "VALID", "smtp_verified"},
	{"nobody@ok.test", "INVALID", "mailbox_not_found"},
	{"anyone@catchall.test", "CATCH_ALL", "catch_all"},
	{"user1@full.test", "RISKY", "mailbox_full"},
	{"user1@disabled.test", "INVALID", "mailbox_disabled"},
	{"user1@blocked.test", "UNKNOWN", "probe_blocked"},
	{"user1@relay.test", "UNKNOWN", "relay_denied"},
	{"user1@tls.test", "VALID", "smtp_verified"},
	{"user1@nullmx.test", "INVALID", "null_mx"},
	{"user1@nomx.test", "INVALID", "no_mx"},
	{"user1@nowhere.test", "INVALID", "domain_not_found"},
	{"user1@implicit.test", "VALID", "smtp_verified"},
	{"user1@disposable.test", "DISPOSABLE", "disposable_domain"},
	{"no address", "INVALID", "invalid_syntax"},
}

// TestDeployedShape goes the way of a customer: a key is made, addresses are
// checked over HTTP events, from two environments of the function that share
// nothing but the tables; the usage is counted, and the key ends.
func TestDeployedShape(t *testing.T) {
	s := open(t)
	account, one, other := s.function("account"), s.function("verify"), s.function("verify")
	admin := s.admin()
	made := must(t, account, "POST", "/v1/keys", admin, `{"account":"acme"}`, 201)
	key := made.field("secret")

	for _, want := range verdicts {
		body, _ := json.Marshal(map[string]any{"email": want.email})
		r := must(t, one, "POST", "/v1/verify", key, string(body), 200)
		if r.field("status") != want.status || r.field("reason") != want.reason {
			t.Errorf("%s: got %s %s, want %s %s", want.email, r.field("status"), r.field("reason"), want.status, want.reason)
		}
	}
	if r := must(t, other, "POST", "/v1/verify", key, `{"email":"alice@ok.test"}`, 200); r.field("cached") != "true" {
		t.Errorf("the other environment does not know what the first one learned: %s", r.body)
	}
	if r := must(t, other, "POST", "/v1/check", key, `{"email":"nobody@ok.test"}`, 200); r.field("result") != "undeliverable" {
		t.Errorf("check: got %s", r.body)
	}

	if r := must(t, account, "GET", "/v1/usage", key, "", 200); !strings.Contains(string(r.body), `"full"`) {
		t.Errorf("usage: got %s, want full checks counted", r.body)
	}

	must(t, account, "POST", "/v1/lists", key, `{"list":"deny","domains":["ok.test"]}`, 200)
	fresh := s.function("verify") // lists of a key are held for 30 s by those who have read them
	if r := must(t, fresh, "POST", "/v1/verify", key, `{"email":"alice@ok.test"}`, 200); r.field("status") != "DISPOSABLE" {
		t.Errorf("denied domain: got %s", r.body)
	}

	must(t, account, "DELETE", "/v1/keys/"+made.field("id"), admin, "", 204)
	must(t, s.function("verify"), "POST", "/v1/verify", key, `{"email":"alice@ok.test"}`, 401)

	log := s.log.String()
	for _, secret := range []string{key, admin, "alice@ok.test", "nobody@ok.test", "anyone@catchall.test", "a-secret-of-no-installation"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

// TestGreylistingIsSharedAndEnds asks again when told to, from another
// environment.
func TestGreylistingIsSharedAndEnds(t *testing.T) {
	t.Parallel()
	s := open(t)
	key := s.admin()
	account, one, other := s.function("account"), s.function("verify"), s.function("verify")
	secret := must(t, account, "POST", "/v1/keys", key, `{"account":"acme"}`, 201).field("secret")
	r := must(t, one, "POST", "/v1/verify", secret, `{"email":"alice@greylist.test"}`, 200)
	at, err := time.Parse(time.RFC3339, r.field("retry_at"))
	if r.field("reason") != "greylisted" || err != nil {
		t.Fatalf("got %s, want greylisted with retry_at", r.body)
	}
	time.Sleep(time.Until(at) + 100*time.Millisecond) // the server's own wait, 20 s
	if r = must(t, other, "POST", "/v1/verify", secret, `{"email":"alice@greylist.test"}`, 200); r.field("status") != "VALID" {
		t.Errorf("after the wait: got %s, want VALID", r.body)
	}
}
