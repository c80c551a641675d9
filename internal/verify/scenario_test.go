package verify_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"rcpt/internal/lists"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var update = flag.Bool("update", false, "rewrite the expected verdicts of the scenarios")

// TestScenarios runs every file of testdata: the comment says what and why;
// then
//
//	request    "email: ..." and, where it matters, the fields of set;
//	           requests separated by blank lines come one after the other, with
//	           the cache kept
//	own        lists of the keys' own, see ownLists
//	reported   what keys reported before, see reported
//	dns        records and behaviors, see zoneOf
//	vendor     what paid verifiers say, see paidVerifiers
//	smtp HOST  what becomes of one connection to HOST, see play; the second file
//	           of that name is the second connection
//	verdict    what is expected; -update rewrites it, and the diff is reviewed
//
// A connection that no script expects fails the test, and so does a script
// that no connection used.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("scenarios: %d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runScenario(t, file)
		})
	}
}

func runScenario(t *testing.T, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, archive)
	var verdicts []string
	for request := range strings.SplitSeq(strings.TrimSpace(section(archive, "request")), "\n\n") {
		verdicts = append(verdicts, show(w.check(t, request)))
	}
	w.finish(t)
	got, want := strings.Join(verdicts, "\n"), section(archive, "verdict")
	if got == want {
		return
	}
	if !*update {
		t.Errorf("verdict\n got:\n%s\nwant:\n%s", got, want)
		return
	}
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "verdict" })
	if i < 0 {
		archive.Files, i = append(archive.Files, txtar.File{Name: "verdict"}), len(archive.Files)
	}
	archive.Files[i].Data = []byte(got)
	if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
		t.Fatal(err)
	}
}

func section(a *txtar.Archive, name string) string {
	for _, f := range a.Files {
		if f.Name == name {
			return string(f.Data)
		}
	}
	return ""
}

// check runs one request.
func (w *world) check(t *testing.T, text string) verdict.Verdict {
	request := verify.Request{Scope: "key", Mode: verify.Full, Policy: verify.DefaultPolicy(), Explain: true}
	timeout := 4 * time.Second
	for line := range strings.Lines(text) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		if err := w.set(&request, &timeout, field, value); err != nil {
			t.Fatalf("request line %q: %v", line, err)
		}
	}
	request.Received = w.clock.now()
	request.Deadline = request.Received.Add(timeout)
	known, err := w.verifier.Recall(t.Context(), []verify.Request{request})
	if err != nil || len(known) != 1 {
		t.Fatalf("recall: %v, %v", known, err)
	}
	v := w.verifier.Verify(t.Context(), request)
	if recalled := known[0].Verdict; recalled != nil && !reflect.DeepEqual(*recalled, v) {
		t.Errorf("recalled %+v, want %+v", *recalled, v)
	} else if final := v.Cached && v.Status != verdict.Unknown && v.RetryAt == nil; recalled == nil && final {
		t.Errorf("nothing recalled, want %+v", v)
	}
	if shown := leak(t, v); shown != "" {
		t.Errorf("evidence shows %q", shown)
	}
	info := lists.New().Info()
	if age := w.clock.now().Sub(info.Built); v.ListVersion != info.Version || v.ListAgeHours != int64(age/time.Hour) {
		t.Errorf("lists %q, %d hours old, want %q, %v", v.ListVersion, v.ListAgeHours, info.Version, age)
	}
	return v
}

// leak returns what evidence shows of the address, if anything. Servers echo
// addresses; the words they use themselves give nothing away.
func leak(t *testing.T, v verdict.Verdict) string {
	text, err := json.Marshal(v.Evidence)
	if err != nil {
		t.Fatal(err)
	}
	local, _, _ := strings.Cut(v.Email, "@")
	if slices.Contains([]string{"spam", "blocked", "user.unknown", "mailbox-full", "info"}, local) {
		local += "@"
	}
	if strings.Contains(strings.ToLower(string(text)), strings.ToLower(local)) {
		return local
	}
	if v.Reason == verdict.MXUnreachable { // what we would not connect to is not for strangers
		return regexp.MustCompile(`\b(10\.0|127\.0|169\.254|64:ff9b|fd00:)[0-9a-f.:]+|"::1"`).FindString(string(text))
	}
	return ""
}

// set reads one field of a request.
func (w *world) set(r *verify.Request, timeout *time.Duration, field, value string) (err error) {
	switch field {
	case "email":
		r.Email = value
		if strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) { // JSON, for what a text file cannot show
			err = json.Unmarshal([]byte(value), &r.Email)
		}
	case "mode": // soft or full
		r.Mode = verify.Mode(value)
	case "policy": // a name or JSON
		if !strings.HasPrefix(value, "{") {
			value = strconv.Quote(value)
		}
		r.Policy, err = verify.ParsePolicy([]byte(value))
	case "timeout": // 4s
		*timeout, err = time.ParseDuration(value)
	case "fresh": // true
		r.Fresh = value == "true"
	case "vendors": // true
		r.Vendors, r.Account = value == "true", "acme"
	case "key": // whose request it is
		r.Scope = value
	case "after": // so much later than the request before
		var d time.Duration
		d, err = time.ParseDuration(value)
		w.clock.advance(d)
	default:
		err = fmt.Errorf("unknown field")
	}
	return err
}

// show prints the fields that a scenario is about.
func show(v verdict.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nscore: %d\naction: %s\n", v.Status, v.Reason, v.Score, v.Action)
	for _, flag := range []struct {
		name string
		set  bool
	}{{"disposable", v.Disposable}, {"catch_all", v.CatchAll}, {"free_provider", v.FreeProvider}, {"mx_found", v.MXFound},
		{"role", v.Role}, {"relay", v.Relay}, {"closed_provider", v.ClosedProvider}, {"spam_trap", v.SpamTrap}, {"cached", v.Cached}} {
		if flag.set {
			fmt.Fprintf(&b, "%s\n", flag.name)
		}
	}
	for _, text := range []struct{ name, value string }{{"disposable_tier", v.DisposableTier},
		{"disposable_source", string(v.DisposableSource)}, {"role_class", v.RoleClass}, {"relay_name", v.RelayName},
		{"trap_risk", string(v.TrapRisk)}, {"tag", v.Tag}, {"suggestion", v.Suggestion}, {"typo_of", v.TypoOf},
		{"typo_certainty", v.TypoCertainty}, {"mx_host", v.MXHost}, {"mx_provider", v.MXProvider}, {"provider", v.Provider}, {"detail", v.Detail}} {
		if text.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", text.name, text.value)
		}
	}
	if h := v.AccountHistory; h.Matched {
		fmt.Fprintf(&b, "history: %s, %d, %s before\n", h.PreviousReason, h.Recent, v.CheckedAt.Sub(*h.OccurredAt))
	}
	for _, row := range v.Lists {
		fmt.Fprintf(&b, "list %s: %s\n", row.List, strings.Join(slices.DeleteFunc([]string{row.Rule, row.Tier, string(row.Source),
			row.Confidence, row.Class, row.DowngradedBy}, func(word string) bool { return word == "" }), ", "))
	}
	if v.RetryAt != nil {
		fmt.Fprintf(&b, "retry after: %s\n", v.RetryAt.Sub(v.CheckedAt).Round(time.Second))
	}
	return b.String()
}
