// Package mx tells where a domain's mail goes: its mail exchangers, the
// implicit MX, the null MX, and the addresses of an exchanger.
//
// It follows RFC 5321 §5.1 (MX, implicit MX, order of preference), RFC 7505
// (null MX), RFC 2308 (NXDOMAIN and NODATA, negative caching), RFC 1034 §3.6.2
// (CNAME) and RFC 6891 (EDNS0). It is a stub resolver that shows what
// net.LookupMX hides: NXDOMAIN, "exists, but has no MX" and "their name server
// is ill" are three answers here, because the first two say that mail cannot
// arrive and the third says nothing.
//
// A look-up goes:
//
//  1. cache, else one question per name and type, shared by all who ask at
//     the same time and cut loose from the fate of any one of them;
//  2. servers in turn, the next one only after a failure; TCP when truncated;
//  3. the message read: only records of the name asked or of its CNAME chain
//     are believed;
//  4. a chain that the answer leaves open is asked on, at most eight aliases;
//  5. no MX: one question for A, one for AAAA only when there is no A;
//  6. NXDOMAIN: one question for A, since some servers deny a name for the
//     types they do not know.
//
// It departs from the RFCs in two bounds: positive answers live 5 minutes to
// 24 hours and negative ones 60 seconds to 1 hour, whatever the zone says.
//
// Nothing is concluded about mailboxes, and nothing is dialed: whether an
// address may be connected to is safedial's question. DNSSEC is left to the
// recursive server.
package mx

import (
	"net/netip"
	"time"
)

// Status is what DNS said, in one word.
type Status string

// The statuses. NXDomain, NullMX and NoMail are positive statements of the
// domain's own name servers that mail cannot arrive; Unresolvable, Failed and
// Timeout are not. Lookup says Unresolvable of the names as written; that every
// exchanger turns out to have no address is for the caller of Addrs to see.
const (
	Found        Status = "found"        // MX records with usable names, or addresses
	Implicit     Status = "implicit"     // no MX, but an address: the name itself, preference 0 (RFC 5321 §5.1)
	NullMX       Status = "null_mx"      // one MX, preference 0, name "." (RFC 7505 §3)
	NXDomain     Status = "nxdomain"     // the name, or what it is an alias for, does not exist (RFC 2308 §2.1)
	NoMail       Status = "no_mail"      // the name exists and has no MX, A or AAAA; of Addrs: no address
	Unresolvable Status = "unresolvable" // MX records, but no usable host name among them
	Failed       Status = "failed"       // SERVFAIL, REFUSED, garbled or contradictory answer, CNAME loop, TCP failed
	Timeout      Status = "timeout"      // no server answered in time, or the caller's context ended first
)

// Host is one mail exchanger.
type Host struct {
	Name       string // lower case, no final dot, characters a-z 0-9 . _ - only
	Preference uint16 // the lowest is tried first
}

// Answer says where the mail of a domain goes.
type Answer struct {
	Status  Status
	Hosts   []Host    // Found and Implicit only: by preference, equal ones shuffled per call, at most 10
	Expires time.Time // when DNS will be asked again
	Detail  string    // for explanations, e.g. "SERVFAIL from 192.0.2.53"; may be empty
	Cached  bool      // no question was needed
}

// Addrs holds the addresses of one host. Status is Found, NXDomain, NoMail
// (the name exists, without address), Failed or Timeout.
type Addrs struct {
	Status  Status
	IPs     []netip.Addr // as given by DNS, IPv4-mapped ones unmapped, at most 20; tested by nobody yet
	Expires time.Time
	Detail  string
}
