package lists_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// The tests named TestCheck are what a change of the built-in tables must show;
// make lists-check prints their figures.

func TestCheckNothingRealIsDisposable(t *testing.T) {
	table := lists.New()
	for group, names := range map[string][]string{
		"well-known": build.WellKnown(), "popular": build.Popular(), "zones": build.Zones(), "relays": lists.Relays(),
	} {
		matched := 0
		for _, name := range names {
			asked := []string{name}
			if group != "zones" { // what is below a zone belongs to strangers
				asked = append(asked, "mail."+name)
			}
			for _, parent, ok := strings.Cut(name, "."); ok && strings.Contains(parent, "."); _, parent, ok = strings.Cut(parent, ".") {
				asked = append(asked, parent)
			}
			for _, domain := range asked {
				if d := table.Disposable(domain); d.Listed() {
					matched++
					t.Errorf("%s is disposable by %s", domain, d.Rule)
				}
			}
		}
		t.Logf("%d %s names, their ancestors and children: %d disposable", len(names), group, matched)
	}
}

func TestCheckPopularSites(t *testing.T) {
	table := lists.New()
	sites := popularSites(t)
	var matched, loose, typos, certain []string
	for rank, site := range sites {
		if d := table.Disposable(site); d.Listed() {
			matched = append(matched, site)
			if d.Tier != lists.Curated && rank < 20000 {
				loose = append(loose, site)
			}
		}
		if typo := table.Typo(site); typo.Meant != "" {
			typos = append(typos, site)
			if typo.Certain {
				certain = append(certain, site)
			}
		}
	}
	t.Logf("%d sites, disposable: %d %v", len(sites), len(matched), matched)
	t.Logf("of the first 20000 outside the curated tier: %d %v", len(loose), loose)
	t.Logf("suggestions to be confirmed by DNS: %d %v, certain ones: %d %v", len(typos), typos, len(certain), certain)
	if len(matched) > 13 || len(loose) > 0 || len(typos) > 60 || len(certain) > 0 {
		t.Errorf("want at most 13 disposable sites, 0 outside the curated tier, 60 suggestions, 0 certain ones")
	}
}

// popularSites reads the 50,000 most popular sites from beside the checkout.
func popularSites(t *testing.T) (sites []string) {
	t.Helper()
	file, err := os.Open("../../../shared/fixtures/lists/top50k.txt.gz")
	if err != nil {
		t.Skip("the list of popular sites lies beside the checkout, and not here")
	}
	defer func() { _ = file.Close() }()
	plain, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(plain)
	for lines.Scan() {
		sites = append(sites, lines.Text())
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return sites
}

func TestCheckSameAnswerInEveryForm(t *testing.T) {
	table := lists.New()
	for claim, domains := range map[string][]string{
		"subdomain, case, final dot": {"mailinator.com", "a.b.mailinator.com", "MAILINATOR.COM.", "Mailinator.com"},
		"a U-label and its A-label":  {"xn--wgv71a.mailinator.com", "日本.mailinator.com"},
		"not listed":                 {"foo.ddns.net", "ddns.net", "someone.eu.org", "com.ar", "com", "net"},
	} {
		want := table.Disposable(strings.ToLower(domains[0]))
		for _, domain := range domains {
			wire, err := address.ParseDomain(domain)
			if err != nil {
				t.Fatalf("%s: %v", domain, err)
			}
			for _, form := range []string{wire, strings.ToUpper(wire) + "."} {
				if got := table.Disposable(form); got != want || got.Listed() != (claim != "not listed") {
					t.Errorf("%s: Disposable(%q) = %+v, want %+v", claim, form, got, want)
				}
			}
		}
	}
}

func TestCheckSize(t *testing.T) {
	info := lists.New().Info()
	t.Logf("%+v", info)
	if info.Hosts < 202_000 || info.Rules < 191_000 || info.Registrable < 186_000 {
		t.Errorf("%d hosts, %d rules, %d registrable, want 202000, 191000, 186000", info.Hosts, info.Rules, info.Registrable)
	}
}

func TestCheckStart(t *testing.T) {
	best := time.Hour
	for range 20 {
		begin := time.Now()
		table := lists.New()
		table.Disposable("mailinator.com")
		best = min(best, time.Since(begin))
	}
	t.Logf("New and the first look-up: %v", best)
	if best > time.Millisecond {
		t.Errorf("starting takes %v, want less than 1ms", best)
	}
}

// TestCheckOnlyUsersCarryTheTables builds two programs that differ in a call of
// New.
func TestCheckOnlyUsersCarryTheTables(t *testing.T) {
	size := func(body string) int64 {
		folder := t.TempDir()
		source, binary := filepath.Join(folder, "main.go"), filepath.Join(folder, "program")
		text := "package main\n\nimport \"rcpt/internal/lists\"\n\nfunc main() { " + body + " }\n"
		overlay := filepath.Join(folder, "overlay.json")
		place, err := filepath.Abs("program/main.go") // where nothing is
		if err != nil {
			t.Fatal(err)
		}
		files, err := json.Marshal(map[string]any{"Replace": map[string]string{place: source}})
		if err = errors.Join(err, os.WriteFile(source, []byte(text), 0o600), os.WriteFile(overlay, files, 0o600)); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", binary, "./program").CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		info, err := os.Stat(binary)
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	with := size(`println(lists.New().Disposable("a.example").Listed())`)
	without := size(`println(lists.Origins(0).Tier(), lists.SlipOf)`)
	t.Logf("a program with the tables has %d octets, one without %d", with, without)
	if with-without < 3_500_000 || without > 3_000_000 {
		t.Errorf("want a difference of the tables' size, and less than 3 MB without them")
	}
}
