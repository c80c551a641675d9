package flow

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"rcpt/infra/host"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/sim/vendordouble"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// paid opens vendors that are doubles, and the settings by which functions ask
// them. A key that begins with "slow" is answered after so long.
func paid(t *testing.T, slow time.Duration) (double *vendordouble.Double, settings []string) {
	t.Helper()
	double = vendordouble.New(vendordouble.Options{Slow: slow})
	base, err := double.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = double.Close() })
	for _, vendor := range []string{"MILLIONVERIFIER", "REOON", "NEVERBOUNCE", "ZEROBOUNCE", "HUNTER"} {
		settings = append(settings, "RCPT_VENDOR_BASE_"+vendor+"="+base)
	}
	return double, settings
}

// vendorKey is how a vendor key of these tests ends: no file may hold it.
const vendorKey = "-key-of-somebody"

const verifiers = "/v1/email-verifiers/"

// results are the answers of verify-bulk.
func results(t *testing.T, r response) (all []struct {
	Email    string
	Provider *string
	Status   string
	Hit      bool `json:"_cache_hit"`
	Error    string
}) {
	t.Helper()
	var document struct{ Results json.RawMessage }
	if err := json.Unmarshal(r.body, &document); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(document.Results, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// TestVendors: customers' own verifiers, through the real binaries: keys, verdicts,
// what they cost, the gate; a key that was moved to another account opens for
// nobody; a queue finishes what a request did not reach.
func TestVendors(t *testing.T) {
	t.Parallel()
	double, settings := paid(t, 3*time.Second)
	s := open(t, settings...)
	admin := s.admin()
	account, f := s.function("account"), s.function("providers")
	owner := func(name string) string {
		return must(t, account, "POST", "/v1/keys", admin, `{"account":"`+name+`"}`, 201).field("secret")
	}
	t.Run("door", func(t *testing.T) { vendorsAnswer(t, f, account, owner("door")) })
	t.Run("moved", func(t *testing.T) { movedKeyStaysShut(t, s, f, double, owner("victim"), owner("thief")) })
	t.Run("rest", func(t *testing.T) { queueFinishes(t, s, f, double, owner("rest")) })
	t.Run("realtime", func(t *testing.T) { checksAreLogged(t, s, f, owner("realtime")) })
	t.Run("secrets", func(t *testing.T) { nothingIsInClear(t, s) })
}

func vendorsAnswer(t *testing.T, f, account *host.Function, key string) {
	must(t, f, "GET", verifiers+"known-providers", "", "", 200)
	must(t, f, "POST", verifiers+"verify", key, `{"email":"ok@a.example"}`, 400)
	must(t, f, "POST", verifiers+"providers", key, `{"provider":"reoon","api_key":"bad`+vendorKey+`"}`, 400)
	must(t, f, "POST", verifiers+"providers", key, `{"provider":"reoon","api_key":"good`+vendorKey+`","label":"main"}`, 201)
	must(t, f, "POST", verifiers+"providers", key, `{"provider":"millionverifier","api_key":"empty`+vendorKey+`"}`, 201)

	r := must(t, f, "POST", verifiers+"verify", key, `{"email":"ok@a.example"}`, 200)
	if r.field("provider") != "reoon" || r.field("status") != "valid" || !strings.Contains(string(r.body), `"outcome":"quota"`) {
		t.Errorf("the second vendor, after the one without credits: got %s", r.body)
	}
	got := results(t, must(t, f, "POST", verifiers+"verify-bulk", key, `{"emails":["ok@a.example","invalid@a.example","nobody","ok@a.example"]}`, 200))
	if len(got) != 4 || !got[0].Hit || got[1].Status != "invalid" || got[2].Error == "" || !got[3].Hit {
		t.Errorf("many: got %+v", got)
	}
	if r := must(t, f, "GET", verifiers+"usage?days=1", key, "", 200); r.field("total_calls") != "2" {
		t.Errorf("usage: got %s", r.body)
	}
	if r := must(t, f, "GET", verifiers+"log?status=invalid", key, "", 200); strings.Count(string(r.body), `"id"`) != 1 || !strings.Contains(string(r.body), "invalid@a.example") {
		t.Errorf("log: got %s", r.body)
	}
	must(t, account, "POST", "/v1/suppressions", key, `{"emails":["gone@a.example"],"reason":"unsubscribe"}`, 200)
	r = must(t, f, "POST", "/v1/sequences/spring/enroll", key, `{"emails":["ok@a.example","invalid@a.example","gone@a.example","OK@a.example"]}`, 200)
	if strings.Count(string(r.body), `"state":"enrolled"`) != 1 || !strings.Contains(string(r.body), `"gate":{"status":"checked"`) ||
		!strings.Contains(string(r.body), `"reason":"vendor_invalid"`) || !strings.Contains(string(r.body), `"reason":"suppressed"`) {
		t.Errorf("enrolment: got %s", r.body)
	}
	if r := must(t, f, "GET", "/v1/sequences/spring", key, "", 200); r.field("total") != "1" {
		t.Errorf("sequence: got %s", r.body)
	}
	must(t, f, "DELETE", verifiers+"providers/1", key, "", 204)
	must(t, f, "POST", verifiers+"verify", key, `{"email":"ok@a.example"}`, 502)
}

// movedKeyStaysShut moves the rows of an account's vendor keys to another account,
// as somebody who can write to the table could.
func movedKeyStaysShut(t *testing.T, s *stack, f *host.Function, double *vendordouble.Double, victim, thief string) {
	must(t, f, "POST", verifiers+"providers", victim, `{"provider":"hunter","api_key":"good`+vendorKey+`"}`, 201)
	table := dynamo.New(dynamodb.NewFromConfig(s.dynamo), s.table, dynamo.Options{})
	page, err := table.Query(t.Context(), store.Query{Part: "VEN#victim"})
	if err != nil || len(page.Items) == 0 {
		t.Fatalf("rows of the vendor key: %d, %v", len(page.Items), err)
	}
	move := func(part string) {
		for _, item := range page.Items {
			if err := table.Delete(t.Context(), item.Key); err != nil {
				t.Fatal(err)
			}
		}
		for i := range page.Items {
			page.Items[i].Key.Part = part
			if err := table.Put(t.Context(), page.Items[i]); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := double.Counts("hunter")
	move("VEN#thief")
	one := s.function("providers") // which knows nothing by heart
	must(t, one, "POST", verifiers+"verify", thief, `{"email":"ok@b.example"}`, 400)
	if r := must(t, one, "PUT", verifiers+"providers/1", thief, `{"revalidate":true}`, 0); r.status < 400 {
		t.Errorf("the moved key was tried: %s", r.body)
	}
	if got := double.Counts("hunter"); got != before {
		t.Errorf("the vendor was asked with a key of somebody else: %+v, before %+v", got, before)
	}
	move("VEN#victim") // it is the account alone that keeps it shut
	if r := must(t, s.function("providers"), "POST", verifiers+"verify", victim, `{"email":"ok@b.example"}`, 200); r.field("provider") != "hunter" {
		t.Errorf("back where it was: got %s", r.body)
	}
}

// checksAreLogged: what a check in real time had from vendors is in the log, with
// what was known already.
func checksAreLogged(t *testing.T, s *stack, f *host.Function, key string) {
	must(t, f, "POST", verifiers+"providers", key, `{"provider":"reoon","api_key":"good`+vendorKey+`"}`, 201)
	verify := s.function("verify")
	for range 2 {
		r := must(t, verify, "POST", "/v1/verify", key, `{"email":"ok@blocked.test","vendors":"on_unknown"}`, 200)
		if r.field("reason") != "vendor_verified" {
			t.Errorf("got %s, want a verdict of the vendor", r.body)
		}
	}
	if r := must(t, f, "GET", verifiers+"log", key, "", 200); strings.Count(string(r.body), `"id"`) != 2 {
		t.Errorf("log: got %s, want two verifications", r.body)
	}
}

// queueFinishes asks for more than slow vendors can say within a request.
func queueFinishes(t *testing.T, s *stack, f *host.Function, double *vendordouble.Double, key string) {
	must(t, f, "POST", verifiers+"providers", key, `{"provider":"millionverifier","api_key":"slow`+vendorKey+`"}`, 201)
	var emails []string
	for i := range 100 { // ten at once, eight times
		emails = append(emails, fmt.Sprintf("ok%d@c.example", i))
	}
	body, _ := json.Marshal(map[string]any{"emails": emails})
	left := 0
	for _, got := range results(t, must(t, f, "POST", verifiers+"verify-bulk", key, string(body), 200)) {
		if got.Error != "" {
			left++
			if got.Error != "deadline: not attempted" {
				t.Errorf("left with %q", got.Error)
			}
		}
	}
	if left == 0 || left == len(emails) {
		t.Fatalf("%d of %d addresses are left to the queue", left, len(emails))
	}
	s.source("VendorQueue", 5, 2, plainly(s.pool("vendorqueue", 2, otherTime)))
	eventually(t, "the queue finishes", 3*time.Minute, func() bool { return double.Counts("millionverifier").Charged == len(emails) })
	r := must(t, f, "POST", verifiers+"verify-bulk", key, string(body), 200)
	for _, got := range results(t, r) {
		if got.Status != "valid" || !got.Hit {
			t.Errorf("%+v is not known from the queue's work", got)
		}
	}
	if got := double.Counts("millionverifier").Charged; got != len(emails) {
		t.Errorf("%d addresses were paid for %d times", len(emails), got)
	}
	if r := must(t, f, "GET", verifiers+"usage?days=1", key, "", 200); r.field("total_calls") != fmt.Sprint(len(emails)) {
		t.Errorf("usage: got %s", r.body)
	}
}

// nothingIsInClear looks through the control table and the log.
func nothingIsInClear(t *testing.T, s *stack) {
	client := dynamodb.NewFromConfig(s.dynamo)
	rows := 0
	for pages := dynamodb.NewScanPaginator(client, &dynamodb.ScanInput{TableName: &s.table}); pages.HasMorePages(); {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range page.Items {
			rows++
			for name, value := range item {
				if text := fmt.Sprintf("%s %s", name, reflect.ValueOf(value).Elem().Field(0)); strings.Contains(text, vendorKey) {
					t.Errorf("an item holds a vendor key in %s", name)
				}
			}
		}
	}
	if log := s.log.String(); rows < 10 || strings.Contains(log, vendorKey) || strings.Contains(log, "@a.example") {
		t.Errorf("of %d items; or the log holds a vendor key or an address", rows)
	}
}

// goesToVendors: what our own probes leave UNKNOWN is asked of the account's
// vendors, and nothing else.
func goesToVendors(t *testing.T, o owner) {
	must(t, o.w.providers, "POST", verifiers+"providers", o.secret, `{"provider":"zerobounce","api_key":"good`+vendorKey+`"}`, 201)
	emails := []string{"ok@blocked.test", "alice@ok.test", "invalid@relay.test"}
	j := o.submit(t, map[string]any{"emails": emails, "deadline": "2m", "vendors": "on_unknown"}, nil)
	want := []row{
		{emails[0], verdict.Valid, verdict.VendorVerified}, {emails[1], verdict.Valid, verdict.SMTPVerified}, {emails[2], verdict.Invalid, verdict.VendorInvalid},
	}
	if got := o.rows(t, o.ended(t, j.ID, "completed")); !reflect.DeepEqual(got, want) {
		t.Errorf("results:\ngot  %v\nwant %v", got, want)
	}
	if got := o.w.double.Emails("zerobounce"); len(got) != 2 {
		t.Errorf("the vendor was asked about %v", got)
	}
	again := o.submit(t, map[string]any{"emails": emails, "deadline": "2m", "vendors": "on_unknown"}, nil)
	if got := o.rows(t, o.ended(t, again.ID, "completed")); !reflect.DeepEqual(got, want) {
		t.Errorf("results of the same list again:\ngot  %v\nwant %v", got, want)
	}
	if r := must(t, o.w.providers, "GET", verifiers+"log", o.secret, "", 200); strings.Count(string(r.body), `"id"`) != 4 {
		t.Errorf("log: got %s, want two verifications of each list", r.body)
	}
}
