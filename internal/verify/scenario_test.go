package verify_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/mx"
	"rcpt/internal/mx/mxtest"
	"rcpt/internal/pace"
	"rcpt/internal/safedial"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

var update = flag.Bool("update", false, "rewrite the expected verdicts of the scenarios")

// now is the time of every scenario.
var now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// TestScenarios runs every file of testdata: the comment says what and why;
// then
//
//	request    "email: ...", and if needed mode, policy (name or JSON), timeout (default 4s), fresh
//	dns        a record a line, "ok.example MX 10 mx.ok.example"; behaviors, "ok.example MX !servfail"
//	           (servfail, refused, timeout, truncate, notcp); "host A none" exists without address
//	smtp HOST  the dialogue of one connection to HOST; the second file of that name is the second connection
//	verdict    what is expected; -update rewrites it, and the diff is reviewed
//
// In a dialogue "S: text" is sent with CRLF, "S- text" without; "C: text" must
// come, with {canary} for the unlikely local part; "silence" stops answering
// and waits for the client to leave; "close" hangs up. An unexpected line
// fails the test, and so does a connection that no script expects. Instead of
// a dialogue "refused" refuses the connection and "unreachable" never answers
// it. Several requests, separated by blank lines, are checked one after the
// other with the cache kept.
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
	var got strings.Builder
	for i, request := range strings.Split(strings.TrimSpace(section(archive, "request")), "\n\n") {
		if i > 0 {
			got.WriteString("\n")
		}
		got.WriteString(w.check(t, request))
	}
	w.finish(t)
	want := section(archive, "verdict")
	if got.String() == want {
		return
	}
	if !*update {
		t.Errorf("verdict\n got:\n%s\nwant:\n%s", got.String(), want)
		return
	}
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "verdict" })
	if i < 0 {
		archive.Files, i = append(archive.Files, txtar.File{Name: "verdict"}), len(archive.Files)
	}
	archive.Files[i].Data = []byte(got.String())
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

// world is the closed world of one scenario: real DNS on loopback, exchangers
// that follow a script, the real pipeline.
type world struct {
	verifier *verify.Verifier

	mu      sync.Mutex
	scripts map[string][]string // host -> dialogues left
	errors  []string
	running sync.WaitGroup
}

func newWorld(t *testing.T, archive *txtar.Archive) *world {
	w := &world{scripts: make(map[string][]string)}
	for _, f := range archive.Files {
		if host, ok := strings.CutPrefix(f.Name, "smtp "); ok {
			w.scripts[host] = append(w.scripts[host], string(f.Data))
		}
	}
	zone := zoneOf(t, section(archive, "dns"))
	server := mxtest.Serve(t, zone)
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	resolver := mx.New(mx.Config{Servers: []string{server.Addr()}, Timeout: 150 * time.Millisecond, Tries: 2, Shuffle: func(int, func(i, j int)) {}})
	log := slog.New(slog.DiscardHandler)
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Port: 25, Resolver: resolver, Dial: w.dial,
		Pacer: pace.New(pace.Config{Mode: pace.Off}), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.verifier = verify.New(verify.Config{
		Lists: lists.New(), Router: resolver, Prober: prober, Cache: db.Cache(), Secret: []byte("scenario"),
		Now: func() time.Time { return now }, Log: log,
	})
	return w
}

// check runs one request and prints what its verdict says.
func (w *world) check(t *testing.T, text string) string {
	request := verify.Request{Scope: "key", Mode: verify.Full, Policy: verify.DefaultPolicy(), Received: now, Explain: true}
	timeout := 4 * time.Second
	for line := range strings.Lines(text) {
		field, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		var err error
		switch field {
		case "email":
			request.Email = value
			if strings.HasPrefix(value, `"\`) { // JSON, for what a text file cannot show
				err = json.Unmarshal([]byte(value), &request.Email)
			}
		case "mode":
			request.Mode = verify.Mode(value)
		case "policy":
			request.Policy, err = verify.ParsePolicy([]byte(value))
		case "timeout":
			timeout, err = time.ParseDuration(value)
		case "fresh":
			request.Fresh = value == "true"
		default:
			err = fmt.Errorf("unknown field")
		}
		if err != nil {
			t.Fatalf("request line %q: %v", line, err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	return show(w.verifier.Verify(ctx, request))
}

// show prints the fields that a scenario is about.
func show(v verdict.Verdict) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nscore: %d\naction: %s\n", v.Status, v.Reason, v.Score, v.Action)
	for _, flag := range []struct {
		name string
		set  bool
	}{{"disposable", v.Disposable}, {"catch_all", v.CatchAll}, {"free_provider", v.FreeProvider}, {"mx_found", v.MXFound},
		{"role", v.Role}, {"relay", v.Relay}, {"spam_trap", v.SpamTrap}, {"cached", v.Cached}} {
		if flag.set {
			fmt.Fprintf(&b, "%s\n", flag.name)
		}
	}
	for _, text := range []struct{ name, value string }{{"tag", v.Tag}, {"suggestion", v.Suggestion}, {"mx_host", v.MXHost},
		{"mx_provider", v.MXProvider}, {"detail", v.Detail}} {
		if text.value != "" {
			fmt.Fprintf(&b, "%s: %s\n", text.name, text.value)
		}
	}
	if v.RetryAt != nil {
		fmt.Fprintf(&b, "retry after: %s\n", v.RetryAt.Sub(v.CheckedAt).Round(time.Second))
	}
	return b.String()
}

// dial starts the next dialogue of the host.
func (w *world) dial(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) {
	if !safedial.Public(to.Addr()) && !netip.MustParsePrefix("192.0.2.0/24").Contains(to.Addr()) {
		return nil, safedial.ErrForbidden
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.scripts[host]
	if len(left) == 0 {
		w.errors = append(w.errors, "unexpected connection to "+host)
		return nil, os.ErrPermission
	}
	w.scripts[host] = left[1:]
	switch strings.TrimSpace(left[0]) {
	case "refused":
		return nil, fmt.Errorf("connection refused")
	case "unreachable": // no answer to the connection at all
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	w.running.Go(func() {
		defer func() { _ = server.Close() }()
		if err := play(server, left[0]); err != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.errors = append(w.errors, host+": "+err.Error())
		}
	})
	return client, nil
}

// play follows a dialogue from the server's side. The client may leave with
// QUIT at the end, whether or not the script says so.
func play(conn net.Conn, script string) error {
	in := bufio.NewReader(conn)
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		kind, text, _ := strings.Cut(line, " ")
		switch kind {
		case "S:", "S-":
			if kind == "S:" {
				text += "\r\n"
			}
			if _, err := conn.Write([]byte(text)); err != nil {
				if strings.HasPrefix(text, "221") {
					return nil // QUIT's answer is not waited for
				}
				return fmt.Errorf("client left before %q", line)
			}
		case "C:":
			got, err := in.ReadString('\n')
			if err != nil {
				return fmt.Errorf("client left instead of %q", text)
			}
			if !matches(text, strings.TrimRight(got, "\r\n")) {
				return fmt.Errorf("client said %q, script has %q", got, text)
			}
		case "close":
			return nil
		case "silence":
			_, _ = in.WriteTo(new(bytes.Buffer))
			return nil
		default:
			return fmt.Errorf("script line %q", line)
		}
	}
	rest, _ := in.ReadString('\n')
	if rest = strings.TrimSpace(rest); rest != "" && rest != "QUIT" {
		return fmt.Errorf("client went on with %q", rest)
	}
	return nil
}

func matches(want, got string) bool {
	if !strings.Contains(want, "{canary}") {
		return want == got
	}
	pattern := strings.ReplaceAll(regexp.QuoteMeta(want), `\{canary\}`, `[a-z][a-z0-9]{13,17}`)
	ok, err := regexp.MatchString("^"+pattern+"$", got)
	return ok && err == nil
}

// finish checks that the scripts were followed and used up.
func (w *world) finish(t *testing.T) {
	w.running.Wait()
	for _, e := range w.errors {
		t.Error(e)
	}
	for host, left := range w.scripts {
		if len(left) > 0 {
			t.Errorf("%d connections to %s never came", len(left), host)
		}
	}
}

// zoneOf reads the dns section.
func zoneOf(t *testing.T, text string) mxtest.Zone {
	zone := mxtest.Zone{
		MX: map[string][]string{}, A: map[string][]string{}, AAAA: map[string][]string{}, CNAME: map[string]string{},
		Rules: map[string]mxtest.Rule{},
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			t.Fatalf("dns line %q", line)
		}
		name, kind, value := fields[0], fields[1], strings.Join(fields[2:], " ")
		switch {
		case strings.HasPrefix(value, "!"):
			zone.Rules[name+" "+kind] = rule(t, value)
		case kind == "MX":
			zone.MX[name] = append(zone.MX[name], value)
		case kind == "A" && value == "none":
			zone.A[name] = nil
		case kind == "A":
			zone.A[name] = append(zone.A[name], value)
		case kind == "AAAA":
			zone.AAAA[name] = append(zone.AAAA[name], value)
		case kind == "CNAME":
			zone.CNAME[name] = value
		default:
			t.Fatalf("dns line %q", line)
		}
	}
	return zone
}

func rule(t *testing.T, value string) mxtest.Rule {
	switch value {
	case "!servfail":
		return mxtest.Rule{ServFail: true}
	case "!refused":
		return mxtest.Rule{Refused: true}
	case "!timeout":
		return mxtest.Rule{Timeout: true}
	case "!truncate":
		return mxtest.Rule{Truncate: true}
	case "!notcp":
		return mxtest.Rule{Truncate: true, NoTCP: true}
	}
	t.Fatalf("dns behavior %q", value)
	return mxtest.Rule{}
}
