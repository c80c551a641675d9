package address

import "strings"

// operator is how a mailbox provider reads local parts.
type operator struct {
	tags   bool   // what follows the first + is a tag
	dots   bool   // dots mean nothing
	domain string // the domain under which the same mailboxes are known, if another
}

// operatorOf lists providers whose reading is published or, for Microsoft's and
// Apple's consumer domains, well established. Yahoo is left out on purpose: the
// part before the hyphen of its disposable addresses is a base name chosen for
// them, not the login.
func operatorOf(domain string) operator {
	switch domain {
	case "gmail.com":
		return operator{tags: true, dots: true}
	case "googlemail.com":
		return operator{tags: true, dots: true, domain: "gmail.com"}
	case "outlook.com", "hotmail.com", "live.com", "msn.com",
		"icloud.com", "me.com", "mac.com",
		"fastmail.com", "fastmail.fm",
		"proton.me", "protonmail.com", "protonmail.ch", "pm.me",
		"yandex.ru", "yandex.com", "yandex.by", "yandex.kz", "ya.ru",
		"zoho.com", "zohomail.com", "zoho.eu", "zoho.in",
		"mailbox.org", "runbox.com", "hey.com":
		return operator{tags: true}
	}
	return operator{}
}

// Identity returns the whole address lower-cased, the domain in A-labels, tag
// and dots kept: what overlay, suppression and de-duplication hash, because
// ESPs lower-case what they report.
func (a Address) Identity() string { return a.join(lower(a.local), strings.ToLower(a.domain)) }

// Canonical returns the mailbox behind the address, lower-cased: the tag
// removed, Gmail's dots removed, googlemail.com as gmail.com. It does so for
// operators known to read addresses that way; for any other domain, and for
// quoted local parts, it is the Identity.
func (a Address) Canonical() string {
	op := operatorOf(a.domain)
	if op == (operator{}) || a.quoted() {
		return a.Identity()
	}
	local, domain := lower(a.local), a.domain
	if base, _, ok := cutTag(local); ok && op.tags {
		local = base
	}
	if op.dots {
		local = strings.ReplaceAll(local, ".", "")
	}
	if strings.HasSuffix(local, ".") {
		return a.Identity() // a.+tag: no such mailbox can exist there
	}
	if op.domain != "" {
		domain = op.domain
	}
	return a.join(local, domain)
}

// Tag returns the sub-address tag (RFC 5233): what follows the first + of an
// unquoted local part when something stands before it, as given. At an operator
// without sub-addressing the + may be part of the name; Canonical knows the
// difference where it is known at all.
func (a Address) Tag() string {
	if a.quoted() {
		return ""
	}
	_, tag, _ := cutTag(a.local)
	return tag
}

func (a Address) quoted() bool { return strings.HasPrefix(a.local, `"`) }

func cutTag(local string) (base, tag string, ok bool) {
	base, tag, ok = strings.Cut(local, "+")
	if !ok || base == "" {
		return local, "", false
	}
	return base, tag, true
}
