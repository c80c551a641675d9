package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha512"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/lists/nameset"
)

func TestParsers(t *testing.T) {
	for _, tt := range []struct {
		parser, path, data string
		want               []string
	}{
		{"json", "", `["a.com", "b.com"]`, []string{"a.com", "b.com"}},
		{"lines", "", "a.com\nb.com\n", []string{"a.com", "b.com"}},
		{"set", "", `var x = [1]; var blacklist = new Set(["a.com","b.com"]);`, []string{"a.com", "b.com"}},
		{"expired", "", "## p\n- a.com (expired 415 days ago)\n\ntext\n", []string{"a.com"}},
		{"constant", "", "const OTHER = ['x']\nconst DOMAINS = [\n  'a.com',\n  'b.com'\n]\n", []string{"a.com", "b.com"}},
		{"paths", "domains/uk/ac/ox.txt", "University of Oxford", []string{"ox.ac.uk"}},
		{"icons", "", `[{"source":"https://www.a.com/logos"},{"source":"https://b.com"}]`, []string{"a.com", "b.com"}},
		{"providers", "", `{"providers":[{"type":"public_provider","domains":["a.com"]},{"type":"proxy_service","domains":["b.com"]}]}`, []string{"a.com"}},
		{"spamassassin", "", "# c\nfreemail_domains a.com b.*\nbody X\n", []string{"a.com", "b.*"}},
		{"classes", "", "const MARKETING = [\n  'ads',\n];\nconst OTHER = ['x'];", []string{"MARKETING ads", "OTHER x"}},
	} {
		got, err := parsers()[tt.parser](tt.path, []byte(tt.data))
		if err != nil || !slices.Equal(got, tt.want) {
			t.Errorf("%s: %v, %v, want %v", tt.parser, got, err, tt.want)
		}
	}
	for _, parser := range []string{"json", "set", "constant", "icons", "providers"} {
		if names, err := parsers()[parser]("", []byte("changed by its authors")); err == nil {
			t.Errorf("%s: %v of a file of another form", parser, names)
		}
	}
}

func TestLockIsWhole(t *testing.T) {
	l, date, err := readLock()
	if err != nil || date.IsZero() {
		t.Fatal(err)
	}
	for _, p := range l.Packages {
		if _, err := p.uses(); err != nil || p.Version == "" || p.License == "" || !strings.HasPrefix(p.Integrity, "sha512-") {
			t.Errorf("%s: %+v, %v", p, p, err)
		}
		for _, u := range p.Use {
			if parts := strings.Split(u, ":"); parts[0] == "disposable" && build.Families()[parts[1]] == 0 {
				t.Errorf("%s: no family %s", p, parts[1])
			}
		}
	}
}

// TestArchivesMustHaveTheLocksDigest opens an archive that is there already.
func TestArchivesMustHaveTheLocksDigest(t *testing.T) {
	archive := tarball(t, map[string]string{"package/index.json": `["a.com"]`, "package/postinstall.sh": "exit 1"})
	folder := t.TempDir()
	sum := sha512.Sum512(archive)
	p := pack{Name: "@scope/names", Version: "1.0.0", Integrity: "sha512-" + base64.StdEncoding.EncodeToString(sum[:])}
	if err := os.WriteFile(filepath.Join(folder, "scope-names-1.0.0.tgz"), archive, 0o600); err != nil {
		t.Fatal(err)
	}
	files, err := open(context.Background(), folder, p)
	if err != nil || string(files["index.json"]) != `["a.com"]` {
		t.Fatalf("open: %v, %v", files, err)
	}
	p.Integrity = "sha512-another"
	if _, err := open(context.Background(), folder, p); err == nil || !strings.Contains(err.Error(), "digest") {
		t.Errorf("open with another digest: %v", err)
	}
}

func tarball(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var out bytes.Buffer
	zip := gzip.NewWriter(&out)
	archive := tar.NewWriter(zip)
	for name, text := range files {
		header := &tar.Header{Name: name, Typeflag: tar.TypeReg, Size: int64(len(text)), Mode: 0o644}
		if err := archive.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zip.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestWorseTablesAreRefused(t *testing.T) {
	sample := strings.Fields(sampleFile)
	report := func(hosts int, sources ...build.SourceReport) build.Report {
		return build.Report{Hosts: hosts, Sources: sources}
	}
	source := func(version string, hosts int) build.SourceReport {
		return build.SourceReport{Name: "a " + version, Hosts: hosts}
	}
	for _, tt := range []struct {
		claim     string
		names     []string
		now, last build.Report
		want      string
	}{
		{"the first build", sample, report(200), build.Report{}, ""},
		{"a little less", sample, report(198, source("2", 96)), report(200, source("1", 100)), ""},
		{"old versions stay", sample, report(200, source("1", 10), source("3", 101)), report(200, source("1", 10), source("2", 100)), ""},
		{"a mailbox provider", append([]string{"gmail.com"}, sample...), report(200), build.Report{}, "gmail.com is listed"},
		{"the ancestor of one", append([]string{"ne.jp"}, sample...), report(200), build.Report{}, "is listed by ne.jp"},
		{"a relay", append([]string{"mozmail.com"}, sample...), report(200), build.Report{}, "mozmail.com is listed"},
		{"reviewed names are missing", sample[3:], report(200), build.Report{}, "197 of the 200"},
		{"the total fell", sample, report(190), report(200), "190 hosts after 200"},
		{"a source shrank", sample, report(200, source("2", 90)), report(200, source("1", 100)), "a 2 has 90 hosts after 100"},
		{"a source grew", sample, report(200, source("2", 130)), report(200, source("1", 100)), "a 2 has 130 hosts after 100"},
	} {
		err := check(tables{"disposable.bin": encoded(t, tt.names)}, tt.now, tt.last)
		if (err == nil) != (tt.want == "") || err != nil && !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.claim, err, tt.want)
		}
	}
}

// TestCheckCommittedTables holds the committed tables to the bounds of a build.
func TestCheckCommittedTables(t *testing.T) {
	const folder = "../../internal/lists/data"
	data, err := os.ReadFile(filepath.Join(folder, "disposable.bin"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := readReport(folder)
	if err != nil || r.Hosts != lists.New().Info().Hosts {
		t.Fatalf("lists.json has %d hosts, the table %d: %v", r.Hosts, lists.New().Info().Hosts, err)
	}
	if err := check(tables{"disposable.bin": data}, r, r); err != nil {
		t.Error(err)
	}
}

func encoded(t *testing.T, names []string) []byte {
	t.Helper()
	var entries []nameset.Entry
	for _, name := range names {
		entries = append(entries, nameset.Entry{Name: name, Value: byte(lists.Reviewed)})
	}
	data, err := nameset.Encode(entries, time.Unix(0, 0), [nameset.Figures]int{})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestRolesHaveClasses(t *testing.T) {
	_, words, err := readRoles()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"jobs-noreply": lists.NoReply, "arin-abuse": lists.Abuse, "accountspayable": lists.Billing, "team-sales-enablement": lists.Sales,
		"servicedesk": lists.Support, "socialmedia": lists.Marketing, "listserv": lists.Technical, "hrdept": lists.Generic,
		"hr": lists.Administrative, "welcome": lists.Generic,
	} {
		if got := classify(name, words); got != want {
			t.Errorf("classify(%q) = %q, want %q", name, got, want)
		}
	}
}
