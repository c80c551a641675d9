package verify

import (
	"strings"

	"rcpt/internal/address"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/verdict"
)

// What outweighs a listing.
const (
	byBusinessMX = "business_mx"
	byFree       = "free"
)

// disposal is what listings, the exchanger and the key's own lists say together
// about throw-away addresses.
type disposal struct {
	source       verdict.Source // "": not disposable
	firm         bool           // enough for the status DISPOSABLE
	downgradedBy string         // what outweighs a listing
}

func (d disposal) holds() bool { return d.source != "" }

// weigh settles whether a domain is disposable. The key's own lists go before
// all others. Of the public ones a firm listing stands by itself; a weak one is
// checked against what else is known:
//
//   - Its exchanger is that of a service for throw-away addresses: the two agree,
//     and the listing is firm. The exchanger alone is as good: so a domain born
//     today is found. Names that no list may touch are safe from it, too.
//   - Its exchanger serves paying companies only: such services do not buy that,
//     and the listing is a mistake.
//   - Several lists of mailbox providers name it, or one does and only collections
//     of other lists call it disposable: those swallow many an old provider, and
//     people have their mail there.
//
// That guards, relays and slips are on no disposable list is seen to where the
// lists are built.
func weigh(l Lists) disposal {
	switch {
	case l.Tenant.List == tenant.Allow:
		return disposal{downgradedBy: tenant.Allow}
	case l.Tenant.List == tenant.Deny:
		return disposal{source: verdict.ByKey, firm: true}
	case l.Disposable.Firm():
		return disposal{source: verdict.ByList, firm: true}
	case l.throwaway():
		return disposal{source: verdict.ByMX, firm: true}
	case !l.Disposable.Listed():
		return disposal{}
	case l.Exchanger.Business():
		return disposal{downgradedBy: byBusinessMX}
	case l.Free.Confidence == lists.High, l.Free.Listed && l.Disposable.Tier == lists.Aggregator:
		return disposal{downgradedBy: byFree}
	}
	return disposal{source: verdict.ByList}
}

// throwaway reports an exchanger of a service for throw-away addresses, behind a
// name that may be called so.
func (l Lists) throwaway() bool {
	return l.Exchanger.Kind == lists.Throwaway && !l.Guarded && l.Relay == ""
}

// slip says how certain it is that the domain is a slip of the keyboard; "" if
// it is none that should be told of. What only looks like one needs DNS on its
// side: somebody's own domain takes mail, a mistyped one seldom does. Without an
// MX record but with an address it might, so a server there that was asked for
// the mailbox settles it.
func slip(e Evidence) string {
	switch _, gone := noMail(e.Route); {
	case e.Lists.Typo.Meant == "" || e.Lists.Tenant.List == tenant.Allow:
		return ""
	case e.Lists.Typo.Certain, gone, e.Lists.Exchanger.Kind == lists.Parked:
		return verdict.High
	case e.Route.Status == mx.Implicit && !e.Probe.reached():
		return verdict.Low
	}
	return ""
}

// suggestion is the address that was meant: alice@gmail.com for alice@gmal.com,
// jane59@gmail.com for jane@59gmail.com.
func suggestion(a address.Address, typo lists.Typo) string {
	local := a.Local()
	if inner, quoted := strings.CutSuffix(local, `"`); quoted && typo.Digits != "" {
		return inner + typo.Digits + `"@` + typo.Meant
	}
	return local + typo.Digits + "@" + typo.Meant
}

// trapRisk names the kind of spam trap that the domain may be. What takes no
// mail is none.
func trapRisk(e Evidence, certainty string) verdict.TrapRisk {
	switch {
	case !e.Route.TakesMail():
		return ""
	case certainty == verdict.High:
		return verdict.TypoTrap
	case e.Lists.Closed && e.Lists.Tenant.List != tenant.Allow:
		return verdict.ClosedTrap
	}
	return ""
}

// matches are the rows of lists behind the flags, the key's own first. A domain
// that merely looks like a slip is on no list.
func matches(e Evidence, d disposal) (rows []verdict.ListMatch) {
	l, domain := e.Lists, e.Address.Domain()
	overruled := ""
	if l.Tenant.List == tenant.Allow {
		overruled = tenant.Allow
	}
	add := func(holds bool, row verdict.ListMatch) {
		if holds {
			rows = append(rows, row)
		}
	}
	add(l.Tenant.List != "", verdict.ListMatch{List: l.Tenant.List, Rule: l.Tenant.Rule})
	add(l.Disposable.Listed(), verdict.ListMatch{
		List: "disposable", Rule: l.Disposable.Rule, Tier: string(l.Disposable.Tier), DowngradedBy: d.downgradedBy,
	})
	add(l.throwaway(), verdict.ListMatch{List: "disposable", Rule: l.Exchanger.Name, Source: verdict.ByMX, DowngradedBy: overruled})
	add(l.Free.Listed, verdict.ListMatch{List: "free", Rule: domain, Confidence: l.Free.Confidence})
	add(l.Relay != "", verdict.ListMatch{List: "relay", Rule: l.RelayRule})
	add(l.Role.Class != "", verdict.ListMatch{List: "role", Rule: l.Role.Rule, Class: l.Role.Class})
	add(l.Typo.Certain, verdict.ListMatch{List: "typo", Rule: domain, DowngradedBy: overruled})
	add(l.Closed, verdict.ListMatch{List: "closed_provider", Rule: domain, DowngradedBy: overruled})
	return rows
}
