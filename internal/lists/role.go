package lists

import (
	"slices"
	"strings"
)

// The classes of role accounts. RFC 2142 names the mailboxes of the first four
// and some of the others; postmaster and abuse must exist and are no risk of
// the kind that sales is.
const (
	Administrative = "administrative" // admin, office, hr
	Technical      = "technical"      // postmaster, hostmaster, webmaster, noc
	Abuse          = "abuse"          // abuse, security
	Sales          = "sales"
	Support        = "support"
	Billing        = "billing"
	Marketing      = "marketing"
	NoReply        = "noreply" // nobody reads it
	Generic        = "generic" // info, contact, team
)

// Role tells what a local part stands for if not for a person. The zero value
// means that it is no role account.
type Role struct {
	Class string `json:"class,omitempty"` // one of the constants above, or ""
	Rule  string `json:"-"`               // the name in the table, without separators: part of an address, so not for evidence
}

// classes are in the order of the table of roles: append, never reorder.
var classes = [...]string{Administrative, Technical, Abuse, Sales, Support, Billing, Marketing, NoReply, Generic}

// RoleClasses returns the classes, in the order of the table of roles.
func RoleClasses() []string { return slices.Clone(classes[:]) }

// parted marks in the table a role made of words that dots, hyphens and
// underscores may part; the lower bits are the class.
const parted = 0x80

// RoleByte returns a role's value in the table of roles.
func RoleByte(class string, words bool) byte {
	value := byte(slices.Index(classes[:], class))
	if words {
		value |= parted
	}
	return value
}

// The longest of role names, in octets, as given and without separators. What
// is no longer than the latter needs no memory of its own to be looked up.
const (
	longestRole   = 64
	longestJoined = 32
)

// Role looks up a local part, its tag and quotes left aside, without regard to
// case. Names of several words match in every spelling (no-reply, no.reply,
// noreply), names of one word only whole: ad.min@ is a person.
func (t *Table) Role(local string) Role {
	local = strings.TrimSuffix(strings.TrimPrefix(local, `"`), `"`)
	if base, _, ok := strings.Cut(local, "+"); ok && base != "" {
		local = base
	}
	if len(local) > longestRole {
		return Role{}
	}
	var buf [longestRole]byte
	name, pieces := buf[:0], false
	for i := range len(local) {
		c := local[i]
		if c == '.' || c == '-' || c == '_' {
			pieces = true
			continue
		}
		name = append(name, c)
	}
	if len(name) > longestJoined {
		return Role{}
	}
	e, ok := t.roles.Find(string(name))
	if !ok || pieces && e.Value&parted == 0 {
		return Role{}
	}
	return Role{Class: classes[e.Value&^parted], Rule: e.Name}
}
