package httpapi

import (
	"context"
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// checkJSONOf asks /v1/check about an address that has this verdict.
func checkJSONOf(t *testing.T, v verdict.Verdict) string {
	t.Helper()
	s := serve(t, nil)
	s.oracle.answer = func(context.Context, verify.Request) verdict.Verdict { return v }
	r := post(`{"email":"user@example.com"}`)
	r.URL.Path = "/v1/check"
	w := s.do(r)
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestCheckHasTheShapeOfTheMission(t *testing.T) {
	occurred := time.Date(2026, 5, 13, 10, 0, 0, 0, time.UTC)
	got := checkJSONOf(t, verdict.Verdict{
		Email: "user@example.com", Status: verdict.Invalid, Score: 2, Reason: verdict.PreviouslyBounced, Action: verdict.Block,
		Policy: "default", MXFound: true, ListVersion: "7", ListAgeHours: 36, CheckedAt: noon, LatencyMS: 3,
		AccountHistory: verdict.History{Matched: true, PreviousReason: "hard_bounce", OccurredAt: &occurred, Count: 1},
	})
	want := `{"email":"user@example.com","result":"undeliverable","reason":"previously_bounced",` +
		`"reason_message":"This address bounced when you last sent to it. Do not retry.",` +
		`"account_history":{"matched":true,"previous_reason":"hard_bounce","occurred_at":"2026-05-13T10:00:00Z","count":1},` +
		`"status":"INVALID","disposable":false,"role":false,"free":false,"catch_all":false,"spam_trap":false,"score":2,"action":"block","policy":"default",` +
		`"strict":{"role":false,"plus_tag":false,"relay":false,"free":false,"disposable_suspected":false},` +
		`"relay":false,"closed_provider":false,"mx_found":true,"list_version":"7","list_age_hours":36,"checked_at":"2026-11-13T12:00:00Z","cached":false,"latency_ms":3}` + "\n"
	if got != want {
		t.Errorf("the answer is\n%s want\n%s", got, want)
	}
}

func TestCheckCarriesEverySignal(t *testing.T) {
	retry := noon.Add(time.Minute)
	got := checkJSONOf(t, verdict.Verdict{
		Email: "info+x@example.com", Status: verdict.Risky, Score: 40, Reason: verdict.DisposableSuspected, Action: verdict.Warn,
		Disposable: true, CatchAll: true, FreeProvider: true, MXFound: true, Role: true, Relay: true, SpamTrap: true, Tag: "x",
		Policy: "b2b", DisposableTier: "aggregator", DisposableSource: verdict.ByList, RoleClass: "support", RelayName: "Hide", ClosedProvider: true,
		TrapRisk: verdict.ClosedTrap, Canonical: "info@example.com", TypoOf: "example.org", TypoCertainty: verdict.Low,
		MXHost: "mx.example.com", MXProvider: "Example", Provider: "hunter",
		Suggestion: "info@example.org", Lists: []verdict.ListMatch{{List: "disposable", Rule: "example.com", Tier: "aggregator"}}, CheckedAt: noon, RetryAt: &retry, Cached: true, Detail: "Because.", Evidence: map[string]int{"n": 1},
	})
	want := `{"email":"info+x@example.com","result":"risky","reason":"disposable_suspected",` +
		`"reason_message":"The domain is on a list of disposable mail services, but not on a sure one.","account_history":{"matched":false},` +
		`"status":"RISKY","disposable":true,"role":true,"free":true,"catch_all":true,"spam_trap":true,"suggestion":"info@example.org",` +
		`"score":40,"action":"warn","policy":"b2b","strict":{"role":true,"plus_tag":true,"relay":true,"free":true,"disposable_suspected":true},` +
		`"disposable_tier":"aggregator","disposable_source":"list","role_class":"support","relay":true,"relay_name":"Hide","closed_provider":true,` +
		`"trap_risk":"closed_provider","tag":"x","canonical":"info@example.com","typo_of":"example.org","typo_certainty":"low",` +
		`"mx_host":"mx.example.com","mx_provider":"Example",` +
		`"mx_found":true,"list_matches":[{"list":"disposable","rule":"example.com","tier":"aggregator"}],"list_version":"","list_age_hours":0,` +
		`"checked_at":"2026-11-13T12:00:00Z","cached":true,"latency_ms":0,"retry_at":"2026-11-13T12:01:00Z",` +
		`"provider":"hunter","detail":"Because.","evidence":{"n":1}}` + "\n"
	if got != want {
		t.Errorf("the answer is\n%s want\n%s", got, want)
	}
}

func TestSurelyDisposableIsNotSuspected(t *testing.T) {
	for _, c := range []struct {
		claim string
		v     verdict.Verdict
		want  bool
	}{
		{"what is DISPOSABLE", verdict.Verdict{Status: verdict.Disposable}, false},
		{"a sure listing behind a report", verdict.Verdict{Status: verdict.Invalid, DisposableSource: verdict.ByList, DisposableTier: "curated"}, false},
		{"several lists behind a soft bounce", verdict.Verdict{Status: verdict.Risky, DisposableSource: verdict.ByList, DisposableTier: "several_families"}, false},
		{"the exchanger behind a report", verdict.Verdict{Status: verdict.Invalid, DisposableSource: verdict.ByMX, DisposableTier: "aggregator"}, false},
		{"the key's own list", verdict.Verdict{Status: verdict.Invalid, DisposableSource: verdict.ByKey}, false},
		{"a weak listing", verdict.Verdict{Status: verdict.Risky, DisposableSource: verdict.ByList, DisposableTier: "one_family"}, true},
		{"a weak listing behind a report", verdict.Verdict{Status: verdict.Invalid, DisposableSource: verdict.ByList, DisposableTier: "aggregator"}, true},
		{"a vendor", verdict.Verdict{Status: verdict.Risky, DisposableSource: verdict.ByVendor}, true},
	} {
		c.v.Disposable = true
		if got := checkOf(c.v); !got.Disposable || got.Strict.DisposableSuspected != c.want {
			t.Errorf("%s: disposable %t, suspected %t", c.claim, got.Disposable, got.Strict.DisposableSuspected)
		}
	}
}

// Whatever /v1/verify tells, /v1/check does, too.
func TestCheckHasEveryFieldOfVerify(t *testing.T) {
	in := func(value any) map[string]bool {
		names := make(map[string]bool)
		for _, field := range reflect.VisibleFields(reflect.TypeOf(value)) {
			name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			names[name] = true
		}
		return names
	}
	check := in(checked{})
	check["free_provider"] = check["free"]
	for name := range in(verified{}) {
		if name != "" && !check[name] {
			t.Errorf("/v1/check does not tell %s", name)
		}
	}
}

func TestResultsOfAllStatuses(t *testing.T) {
	for status, want := range map[verdict.Status]string{
		verdict.Valid: "deliverable", verdict.Invalid: "undeliverable", verdict.Disposable: "undeliverable",
		verdict.CatchAll: "risky", verdict.Risky: "risky", verdict.Unknown: "unknown",
	} {
		if got := result(status); got != want {
			t.Errorf("%s is %s, want %s", status, got, want)
		}
	}
}

func TestEveryReasonHasAMessage(t *testing.T) {
	messages := reasonMessages()
	sentence := regexp.MustCompile(`^[A-Z][^"]{20,110}\.$`)
	for _, reason := range verdict.Reasons() {
		if !sentence.MatchString(messages[reason]) {
			t.Errorf("the message of %s is %q", reason, messages[reason])
		}
	}
	if len(messages) != len(verdict.Reasons()) {
		t.Errorf("%d messages for %d reasons", len(messages), len(verdict.Reasons()))
	}
}

// Only proof may speak against an address: an UNKNOWN must not read as a
// refusal.
func TestMessagesOfUnknownDoNotBlameTheAddress(t *testing.T) {
	blame := regexp.MustCompile(`(?i)\b(invalid|does not exist|disabled|undeliverable)\b`)
	for reason, message := range reasonMessages() {
		if reason.Statuses()[0] == verdict.Unknown && blame.MatchString(message) {
			t.Errorf("%s: %q", reason, message)
		}
	}
}

func TestMessageTellsWhatWasReported(t *testing.T) {
	seen := map[string]bool{}
	for _, previous := range []string{"hard_bounce", "soft_bounce", "spam_complaint", "unsubscribe"} {
		message := checkOf(verdict.Verdict{
			Reason: verdict.PreviouslyBounced, AccountHistory: verdict.History{Matched: true, PreviousReason: previous},
		}).ReasonMessage
		if message == "" || seen[message] {
			t.Errorf("%s: %q", previous, message)
		}
		seen[message] = true
	}
}

func TestMessageTellsWhoCallsTheDomainDisposable(t *testing.T) {
	for source, want := range map[verdict.Source]string{
		verdict.ByKey: "own deny list", verdict.ByList: "disposable mail service", verdict.ByMX: "disposable mail service",
	} {
		v := verdict.Verdict{Status: verdict.Disposable, Reason: verdict.DisposableDomain, Disposable: true, DisposableSource: source}
		if got := reasonMessage(v); !strings.Contains(got, want) {
			t.Errorf("by %s: %q, want %q in it", source, got, want)
		}
	}
}

func TestFieldsSharedWithVerifyHaveTheSameValues(t *testing.T) {
	v := verdict.Verdict{
		Email: "user@example.com", Status: verdict.Valid, Score: 96, Reason: verdict.SMTPVerified, Action: verdict.Accept,
		Disposable: true, CatchAll: true, MXFound: true, Role: true, SpamTrap: true, Suggestion: "s", CheckedAt: noon, Cached: true,
		LatencyMS: 7, Detail: "d", Policy: "b2b", DisposableTier: "curated", DisposableSource: verdict.ByList, RoleClass: "sales", Relay: true,
		RelayName: "r", ClosedProvider: true, TrapRisk: verdict.TypoTrap, Tag: "t", Canonical: "c", TypoOf: "o", TypoCertainty: verdict.High,
		MXHost: "m", MXProvider: "p", Provider: "hunter",
	}
	var one, two map[string]any
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &one); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(checkJSONOf(t, v)), &two); err != nil {
		t.Fatal(err)
	}
	shared := strings.Fields(`email status score reason action disposable catch_all mx_found role spam_trap suggestion checked_at cached latency_ms detail
		policy disposable_tier disposable_source role_class relay relay_name closed_provider trap_risk tag canonical typo_of typo_certainty mx_host mx_provider provider`)
	for _, name := range shared {
		if one[name] == nil || one[name] != two[name] {
			t.Errorf("%s is %v in /v1/verify, %v in /v1/check", name, one[name], two[name])
		}
	}
}
