package build

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/nameset"
)

var day = time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)

func TestMergeUnitesFamilies(t *testing.T) {
	var r Report
	hosts := Merge([]Source{
		{"first 1", lists.Aggregates, []string{"a.com", "*.b.com", "A.com.", "# a comment", "com.ar", "gmail.comg"}},
		{"second 1", lists.Mailchecker, []string{"b.com", "c.com", "gmail.comg"}},
	}, &r)
	want := Hosts{"a.com": lists.Aggregates, "b.com": lists.Aggregates | lists.Mailchecker, "c.com": lists.Mailchecker}
	if !maps.Equal(hosts, want) {
		t.Errorf("hosts are %v, want %v", hosts, want)
	}
	if sources := []SourceReport{{"first 1", 6, 2, 2}, {"second 1", 3, 2, 1}}; !slices.Equal(r.Sources, sources) {
		t.Errorf("sources are %v, want %v", r.Sources, sources)
	}
	if rejects := map[Reject]int{PublicSuffix: 1, UnknownTLD: 1}; !maps.Equal(r.Rejects, rejects) {
		t.Errorf("rejects are %v, want %v", r.Rejects, rejects)
	}
}

// TestEncodeMarksWhatHasAListedAncestor: such a host is counted, is no rule,
// and is as firm as what is above it.
func TestEncodeMarksWhatHasAListedAncestor(t *testing.T) {
	var r Report
	set := encode(t, Hosts{
		"a.com": lists.Reviewed, "x.a.com": lists.Aggregates, "x.y.a.com": lists.Mailchecker,
		"b.com": lists.Community, "one.c.co.uk": lists.Aggregates, "two.c.co.uk": lists.Aggregates | lists.Wesbos,
	}, &r)
	for host, want := range map[string]lists.Origins{
		"a.com": lists.Reviewed, "x.a.com": lists.Reviewed | lists.Aggregates | lists.Below,
		"x.y.a.com": lists.Reviewed | lists.Mailchecker | lists.Below, "one.c.co.uk": lists.Aggregates,
	} {
		if e, _ := set.Find(host); lists.Origins(e.Value) != want {
			t.Errorf("%s has %b, want %b", host, e.Value, want)
		}
	}
	tiers := map[lists.Tier]int{lists.Curated: 3, lists.Family: 1, lists.Aggregator: 1, lists.Families: 1}
	if r.Hosts != 6 || r.Rules != 4 || r.Domains != 3 || !maps.Equal(r.Tiers, tiers) || set.Figure(0) != 6 || set.Figure(1) != 4 {
		t.Errorf("counted %+v", r)
	}
}

func encode(t *testing.T, hosts Hosts, r *Report) nameset.Set {
	t.Helper()
	data, err := Encode(hosts, day, r)
	if err != nil {
		t.Fatal(err)
	}
	set, err := nameset.Open(string(data))
	if err == nil {
		err = set.Check()
	}
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestCrowdedParentsAreReported(t *testing.T) {
	hosts := make(Hosts)
	for i := range crowd {
		hosts[fmt.Sprintf("n%d.crowded.com", i)] = lists.Aggregates
		hosts[fmt.Sprintf("n%d.listed.com", i)] = lists.Aggregates
	}
	hosts["listed.com"] = lists.Aggregates
	var r Report
	encode(t, hosts, &r)
	if want := []string{fmt.Sprint("crowded.com ", crowd)}; !slices.Equal(r.Crowded, want) {
		t.Errorf("crowded are %v, want %v", r.Crowded, want)
	}
}

// poison is what a list that was tampered with may carry.
func poison() []string {
	return []string{
		"gmail.com", "www.gmail.com", "spotify.com", "GOOGLE.COM", "*.outlook.com", "com", "co.uk", "ddns.net",
		"harvard.edu", "appleid.com", "privaterelay.appleid.com", "x.mozmail.com", "mooo.com", "yahoo.ch", "59gmail.com",
		"gmaul.com", "192.0.2.1", "goo.ne.jp", "mail.goo.ne.jp",
	}
}

// TestPoisonChangesOnlyTheReport: whatever a source carries of what must never
// match, the table is the same octets as without it.
func TestPoisonChangesOnlyTheReport(t *testing.T) {
	clean := []string{"throwaway-one.com", "throwaway-two.com", "sub.mooo.com"}
	make := func(lines []string) (string, Report) {
		var r Report
		hosts := Merge([]Source{{"list 1", lists.Aggregates, lines}}, &r)
		known := Known([]Guard{
			{Kind: lists.WellKnown, Names: append(WellKnown(), Popular()...)},
			{Kind: lists.Freemail, Names: []string{"yahoo.*", "mail.goo.ne.jp"}},
		}, hosts)
		Apply(hosts, known, Others{Zones: Zones(), Relays: lists.Relays(), Slip: lists.SlipOf}, &r)
		data, err := Encode(hosts, day, &r)
		if err != nil {
			t.Fatal(err)
		}
		return string(data), r
	}
	want, _ := make(clean)
	got, r := make(append(poison(), clean...))
	if got != want {
		t.Errorf("the table changed: %d hosts", r.Hosts)
	}
	rejected, removed := 0, 0
	for _, n := range r.Rejects {
		rejected += n
	}
	for _, s := range r.Removed {
		removed += s.Hosts
	}
	if rejected+removed != len(poison()) {
		t.Errorf("the report has %d rejected and %d removed of %d: %+v", rejected, removed, len(poison()), r)
	}
}

func TestGuardsYield(t *testing.T) {
	hosts := Hosts{"mailinator.com": lists.Reviewed, "a.com": lists.Aggregates}
	known := Known([]Guard{
		{Kind: lists.Freemail, Names: []string{"mailinator.com", "a.com", "com", "mooo.com"}, Yields: func(o lists.Origins) bool {
			return o.Tier() == lists.Curated
		}},
		{Kind: lists.WellKnown, Names: []string{"a.com", "yahoo.*"}},
	}, hosts)
	want := map[string]lists.Kind{"a.com": lists.Freemail | lists.WellKnown, "yahoo.*": lists.WellKnown}
	if !maps.Equal(known, want) {
		t.Errorf("known are %v, want %v", known, want)
	}
}

func TestPatterns(t *testing.T) {
	p := patterns{"yahoo.*", "yahoo.co*.*", "mail2?.com", "*.onmicrosoft.com"}
	for host, want := range map[string]bool{
		"yahoo.ch": true, "yahoo.co.th": true, "yahoo.com.tr": true, "mail2x.com": true, "a.onmicrosoft.com": true,
		"yahoo.store": false, "myyahoo.ch": false, "yahoo.a.ch": false, "mail2.com": false, "a.b.onmicrosoft.com": false, "mail2xy.com": false,
	} {
		if got := p.match(host); got != want {
			t.Errorf("match(%q) = %v, want %v", host, got, want)
		}
	}
}

func TestWellKnownNamesAreClean(t *testing.T) {
	names := slices.Concat(WellKnown(), Popular(), Zones())
	seen := make(map[string]bool)
	for _, name := range names {
		host, reject := Clean(name)
		if host != name || reject != "" || seen[name] {
			t.Errorf("%q is %q, %q, twice: %v", name, host, reject, seen[name])
		}
		seen[name] = true
	}
	if len(WellKnown()) < 225 || len(Popular()) < 45 || len(Zones()) < 30 {
		t.Errorf("%d, %d and %d names", len(WellKnown()), len(Popular()), len(Zones()))
	}
}
