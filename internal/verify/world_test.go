package verify_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/mx/mxtest"
	"rcpt/internal/pace"
	"rcpt/internal/safedial"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verify"
)

// clock is the time of a scenario. It stands still but for "after".
type clock struct {
	mu sync.Mutex
	at time.Time
}

func newClock() *clock { return &clock{at: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// world is the closed world of one scenario: real DNS on loopback, exchangers
// that follow a script, the real pipeline with the real guard against private
// addresses.
type world struct {
	verifier *verify.Verifier
	clock    *clock
	guard    safedial.Dialer
	canaries canaries
	vendors  *paid

	mu      sync.Mutex
	scripts map[string][]string // host -> dialogues left
	faults  []string
	running sync.WaitGroup
}

func newWorld(t *testing.T, archive *txtar.Archive) *world {
	w := &world{
		clock: newClock(), guard: safedial.Dialer{Allow: documentation()},
		canaries: canaries{seen: make(map[string]string)}, scripts: make(map[string][]string),
	}
	for _, f := range archive.Files {
		if host, ok := strings.CutPrefix(f.Name, "smtp "); ok {
			w.scripts[host] = append(w.scripts[host], string(f.Data))
		}
	}
	server := mxtest.Serve(t, zoneOf(t, section(archive, "dns")))
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: w.clock.now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	resolver := mx.New(mx.Config{Servers: []string{server.Addr()}, Now: w.clock.now, Shuffle: func(int, func(i, j int)) {}})
	w.vendors = paidVerifiers(t, section(archive, "vendor"), w.clock.now)
	log := slog.New(slog.DiscardHandler)
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Port: 25, Resolver: resolver, Dial: w.dial,
		Pacer: pace.New(pace.Config{Mode: pace.Off}), Log: log,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.verifier = verify.New(verify.Config{
		Lists: lists.NewLive(lists.New()), Tenant: ownLists(t, section(archive, "own"), tenant.NewBook(db.Control(), w.clock.now)),
		Overlay: reported(t, section(archive, "reported"), w.clock.now), Router: resolver, Prober: prober, Vendors: w.vendors, Cache: db.Cache(), Secret: []byte("scenario"), Now: w.clock.now, Log: log,
	})
	return w
}

// ownLists reads the own section, an entry a line:
//
//	key allow ok.example    the key's own list has the domain
//	key unreadable          what the key has cannot be read
func ownLists(t *testing.T, text string, book *tenant.Book) *own {
	o := &own{Book: book, unreadable: make(map[string]bool)}
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); len(fields) {
		case 2:
			o.unreadable[fields[0]] = fields[1] == "unreadable"
		case 3:
			if _, err := book.Add(t.Context(), fields[0], fields[1], fields[2:], nil); err != nil {
				t.Fatalf("own line %q: %v", line, err)
			}
		default:
			t.Fatalf("own line %q", line)
		}
	}
	return o
}

// own are the keys' own lists, some of which cannot be read.
type own struct {
	*tenant.Book
	unreadable map[string]bool
}

func (o *own) Match(ctx context.Context, key, domain string) (tenant.Match, error) {
	if o.unreadable[key] {
		return tenant.Match{}, errors.New("table is gone")
	}
	return o.Book.Match(ctx, key, domain)
}

// documentation are the networks that stand for the public internet (RFC 5737,
// RFC 3849).
func documentation() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}
}

// dial asks the guard, then starts the next dialogue of the host.
func (w *world) dial(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) {
	if !w.guard.Permits(to.Addr()) {
		return w.guard.DialIP(ctx, to) // what it says of what it does not permit
	}
	script, ok := w.next(host)
	if !ok {
		w.fault(fmt.Sprintf("unexpected connection to %s at %s", host, to))
		return nil, os.ErrPermission
	}
	switch strings.TrimSpace(script) {
	case "refused":
		return nil, errors.New("connection refused")
	case "unreachable": // no answer to the connection at all
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server, err := connected()
	if err != nil {
		return nil, err
	}
	w.running.Go(func() {
		defer func() { _ = server.Close() }()
		if err := play(server, host, script, &w.canaries); err != nil {
			w.fault(host + ": " + err.Error())
		}
	})
	return client, nil
}

// connected returns the ends of a TCP connection over loopback. A net.Pipe would
// not do: it has no buffers, so that a server that says 221 and a client that
// says goodbye to TLS wait for each other.
func connected() (client, server net.Conn, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = listener.Close() }()
	if client, err = net.Dial("tcp", listener.Addr().String()); err != nil {
		return nil, nil, err
	}
	server, err = listener.Accept()
	return client, server, err
}

// next takes the script of the next connection to host.
func (w *world) next(host string) (script string, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	left := w.scripts[host]
	if len(left) == 0 {
		return "", false
	}
	w.scripts[host] = left[1:]
	return left[0], true
}

func (w *world) fault(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.faults = append(w.faults, what)
}

// finish checks that the scripts were followed and used up.
func (w *world) finish(t *testing.T) {
	w.running.Wait()
	for _, fault := range w.faults {
		t.Error(fault)
	}
	w.vendors.finish(t)
	for host, left := range w.scripts {
		if len(left) > 0 {
			t.Errorf("%d connections to %s never came", len(left), host)
		}
	}
}

// zoneOf reads the dns section, a record or a behavior a line:
//
//	ok.example MX 10 mx.ok.example
//	mx.ok.example A 192.0.2.1
//	mx.ok.example A then 127.0.0.1    the second question is answered so
//	bare.example A none               the name exists without a record
//	ill.example MX !servfail          or !refused, !timeout, !truncate, !notcp
func zoneOf(t *testing.T, text string) mxtest.Zone {
	zone := mxtest.Zone{
		MX: map[string][]string{}, A: map[string][]string{}, AAAA: map[string][]string{}, CNAME: map[string]string{},
		Later: map[string][]string{}, Rules: map[string]mxtest.Rule{},
	}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) < 3 {
			t.Fatalf("dns line %q", line)
		}
		name, kind, value := fields[0], fields[1], strings.Join(fields[2:], " ")
		later, then := strings.CutPrefix(value, "then ")
		switch {
		case strings.HasPrefix(value, "!"):
			zone.Rules[name+" "+kind] = rule(t, value)
		case then:
			zone.Later[name] = append(zone.Later[name], later)
		case kind == "MX":
			zone.MX[name] = append(zone.MX[name], value)
		case kind == "A" && value == "none":
			zone.A[name] = nil
		case kind == "A":
			zone.A[name] = append(zone.A[name], value)
		case kind == "AAAA":
			zone.AAAA[name] = append(zone.AAAA[name], value)
		case kind == "CNAME":
			zone.CNAME[name] = value
		default:
			t.Fatalf("dns line %q", line)
		}
	}
	return zone
}

func rule(t *testing.T, value string) mxtest.Rule {
	switch value {
	case "!servfail":
		return mxtest.Rule{ServFail: true}
	case "!refused":
		return mxtest.Rule{Refused: true}
	case "!timeout":
		return mxtest.Rule{Timeout: true}
	case "!truncate":
		return mxtest.Rule{Truncate: true}
	case "!notcp":
		return mxtest.Rule{Truncate: true, NoTCP: true}
	}
	t.Fatalf("dns behavior %q", value)
	return mxtest.Rule{}
}
