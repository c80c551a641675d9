package lists

import (
	"maps"
	"slices"
)

// Relays returns the domains of the privacy relays, sorted.
func Relays() []string { return slices.Sorted(maps.Keys(relayDomains())) }

// Anybodys reports whether an A-label domain is one where anyone gets an address:
// a mailbox provider's (Free) or a relay's (Relay).
func (t *Table) Anybodys(domain string) bool { return t.Free(domain).Listed || t.Relay(domain) != "" }

// Anybodys is Table.Anybodys of the built-in table, for binaries that need
// nothing else of it: they carry 0.3 MB of data instead of 4.
func Anybodys() func(domain string) bool {
	t := &Table{known: open(knownData), relays: relayDomains()}
	return t.Anybodys
}

// Relay returns the name of the privacy relay whose domain, or a subdomain of
// it, an A-label domain is; "" if none. Mail to it reaches a person.
func (t *Table) Relay(domain string) string {
	name, _ := t.RelayRule(domain)
	return name
}

// RelayRule is Relay with the listed domain that matched.
func (t *Table) RelayRule(domain string) (name, rule string) {
	name, rule, _ = bySuffix(t.relays, fold(domain))
	return name, rule
}

// Closed reports whether an A-label domain is that of a mailbox provider who
// closed long ago. Operators of spam traps like such names; whether mail is
// taken there again is for DNS to say.
func (t *Table) Closed(domain string) bool {
	switch fold(domain) {
	case "attbi.com", "mediaone.net", "adelphia.net", "home.com", "ctemplar.com", "skiff.com":
		return true
	}
	return false
}

// relayDomains returns the domains of privacy relays.
func relayDomains() map[string]string {
	const (
		simpleLogin = "SimpleLogin"
		addy        = "addy.io"
		protonPass  = "Proton Pass"
		spamgourmet = "Spamgourmet"
	)
	return map[string]string{
		"privaterelay.appleid.com": "Apple Hide My Email",
		"mozmail.com":              "Firefox Relay",
		"relay.firefox.com":        "Firefox Relay",
		"duck.com":                 "DuckDuckGo",

		"simplelogin.com": simpleLogin, "simplelogin.co": simpleLogin, "simplelogin.fr": simpleLogin,
		"simplelogin.io": simpleLogin, "aleeas.com": simpleLogin, "slmail.me": simpleLogin,
		"slmails.com": simpleLogin, "8alias.com": simpleLogin, "8shield.net": simpleLogin,
		"dralias.com": simpleLogin, "silomails.com": simpleLogin,

		"passmail.com": protonPass, "passmail.net": protonPass,
		"passinbox.com": protonPass, "passfwd.com": protonPass,

		"addy.io": addy, "anonaddy.com": addy, "anonaddy.me": addy,
		"addymail.com": addy, "4wrd.cc": addy, "mailer.me": addy,

		"use.startmail.com": "StartMail", "33mail.com": "33Mail", "erine.email": "erine.email",
		"forwardemail.net": "Forward Email", "improvmx.com": "ImprovMX",
		"spamgourmet.com": spamgourmet, "spamgourmet.net": spamgourmet, "spamgourmet.org": spamgourmet,
		"opayq.com": "IronVest", "ironvest.com": "IronVest",
		"sudomail.com": "MySudo", "proxiedmail.com": "ProxiedMail", "lockrmail.com": "lockr",
		"bump.email": "Bump", "bumpmail.io": "Bump", "maily.org": "Maily", "safemail.se": "SafeMail",
	}
}
