package notify

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"rcpt/internal/safedial"
)

// URLError says why no webhook is sent to a URL, in words that may be shown to
// the caller. It Is ErrURL.
type URLError struct{ Problem string }

// Error is the problem, as it follows the name of a field.
func (e *URLError) Error() string { return e.Problem }

// Unwrap returns ErrURL.
func (e *URLError) Unwrap() error { return ErrURL }

// maxURL is the longest URL, in octets: what programs commonly take.
const maxURL = 2048

// CheckURL reports whether webhooks may be sent to a URL: https, of a public
// host, without user, password and fragment, to port 443, 80 or one from 1024
// on. In the networks of allow anything goes, http among it.
//
// It looks nothing up. Of a name it cannot know where it leads: an http URL of a
// name is taken if there is any allowed network, and NewTransport connects only
// if it leads there, as it refuses https names that lead to private addresses.
//
// The error is a *URLError.
func CheckURL(text string, allow []netip.Prefix) error {
	u, err := url.Parse(text)
	switch {
	case len(text) > maxURL:
		return &URLError{"may have " + strconv.Itoa(maxURL) + " octets"}
	case err != nil || u.Hostname() == "" || u.Opaque != "" || !plain(text):
		return &URLError{"must be a URL such as https://example.com/webhooks"}
	case u.Scheme != "https" && u.Scheme != "http":
		return &URLError{"must begin with https://"}
	case u.User != nil:
		return &URLError{"must not carry a user or a password; webhooks are signed"}
	case u.Fragment != "" || strings.Contains(text, "#"):
		return &URLError{"must not have a fragment"}
	}
	return checkHost(u, allow)
}

// CheckURL is CheckURL with the networks that the Book allows.
func (b *Book) CheckURL(text string) error { return CheckURL(text, b.cfg.Allow) }

func checkHost(u *url.URL, allow []netip.Prefix) error {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	ip, err := netip.ParseAddr(host)
	literal, local := err == nil, host == "localhost" || strings.HasSuffix(host, ".localhost")
	switch {
	case literal && within(allow, ip.Unmap()):
		return nil
	case local && (within(allow, netip.AddrFrom4([4]byte{127, 0, 0, 1})) || within(allow, netip.IPv6Loopback())):
		return nil
	case literal && !safedial.Public(ip), local:
		return &URLError{"must name a public host"}
	case u.Scheme == "http" && (literal || len(allow) == 0):
		return &URLError{"must begin with https://; http is taken in the networks of RCPT_WEBHOOK_ALLOW alone"}
	case u.Scheme == "http":
		return nil
	}
	return checkPort(u.Port())
}

// checkPort leaves out the ports of other protocols, where a request of ours
// could mean something to a server that is not the caller's.
func checkPort(port string) error {
	if port == "" {
		return nil
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n < 1024 && n != 80 && n != 443 {
		return &URLError{"must have port 443, 80 or one from 1024 to 65535"}
	}
	return nil
}

// plain reports whether a text is printable ASCII without blanks, as URLs are
// (RFC 3986 §2).
func plain(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c <= ' ' || c >= 0x7f })
}

func within(networks []netip.Prefix, ip netip.Addr) bool {
	for _, network := range networks {
		if network.Contains(ip) {
			return true
		}
	}
	return false
}
