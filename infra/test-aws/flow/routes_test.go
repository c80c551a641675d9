package flow

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"rcpt/infra/host"
)

// route is a request that succeeds where those before it have. Words in braces
// stand for what an earlier answer had.
type route struct {
	method, path, body string
	keep               string // name=field of the answer, for later requests
}

// routes are the requests of a customer to each function, and of the operator
// where a path begins with "!".
func routes() map[string][]route {
	return map[string][]route{
		"account": {
			{"GET", "!/v1/keys?account=acme", "", ""},
			{"GET", "/v1/keys/{id}", "", ""},
			{"PATCH", "!/v1/keys/{id}", `{"label":"web","limits":{"monthly":1000}}`, ""},
			{"POST", "/v1/webhook-secret/rotate", `{"overlap":"1h"}`, ""},
			{"POST", "/v1/lists", `{"list":"deny","domains":["a.example","b.example"]}`, ""},
			{"GET", "/v1/lists", "", ""},
			{"DELETE", "/v1/lists", `{"list":"deny","domains":["a.example"]}`, ""},
			{"GET", "/v1/bounces", "", "bounce=bounces.0.id"},
			{"GET", "/v1/bounces/{bounce}", "", ""},
			{"DELETE", "/v1/bounces/{bounce}", "", ""},
			{"POST", "/v1/suppressions", `{"emails":["one@a.example","two@a.example","three@a.example"],"reason":"unsubscribe"}`, ""},
			{"GET", "/v1/suppressions", "", "suppression=suppressions.0.id"},
			{"GET", "/v1/suppressions/{suppression}", "", ""},
			{"DELETE", "/v1/suppressions/{suppression}", "", ""},
			{"DELETE", "/v1/suppressions", `{"emails":["one@a.example","two@a.example"]}`, ""},
			{"DELETE", "/v1/addresses", `{"email":"user2@ok.test"}`, ""},
			{"PUT", "/v1/hooks/customerio", `{"secret":"6c1f0e5d4b3a29181706f5e4d3c2b1a0"}`, ""},
			{"GET", "/v1/hooks", "", ""},
			{"GET", "/v1/hooks/customerio", "", ""},
			{"DELETE", "/v1/hooks/customerio", "", ""},
			{"GET", "!/v1/traps", "", ""},
			{"GET", "!/v1/audit?account=acme", "", ""},
			{"GET", "/v1/usage", "", ""},
			{"GET", "/v1/openapi.json", "", ""},
			{"GET", "/docs", "", ""},
			{"POST", "!/v1/keys/{id}/rotate", "", "secret=secret"},
			{"DELETE", "!/v1/keys/{id}", "", ""},
		},
		"verify": {
			{"POST", "/v1/verify", `{"email":"alice@ok.test","explain":true}`, ""},
			{"POST", "/v1/check", `{"email":"bob@ok.test","fresh":true}`, ""},
			{"POST", "/v1/verify", `{"email":"user3@greylist.test","on_unknown":"reverify"}`, "recheck=reverify.id"},
			{"GET", "/v1/verify/{recheck}", "", ""},
			{"GET", "/v1/health", "", ""},
			{"GET", "/v1/lists/info", "", ""},
		},
		"webhooks": {
			{"POST", "/v1/report-bounce", `{"email":"user1@ok.test","reason":"hard_bounce"}`, ""},
			{"POST", "/v1/report-bounce", `{"email":"user2@ok.test","reason":"soft_bounce"}`, ""},
			{"GET", "/v1/hooks/postmark/{hook_token}", "", ""},
			{"POST", "/v1/hooks/postmark/{hook_token}", `{"RecordType":"SpamComplaint","ID":42,"Email":"user4@ok.test","BouncedAt":"2026-11-20T10:00:00Z"}`, ""},
			{"GET", "/v1/report-bounce/from-postmark?key={hook_token}", "", ""},
			{"POST", "/v1/report-bounce/from-postmark?key={hook_token}", `{"RecordType":"Bounce","ID":43,"Type":"HardBounce","Email":"user5@ok.test","BouncedAt":"2026-11-20T10:00:00Z"}`, ""},
		},
		"jobs": {
			{"POST", "/v1/uploads", `{"filename":"list.csv","size":20}`, ""},
			{"POST", "/v1/jobs/estimate", `{"emails":["alice@ok.test","new@ok.test"]}`, ""},
			{"POST", "/v1/webhooks/test", `{"webhook_url":"https://hook.example.com/x"}`, ""},
			{"GET", "/v1/webhooks/test", "", ""},
			{"GET", "/v1/jobs", "", ""},
		},
		"providers": {
			{"POST", verifiers + "providers", `{"provider":"reoon","api_key":"good` + vendorKey + `","label":"main"}`, ""},
			{"GET", verifiers + "providers", "", ""},
			{"GET", verifiers + "providers/1", "", ""},
			{"PUT", verifiers + "providers/1", `{"label":"other","revalidate":true}`, ""},
			{"POST", verifiers + "verify", `{"email":"ok@a.example"}`, ""},
			{"POST", verifiers + "verify-bulk", `{"emails":["ok@a.example","ok2@a.example"]}`, ""},
			{"GET", verifiers + "usage", "", ""},
			{"GET", verifiers + "log", "", ""},
			{"PUT", verifiers + "budget", `{"monthly_usd":5}`, ""},
			{"GET", verifiers + "budget", "", ""},
			{"GET", verifiers + "known-providers", "", ""},
			{"GET", "!" + verifiers + "catalog", "", "catalog=*"},
			{"PUT", "!" + verifiers + "catalog", "{catalog}", ""},
			{"POST", "/v1/sequences/spring/enroll", `{"emails":["ok@a.example","ok3@a.example"]}`, ""},
			{"GET", "/v1/sequences/spring", "", "member=members.0.id"},
			{"DELETE", "/v1/sequences/spring/members/{member}", "", ""},
			{"DELETE", "/v1/sequences/spring/members", `{"emails":["ok3@a.example"]}`, ""},
			{"DELETE", "/v1/sequences/spring", "", ""},
			{"DELETE", verifiers + "providers/1", "", ""},
		},
	}
}

// TestRolesSufficeForEveryRoute asks for what each function serves, as it is
// deployed: its guard tells what its role forbids. Routes of a job that has ended
// are left to TestJobs, and the lifting of a flag to TestReportsChangeTheNextCheck.
func TestRolesSufficeForEveryRoute(t *testing.T) {
	t.Parallel()
	_, settings := paid(t, 0)
	s := open(t, settings...)
	admin := s.admin()
	made := must(t, s.function("account"), "POST", "/v1/keys", admin, `{"account":"acme"}`, 201)
	known := map[string]string{"secret": made.field("secret"), "id": made.field("id"), "hook_token": made.field("hook_token")}
	asked := make(map[string]bool)
	for _, name := range []string{"webhooks", "verify", "jobs", "providers", "account"} {
		f := s.function(name)
		for _, r := range routes()[name] {
			t.Run(name+" "+r.method+" "+r.path, func(t *testing.T) { r.ask(t, f, admin, known) })
			path, _, _ := strings.Cut(strings.TrimPrefix(r.path, "!"), "?")
			asked[r.method+" "+path] = true
		}
	}
	code, err := os.ReadFile("../../../internal/httpapi/route.go")
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := regexp.MustCompile(`/v1/jobs/[{]job[}]|POST /v1/(jobs|keys)$|/v1/traps/`)
	for _, served := range regexp.MustCompile(`Part, "([A-Z]+)", "(/[^"]*)"`).FindAllStringSubmatch(string(code), -1) {
		pattern := regexp.MustCompile("^" + regexp.MustCompile(`\\\{\w+\\\}`).ReplaceAllString(regexp.QuoteMeta(served[1]+" "+served[2]), "[^/]+") + "$")
		found := elsewhere.MatchString(served[1] + " " + served[2])
		for request := range asked {
			found = found || pattern.MatchString(request)
		}
		if !found {
			t.Errorf("nobody asks for %s %s", served[1], served[2])
		}
	}
}

func (r route) ask(t *testing.T, f *host.Function, admin string, known map[string]string) {
	path, body := r.path, r.body
	for name, value := range known {
		path, body = strings.ReplaceAll(path, "{"+name+"}", value), strings.ReplaceAll(body, "{"+name+"}", value)
	}
	path, operators := strings.CutPrefix(path, "!")
	key := known["secret"]
	if operators {
		key = admin
	}
	answer := must(t, f, r.method, path, key, body, 0)
	if answer.status >= 300 {
		t.Fatalf("got %d %s", answer.status, answer.body)
	}
	if name, field, keeps := strings.Cut(r.keep, "="); keeps {
		if known[name] = answer.at(field); known[name] == "" {
			t.Fatalf("no %s in %s", field, answer.body)
		}
	}
}
