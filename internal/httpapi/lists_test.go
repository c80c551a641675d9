package httpapi

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
)

const goodEntries = `{"list":"deny","domains":["mail.example"]}`

// badEntries are bodies about lists that no route takes.
func badEntries() []string {
	return []string{
		"", "[]", "{}", `{"list":"deny"}`, `{"domains":["mail.example"]}`, `{"list":"both","domains":["mail.example"]}`,
		`{"list":"deny","domains":[]}`, `{"list":"deny","domains":null}`, `{"list":"deny","domains":"mail.example"}`,
		`{"list":"deny","domains":[5]}`, `{"list":"deny","domains":[null]}`, `{"list":"deny","domains":["alice@mail.example"]}`,
		`{"list":"deny","domains":["mail.example"],"key":"nosuchid"}`, `{"list":"deny","domains":["mail.example"],"domains":["b.example"]}`,
		`{"list":"deny","domains":["a.example"` + strings.Repeat(`,"a.example"`, tenant.MaxDomains) + `]}`,
	}
}

// listed is the entries of a key as it sees them, "list domain".
func (d *desk) listed(t *testing.T, secret string) []string {
	t.Helper()
	var all []string
	entries, _ := object(t, d.ask("GET", "/v1/lists?limit=200", secret, ""), 200)["entries"].([]any)
	for _, e := range entries {
		entry := e.(map[string]any)
		all = append(all, fmt.Sprint(entry["list"], " ", entry["domain"]))
	}
	return all
}

func TestListsAreKeptPerKey(t *testing.T) {
	d := newDesk(t, nil)
	for _, step := range []struct {
		method, body string
		outcome      string
		then         []string
	}{
		{"POST", `{"list":"deny","domains":["b.example","B.Example.","münchen.example"]}`, "added 2 moved 0 removed 0 unchanged 0 entries 2",
			[]string{"deny b.example", "deny xn--mnchen-3ya.example"}},
		{"POST", `{"list":"deny","domains":["b.example","c.example"]}`, "added 1 moved 0 removed 0 unchanged 1 entries 3",
			[]string{"deny b.example", "deny c.example", "deny xn--mnchen-3ya.example"}},
		{"POST", `{"list":"allow","domains":["b.example"]}`, "added 0 moved 1 removed 0 unchanged 0 entries 3",
			[]string{"allow b.example", "deny c.example", "deny xn--mnchen-3ya.example"}},
		{"DELETE", `{"list":"deny","domains":["b.example","c.example","d.example"]}`, "added 0 moved 0 removed 1 unchanged 2 entries 2",
			[]string{"allow b.example", "deny xn--mnchen-3ya.example"}},
	} {
		o := object(t, d.ask(step.method, "/v1/lists", d.acme, step.body), 200)
		got := fmt.Sprintf("added %v moved %v removed %v unchanged %v entries %v", o["added"], o["moved"], o["removed"], o["unchanged"], o["entries"])
		if got != step.outcome || o["key"] != idOf(d.acme) {
			t.Errorf("%s %s comes to %s for %v, want %s", step.method, step.body, got, o["key"], step.outcome)
		}
		if got := d.listed(t, d.acme); !reflect.DeepEqual(got, step.then) {
			t.Errorf("after %s %s there are %v, want %v", step.method, step.body, got, step.then)
		}
		if got := d.listed(t, d.acmeReader); got != nil {
			t.Errorf("another key of the account has %v", got)
		}
	}
}

func TestListsArePaged(t *testing.T) {
	d := newDesk(t, nil)
	object(t, d.ask("POST", "/v1/lists", d.acme, `{"list":"deny","domains":["a.example","c.example","e.example"]}`), 200)
	object(t, d.ask("POST", "/v1/lists", d.acme, `{"list":"allow","domains":["b.example","d.example"]}`), 200)
	for filter, want := range map[string]string{
		"": "a.example b.example | c.example d.example | e.example", "&list=deny": "a.example c.example | e.example",
		"&list=allow": "b.example d.example",
	} {
		var pages []string
		for next := ""; ; {
			page := object(t, d.ask("GET", "/v1/lists?limit=2"+filter+next, d.acme, ""), 200)
			var domains []string
			for _, e := range page["entries"].([]any) {
				domains = append(domains, e.(map[string]any)["domain"].(string))
			}
			pages = append(pages, strings.Join(domains, " "))
			cursor, more := page["next"].(string)
			if !more || len(pages) > 5 {
				break
			}
			next = "&next=" + cursor
		}
		if got := strings.Join(pages, " | "); got != want {
			t.Errorf("with %q the pages are %s, want %s", filter, got, want)
		}
	}
}

func TestOthersListsAreTheOperatorsBusiness(t *testing.T) {
	d := newDesk(t, nil)
	for claim, c := range map[string]struct {
		secret, key string
		status      int
	}{
		"one's own by name":                       {d.acme, idOf(d.acme), 200},
		"another one of the account":              {d.acme, idOf(d.acmeReader), 403},
		"a foreign one":                           {d.other, idOf(d.acme), 404},
		"one that is not there":                   {d.acme, "nosuchid", 404},
		"of none":                                 {d.acme, "", 404},
		"any one, to the operator":                {d.admin, idOf(d.acme), 200},
		"the operator's own lacks the scope":      {d.admin, idOf(d.admin), 403},
		"one that is not there, to the operator":  {d.admin, "nosuchid", 404},
		"one's own by name lacking the scope":     {d.acmeReport, idOf(d.acmeReport), 403},
		"a foreign one lacking the scope as well": {d.acmeReport, idOf(d.other), 404},
	} {
		for _, method := range []string{"GET", "POST", "DELETE"} {
			body := goodEntries
			if method == "GET" {
				body = ""
			}
			if w := d.ask(method, "/v1/lists?key="+c.key, c.secret, body); w.Code != c.status {
				t.Errorf("%s: %s answers %d %s, want %d", claim, method, w.Code, w.Body, c.status)
			}
		}
	}
	object(t, d.ask("POST", "/v1/lists?key="+idOf(d.acme), d.admin, goodEntries), 200)
	if got := d.listed(t, d.acme); !reflect.DeepEqual(got, []string{"deny mail.example"}) {
		t.Errorf("what the operator put there is %v", got)
	}
}

func TestProblemsOfEntriesNameTheEntryAndNotItsText(t *testing.T) {
	d := newDesk(t, nil)
	for text, want := range map[string]string{
		"alice@mail.example": "is an address: give the domain alone, what follows the @",
		"com":                "is a whole top-level domain: give a domain below it, such as mail.example",
		"":                   "is empty: give a domain such as mail.example",
		"*.mail.example":     "begins with *: leave that out, an entry covers everything below its domain",
		"192.0.2.1":          "is an IP address: give a domain such as mail.example",
		"[IPv6:2001:db8::1]": "is an IP address: give a domain such as mail.example",
		"ma il.example":      "is no domain: position 2: a space in the domain: remove it",
		"mail_1.example":     "is no domain: position 4: an underscore in the domain: write a hyphen if that is meant",
	} {
		w := d.ask("POST", "/v1/lists", d.acme, fmt.Sprintf(`{"list":"deny","domains":["good.example",%q]}`, text))
		if p := problemOf(t, w); w.Code != 400 || p.Field != "domains[1]" || p.Detail != "domains[1] "+want {
			t.Errorf("%q answers %d, field %s: %s", text, w.Code, p.Field, p.Detail)
		}
	}
	if got := d.listed(t, d.acme); got != nil {
		t.Errorf("the good ones beside them were added: %v", got)
	}
}

func TestLongestRequestFitsIntoABody(t *testing.T) {
	d := newDesk(t, nil)
	domains := make([]string, tenant.MaxDomains)
	for i := range domains {
		label := fmt.Sprintf("%063d", i)
		domains[i] = strings.Join([]string{label, label, label, label[:53], "example"}, ".")
	}
	body := `{"list":"deny","domains":["` + strings.Join(domains, `","`) + `"]}`
	if o := object(t, d.ask("POST", "/v1/lists", d.acme, body), 200); o["added"] != float64(tenant.MaxDomains) || len(domains[0]) != 253 {
		t.Errorf("domains of %d octets come to %v", len(domains[0]), o)
	}
}

// The test key of an account has lists of its own, too.
func TestChangesOfListsAreInTheAuditLog(t *testing.T) {
	d := newDesk(t, nil)
	before, _, err := d.book.Audit(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range []struct{ method, target, secret, body string }{
		{"POST", "/v1/lists", d.acme, goodEntries},
		{"POST", "/v1/lists", d.acme, goodEntries}, // changes nothing
		{"POST", "/v1/lists?key=" + idOf(d.acme), d.admin, `{"list":"allow","domains":["mail.example"]}`},
		{"DELETE", "/v1/lists", d.acme, `{"list":"allow","domains":["mail.example"]}`},
	} {
		d.clock = noon.Add(time.Minute + time.Duration(i)*time.Second)
		object(t, d.ask(c.method, c.target, c.secret, c.body), 200)
	}
	after, _, err := d.book.Audit(t.Context(), "acme", "", 200)
	if err != nil {
		t.Fatal(err)
	}
	want := []keys.Entry{
		{At: noon.Add(time.Minute + 3*time.Second), Account: "acme", Key: idOf(d.acme), By: idOf(d.acme), Act: keys.Changed, Fields: []string{"lists.allow"}},
		{At: noon.Add(time.Minute + 2*time.Second), Account: "acme", Key: idOf(d.acme), By: idOf(d.admin), Act: keys.Changed, Fields: []string{"lists.allow"}},
		{At: noon.Add(time.Minute), Account: "acme", Key: idOf(d.acme), By: idOf(d.acme), Act: keys.Changed, Fields: []string{"lists.deny"}},
	}
	if got := after[:len(after)-len(before)]; !reflect.DeepEqual(got, want) {
		t.Errorf("the new entries are\n%v, want\n%v", got, want)
	}
	if w := d.ask("GET", "/v1/audit?account=acme", d.admin, ""); w.Code != 200 || !strings.Contains(w.Body.String(), `"fields":["lists.allow"]`) {
		t.Errorf("the log answers %d %s", w.Code, w.Body)
	}
}

func TestFullListsAreAConflict(t *testing.T) {
	d := newDesk(t, nil)
	var domains []string
	for n := range tenant.MaxEntries {
		domains = append(domains, fmt.Sprintf("d%d.example", n))
		if len(domains) == tenant.MaxDomains {
			if _, err := d.lists.Add(t.Context(), idOf(d.acme), tenant.Deny, domains, nil); err != nil {
				t.Fatal(err)
			}
			domains = nil
		}
	}
	w := d.ask("POST", "/v1/lists", d.acme, goodEntries)
	p := problemOf(t, w)
	if w.Code != 409 || p.Title != "Lists full" || p.Detail != "too many entries: a key may have 10000, this one has 10000; remove some first" {
		t.Errorf("one more answers %d %+v", w.Code, p)
	}
	object(t, d.ask("POST", "/v1/lists", d.other, goodEntries), 200)
}

func TestListsInfoTellsOfTheTables(t *testing.T) {
	d := newDesk(t, nil)
	want := `{"version":"7","built":"2026-11-12T00:00:00Z","age_hours":36,"hosts":10,"source":"refreshed","rules":8,"registrable":7,` +
		`"tiers":{"curated":4,"several_families":3,"one_family":2,"aggregator":1},` +
		`"tables":{"free":6,"relays":5,"roles":4,"typos":3,"guarded":2,"exchangers":1}}` + "\n"
	if w := d.ask("GET", "/v1/lists/info", d.acmeReport, ""); w.Code != 200 || w.Body.String() != want {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}
