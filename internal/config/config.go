// Package config reads the settings of one rcpt process from its environment,
// once, and hands out plain values.
//
// It is the only place that knows the names of the settings. Read goes through
// a lookup function, so a test needs no real environment, and reports everything
// malformed together: an operator mends one list, not one line per restart.
// Settings lists the names with their meaning, for the comparison with the
// deployment template and the README.
//
// A setting that is absent or empty has its default. The defaults are those of
// `make run`, the product on one machine; the deployment template sets what
// differs elsewhere. What a Lambda function cannot do without has no default
// there: ReadFunction asks for it, Settings says for which function.
//
// What it leaves out: it opens no file, resolves no name and checks nothing
// against the world. Policies and clients are made of these values in app.
package config

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Pacing says whether the limits that protect our reputation govern probes.
type Pacing string

// The choices of RCPT_PACING.
const (
	PacingAuto Pacing = "auto" // governs all but simulated hosts and the networks of ProbeAllow
	PacingOn   Pacing = "on"   // governs every host
	PacingOff  Pacing = "off"  // governs none
)

// Config is the environment of one process. Its values are valid when Read
// returned no error.
type Config struct {
	// Addr is where `make run` listens, host:port. An empty host means every
	// interface, port 0 a free one. Default 127.0.0.1:8080.
	Addr string

	// Data is the folder of the embedded storage; deleting it resets
	// everything. Default .local.
	Data string

	// PublicURL is how the outside sees us: scheme, host and an optional path
	// without a final slash. Default http:// and Addr; empty in Lambda functions,
	// which are reached as each request says.
	PublicURL string

	// Secret keys the hashes of addresses. Empty means that the process makes
	// one in Data and keeps it. It must never change while data lives: what was
	// hashed with another secret is not found again.
	Secret Secret

	// DNS lists the name servers, each host:port. Empty means those of the
	// system.
	DNS []string

	// Sim says that .test is the simulated mail internet; otherwise its names
	// go to DNS like any other. Default true.
	Sim bool

	// SMTPPort is the port probed on MX hosts, 1 to 65535. Default 25.
	SMTPPort int

	// ProbeAllow lists the networks that the guard against private addresses
	// lets a probe reach, masked. Default none.
	ProbeAllow []netip.Prefix

	// WebhookAllow lists the networks that the guard against private addresses lets
	// webhooks reach, and the only ones for http, masked. Default none.
	WebhookAllow []netip.Prefix

	// Pacing governs limits, breaker, unknown-recipient brake and not-found
	// hold. Default PacingAuto.
	Pacing Pacing

	// EgressCheck lists exchangers of others, each host:port, that must greet us
	// for us to believe that our own port 25 is open. Three of different operators
	// make a check that one of them cannot spoil. Default none; with EgressLists
	// empty, too, the check is off.
	EgressCheck []string

	// EgressIP is the address that we are seen with: that of the NAT. EgressLists
	// are DNS lists, by zone, that it must not be on; only those whose listing
	// makes probing useless. Default none.
	EgressIP    netip.Addr
	EgressLists []string

	// HELO is the name the prober introduces itself with. Default: the host
	// name handed to Read, or localhost when that cannot stand in a command.
	HELO string

	// MailFrom is the envelope sender of probes. Default verify@ and HELO.
	MailFrom string

	// ListsURLs is where the daily refresh of the lists fetches from. Default the
	// built-in sources; none when RCPT_LISTS_URLS is off.
	ListsURLs []ListURL

	// VendorBase is where vendors are reached, by name, other than at their own:
	// a base URL, or VendorSim. Default none.
	VendorBase map[string]string

	// AWS is where the ports lead on AWS. `make run` does not look at it.
	AWS AWS
}

// AWS names the resources that the functions work with, as their services do. A
// name that the function does not need may be empty.
type AWS struct {
	ControlTable  string // DynamoDB: what must not be lost
	CacheTable    string // DynamoDB: what may be dropped at any time
	Bucket        string // S3: uploads, results, refreshed lists
	VaultKey      string // KMS: id or ARN of the key that seals secrets
	StateMachine  string // Step Functions: ARN of the job's state machine
	ProbeQueue    string // SQS: URL
	DeliveryQueue string // SQS: URL
	VendorQueue   string // SQS: URL
}

// Read reads the settings through lookup, which returns "" for one that is
// absent (os.Getenv does). The hostname is the default of RCPT_HELO.
//
// The error joins one line per malformed setting, each naming the setting, the
// value found and what is expected. The text of RCPT_SECRET is never in it.
//
// See Settings for what there is.
func Read(lookup func(name string) string, hostname string) (Config, error) {
	r := reader{lookup: lookup}
	c := r.read(hostname, "on")
	if err := errors.Join(r.problems...); err != nil {
		return Config{}, err
	}
	return c, nil
}

// ReadFunction reads the settings of one Lambda function, by its name in
// functions/. It is Read, but what the function needs must be set, and the
// simulated mail internet is off unless RCPT_SIM says on. The host name of a
// Lambda environment is no default for anything.
//
// The error is one line, as logs have it, that tells everything missing and
// malformed.
func ReadFunction(function string, lookup func(name string) string) (Config, error) {
	r := reader{lookup: lookup}
	c := r.read("", "off")
	if lookup("RCPT_PUBLIC_URL") == "" {
		c.PublicURL = ""
	}
	r.noDoubles(c.VendorBase)
	for _, s := range Settings() {
		if slices.Contains(strings.Fields(s.Needed), function) && lookup(s.Name) == "" {
			r.problems = append(r.problems, fmt.Errorf("%s is missing: %s", s.Name, s.Meaning))
		}
	}
	if len(r.problems) == 0 {
		return c, nil
	}
	lines := make([]string, len(r.problems))
	for i, problem := range r.problems {
		lines[i] = problem.Error()
	}
	return Config{}, fmt.Errorf("settings not usable: %s", strings.Join(lines, "; "))
}

// read reads everything and notes what is wrong.
func (r *reader) read(hostname, sim string) Config {
	c := Config{
		Addr:         r.address("RCPT_ADDR", "127.0.0.1:8080"),
		Data:         r.text("RCPT_DATA", ".local"),
		Secret:       NewSecret(r.lookup("RCPT_SECRET")),
		DNS:          r.endpoints("RCPT_DNS", "192.0.2.53:53"),
		Sim:          r.choice("RCPT_SIM", sim, "on", "off") == "on",
		SMTPPort:     r.port("RCPT_SMTP_PORT", 25),
		ProbeAllow:   r.networks("RCPT_PROBE_ALLOW"),
		WebhookAllow: r.networks("RCPT_WEBHOOK_ALLOW"),
		Pacing:       Pacing(r.choice("RCPT_PACING", "auto", "auto", "on", "off")),
		EgressCheck:  r.endpoints("RCPT_EGRESS_CHECK", "mx.example.com:25"),
		EgressIP:     r.ip("RCPT_EGRESS_IP"),
		EgressLists:  r.zones("RCPT_EGRESS_LISTS"),
		HELO:         r.mailName("RCPT_HELO", introducible(hostname)),
	}
	c.PublicURL = r.url("RCPT_PUBLIC_URL", "http://"+reachable(c.Addr))
	c.MailFrom = r.sender("RCPT_MAIL_FROM", "verify@"+c.HELO)
	c.ListsURLs = r.lists("RCPT_LISTS_URLS")
	c.VendorBase = r.vendorBases()
	c.AWS = AWS{
		ControlTable:  r.resource("RCPT_CONTROL_TABLE"),
		CacheTable:    r.resource("RCPT_CACHE_TABLE"),
		Bucket:        r.resource("RCPT_BUCKET"),
		VaultKey:      r.resource("RCPT_VAULT_KEY"),
		StateMachine:  r.resource("RCPT_STATE_MACHINE"),
		ProbeQueue:    r.queue("RCPT_PROBE_QUEUE"),
		DeliveryQueue: r.queue("RCPT_DELIVERY_QUEUE"),
		VendorQueue:   r.queue("RCPT_VENDOR_QUEUE"),
	}
	return c
}

// introducible is the host name if an SMTP dialogue can carry it. A machine that
// a person named freely must start all the same.
func introducible(hostname string) string {
	if mailDomain(hostname) {
		return hostname
	}
	return "localhost"
}

// reachable is addr as a client writes it: a listener on every interface has no
// host, a URL must have one.
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}

// reader looks settings up and gathers what is wrong with them.
type reader struct {
	lookup   func(string) string
	problems []error
}

// reject notes that the value of a setting is not what it should be.
func (r *reader) reject(name, value, want string) {
	r.problems = append(r.problems, fmt.Errorf("%s is %q: want %s", name, value, want))
}
