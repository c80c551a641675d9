package sim

import (
	"hash/fnv"
	"net/netip"
	"strings"
)

// zone is what DNS says about a domain.
type zone int

const (
	withMX      zone = iota // one MX, mx1.DOMAIN, which has an address
	addressOnly             // an address and no MX: implicit MX, RFC 5321 §5.1
	nullMX                  // MX 0 ".": takes no mail, RFC 7505
	noMail                  // exists with neither MX nor address
)

// behavior is how one kind of domain acts. Without any flag it is a plain
// server: alice, bob, postmaster and local parts that begin with "user" exist.
type behavior struct {
	name string // NAME.test and NAME-ANYTHING.test
	zone zone

	busy       bool   // 421 instead of a greeting
	slow       bool   // greets after Options.SlowGreeting
	demandsTLS bool   // 530 until STARTTLS; the only kind that offers it
	drops      bool   // hangs up after it answered MAIL
	mute       bool   // never answers RCPT, nor anything after it
	greylists  bool   // 451 at the first contact of a triplet
	everyone   bool   // every local part exists
	refusal    string // the reply to every RCPT; {recipient} and {client} are filled in
}

// behaviors is the public table. Addresses follow from the position: add at
// the end.
var behaviors = []behavior{
	{name: "ok"},
	{name: "catchall", everyone: true},
	{name: "full", refusal: "452 4.2.2 <{recipient}>: Recipient address rejected: Mailbox is full"},
	{name: "disabled", refusal: "550 5.2.1 <{recipient}>: Recipient address rejected: Mailbox is disabled"},
	{name: "greylist", greylists: true},
	{name: "blocked", refusal: "554 5.7.1 Service unavailable; Client host [{client}] blocked using bl.blocklist.test"},
	{name: "busy", busy: true},
	{name: "relay", refusal: "550 5.7.1 <{recipient}>... Relaying denied"},
	{name: "slow", slow: true},
	{name: "tarpit", mute: true},
	{name: "drop", drops: true},
	{name: "tls", demandsTLS: true},
	{name: "nullmx", zone: nullMX},
	{name: "nomx", zone: noMail},
	{name: "implicit", zone: addressOnly},
	{name: "disposable"}, // a plain server; the lists know the domain
}

func (b behavior) hasExchanger() bool { return b.zone == withMX || b.zone == addressOnly }

// host is the exchanger of the domain.
func (b behavior) host(domain string) string {
	if b.zone == addressOnly {
		return domain
	}
	return "mx1." + domain
}

// mailboxExists reports whether a plain server has the mailbox, in any case.
// Tags are not known: the public table promises four names and no more.
func mailboxExists(local string) bool {
	local = strings.ToLower(local)
	switch local {
	case "alice", "bob", "postmaster":
		return true
	}
	return strings.HasPrefix(local, "user")
}

// behaviorOf returns the position in behaviors of a domain, given in lower
// case and without the final dot.
func behaviorOf(domain string) (int, bool) {
	label, isTest := strings.CutSuffix(domain, ".test")
	if !isTest || !hostLabel(label) {
		return 0, false
	}
	name, _, _ := strings.Cut(label, "-")
	for i, b := range behaviors {
		if b.name == name {
			return i, true
		}
	}
	return 0, false
}

// hostLabel reports whether s is one label of a host name, in lower case
// (RFC 1123 §2.1); ok-.test is none.
func hostLabel(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != "" && !strings.HasPrefix(s, "-") && !strings.HasSuffix(s, "-")
}

// The addresses of one behavior share the upper five bits of the third octet
// of 127.25.0.0/16; eleven bits are left to tell 2,048 hosts apart. Hosts that
// share an address share its behavior.
const (
	firstOctet, secondOctet = 127, 25
	hostBits                = 11
	maxBehaviors            = 1 << (16 - hostBits)
)

// addressOf returns the address of an exchanger, given in lower case, of the
// behavior at position i. It is the same in every run.
func addressOf(host string, i int) netip.Addr {
	h := fnv.New32a()
	_, _ = h.Write([]byte(host)) // never fails
	n := uint32(i)<<hostBits | h.Sum32()&(1<<hostBits-1)
	return netip.AddrFrom4([4]byte{firstOctet, secondOctet, byte(n >> 8), byte(n)})
}

// behaviorAt is the way back: the position in behaviors of an address that
// an exchanger may have.
func behaviorAt(ip netip.Addr) (int, bool) {
	ip = ip.Unmap()
	if !ip.Is4() {
		return 0, false
	}
	octets := ip.As4()
	i := int(octets[2]) >> (hostBits - 8)
	if octets[0] != firstOctet || octets[1] != secondOctet || i >= len(behaviors) {
		return 0, false
	}
	return i, behaviors[i].hasExchanger()
}
