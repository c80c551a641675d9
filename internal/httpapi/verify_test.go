package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// asked posts a body and returns what the verifier was asked.
func asked(t *testing.T, secret, body string) verify.Request {
	t.Helper()
	s := serve(t, nil)
	r := post(body)
	r.Header.Set("Authorization", "Bearer "+secret)
	if w := s.do(r); w.Code != 200 || len(s.oracle.asked) != 1 {
		t.Fatalf("%s: status %d, %d questions, %s", body, w.Code, len(s.oracle.asked), w.Body)
	}
	return s.oracle.asked[0]
}

func TestDefaultsOfAQuestion(t *testing.T) {
	got := asked(t, liveSecret, `{"email":"user@example.com"}`)
	want := verify.Request{
		Scope: "livekey2", Email: "user@example.com", Mode: verify.Full, Policy: verify.DefaultPolicy(),
		Received: noon, Deadline: noon.Add(4500*time.Millisecond - answerMargin),
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the verifier is asked\n%+v want\n%+v", got, want)
	}
}

func TestEveryFieldReachesTheVerifier(t *testing.T) {
	got := asked(t, liveSecret, ` {"email":"Ünï@example.com","mode":"soft","policy":"b2c_strict","timeout_ms":25000,
		"fresh":true,"explain":true,"vendors":"off"} `)
	policy, err := verify.PolicyNamed("b2c_strict")
	if err != nil {
		t.Fatal(err)
	}
	want := verify.Request{
		Scope: "livekey2", Email: "Ünï@example.com", Mode: verify.Soft, Policy: policy,
		Received: noon, Deadline: noon.Add(25*time.Second - answerMargin), Fresh: true, Explain: true,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the verifier is asked\n%+v want\n%+v", got, want)
	}
}

func TestNullIsAsGoodAsAbsent(t *testing.T) {
	plain := asked(t, liveSecret, `{"email":"a@b.test"}`)
	nulls := asked(t, liveSecret, `{"email":"a@b.test","mode":null,"policy":null,"timeout_ms":null,"fresh":null,"webhook_url":null}`)
	if !reflect.DeepEqual(plain, nulls) {
		t.Errorf("with nulls the verifier is asked %+v, without %+v", nulls, plain)
	}
}

func TestKeyChoosesWhatTheRequestLeavesOpen(t *testing.T) {
	if got := asked(t, softSecret, `{"email":"a@b.test"}`); got.Mode != verify.Soft {
		t.Errorf("on a soft plan the mode is %s", got.Mode)
	}
	if got := asked(t, ownSecret, `{"email":"a@b.test"}`); got.Policy.Name != "own" || got.Policy.Free != verdict.Block {
		t.Errorf("the key's policy arrives as %+v", got.Policy)
	}
	if got := asked(t, ownSecret, `{"email":"a@b.test","policy":"own"}`); got.Policy.Name != "own" {
		t.Errorf("policy own is %s", got.Policy.Name)
	}
	if got := asked(t, ownSecret, `{"email":"a@b.test","policy":"default"}`); got.Policy != verify.DefaultPolicy() {
		t.Errorf("policy default is %+v", got.Policy)
	}
}

// An address with bad syntax has a verdict like any other.
func TestBadAddressesAreNoBadRequests(t *testing.T) {
	for _, email := range []string{"", " ", "no at sign", "a@b@c", "\x00", "a\r\nRCPT TO:<b>", "<script>", strings.Repeat("a", 320), "\u2028"} {
		body, err := json.Marshal(map[string]string{"email": email})
		if err != nil {
			t.Fatal(err)
		}
		if got := asked(t, liveSecret, string(body)); got.Email != email {
			t.Errorf("%q arrives as %q", email, got.Email)
		}
	}
}

func TestNumbersWithoutFractionAreWhole(t *testing.T) {
	for text, want := range map[string]time.Duration{"500.0": 500, "5e2": 500, "25.0E+3": 25000, "4500": 4500, "0.5e3": 500} {
		got := asked(t, liveSecret, `{"email":"a@b.test","timeout_ms":`+text+`}`).Deadline
		if want := noon.Add(want*time.Millisecond - answerMargin); !got.Equal(want) {
			t.Errorf("timeout_ms %s ends at %s, want %s", text, got, want)
		}
	}
}

func TestEscapesAreRead(t *testing.T) {
	if got := asked(t, liveSecret, `{"email":"\ud83d\ude00\\\uD83D\uDE00\\ud83d\u0041@b.test"}`).Email; got != `😀\😀\ud83dA@b.test` {
		t.Errorf("the escapes arrive as %q", got)
	}
}

func TestBadRequestsNameTheField(t *testing.T) {
	for _, c := range []struct{ claim, body, field, detail string }{
		{"an empty body", "", "", "the body is empty"},
		{"blanks", " \r\n\t", "", "the body is empty"},
		{"a missing brace", `{"email":"a@b.test"`, "", "ends, at octet 19, before"},
		{"a trailing comma", `{"email":"a@b.test",}`, "", "not JSON at octet 21"},
		{"single quotes", `{'email':'a@b.test'}`, "", "not JSON at octet 2"},
		{"a bare word", `email`, "", "not JSON at octet 1"},
		{"a form field", `email=a%40b.test`, "", "not JSON at octet 1"},
		{"a line end in a string", "{\"email\":\"a@b.test\n\"}", "", "not JSON at octet 19"},
		{"a byte order mark", "\ufeff{}", "", "a byte order mark; send it without"},
		{"a second object", `{"email":"a@b.test"}{"email":"c@d.test"}`, "", "goes on after its JSON, at octet 21"},
		{"text behind", `{"email":"a@b.test"} x`, "", "goes on after its JSON, at octet 22"},
		{"Latin-1", "{\"email\":\"j\xf6rg@b.test\"}", "", "not UTF-8 at octet 12"},
		{"half a surrogate pair", `{"email":"\ud83da@b.test"}`, "", "half of a surrogate pair at octet 11"},
		{"the other half", `{"email":"\\\uDE00@b.test"}`, "", "half of a surrogate pair at octet 13"},
		{"two first halves", `{"email":"\ud83d\ud83d"}`, "", "half of a surrogate pair at octet 11"},
		{"half a pair at the end", `{"email":"\ud83d"}`, "", "half of a surrogate pair at octet 11"},
		{"UTF-16", "\xff\xfe{\x00}\x00", "", "not UTF-8 at octet 1"},
		{"an array", `["a@b.test"]`, "", "not a JSON object"},
		{"a string", `"a@b.test"`, "", "not a JSON object"},
		{"null", `null`, "", "not a JSON object"},
		{"an unknown field", `{"email":"a@b.test","emial":"x"}`, "emial", "the fields are email, explain, fresh, mode,"},
		{"another case", `{"Email":"a@b.test"}`, "Email", "there is no such field"},
		{"an empty name", `{"":1}`, "", "there is no such field"},
		{"a field given twice", `{"email":"a@b.test","email":"c@d.test"}`, "email", "given twice"},
		{"a field given twice, once escaped", `{"email":"a@b.test","\u0065mail":"c@d.test"}`, "email", "given twice"},
		{"no email", `{}`, "email", "is required"},
		{"null for an email", `{"email":null}`, "email", "is required"},
		{"a number for an email", `{"email":5}`, "email", "must be a string"},
		{"an array for an email", `{"email":["a@b.test"]}`, "email", "must be a string"},
		{"an object for an email", `{"email":{"email":"a@b.test"}}`, "email", "must be a string"},
		{"an email of 321 characters", `{"email":"` + strings.Repeat("ö", 321) + `"}`, "email", "may have 320 characters"},
		{"an unknown mode", `{"email":"a@b.test","mode":"hard"}`, "mode", "soft or full"},
		{"a mode without a word", `{"email":"a@b.test","mode":""}`, "mode", "soft or full"},
		{"a policy without a name", `{"email":"a@b.test","policy":""}`, "policy", "must be the name of a policy"},
		{"vendors without a word", `{"email":"a@b.test","vendors":""}`, "vendors", "must be off or on_unknown"},
		{"on_unknown without a word", `{"email":"a@b.test","on_unknown":""}`, "on_unknown", "must be reverify"},
		{"a webhook without an address", `{"email":"a@b.test","webhook_url":""}`, "webhook_url", "not available in this deployment yet"},
		{"a mode that is no string", `{"email":"a@b.test","mode":true}`, "mode", "must be a string"},
		{"an unknown policy", `{"email":"a@b.test","policy":"lax"}`, "policy", "built in are default, b2b, b2c_strict"},
		{"a policy as an object", `{"email":"a@b.test","policy":{"free":"block"}}`, "policy", "must be a string"},
		{"own policy without one", `{"email":"a@b.test","policy":"own"}`, "policy", "not set for this key"},
		{"too short a time", `{"email":"a@b.test","timeout_ms":499}`, "timeout_ms", "from 500 to 25000"},
		{"too long a time", `{"email":"a@b.test","timeout_ms":25001}`, "timeout_ms", "from 500 to 25000"},
		{"a time below zero", `{"email":"a@b.test","timeout_ms":-1}`, "timeout_ms", "from 500 to 25000"},
		{"no time", `{"email":"a@b.test","timeout_ms":0}`, "timeout_ms", "from 500 to 25000"},
		{"half a millisecond", `{"email":"a@b.test","timeout_ms":500.5}`, "timeout_ms", "whole number"},
		{"a time as text", `{"email":"a@b.test","timeout_ms":"4500"}`, "timeout_ms", "whole number"},
		{"a time beyond integers", `{"email":"a@b.test","timeout_ms":1e400}`, "timeout_ms", "whole number"},
		{"fresh as text", `{"email":"a@b.test","fresh":"true"}`, "fresh", "true or false"},
		{"explain as a number", `{"email":"a@b.test","explain":1}`, "explain", "true or false"},
		{"unknown vendors", `{"email":"a@b.test","vendors":"always"}`, "vendors", "off or on_unknown"},
		{"reverify not there yet", `{"email":"a@b.test","on_unknown":"reverify"}`, "on_unknown", "not available in this deployment yet"},
		{"unknown on_unknown", `{"email":"a@b.test","on_unknown":"guess"}`, "on_unknown", "must be reverify"},
		{"webhooks not there yet", `{"email":"a@b.test","webhook_url":"https://hooks.example.com"}`, "webhook_url", "not available in this deployment yet"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			for _, path := range []string{"/v1/verify", "/v1/check"} {
				s := serve(t, nil)
				r := post(c.body)
				r.URL.Path = path
				w := s.do(r)
				p := problemOf(t, w)
				if w.Code != 400 || p.Type != "/problems/bad-request" || p.Field != c.field || !strings.Contains(p.Detail, c.detail) {
					t.Errorf("%s: %d, field %q, %q; want field %q, %q", path, w.Code, p.Field, p.Detail, c.field, c.detail)
				}
				if len(s.oracle.asked) != 0 {
					t.Error("the verifier was asked")
				}
			}
		})
	}
}

func TestNestingBombIsHarmless(t *testing.T) {
	for _, bomb := range []string{
		strings.Repeat("[", maxQuestion),
		strings.Repeat(`{"email":`, maxQuestion/9),
		`{"email":` + strings.Repeat("[", 9000) + strings.Repeat("]", 9000) + `}`,
	} {
		if w := serve(t, nil).do(post(bomb)); w.Code != 400 {
			t.Errorf("%.20s... answers %d", bomb, w.Code)
		}
	}
}

func TestBodyEndsAt64KB(t *testing.T) {
	fits := `{"email":"a@b.test"}` + strings.Repeat(" ", maxQuestion-20)
	if w := serve(t, nil).do(post(fits)); w.Code != 200 {
		t.Errorf("a body of 64 KB answers %d", w.Code)
	}
	w := serve(t, nil).do(post(fits + " "))
	if p := problemOf(t, w); w.Code != 413 || p.Detail != "the body may have 64 KB" {
		t.Errorf("one octet more answers %d %+v", w.Code, p)
	}
}

func TestJSONIsReadWhateverItsType(t *testing.T) {
	for _, kind := range []string{
		"", "application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/plain", "nonsense;;",
		"application/x-www-form-urlencoded", // curl -d '{...}'
	} {
		r := post(" {\"email\":\"a@b.test\"}")
		r.Header.Set("Content-Type", kind)
		if w := serve(t, nil).do(r); w.Code != 200 {
			t.Errorf("Content-Type %q answers %d", kind, w.Code)
		}
	}
}

func TestWhatIsNoJSONIsToldWhatToSend(t *testing.T) {
	for kind, body := range map[string]string{
		"application/x-www-form-urlencoded": "email=a%40b.test",
		"multipart/form-data; boundary=x":   "--x\r\nContent-Disposition: form-data; name=\"email\"\r\n\r\na@b.test\r\n--x--",
	} {
		r := post(body)
		r.Header.Set("Content-Type", kind)
		w := serve(t, nil).do(r)
		if w.Code != 400 || !strings.Contains(problemOf(t, w).Detail, "Content-Type: application/json") {
			t.Errorf("Content-Type %q answers %d", kind, w.Code)
		}
	}
	r := post(`{"email":"a@b.test"}`)
	r.Header.Set("Content-Encoding", "gzip")
	if w := serve(t, nil).do(r); w.Code != 400 || !strings.Contains(problemOf(t, w).Detail, "compressed") {
		t.Errorf("a compressed body answers %d", w.Code)
	}
}

// curl -d calls everything a form.
func TestJSONThatIsNoObjectIsNotTakenForAForm(t *testing.T) {
	for body, detail := range map[string]string{
		`["a@b.test"]`: "not a JSON object", ` "a@b.test"`: "not a JSON object", "\ufeff{\"email\":\"a@b.test\"}": "byte order mark", "": "the body is empty",
	} {
		r := post(body)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := serve(t, nil).do(r)
		if p := problemOf(t, w); w.Code != 400 || !strings.Contains(p.Detail, detail) {
			t.Errorf("%q: %d %q, want %q", body, w.Code, p.Detail, detail)
		}
	}
}

func TestKeysThatMayNotAskThis(t *testing.T) {
	for _, c := range []struct {
		claim, secret, body, field string
		status                     int
	}{
		{"a soft plan does not probe", softSecret, `{"email":"a@b.test","mode":"full"}`, "mode", 403},
		{"a test key has no simulator yet", testSecret, `{"email":"a@b.test"}`, "", 403},
		{"a broken policy is not the caller's fault", badSecret, `{"email":"a@b.test"}`, "", 500},
	} {
		s := serve(t, nil)
		r := post(c.body)
		r.Header.Set("Authorization", "Bearer "+c.secret)
		w := s.do(r)
		if p := problemOf(t, w); w.Code != c.status || p.Field != c.field || len(s.oracle.asked) != 0 {
			t.Errorf("%s: %d %+v, %d questions", c.claim, w.Code, p, len(s.oracle.asked))
		}
	}
}

func TestVerdictIsAnsweredAsItIs(t *testing.T) {
	s := serve(t, nil)
	occurred := time.Date(2026, 5, 13, 12, 0, 0, 999, time.FixedZone("CEST", 2*3600))
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		return verdict.Verdict{
			Email: r.Email, Status: verdict.Valid, Score: 96, Reason: verdict.SMTPVerified, Action: verdict.Accept, Policy: "default",
			MXFound: true, CheckedAt: occurred.Add(1500 * time.Microsecond), RetryAt: &occurred, LatencyMS: 248,
			AccountHistory: verdict.History{Matched: true, OccurredAt: &occurred},
		}
	}
	w := s.do(post(`{"email":"a&b<c>@b.test"}`))
	want := `{"email":"a&b<c>@b.test","status":"VALID","score":96,"reason":"smtp_verified","action":"accept","policy":"default",` +
		`"disposable":false,"catch_all":false,"free_provider":false,"mx_found":true,"role":false,"relay":false,"closed_provider":false,"spam_trap":false,` +
		`"account_history":{"matched":true,"occurred_at":"2026-05-13T10:00:00Z"},"list_version":"","list_age_hours":0,` +
		`"checked_at":"2026-05-13T10:00:00.001Z","retry_at":"2026-05-13T10:00:00Z","cached":false,"latency_ms":248}` + "\n"
	if w.Code != 200 || w.Body.String() != want || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d\n%s want\n%s", w.Code, w.Body, want)
	}
	if occurred.Nanosecond() != 999 {
		t.Error("a time of the verifier's was changed")
	}
}

func TestAnswerThatCannotBeEncodedIsA500(t *testing.T) {
	s := serve(t, nil)
	s.oracle.answer = func(context.Context, verify.Request) verdict.Verdict {
		return verdict.Verdict{Evidence: math.NaN()}
	}
	if w := s.do(post(`{"email":"a@b.test"}`)); w.Code != 500 || problemOf(t, w).Type != "/problems/internal" {
		t.Errorf("status %d", w.Code)
	}
}

func TestCallersContextReachesTheVerifier(t *testing.T) {
	ctx, hangUp := context.WithCancel(t.Context())
	s := serve(t, nil)
	s.oracle.answer = func(ctx context.Context, r verify.Request) verdict.Verdict {
		hangUp()
		<-ctx.Done()
		return concluded(r, verdict.Unknown, verdict.Cancelled)
	}
	if w := s.do(post(`{"email":"a@b.test"}`).WithContext(ctx)); w.Code != 200 {
		t.Errorf("status %d", w.Code)
	}
}

func FuzzQuestionIsWhatEncodingJSONReads(f *testing.F) {
	for _, body := range []string{
		`{"email":"a@b.test"}`, `{"email":"a@b.test","timeout_ms":5e2,"fresh":true}`, `{"email":"\ud800"}`, "\ufeff{}",
		`{"email":null}`, `{"email":"a","email":"b"}`, `[[[[`, `{"email":{}}`, "{\"email\":\"\xff\"}", `{"Email":"x"}`, `{}{}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		q, err := readQuestion(body)
		if err != nil {
			if row := answerFor(err); row.status != http.StatusBadRequest {
				t.Errorf("%q answers %d: %v", body, row.status, err)
			}
			return
		}
		var want struct {
			Email     string
			TimeoutMS *float64 `json:"timeout_ms"` // integers in any spelling
			Fresh     bool
		}
		if err := json.Unmarshal(body, &want); err != nil {
			t.Fatalf("%q was accepted, encoding/json says %v", body, err)
		}
		if want.TimeoutMS == nil {
			want.TimeoutMS = new(float64(defaultTimeoutMS))
		}
		got := fmt.Sprint(*q.email, q.timeoutMS, q.fresh)
		if want := fmt.Sprint(want.Email, *want.TimeoutMS, want.Fresh); got != want {
			t.Errorf("%q is read as %s, want %s", body, got, want)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	s := serve(b, nil)
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		return concluded(r, verdict.Valid, verdict.SMTPVerified)
	}
	for b.Loop() {
		s.log.Reset()
		s.oracle.asked = s.oracle.asked[:0]
		s.bare.ServeHTTP(httptest.NewRecorder(), post(`{"email":"a@b.test","timeout_ms":3000}`))
	}
}
