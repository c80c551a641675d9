package lists

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/lists/nameset"
)

func TestDisposable(t *testing.T) {
	table := New()
	tests := []struct {
		claim, domain string
		tier          Tier
		rule          string
		firm          bool
	}{
		{"a listed domain", "mailinator.com", Curated, "mailinator.com", true},
		{"a domain below a listed one", "a.b.mailinator.com", Curated, "mailinator.com", true},
		{"capitals and a final dot", "MAILINATOR.COM.", Curated, "mailinator.com", true},
		{"the simulated one", "disposable.test", Curated, "disposable.test", true},
		{"several families are firm", "disposable-families.test", Families, "disposable-families.test", true},
		{"one family is not", "disposable-family.test", Family, "disposable-family.test", false},
		{"an aggregator is not", "disposable-suspected.test", Aggregator, "disposable-suspected.test", false},
		{"any simulated one", "disposable-17.test", Curated, "disposable.test", true},
		{"any simulated one in capitals", "Disposable-A-b.TEST.", Curated, "disposable.test", true},
		{"a simulated name with nothing behind the hyphen", "disposable-.test", "", "", false},
		{"no simulated name: it has a label more", "disposable-a.b.test", "", "", false},
		{"no simulated name: it has no hyphen", "disposables.test", "", "", false},
		{"a namesake outside of the simulation", "disposable-17.example", "", "", false},
		{"matches end at dots", "un-mailinator.com", "", "", false},
		{"a parent of a listed domain is not listed", "email", "", "", false},
		{"a child of a listed name's namesake", "mailinator.com.example", "", "", false},
		{"a mailbox provider", "gmail.com", "", "", false},
		{"a privacy relay", "mozmail.com", "", "", false},
		{"a special-use domain", "ok.test", "", "", false},
		{"nothing", "", "", "", false},
		{"a dot", ".", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			got := table.Disposable(tt.domain)
			if want := (Disposable{tt.tier, tt.rule}); got != want {
				t.Errorf("Disposable(%q) = %+v, want %+v", tt.domain, got, want)
			}
			if got.Listed() != (tt.tier != "") || got.Firm() != tt.firm {
				t.Errorf("Disposable(%q): listed %v, firm %v, want %v, %v",
					tt.domain, got.Listed(), got.Firm(), tt.tier != "", tt.firm)
			}
		})
	}
}

func TestFree(t *testing.T) {
	table := New()
	for domain, want := range map[string]Free{
		"gmail.com":           {Listed: true, Confidence: High},
		"GMX.net.":            {Listed: true, Confidence: High},
		"free-suspected.test": {Listed: true, Confidence: Low},
		"mail.gmail.com":      {},
		"company.example":     {},
		"":                    {},
	} {
		if got := table.Free(domain); got != want {
			t.Errorf("Free(%q) = %+v, want %+v", domain, got, want)
		}
	}
}

func TestRelay(t *testing.T) {
	table := New()
	for domain, want := range map[string]string{
		"privaterelay.appleid.com": "Apple Hide My Email",
		"appleid.com":              "",
		"mozmail.com":              "Firefox Relay",
		"someone.mozmail.com":      "Firefox Relay",
		"someone.anonaddy.com":     "addy.io",
		"duck.com":                 "DuckDuckGo",
		"SLMail.me":                "SimpleLogin",
		"firefox.com":              "",
		"gmail.com":                "",
	} {
		if got := table.Relay(domain); got != want {
			t.Errorf("Relay(%q) = %q, want %q", domain, got, want)
		}
	}
}

func TestSuggest(t *testing.T) {
	table := New()
	for domain, want := range map[string]string{
		"gmal.com": "gmail.com", "gmial.com": "gmail.com", "gmai.com": "gmail.com", "GMAIL.con": "gmail.com",
		"hotmial.com": "hotmail.com", "yaho.com": "yahoo.com", "outlok.com": "outlook.com",
		"gmail.com": "", "mail.com": "", "foxmail.com": "", "hanmail.net": "", "mail.gmal.com": "", "": "",
	} {
		got, ok := table.Suggest(domain)
		if got != want || ok != (want != "") {
			t.Errorf("Suggest(%q) = %q, %v, want %q", domain, got, ok, want)
		}
	}
}

func TestProvider(t *testing.T) {
	table := New()
	for host, want := range map[string]string{
		"aspmx.l.google.com":                      "Google",
		"alt1.gmail-smtp-in.l.google.com.":        "Google",
		"Example-com.mail.Protection.Outlook.com": "Microsoft 365",
		"outlook-com.olc.protection.outlook.com":  "Outlook.com",
		"mta5.am0.yahoodns.net":                   "Yahoo",
		"mx01.mail.icloud.com":                    "iCloud",
		"mail.protonmail.ch":                      "Proton",
		"in1-smtp.messagingengine.com":            "Fastmail",
		"mx2.zoho.eu":                             "Zoho",
		"mx00.gmx.net":                            "GMX",
		"mx1.seznam.cz":                           "Seznam",
		"mx1.free.fr":                             "Free",
		"someone.hd.free.fr":                      "",
		"eu-smtp-inbound-1.mimecast.com":          "Mimecast",
		"mxa-00000000.gslb.pphosted.com":          "Proofpoint",
		"inbound-smtp.eu-west-1.amazonaws.com":    "Amazon SES",
		"ec2-192-0-2-1.compute-1.amazonaws.com":   "",
		"mx.example.com":                          "",
		"aspmx.l.google.com.attacker.example":     "",
		"mx.disposable.test":                      "",
		"":                                        "",
	} {
		if got := table.Provider(host); got != want {
			t.Errorf("Provider(%q) = %q, want %q", host, got, want)
		}
	}
}

// TestListsAgree checks across the tables what a user would see as a
// contradiction.
func TestListsAgree(t *testing.T) {
	table := New()
	known := Relays()
	for e := range table.known.All() {
		if !strings.ContainsAny(e.Name, "*?") {
			known = append(known, e.Name)
		}
	}
	disposable, suggested := 0, 0
	for _, domain := range known {
		if d := table.Disposable(domain); d.Listed() {
			disposable++
			t.Errorf("%s is also disposable by %s", domain, d.Rule)
		}
		if typo := table.Typo(domain); typo.Meant != "" {
			suggested++
			t.Errorf("%s is right, and %s is suggested", domain, typo.Meant)
		}
	}
	t.Logf("%d relays, well-known names, mailbox providers, universities, brands: %d disposable, %d with a suggestion", len(known), disposable, suggested)
	for e := range table.slips.All() {
		if meant := Targets()[e.Value]; !table.Free(meant).Listed || table.Free(e.Name).Listed {
			t.Errorf("%s is suggested for %s, want a provider for a name that is none", meant, e.Name)
		}
		if d := table.Disposable(e.Name); d.Rule == e.Name {
			t.Errorf("%s is a slip and disposable", e.Name)
		}
	}
}

func TestNamesAreInTheFormOfLookUps(t *testing.T) {
	table := New()
	for _, set := range []nameset.Set{table.disposable, table.known, table.slips, table.roles} {
		for e := range set.All() {
			if e.Name != fold(e.Name) || strings.Trim(e.Name, "abcdefghijklmnopqrstuvwxyz0123456789.-*?") != "" {
				t.Errorf("%q can never match", e.Name)
			}
		}
	}
	for e := range table.roles.All() {
		if strings.ContainsAny(e.Name, ".-_") || len(e.Name) > longestJoined || int(e.Value&^parted) >= len(classes) {
			t.Errorf("the role %q can never match", e.Name)
		}
	}
	for suffix := range table.exchangers {
		if suffix != fold(suffix) {
			t.Errorf("%q can never match", suffix)
		}
	}
}

func TestFindingsHaveTheWireNamesOfEvidence(t *testing.T) {
	table := New()
	for _, tt := range []struct {
		finding any
		want    string
	}{
		{table.Disposable("a.mailinator.com"), `{"tier":"curated","rule":"mailinator.com"}`},
		{table.Disposable("ok.test"), `{}`},
		{table.Free("gmail.com"), `{"listed":true,"confidence":"high"}`},
		{table.Free("ok.test"), `{}`},
		{table.Role("info"), `{"class":"generic"}`},
		{table.Role("alice"), `{}`},
	} {
		got, err := json.Marshal(tt.finding)
		if err != nil || string(got) != tt.want {
			t.Errorf("%T is %s, %v, want %s", tt.finding, got, err, tt.want)
		}
	}
}

func TestEmbeddedTablesAreWhole(t *testing.T) {
	table := New()
	for name, set := range map[string]nameset.Set{
		"disposable": table.disposable, "known": table.known, "slips": table.slips, "roles": table.roles,
	} {
		if err := set.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !set.Built().Equal(table.disposable.Built()) {
			t.Errorf("%s is of %v, the others of %v", name, set.Built(), table.disposable.Built())
		}
	}
}

func TestInfoCountsTheTable(t *testing.T) {
	table := New()
	got := table.Info()
	want := Figures{Registrable: got.Registrable}
	for e := range table.disposable.All() {
		want.Hosts++
		if Origins(e.Value)&Below == 0 {
			want.Rules++
		}
		switch Origins(e.Value).Tier() {
		case Curated:
			want.Curated++
		case Families:
			want.Families++
		case Family:
			want.Family++
		case Aggregator:
			want.Aggregator++
		}
	}
	if got.Figures != want || got.Hosts != want.Curated+want.Families+want.Family+want.Aggregator {
		t.Errorf("Info() = %+v, counted %+v", got.Figures, want)
	}
	if day := got.Built.Format(time.DateOnly); !strings.HasPrefix(got.Version, day+"-") || len(got.Version) != len(day)+9 {
		t.Errorf("Info().Version = %q, want the day %s and eight digits", got.Version, day)
	}
}

func TestLookUpsDoNotAllocate(t *testing.T) {
	table := New()
	for claim, look := range map[string]func(){
		"a disposable hit":   func() { table.Disposable("a.b.mailinator.com") },
		"a disposable miss":  func() { table.Disposable("mail.eu.company.example") },
		"a simulated hit":    func() { table.Disposable("disposable-17.test") },
		"a free hit":         func() { table.Free("gmail.com") },
		"a free miss":        func() { table.Free("company.example") },
		"a role hit":         func() { table.Role("no-reply") },
		"a role with a tag":  func() { table.Role("sales+eu") },
		"a role miss":        func() { table.Role("john.doe") },
		"a relay miss":       func() { table.Relay("company.example") },
		"a suggestion":       func() { table.Suggest("gmal.com") },
		"a suggested miss":   func() { table.Typo("company.example") },
		"a near miss":        func() { table.Typo("gmqil.com") },
		"a mailbox provider": func() { table.Provider("aspmx.l.google.com") },
		"capitals":           func() { table.Disposable("MAILINATOR.COM.") },
	} {
		if got := testing.AllocsPerRun(100, look); got != 0 {
			t.Errorf("%s: %v allocations, want none", claim, got)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	table := New()
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			table.Disposable("mailinator.com")
			table.Free("gmail.com")
			table.Relay("duck.com")
			table.Role("info")
			table.Suggest("gmal.com")
			table.Provider("aspmx.l.google.com")
			table.Info()
		})
	}
	all.Wait()
}

// TestProvidersInOtherCountries: their users are many, and lists call some of
// these disposable.
func TestProvidersInOtherCountries(t *testing.T) {
	table := New()
	for domain := range strings.FieldsSeq("live.com.ar live.co.kr live.com.sg live.cl hotmail.cl hotmail.co.id outlook.com.ar outlook.pt " +
		"yahoo.bg yahoo.com.pe yahoo.lt aol.it gmx.es fastmail.de hushmail.me amorki.pl orange.net hinet.net siol.net i.softbank.jp") {
		if d := table.Disposable(domain); d.Listed() || !table.Guarded(domain) {
			t.Errorf("Disposable(%q) = %+v, guarded %v, want a provider that no list can touch", domain, d, table.Guarded(domain))
		}
		if !table.Free(domain).Listed || table.Typo(domain) != (Typo{}) {
			t.Errorf("%s: free %+v, typo %+v, want a free provider that is spelled right", domain, table.Free(domain), table.Typo(domain))
		}
	}
}
