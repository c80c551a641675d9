package httpapi

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/intake"
	"rcpt/internal/enroll"
	"rcpt/internal/esp"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/notify"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
	"rcpt/internal/suppress"
	"rcpt/internal/usage"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestProblemsLookLikeThis keeps one whole response for every kind of problem.
func TestProblemsLookLikeThis(t *testing.T) {
	with := func(secret string) *http.Request {
		r := post(`{"email":"a@b.test","mode":"full"}`)
		r.Header.Set("Authorization", "Bearer "+secret)
		return r
	}
	to := func(method, path string) *http.Request {
		r := post("")
		r.Method, r.URL.Path = method, path
		return r
	}
	noKey := post(`{"email":"a@b.test"}`)
	noKey.Header.Del("Authorization")
	for name, c := range map[string]struct {
		r      *http.Request
		change func(*Deps)
	}{
		"400-syntax":    {r: post(`{"email":"a@b.test",}`)},
		"400-field":     {r: post(`{"email":"a@b.test","timeout_ms":10}`)},
		"400-policy":    {r: post(`{"email":"a@b.test","policy":"<lax>"}`)},
		"401-no-key":    {r: noKey},
		"401-wrong-key": {r: with(wrongSecret)},
		"403-scope":     {r: with(reportSecret)},
		"403-plan":      {r: with(softSecret)},
		"403-test-key":  {r: with(testSecret)},
		"404":           {r: to("GET", "/v1/verfy")},
		"405":           {r: to("GET", "/v1/verify")},
		"413":           {r: post(strings.Repeat(" ", maxQuestion+1))},
		"500": {r: post(`{"email":"a@b.test"}`), change: func(d *Deps) {
			d.Verifier = &oracle{answer: func(context.Context, verify.Request) verdict.Verdict { panic("oops") }}
		}},
		"503-busy": {r: post(`{"email":"a@b.test"}`), change: func(d *Deps) { d.MaxInFlight = -1 }},
		"402":      {r: post(goodQuestion), change: usedUp(keys.Limits{Monthly: 1})},
		"429-busy": {r: post(goodQuestion), change: usedUp(keys.Limits{Concurrency: 1})},
		"429-rate": {r: post(goodQuestion), change: usedUp(keys.Limits{RequestsPerSecond: 1})},
		"503-admission": {r: post(goodQuestion), change: func(d *Deps) {
			d.Meter = usage.NewMeter(&ledger{fail: errors.New("disk on fire")}, d.Now, nil)
		}},
		"503-throttled": {r: post(`{"email":"a@b.test"}`), change: func(d *Deps) { d.Keys = keyring{store.ErrThrottled} }},
		"503-unknown": {r: post(`{"email":"a@b.test"}`), change: func(d *Deps) {
			d.Keys = keyring{fmt.Errorf("%w: %w", store.ErrUnknown, context.DeadlineExceeded)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := serve(t, c.change).do(c.r)
			golden(t, filepath.Join("testdata", "problems", name+".http"), response(w))
		})
	}
}

// usedUp gives the key limits and admits one request, which does not end.
func usedUp(limits keys.Limits) func(*Deps) {
	return func(d *Deps) {
		key := keys.Key{ID: "livekey2", Scopes: []keys.Scope{keys.Verify}, Limits: limits}
		d.Keys = only{key}
		_, _ = d.Meter.Admit(context.Background(), key.ID, limitsOf(key)) // refused, it would show
	}
}

// TestProblemsOfKeysLookLikeThis keeps those that need a book of keys.
func TestProblemsOfKeysLookLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	for name, c := range map[string]struct{ method, target, secret, body string }{
		"400-draft":    {"POST", "/v1/keys", d.admin, `{"account":"a#b"}`},
		"400-limits":   {"PATCH", "/v1/keys/" + idOf(d.acme), d.admin, `{"limits":{"concurrency":1000000}}`},
		"400-query":    {"GET", "/v1/keys?limits=5", d.admin, ""},
		"400-next":     {"GET", "/v1/keys?next=five", d.admin, ""},
		"403-admin":    {"POST", "/v1/keys", d.acme, `{"account":"acme","scopes":["admin"]}`},
		"404-account":  {"GET", "/v1/keys?account=acme", d.other, ""},
		"404-key":      {"DELETE", "/v1/keys/" + idOf(d.acme), d.other, ""},
		"409-revoked":  {"POST", "/v1/keys/" + idOf(d.revoked) + "/rotate", d.admin, ""},
		"405-one-key":  {"PUT", "/v1/keys/" + idOf(d.acme), d.admin, ""},
		"401-expired":  {"GET", "/v1/keys", d.expired, ""},
		"401-revoked":  {"GET", "/v1/keys", d.revoked, ""},
		"400-overlap":  {"POST", "/v1/keys/" + idOf(d.acme) + "/rotate", d.admin, `{"overlap":"721h"}`},
		"400-entry":    {"POST", "/v1/lists", d.acme, `{"list":"deny","domains":["mail.example","alice@mail.example"]}`},
		"400-cursor":   {"GET", "/v1/lists?next=five", d.acme, ""},
		"403-lists":    {"GET", "/v1/lists?key=" + idOf(d.acmeReader), d.acme, ""},
		"405-lists":    {"PUT", "/v1/lists", d.acme, ""},
		"400-no-scope": {"PATCH", "/v1/keys/" + idOf(d.acme), d.admin, `{"scopes":null}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Authorization", "Bearer "+c.secret)
			r.Header.Set("X-Request-Id", "req-1")
			golden(t, filepath.Join("testdata", "problems", name+".http"), response(d.do(r)))
		})
	}
}

// TestProblemsOfReportsLookLikeThis keeps those about what came back.
func TestProblemsOfReportsLookLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	small := d.limited(t, "small", 1)
	if w := d.ask("POST", "/v1/report-bounce", small, `{"email":"a@b.example","reason":"hard_bounce"}`); w.Code != 202 {
		t.Fatal(w.Body)
	}
	if w := d.ask("PUT", "/v1/hooks/postmark", d.acme, `{"secret":"long enough"}`); w.Code != 200 {
		t.Fatal(w.Body)
	}
	for name, c := range map[string]struct{ method, target, secret, body string }{
		"400-report":     {"POST", "/v1/report-bounce", d.acme, `{"email":"alice@@b.example","reason":"hard_bounce"}`},
		"400-reason":     {"POST", "/v1/report-bounce", d.acme, `{"email":"alice@b.example","reason":"bounced"}`},
		"400-hook":       {"PUT", "/v1/hooks/resend", d.acme, `{"secret":"too short"}`},
		"400-mapping":    {"PUT", "/v1/hooks/generic", d.acme, `{"mapping":{"email":"$.to","event":"$.what","values":{"gone":"hard"}}}`},
		"400-delivery":   {"POST", "/v1/hooks/sendgrid/" + d.token[d.acme], "", `[{"email":`},
		"401-unverified": {"POST", "/v1/hooks/postmark/" + d.token[d.acme], "", "{}"},
		"403-traps":      {"GET", "/v1/traps/trap.example", d.acme, ""},
		"404-hook":       {"POST", "/v1/hooks/pigeon/" + d.token[d.acme], "", "{}"},
		"404-bounce":     {"GET", "/v1/bounces/" + d.bounce, d.other, ""},
		"409-no-mapping": {"POST", "/v1/hooks/generic/" + d.token[d.acme], "", "{}"},
		"429-reports":    {"POST", "/v1/report-bounce", small, `{"email":"b@b.example","reason":"hard_bounce"}`},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			if c.secret != "" {
				r.Header.Set("Authorization", "Bearer "+c.secret)
			}
			r.Header.Set("X-Request-Id", "req-1")
			golden(t, filepath.Join("testdata", "problems", name+".http"), response(d.do(r)))
		})
	}
}

// TestProblemsOfJobsLookLikeThis keeps those about lists.
func TestProblemsOfJobsLookLikeThis(t *testing.T) {
	d := newDesk(t, nil)
	id := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	ended := d.submit(t, d.acme, `{"emails":["alice@ok.example"]}`)
	d.complete(t, ended)
	picture := d.upload(t, d.acme, "{}", "\x89PNG\r\n\x1a\n\x00\x00")
	for name, c := range map[string]struct{ method, target, body string }{
		"400-list":       {"POST", "/v1/jobs/estimate", `{"upload_id":"` + picture + `"}`},
		"400-upload":     {"POST", "/v1/jobs", `{"upload_id":"up_none"}`},
		"400-deadline":   {"POST", "/v1/jobs", `{"emails":["alice@ok.example"],"deadline":"2 days"}`},
		"404-job":        {"GET", "/v1/jobs/job_none", ""},
		"404-webhook":    {"POST", "/v1/jobs/" + ended + "/deliveries/msg_none/resend", ""},
		"409-running":    {"GET", "/v1/jobs/" + id + "/results", ""},
		"409-ended":      {"POST", "/v1/jobs/" + ended + "/cancel", ""},
		"413-job":        {"POST", "/v1/jobs", strings.Repeat(" ", maxJob+1)},
		"405-deliveries": {"POST", "/v1/jobs/" + id + "/deliveries", ""},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(c.method, c.target, strings.NewReader(c.body))
			r.Header.Set("Authorization", "Bearer "+d.acme)
			r.Header.Set("X-Request-Id", "req-1")
			golden(t, filepath.Join("testdata", "problems", name+".http"), response(d.do(r)))
		})
	}
}

// response writes a response as it stands on the wire.
func response(w *httptest.ResponseRecorder) []byte {
	var text bytes.Buffer
	fmt.Fprintf(&text, "HTTP/1.1 %d %s\n", w.Code, http.StatusText(w.Code))
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		fmt.Fprintf(&text, "%s: %s\n", name, strings.Join(w.Header()[name], ", "))
	}
	text.WriteString("\n")
	text.Write(w.Body.Bytes())
	return text.Bytes()
}

func golden(t *testing.T, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the response is\n%s\nwant (%s)\n%s", got, file, want)
	}
}

// sentinels says how every exported sentinel of the domain is answered.
func sentinels() map[string]struct {
	err    error
	status int
} {
	return map[string]struct {
		err    error
		status int
	}{
		"keys.ErrUnknown":        {keys.ErrUnknown, 401},
		"keys.ErrDraft":          {keys.ErrDraft, 400},
		"keys.ErrCursor":         {keys.ErrCursor, 400},
		"keys.ErrNotFound":       {keys.ErrNotFound, 404},
		"keys.ErrConflict":       {keys.ErrConflict, 409},
		"suppress.ErrNotFound":   {suppress.ErrNotFound, 404},
		"suppress.ErrCursor":     {suppress.ErrCursor, 400},
		"suppress.ErrList":       {suppress.ErrList, 400},
		"enroll.ErrNotFound":     {enroll.ErrNotFound, 404},
		"enroll.ErrCursor":       {enroll.ErrCursor, 400},
		"enroll.ErrReused":       {enroll.ErrReused, 422},
		"enroll.ErrInProgress":   {enroll.ErrInProgress, 409},
		"enroll.ErrConflict":     {enroll.ErrConflict, 503},
		"overlay.ErrNotFound":    {overlay.ErrNotFound, 404},
		"overlay.ErrConflict":    {overlay.ErrConflict, 503},
		"overlay.ErrCursor":      {overlay.ErrCursor, 400},
		"hooks.ErrNotFound":      {hooks.ErrNotFound, 404},
		"hooks.ErrField":         {hooks.ErrField, 400},
		"hooks.ErrConflict":      {hooks.ErrConflict, 409},
		"hooks.ErrReplay":        {hooks.ErrReplay, 401},
		"esp.ErrUnknown":         {esp.ErrUnknown, 404},
		"esp.ErrSignature":       {esp.ErrSignature, 401},
		"esp.ErrStale":           {esp.ErrStale, 401},
		"esp.ErrBody":            {esp.ErrBody, 400},
		"esp.ErrCertificate":     {esp.ErrCertificate, 503},
		"esp.ErrSecret":          {esp.ErrSecret, 400},
		"esp.ErrMapping":         {esp.ErrMapping, 409},
		"esp.ErrTopic":           {esp.ErrTopic, 400},
		"tenant.ErrEntry":        {tenant.ErrEntry, 400},
		"tenant.ErrCursor":       {tenant.ErrCursor, 400},
		"tenant.ErrConflict":     {tenant.ErrConflict, 409},
		"tenant.ErrFull":         {tenant.ErrFull, 409},
		"usage.ErrQuota":         {usage.ErrQuota, 402},
		"usage.ErrBusy":          {usage.ErrBusy, 429},
		"usage.ErrRate":          {usage.ErrRate, 429},
		"verify.ErrPolicy":       {verify.ErrPolicy, 400},
		"store.ErrThrottled":     {store.ErrThrottled, 503},
		"store.ErrUnknown":       {store.ErrUnknown, 503},
		"batch.ErrJob":           {batch.ErrJob, 404},
		"batch.ErrReused":        {batch.ErrReused, 422},
		"batch.ErrRunning":       {batch.ErrRunning, 409},
		"batch.ErrEnded":         {batch.ErrEnded, 409},
		"batch.ErrCursor":        {batch.ErrCursor, 400},
		"batch.ErrUpload":        {batch.ErrUpload, 400},
		"intake.ErrList":         {intake.ErrList, 400},
		"intake.ErrReplaced":     {intake.ErrReplaced, 409},
		"intake.ErrForbidden":    {intake.ErrForbidden, 500}, // of an upload, which is ours; a job says it in its error
		"collector.ErrNoResults": {collector.ErrNoResults, 409},
		"collector.ErrPreparing": {collector.ErrPreparing, 503},
		"notify.ErrNotFound":     {notify.ErrNotFound, 404},
		"notify.ErrCursor":       {notify.ErrCursor, 400},
		"notify.ErrConflict":     {notify.ErrConflict, 409},
		"notify.ErrURL":          {notify.ErrURL, 500}, // what a request brings is a bad field
		"notify.ErrDraft":        {notify.ErrDraft, 500},
		"vendors.ErrNone":        {vendors.ErrNone, 400},
		"vendors.ErrRequest":     {vendors.ErrRequest, 400},
		"vendors.ErrDraft":       {vendors.ErrDraft, 400},
		"vendors.ErrCursor":      {vendors.ErrCursor, 400},
		"vendors.ErrCap":         {vendors.ErrCap, 402},
		"vendors.ErrKey":         {vendors.ErrKey, 404},
		"vendors.ErrFull":        {vendors.ErrFull, 409},
		"vendors.ErrConflict":    {vendors.ErrConflict, 409},
		"vendors.ErrFailed":      {vendors.ErrFailed, 502},
		"vendors.ErrLate":        {vendors.ErrLate, 503},
		"vendors.ErrCatalog":     {vendors.ErrCatalog, 500}, // as stored; what a request brings is a bad field
		// What a domain package did not turn into words of its own is ours to mend.
		"store.ErrNotFound":  {store.ErrNotFound, 500},
		"store.ErrCondition": {store.ErrCondition, 500},
		"store.ErrValue":     {store.ErrValue, 500},
		"store.ErrLimit":     {store.ErrLimit, 500},
		"store.ErrSealed":    {store.ErrSealed, 500},
		"store.ErrUnchanged": {store.ErrUnchanged, 500},
		"store.ErrLease":     {store.ErrLease, 500},
		"store.ErrFinished":  {store.ErrFinished, 500},
	}
}

func TestEverySentinelHasItsAnswer(t *testing.T) {
	for name, c := range sentinels() {
		for _, err := range []error{c.err, fmt.Errorf("read key k1: %w", c.err)} {
			if row := answerFor(err); row.status != c.status {
				t.Errorf("%s is answered %d, want %d", name, row.status, c.status)
			}
		}
	}
}

func TestNoSentinelIsForgotten(t *testing.T) {
	known := sentinels()
	for _, pkg := range []string{"batch", "batch/intake", "batch/collector", "notify", "enroll", "suppress", "vendors", "keys", "lists/tenant", "overlay", "esp", "hooks", "usage", "verify", "store"} {
		for _, name := range exportedErrors(t, filepath.Join("..", pkg)) {
			if _, ok := known[filepath.Base(pkg)+"."+name]; !ok {
				t.Errorf("%s.%s has no line in sentinels: decide how it is answered", pkg, name)
			}
		}
	}
}

// exportedErrors lists the package-level variables called Err... of a folder.
func exportedErrors(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no source in %s: %v", dir, err)
	}
	var names []string
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range file.Decls {
			vars, ok := decl.(*ast.GenDecl)
			if !ok || vars.Tok != token.VAR {
				continue
			}
			for _, spec := range vars.Specs {
				for _, ident := range spec.(*ast.ValueSpec).Names {
					if strings.HasPrefix(ident.Name, "Err") {
						names = append(names, ident.Name)
					}
				}
			}
		}
	}
	return names
}

func TestTableOfAnswersIsSound(t *testing.T) {
	for _, row := range answers() {
		if row.status < 400 || row.status > 599 || row.slug == "" || row.title == "" {
			t.Errorf("%v: %+v", row.err, row)
		}
		if (row.status == 503 || row.status == 429) && row.retryAfter == 0 {
			t.Errorf("%v: %d without Retry-After", row.err, row.status)
		}
		if got := answerFor(row.err); !errors.Is(got.err, row.err) {
			t.Errorf("%v is hidden behind the row of %v", row.err, got.err)
		}
	}
}

func TestUnknownErrorsShowNothing(t *testing.T) {
	w := httptest.NewRecorder()
	writeProblem(w, &call{id: "req-1", err: errors.New("dial 10.0.0.7: password hunter2")})
	if p := w.Body.String(); w.Code != 500 || strings.Contains(p, "hunter2") || strings.Contains(p, "10.0.0.7") {
		t.Errorf("%d %s", w.Code, p)
	}
}
