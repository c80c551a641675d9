package httpapi

import (
	"maps"
	"net/http/httptest"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"rcpt/internal/batch"
	"rcpt/internal/enroll"
	"rcpt/internal/esp"
	"rcpt/internal/httpapi/apitest"
	"rcpt/internal/keys"
	"rcpt/internal/lists"
	"rcpt/internal/notify"
	"rcpt/internal/overlay"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// tree is the description as plain values.
func tree(t *testing.T) map[string]any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(strings.NewReader(description))
	if err != nil {
		t.Fatal(err)
	}
	return value.(map[string]any)
}

// at follows names into a tree.
func at(t *testing.T, value any, path ...string) any {
	t.Helper()
	for i, name := range path {
		object, _ := value.(map[string]any)
		inner, found := object[name]
		if !found {
			t.Fatalf("the description has no %s", strings.Join(path[:i+1], "/"))
		}
		value = inner
	}
	return value
}

func TestDescriptionIsOpenAPI(t *testing.T) {
	text, err := os.ReadFile("testdata/openapi.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	form, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("urn:openapi", form); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("urn:openapi")
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(any(tree(t))); err != nil {
		t.Error(err)
	}
	if _, err := apitest.New(description); err != nil {
		t.Errorf("its schemas: %v", err)
	}
}

// Every reference leads somewhere, and to every component leads one.
func TestEveryComponentIsUsed(t *testing.T) {
	referred := make(map[string]bool)
	for _, match := range regexp.MustCompile(`"#/components/(\w+/[\w-]+)"`).FindAllStringSubmatch(description, -1) {
		referred[match[1]] = true
	}
	for kind, components := range at(t, tree(t), "components").(map[string]any) {
		for name := range components.(map[string]any) {
			if kind != "securitySchemes" && !referred[kind+"/"+name] {
				t.Errorf("%s/%s is not used", kind, name)
			}
			delete(referred, kind+"/"+name)
		}
	}
	for missing := range referred {
		t.Errorf("%s is used and not there", missing)
	}
}

// needs is what a route needs by the description: a scope, or one of the words
// for scopes of routes.
func needs(t *testing.T, operation any) keys.Scope {
	t.Helper()
	security := at(t, operation, "security").([]any)
	if len(security) == 0 {
		return anyone
	}
	if reflect.DeepEqual(security, []any{
		map[string]any{"key": []any{string(keys.Verify)}}, map[string]any{"key": []any{string(keys.Admin)}},
	}) {
		return ownOrAdmin
	}
	scopes := at(t, security[0], "key").([]any)
	switch len(scopes) {
	case 0:
		return anyKey
	case 1:
		return keys.Scope(scopes[0].(string))
	}
	t.Fatalf("an operation needs several scopes: %v", scopes)
	return ""
}

func TestRoutesAndDescriptionAgree(t *testing.T) {
	served, described := make(map[string]keys.Scope), make(map[string]keys.Scope)
	for _, r := range routes() {
		served[r.method+" "+r.path] = r.scope
	}
	ids := make(map[string]bool)
	for path, methods := range at(t, tree(t), "paths").(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			if method == "parameters" {
				continue
			}
			described[strings.ToUpper(method)+" "+path] = needs(t, operation)
			id := at(t, operation, "operationId").(string)
			if ids[id] {
				t.Errorf("two operations are called %s", id)
			}
			ids[id] = true
		}
	}
	if !reflect.DeepEqual(described, served) {
		t.Errorf("described with their scopes are\n%v, served\n%v", described, served)
	}
	for _, match := range regexp.MustCompile(`"(?:read|change|rotate|revoke|usage)": \{ "operationId": "(\w+)"`).FindAllStringSubmatch(description, -1) {
		if !ids[match[1]] {
			t.Errorf("a link leads to %s, which there is not", match[1])
		}
	}
}

// Whoever can be refused for want of a key or a scope is told so, and the rest
// is not described where it cannot occur.
func TestStatusesFitTheRoute(t *testing.T) {
	for path, methods := range at(t, tree(t), "paths").(map[string]any) {
		for method, operation := range methods.(map[string]any) {
			if method == "parameters" {
				continue
			}
			answers := at(t, operation, "responses").(map[string]any)
			scope := needs(t, operation)
			_, takesBody := operation.(map[string]any)["requestBody"]
			hook := strings.HasPrefix(path, "/v1/hooks/") || strings.HasPrefix(path, "/v1/report-bounce/")
			reports := takesBody && (path == "/v1/report-bounce" || hook && scope == anyone)
			enrolls := strings.HasSuffix(path, "/enroll")
			lists := takesBody && strings.HasPrefix(path, "/v1/jobs")
			asks := takesBody && strings.HasPrefix(path, "/v1/email-verifiers/verify") || enrolls || lists || takesBody && path == "/v1/webhooks/test"
			jobs := path == "/v1/jobs/estimate" || strings.HasPrefix(path, "/v1/jobs/{job}/") && path != "/v1/jobs/{job}/deliveries" || path == "/v1/jobs/{job}" && method == "delete"
			for status, want := range map[string]bool{
				"500": true, "503": true, "401": scope != anyone || hook && takesBody, "403": scope != anyone && scope != anyKey,
				"413": takesBody, "429": scope == keys.Verify && takesBody || reports || asks, "402": scope == keys.Verify && takesBody || path == "/v1/email-verifiers/verify" || path == "/v1/jobs" && takesBody,
				"409": scope == keys.Admin && strings.Contains(path, "{id}") || scope == ownOrAdmin && takesBody || hook && method != "get" || takesBody && strings.HasPrefix(path, "/v1/email-verifiers/providers") || takesBody && path == "/v1/email-verifiers/budget" || path == "/v1/webhook-secret/rotate" || enrolls || jobs,
				"502": path == "/v1/email-verifiers/verify",
			} {
				if _, got := answers[status]; got != want {
					t.Errorf("%s %s: %s is described: %v, want %v", method, path, status, got, want)
				}
			}
		}
	}
}

func TestClosedListsAreThoseOfTheCode(t *testing.T) {
	words := func(path ...string) []string {
		var list []string
		for _, word := range at(t, tree(t), append([]string{"components", "schemas"}, path...)...).([]any) {
			if word != nil {
				list = append(list, word.(string))
			}
		}
		return list
	}
	var reasons, slugs []string
	for _, reason := range verdict.Reasons() {
		reasons = append(reasons, string(reason))
	}
	for _, row := range append(answers(), answerFor(errPanic)) {
		if slug := "/problems/" + row.slug; !slices.Contains(slugs, slug) {
			slugs = append(slugs, slug)
		}
	}
	scopes := []string{}
	for _, scope := range append(keys.AllButAdmin(), keys.Admin) {
		scopes = append(scopes, string(scope))
	}
	for _, c := range []struct {
		described []string
		code      []string
	}{
		{words("Reason", "enum"), reasons},
		{words("Status", "enum"), texts(verdict.Valid, verdict.Invalid, verdict.Disposable, verdict.CatchAll, verdict.Risky, verdict.Unknown)},
		{words("Action", "enum"), texts(verdict.Accept, verdict.Warn, verdict.Block, verdict.Retry, verdict.Review)},
		{words("ActionOrNull", "enum"), words("Action", "enum")},
		{words("Scope", "enum"), scopes},
		{words("Question", "properties", "mode", "enum"), texts(verify.Soft, verify.Full)},
		{words("Verdict", "properties", "disposable_tier", "enum"), texts(lists.Curated, lists.Families, lists.Family, lists.Aggregator)},
		{words("Verdict", "properties", "disposable_source", "enum"), texts(verdict.ByList, verdict.ByMX, verdict.ByKey, verdict.ByVendor)},
		{words("Verdict", "properties", "trap_risk", "enum"), texts(verdict.TypoTrap, verdict.ClosedTrap)},
		{words("Verdict", "properties", "typo_certainty", "enum"), []string{verdict.High, verdict.Low}},
		{words("ListMatch", "properties", "source", "enum"), texts(verdict.ByMX)},
		{words("ListMatch", "properties", "confidence", "enum"), []string{lists.High, lists.Low}},
		{words("Verdict", "properties", "role_class", "enum"), []string{
			lists.Administrative, lists.Technical, lists.Abuse, lists.Sales, lists.Support, lists.Billing, lists.Marketing, lists.NoReply, lists.Generic,
		}},
		{words("AuditEntry", "properties", "act", "enum"), texts(keys.Created, keys.Changed, keys.Rotated, keys.Revoked)},
		{words("Problem", "properties", "type", "enum"), slugs},
		{words("ReportReason", "enum"), texts(overlay.HardBounce, overlay.SoftBounce, overlay.Complaint, overlay.Unsubscribe)},
		{words("ESPName", "enum"), esp.Slugs()},
		{words("Delivery", "properties", "state", "enum"), texts(notify.Pending, notify.Delivered, notify.Failed)},
		{words("JobStatus", "enum"), texts(batch.Queued, batch.Running, batch.Completed, batch.Failed, batch.Cancelled)},
		{words("ProviderName", "enum"), vendorNames()},
		{words("ProviderStatus", "enum"), texts(vendors.Valid, vendors.Invalid, vendors.Risky, vendors.Unknown)},
		{words("Deliverability", "enum"), texts(vendors.Deliverable, vendors.Undeliverable, vendors.Uncertain, vendors.Undecided)},
		{words("ProviderAction", "enum"), texts(vendors.Manual, vendors.Bulk, vendors.Enrolment, vendors.Job, vendors.Realtime)},
		{words("ProviderState", "enum"), texts(vendors.Answered, vendors.Cached, vendors.Failed, vendors.Open)},
		{words("SuppressionReason", "enum"), texts(suppress.Reasons()...)},
		{words("SkipReason", "enum"), texts(enroll.Reasons()...)},
		{words("MemberState", "enum"), texts(enroll.States()...)},
		{words("Verification", "enum"), texts(enroll.Verifications()...)},
		{words("Finding", "enum"), texts(enroll.Findings()...)},
		{words("Gate", "properties", "status", "enum"), texts(enroll.Checked, enroll.Partial, enroll.Open)},
		{words("Hook", "properties", "auth", "enum"), texts(esp.Signature, esp.Credentials, esp.Topic, esp.Declared)},
	} {
		if !reflect.DeepEqual(c.described, c.code) {
			t.Errorf("described are\n%v, in the code\n%v", c.described, c.code)
		}
	}
}

func vendorNames() (names []string) {
	for _, v := range vendors.Defaults() {
		names = append(names, string(v.Name))
	}
	return names
}

func texts[T ~string](words ...T) []string {
	list := make([]string, len(words))
	for i, word := range words {
		list[i] = string(word)
	}
	return list
}

func TestEveryReasonIsExplainedAndUnderItsStatuses(t *testing.T) {
	meanings := at(t, tree(t), "components", "schemas", "Reason", "x-enumDescriptions").(map[string]any)
	for reason, message := range reasonMessages() {
		if meanings[string(reason)] != message {
			t.Errorf("%s is explained as %q, in answers as %q", reason, meanings[string(reason)], message)
		}
	}
	described := make(map[verdict.Reason][]verdict.Status)
	for _, pair := range at(t, tree(t), "components", "schemas", "StatusAndReason", "oneOf").([]any) {
		status := verdict.Status(at(t, pair, "properties", "status", "const").(string))
		for _, reason := range at(t, pair, "properties", "reason", "enum").([]any) {
			described[verdict.Reason(reason.(string))] = append(described[verdict.Reason(reason.(string))], status)
		}
	}
	for _, reason := range verdict.Reasons() {
		if !reflect.DeepEqual(described[reason], reason.Statuses()) {
			t.Errorf("%s is described under %v, stands under %v", reason, described[reason], reason.Statuses())
		}
	}
	for _, pair := range at(t, tree(t), "components", "schemas", "StatusAndResult", "oneOf").([]any) {
		for _, status := range at(t, pair, "properties", "status", "enum").([]any) {
			if want := result(verdict.Status(status.(string))); at(t, pair, "properties", "result", "const") != want {
				t.Errorf("%s is described as another result than %s", status, want)
			}
		}
	}
}

func TestFieldsAreThoseOfTheCode(t *testing.T) {
	fields := func(schema string) []string {
		var names []string
		for name := range at(t, tree(t), "components", "schemas", schema, "properties").(map[string]any) {
			names = append(names, name)
		}
		slices.Sort(names)
		return names
	}
	for _, c := range []struct {
		schema string
		value  any
	}{
		{"Verdict", verified{}}, {"Reverify", followUp{}}, {"Rechecked", recheckShape{}}, {"History", verdict.History{}}, {"ListMatch", verdict.ListMatch{}},
		{"Checked", checked{}}, {"Strict", strict{}}, {"Key", keyShape{}}, {"Limits", limitsShape{}},
		{"LimitsPatch", limitsShape{}}, {"AuditEntry", entryShape{}}, {"Problem", problem{}},
		{"Bounce", bounceShape{}}, {"Hook", hookShape{}}, {"Delivered", delivered{}}, {"Trap", trapShape{}},
		{"Delivery", deliveryShape{}}, {"DeliveryAttempt", attemptShape{}},
		{"Job", jobShape{}}, {"Estimate", estimateShape{}}, {"Upload", uploadShape{}},
		{"ProviderKey", vendorKeyShape{}}, {"ProviderKeyAnswer", vendorKeyAnswer{}}, {"ProviderValidation", validationShape{}},
		{"ProviderVerdict", vendorVerdict{}}, {"ProviderStep", stepShape{}}, {"ProviderUsage", vendorUsageShape{}}, {"ProviderCost", vendorCost{}},
		{"CostByProvider", providerCost{}}, {"CostByAction", actionCost{}}, {"ProviderCheck", vendorEntry{}}, {"KnownProvider", knownVendor{}}, {"CatalogEntry", catalogEntry{}}, {"Budget", budgetShape{}},
		{"Suppression", suppressionShape{}}, {"SuppressionChange", suppressionChange{}}, {"SuppressionImport", importShape{}}, {"SuppressionFault", faultShape{}},
		{"Enrolment", enroll.Result{}}, {"Member", enroll.Member{}}, {"SkippedEmail", enroll.Skipped{}}, {"Gate", enroll.Standing{}}, {"Sequence", sequenceShape{}},
		{"Entry", entryOnList{}}, {"ListsChange", outcomeShape{}}, {"ListsInfo", ListsInfo{}},
	} {
		var names []string
		for _, field := range reflect.VisibleFields(reflect.TypeOf(c.value)) {
			if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		if got := fields(c.schema); !reflect.DeepEqual(got, names) {
			t.Errorf("%s has the fields\n%v, in the code\n%v", c.schema, got, names)
		}
	}
}

// The name of a policy is not the caller's to choose: answers name it as the key's own.
func TestRulesAreThoseOfAPolicy(t *testing.T) {
	var described, findings []string
	for name := range at(t, tree(t), "components", "schemas", "OwnPolicy", "properties").(map[string]any) {
		described = append(described, name)
	}
	for field := range reflect.TypeFor[verify.Policy]().Fields() {
		findings = append(findings, field.Tag.Get("json"))
	}
	findings[slices.Index(findings, "name")] = "extends"
	slices.Sort(described)
	slices.Sort(findings)
	if taken := slices.Sorted(maps.Keys(rules())); !reflect.DeepEqual(taken, findings) || !reflect.DeepEqual(described, findings) {
		t.Errorf("taken are\n%v, described\n%v, there are\n%v", taken, described, findings)
	}
}

// examples calls see with every example of the description and the place of its
// schema.
func examples(value any, at string, see func(schema string, example any)) {
	object, _ := value.(map[string]any)
	given, _ := object["examples"].(map[string]any)
	for _, example := range given {
		see(at+"/schema", example.(map[string]any)["value"])
	}
	for name, inner := range object {
		examples(inner, at+"/"+strings.NewReplacer("~", "~0", "/", "~1").Replace(name), see)
	}
}

func TestExamplesAreAsDescribed(t *testing.T) {
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("urn:description", tree(t)); err != nil {
		t.Fatal(err)
	}
	count := 0
	examples(any(tree(t)), "", func(at string, example any) {
		count++
		schema, err := c.Compile("urn:description#" + at)
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(example); err != nil {
			t.Errorf("an example of %s: %v", at, err)
		}
	})
	if count < 15 {
		t.Errorf("%d examples were found", count)
	}
}

func TestDescriptionIsServedAsItIs(t *testing.T) {
	d := newDesk(t, nil)
	w := d.ask("GET", "/v1/openapi.json", "", "")
	if w.Code != 200 || w.Body.String() != description || w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %d octets of %s", w.Code, w.Body.Len(), w.Header().Get("Content-Type"))
	}
}

func TestDocsAreAPageThatLoadsNothing(t *testing.T) {
	w := newDesk(t, nil).ask("GET", "/docs", "", "")
	policy := w.Header().Get("Content-Security-Policy")
	if w.Code != 200 || w.Header().Get("Content-Type") != "text/html; charset=utf-8" || !strings.HasPrefix(policy, "default-src 'none'; ") {
		t.Errorf("status %d, %s, policy %q", w.Code, w.Header().Get("Content-Type"), policy)
	}
	for _, r := range routes() {
		if !strings.Contains(w.Body.String(), "<code>"+r.path+"</code>") {
			t.Errorf("the page does not tell of %s", r.path)
		}
	}
}

func TestDocumentsAreSentOnce(t *testing.T) {
	d := newDesk(t, nil)
	for _, path := range []string{"/v1/openapi.json", "/docs"} {
		first := d.ask("GET", path, "", "")
		tag := first.Header().Get("ETag")
		for ifNoneMatch, status := range map[string]int{
			"": 200, `"other"`: 200, tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, strings.Trim(tag, `"`): 200,
		} {
			r := httptest.NewRequest("GET", path, nil)
			r.Header.Set("If-None-Match", ifNoneMatch)
			w := d.do(r)
			if w.Code != status || (w.Body.Len() == 0) != (status == 304) || w.Header().Get("ETag") != tag ||
				w.Header().Get("Cache-Control") != "public, max-age=300" {
				t.Errorf("%s, If-None-Match %q: status %d, %d octets, %v", path, ifNoneMatch, w.Code, w.Body.Len(), w.Header())
			}
		}
	}
}

// An object in a request takes no fields but those described; one in an answer
// has no others, the evidence aside.
func TestObjectsAreClosed(t *testing.T) {
	var look func(value any, at string)
	look = func(value any, at string) {
		switch value := value.(type) {
		case map[string]any:
			_, fields := value["properties"]
			if _, closed := value["additionalProperties"]; fields && value["type"] != nil && !closed && !strings.HasPrefix(at, "/paths//v1/openapi.json/") {
				t.Errorf("%s is open", at)
			}
			for name, inner := range value {
				look(inner, at+"/"+name)
			}
		case []any:
			for _, inner := range value {
				look(inner, at+"/*")
			}
		}
	}
	look(any(tree(t)), "")
}
