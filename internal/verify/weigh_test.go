package verify

import (
	"reflect"
	"testing"

	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// What the tables of weighing are made of.
var (
	curated   = lists.Disposable{Tier: lists.Curated, Rule: "ok.example"}
	several   = lists.Disposable{Tier: lists.Families, Rule: "ok.example"}
	oneFamily = lists.Disposable{Tier: lists.Family, Rule: "ok.example"}
	collected = lists.Disposable{Tier: lists.Aggregator, Rule: "ok.example"}

	freeHigh = lists.Free{Listed: true, Confidence: lists.High}
	freeLow  = lists.Free{Listed: true, Confidence: lists.Low}

	gateway   = lists.Exchanger{Name: "Proofpoint", Kind: lists.Gateway}
	microsoft = lists.Exchanger{Name: "Microsoft 365", Kind: lists.Mailboxes}
	google    = lists.Exchanger{Name: "Google", Kind: lists.Mailboxes}
	throwaway = lists.Exchanger{Name: "in.mail.tm", Kind: lists.Throwaway}
	parked    = lists.Exchanger{Name: "Above.com", Kind: lists.Parked}

	allowed = Own{List: tenant.Allow, Rule: "ok.example"}
	denied  = Own{List: tenant.Deny, Rule: "ok.example"}

	certain = lists.Typo{Meant: "gmail.com", Certain: true}
	likely  = lists.Typo{Meant: "gmail.com"}
)

func TestWeigh(t *testing.T) {
	const list, byMX, key = verdict.ByList, verdict.ByMX, verdict.ByKey
	for _, tt := range []struct {
		claim string
		lists Lists
		want  disposal
	}{
		{"nothing", Lists{}, disposal{}},
		{"curated", Lists{Disposable: curated}, disposal{list, true, ""}},
		{"several families", Lists{Disposable: several}, disposal{list, true, ""}},
		{"one family", Lists{Disposable: oneFamily}, disposal{list, false, ""}},
		{"collections", Lists{Disposable: collected}, disposal{list, false, ""}},

		{"a gateway makes a weak listing a mistake", Lists{Disposable: oneFamily, Exchanger: gateway}, disposal{"", false, "business_mx"}},
		{"so does Microsoft 365", Lists{Disposable: collected, Exchanger: microsoft}, disposal{"", false, "business_mx"}},
		{"Google does not", Lists{Disposable: collected, Exchanger: google}, disposal{list, false, ""}},
		{"a firm listing stays", Lists{Disposable: several, Exchanger: gateway}, disposal{list, true, ""}},
		{"a gateway alone says nothing", Lists{Exchanger: gateway}, disposal{}},

		{"a temp-mail exchanger suffices", Lists{Exchanger: throwaway}, disposal{byMX, true, ""}},
		{"and makes a weak listing firm", Lists{Disposable: oneFamily, Exchanger: throwaway}, disposal{byMX, true, ""}},
		{"and adds nothing to a firm one", Lists{Disposable: curated, Exchanger: throwaway}, disposal{list, true, ""}},
		{"and goes before free mail", Lists{Disposable: oneFamily, Free: freeHigh, Exchanger: throwaway}, disposal{byMX, true, ""}},
		{"but not before a guard", Lists{Guarded: true, Exchanger: throwaway}, disposal{}},
		{"nor before a relay", Lists{Relay: "Apple Hide My Email", Exchanger: throwaway}, disposal{}},
		{"a parked domain is not disposable", Lists{Exchanger: parked}, disposal{}},

		{"a sure provider goes before a weak listing", Lists{Disposable: oneFamily, Free: freeHigh}, disposal{"", false, "free"}},
		{"an unsure one does not", Lists{Disposable: oneFamily, Free: freeLow}, disposal{list, false, ""}},
		{"but goes before collections of lists", Lists{Disposable: collected, Free: freeLow}, disposal{"", false, "free"}},
		{"nor a sure one before a firm listing", Lists{Disposable: several, Free: freeHigh}, disposal{list, true, ""}},

		{"allowed goes before curated", Lists{Tenant: allowed, Disposable: curated}, disposal{"", false, "allow"}},
		{"and before a weak listing", Lists{Tenant: allowed, Disposable: collected}, disposal{"", false, "allow"}},
		{"and before a temp-mail exchanger", Lists{Tenant: allowed, Exchanger: throwaway}, disposal{"", false, "allow"}},
		{"denied suffices", Lists{Tenant: denied}, disposal{key, true, ""}},
		{"and goes before guards", Lists{Tenant: denied, Guarded: true, Free: freeHigh}, disposal{key, true, ""}},
		{"and before a gateway", Lists{Tenant: denied, Disposable: collected, Exchanger: gateway}, disposal{key, true, ""}},
		{"lists that could not be read say nothing", Lists{TenantLost: true, Disposable: collected}, disposal{list, false, ""}},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := weigh(tt.lists); got != tt.want {
				t.Errorf("%+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestSlip(t *testing.T) {
	reached := &Probe{Answer: answer(reply.MailboxNotFound)}
	refused := &Probe{Answer: answer(smtpprobe.ConnectionFailed)}
	for _, tt := range []struct {
		claim    string
		lists    Lists
		route    mx.Status
		probe    *Probe
		want     string
		trapRisk verdict.TrapRisk
	}{
		{"none", Lists{}, mx.NXDomain, nil, "", ""},
		{"one of the table", Lists{Typo: certain}, mx.Found, reached, "high", "typo"},
		{"without domain", Lists{Typo: certain}, mx.NXDomain, nil, "high", ""},
		{"before DNS answered", Lists{Typo: certain}, "", nil, "high", ""},
		{"while DNS is ill", Lists{Typo: certain}, mx.Failed, nil, "high", ""},

		{"a near miss that takes mail", Lists{Typo: likely}, mx.Found, nil, "", ""},
		{"that was asked", Lists{Typo: likely}, mx.Found, reached, "", ""},
		{"that could not be asked", Lists{Typo: likely}, mx.Found, refused, "", ""},
		{"that names no host", Lists{Typo: likely}, mx.Unresolvable, nil, "", ""},
		{"that DNS failed on", Lists{Typo: likely}, mx.Failed, nil, "", ""},
		{"that DNS did not answer for", Lists{Typo: likely}, mx.Timeout, nil, "", ""},
		{"that was not looked up", Lists{Typo: likely}, "", nil, "", ""},
		{"without domain", Lists{Typo: likely}, mx.NXDomain, nil, "high", ""},
		{"without mail", Lists{Typo: likely}, mx.NoMail, nil, "high", ""},
		{"with a null MX", Lists{Typo: likely}, mx.NullMX, nil, "high", ""},
		{"that is parked", Lists{Typo: likely, Exchanger: parked}, mx.Found, reached, "high", "typo"},
		{"without MX record", Lists{Typo: likely}, mx.Implicit, nil, "low", ""},
		{"and nobody there", Lists{Typo: likely}, mx.Implicit, refused, "low", ""},
		{"and somebody there", Lists{Typo: likely}, mx.Implicit, reached, "", ""},
		{"and somebody there who takes anyone", Lists{Typo: likely}, mx.Implicit, &Probe{CatchAll: TakesAny}, "", ""},

		{"allowed by the key", Lists{Typo: certain, Tenant: allowed}, mx.Found, nil, "", ""},
		{"allowed without domain", Lists{Typo: certain, Tenant: allowed}, mx.NXDomain, nil, "", ""},
		{"denied by the key", Lists{Typo: certain, Tenant: denied}, mx.NXDomain, nil, "high", ""},

		{"a closed provider that takes mail", Lists{Closed: true}, mx.Found, nil, "", "closed_provider"},
		{"one that does not", Lists{Closed: true}, mx.NoMail, nil, "", ""},
		{"one that DNS failed on", Lists{Closed: true}, mx.Failed, nil, "", ""},
		{"one the key allows", Lists{Closed: true, Tenant: allowed}, mx.Found, nil, "", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			v := Decide(Evidence{Address: parse(t, "alice@ok.example"), Mode: Full, Lists: tt.lists, Route: Route{Status: tt.route}, Probe: tt.probe}, DefaultPolicy())
			if v.TypoCertainty != tt.want || v.TrapRisk != tt.trapRisk || v.SpamTrap {
				t.Errorf("certainty %q, risk %q, trap %v, want %q, %q, false", v.TypoCertainty, v.TrapRisk, v.SpamTrap, tt.want, tt.trapRisk)
			}
			if shown := tt.want != ""; (v.Suggestion == "alice@gmail.com") != shown || (v.TypoOf == "gmail.com") != shown {
				t.Errorf("suggestion %q of %q, want any: %v", v.Suggestion, v.TypoOf, shown)
			}
		})
	}
}

func TestSuggestionPutsDigitsWhereTheyBelong(t *testing.T) {
	for _, tt := range []struct{ email, digits, want string }{
		{"alice@gmal.com", "", "alice@gmail.com"},
		{"Alice.B+news@gmal.com", "", "Alice.B+news@gmail.com"},
		{"jane@59gmail.com", "59", "jane59@gmail.com"},
		{"jane+news@59gmail.com", "59", "jane+news59@gmail.com"},
		{`"jane doe"@gmal.com`, "", `"jane doe"@gmail.com`},
		{`"jane doe"@59gmail.com`, "59", `"jane doe59"@gmail.com`},
	} {
		got := suggestion(parse(t, tt.email), lists.Typo{Meant: "gmail.com", Digits: tt.digits})
		if got != tt.want {
			t.Errorf("%s: %s, want %s", tt.email, got, tt.want)
		}
		parse(t, got)
	}
}

func TestMatchesNameTheRowsBehindTheFlags(t *testing.T) {
	all := Lists{
		Disposable: oneFamily, Free: freeLow, Relay: "DuckDuckGo", RelayRule: "duck.com",
		Role: lists.Role{Class: lists.Sales, Rule: "sales"}, Typo: certain, Closed: true,
	}
	rows := []verdict.ListMatch{
		{List: "disposable", Rule: "ok.example", Tier: "one_family"},
		{List: "free", Rule: "ok.example", Confidence: "low"},
		{List: "relay", Rule: "duck.com"},
		{List: "role", Rule: "sales", Class: "sales"},
		{List: "typo", Rule: "ok.example"},
		{List: "closed_provider", Rule: "ok.example"},
	}
	with := func(change func(*Lists)) Lists {
		l := all
		change(&l)
		return l
	}
	for _, tt := range []struct {
		claim string
		lists Lists
		want  []verdict.ListMatch
	}{
		{"no row", Lists{}, nil},
		{"a likely slip is on no list", Lists{Typo: likely}, nil},
		{"every row of a public list", all, rows},
		{"a denied domain keeps them", with(func(l *Lists) { l.Tenant = denied }),
			append([]verdict.ListMatch{{List: "deny", Rule: "ok.example"}}, rows...)},
		{"an allowed domain keeps them as outweighed", with(func(l *Lists) { l.Tenant = allowed }), []verdict.ListMatch{
			{List: "allow", Rule: "ok.example"},
			{List: "disposable", Rule: "ok.example", Tier: "one_family", DowngradedBy: "allow"},
			rows[1], rows[2], rows[3],
			{List: "typo", Rule: "ok.example", DowngradedBy: "allow"},
			{List: "closed_provider", Rule: "ok.example", DowngradedBy: "allow"},
		}},
		{"a listing that free mail outweighs", Lists{Disposable: oneFamily, Free: freeHigh}, []verdict.ListMatch{
			{List: "disposable", Rule: "ok.example", Tier: "one_family", DowngradedBy: "free"},
			{List: "free", Rule: "ok.example", Confidence: "high"},
		}},
		{"an exchanger", Lists{Exchanger: throwaway}, []verdict.ListMatch{{List: "disposable", Rule: "in.mail.tm", Source: "mx"}}},
		{"an exchanger and a listing", Lists{Exchanger: throwaway, Disposable: oneFamily}, []verdict.ListMatch{
			{List: "disposable", Rule: "ok.example", Tier: "one_family"}, {List: "disposable", Rule: "in.mail.tm", Source: "mx"},
		}},
		{"an exchanger behind a guarded name", Lists{Exchanger: throwaway, Guarded: true}, nil},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			e := probedEvidence(t, Probe{})
			e.Lists = tt.lists
			if got := Decide(e, DefaultPolicy()).Lists; !reflect.DeepEqual(got, tt.want) {
				t.Errorf("\n got %+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestListsOnAnyEvidence holds what lists may and may not do against any
// evidence, in other words than weigh and slip.
func TestListsOnAnyEvidence(t *testing.T) {
	r := newAnything(t, 3)
	for range 30_000 {
		e := r.evidence()
		v := Decide(e, DefaultPolicy())
		l := e.Lists
		bare := e
		bare.Lists = Lists{}
		plain := Decide(bare, DefaultPolicy())
		gone := e.Route.Status == mx.NXDomain || e.Route.Status == mx.NoMail || e.Route.Status == mx.NullMX
		fault := func(claim string) {
			t.Fatalf("%s: %s %s\nlists %+v\nroute %+v\nverdict %+v", claim, v.Status, v.Reason, l, e.Route, v)
		}
		switch {
		case v.SpamTrap != e.Trap:
			fault("a list makes a spam trap")
		case v.Status == verdict.Invalid && plain.Status != verdict.Invalid:
			fault("a list makes INVALID")
		case v.Status == verdict.Valid && plain.Status != verdict.Valid:
			fault("a list makes VALID")
		case l.Tenant.List == tenant.Allow && (v.Disposable || v.TypoOf != "" || v.ClosedProvider || v.TrapRisk != "" || v.Status != plain.Status || v.Reason != plain.Reason):
			fault("an allowed domain is held against its lists")
		case (v.Status == verdict.Disposable || v.Reason == verdict.DisposableSuspected) && !v.Disposable:
			fault("disposable without the flag")
		case v.Disposable != (v.DisposableSource != ""):
			fault("flag and source differ")
		case v.Disposable && len(v.Lists) == 0:
			fault("disposable by no rule")
		case v.Reason == verdict.PossibleTypo && v.Suggestion == "":
			fault("a typo of nothing")
		case (v.TypoOf == "") != (v.Suggestion == "") || (v.TypoOf == "") != (v.TypoCertainty == ""):
			fault("half a typo")
		case v.TypoOf != "" && !l.Typo.Certain && !gone && l.Exchanger.Kind != lists.Parked && e.Route.Status != mx.Implicit:
			fault("a suggestion without evidence of DNS")
		case v.TrapRisk != "" && !v.MXFound:
			fault("a trap that takes no mail")
		}
	}
}
