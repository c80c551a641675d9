package esp_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"rcpt/internal/esp"
)

var update = flag.Bool("update", false, "rewrite what is expected of the fixtures")

// noon is when all fixtures arrive.
var noon = time.Date(2026, 1, 14, 12, 0, 0, 0, time.UTC)

// TestFixtures runs every case of every file testdata/<slug>/*.txtar. The
// comment of a file says what it is about; its files are
//
//	hook           lines "secret: TEXT" and "topic: ARN"; optional, for all cases
//	mapping        the declaration of the generic ESP; optional
//	CLAIM.request  header lines, an empty line, the body without its last newline
//	CLAIM.want     what comes of it, see show; -update rewrites it, and its diff
//	               is reviewed against the tables of the ESP
func TestFixtures(t *testing.T) {
	for _, slug := range esp.Slugs() {
		files, err := filepath.Glob("testdata/" + slug + "/*.txtar")
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d fixtures, %v", slug, len(files), err)
		}
		for _, file := range files {
			t.Run(slug+"/"+strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
				runFixture(t, slug, file)
			})
		}
	}
}

func runFixture(t *testing.T, slug, file string) {
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	hook := hookOf(t, archive)
	var out txtar.Archive
	out.Comment = archive.Comment
	cases := 0
	for _, f := range archive.Files {
		claim, ok := strings.CutSuffix(f.Name, ".request")
		if strings.HasSuffix(f.Name, ".want") {
			continue
		}
		out.Files = append(out.Files, f)
		if !ok {
			continue
		}
		cases++
		got := show(esp.Read(slug, hook, requestOf(t, f)))
		out.Files = append(out.Files, txtar.File{Name: claim + ".want", Data: []byte(got)})
		if want := section(archive, claim+".want"); got != want && !*update {
			t.Errorf("%s\n got:\n%s\nwant:\n%s", claim, got, want)
		}
	}
	if cases == 0 {
		t.Error("no cases")
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(&out), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func section(archive *txtar.Archive, name string) string {
	i := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == name })
	if i < 0 {
		return ""
	}
	return string(archive.Files[i].Data)
}

func hookOf(t *testing.T, archive *txtar.Archive) esp.Hook {
	t.Helper()
	hook := esp.Hook{Mapping: json.RawMessage(section(archive, "mapping"))}
	for line := range strings.Lines(section(archive, "hook")) {
		switch name, text, _ := strings.Cut(strings.TrimSpace(line), ": "); name {
		case "secret":
			hook.Secrets = append(hook.Secrets, text)
		case "topic":
			hook.TopicARN = text
		default:
			t.Fatalf("hook: %q", line)
		}
	}
	return hook
}

// requestOf reads a POST, or the method and URL of a first line such as
// "HEAD https://hooks.example/v1/hooks/resend/token".
func requestOf(t *testing.T, f txtar.File) esp.Request {
	t.Helper()
	head, body, ok := bytes.Cut(f.Data, []byte("\n\n"))
	if bytes.HasPrefix(f.Data, []byte("\n")) {
		head, body, ok = nil, f.Data[1:], true
	}
	if !ok {
		t.Fatalf("%s: no empty line ends the header", f.Name)
	}
	r := esp.Request{
		Method: "POST", URL: "https://hooks.example/v1/hooks", Header: make(http.Header),
		Body: bytes.TrimSuffix(body, []byte("\n")), Received: noon,
	}
	for line := range strings.Lines(string(head)) {
		line = strings.TrimSpace(line)
		if name, text, ok := strings.Cut(line, ": "); ok {
			r.Header.Add(name, text)
			continue
		}
		r.Method, r.URL, _ = strings.Cut(line, " ")
	}
	return r
}

// show writes what Read returned, one line each:
//
//	event     REASON ADDRESS TIME ID "DETAIL"
//	ignored   WHY "NAME" COUNT
//	handshake, confirm URL, signed, token ID, over budget STATUS (if not 429)
//	error     the sentinel, and the text after it
func show(d esp.Delivery, err error) string {
	var b strings.Builder
	if err != nil {
		return fmt.Sprintf("error %s: %s\n", sentinel(err), err)
	}
	for _, e := range d.Events {
		at := "-"
		if !e.OccurredAt.IsZero() {
			at = e.OccurredAt.Format(time.RFC3339Nano)
		}
		fmt.Fprintf(&b, "event %s %s %s %s %q\n", e.Reason, e.Email, at, e.ID, e.Detail)
	}
	for _, i := range d.Ignored {
		fmt.Fprintf(&b, "ignored %s %q %d\n", i.Why, i.Name, i.Count)
	}
	if d.Handshake {
		b.WriteString("handshake\n")
	}
	if d.Confirm != "" {
		fmt.Fprintf(&b, "confirm %s\n", d.Confirm)
	}
	if d.Signed {
		b.WriteString("signed\n")
	}
	if d.Token != "" {
		fmt.Fprintf(&b, "token %s\n", d.Token)
	}
	if d.OverBudget != esp.Retry429 {
		fmt.Fprintf(&b, "over budget %d\n", d.OverBudget)
	}
	return b.String()
}

func sentinel(err error) string {
	for name, is := range map[string]error{
		"unknown": esp.ErrUnknown, "signature": esp.ErrSignature, "stale": esp.ErrStale,
		"body": esp.ErrBody, "certificate": esp.ErrCertificate, "mapping": esp.ErrMapping,
	} {
		if errors.Is(err, is) {
			return name
		}
	}
	return "other"
}
