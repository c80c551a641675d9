package smtpprobe

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
)

// Openings of scripts, up to EHLO's answer.
const (
	helo      = "S: 220 mx.example ESMTP\nC: EHLO probe.rcpt.example\n"
	pipelined = helo + "S: 250-mx.example\nS: 250-PIPELINING\nS: 250 STARTTLS\n"
	stepwise  = helo + "S: 250-mx.example\nS: 250 SIZE 1000\n"
)

// probe is one Probe of a test: what is asked, what the exchangers do, what is
// learned.
type probe struct {
	name     string
	ask      string              // local parts at ok.example, or whole addresses
	noCanary bool                // else "canary" is one more
	tls      bool                // Batch.TLS
	timeout  time.Duration       // the caller's; 0: none
	mx1, mx2 []script            // of mx1.example and, if there are any, mx2.example
	addrs    map[string][]string // of hosts
	v6       map[string][]string
	want     string // as show prints it

	trips string        // round trips of each connection, "4 4"; "": not checked
	took  time.Duration // 0: not checked
}

// run plays the probe in a bubble and compares.
func (p probe) run(t *testing.T) {
	t.Helper()
	t.Run(p.name, func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			result, took := p.play(t, t.Context(), pace.New(pace.Config{Mode: pace.Off}))
			if got, want := show(result), trim(p.want); got != want {
				t.Errorf("result\n got: %s\nwant: %s", indent(got), indent(want))
			}
			if got := trips(result); p.trips != "" && got != p.trips {
				t.Errorf("round trips: got %s, want %s", got, p.trips)
			}
			if p.took != 0 && took != p.took {
				t.Errorf("took %s, want %s", took, p.took)
			}
		})
	})
}

// play runs Probe, says how long it took and checks that the scripts were
// followed to the end.
func (p probe) play(t *testing.T, ctx context.Context, pacer *pace.Pacer) (Result, time.Duration) {
	t.Helper()
	n := &network{t: t, addrs: p.addrs, v6: p.v6, scripts: map[string][]script{"mx1.example": p.mx1, "mx2.example": p.mx2}}
	hosts := []mx.Host{{Name: "mx1.example"}}
	if p.mx2 != nil || p.addrs["mx2.example"] != nil {
		hosts = append(hosts, mx.Host{Name: "mx2.example", Preference: 10})
	}
	if p.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.timeout)
		defer cancel()
	}
	prober, batch := newProber(t, n, pacer), p.batch(t, hosts)
	began := time.Now()
	result := prober.Probe(ctx, batch)
	took := time.Since(began)
	n.finish()
	return result, took
}

func newProber(t *testing.T, n *network, pacer *pace.Pacer) *Prober {
	t.Helper()
	prober, err := New(Config{
		HELO: "probe.rcpt.example", MailFrom: "verify@rcpt.example", Port: 25, Resolver: n, Dial: n.dial,
		Pacer: pacer, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return prober
}

func (p probe) batch(t *testing.T, hosts []mx.Host) Batch {
	t.Helper()
	b := Batch{Domain: "ok.example", Hosts: hosts, TLS: p.tls}
	for _, local := range strings.Fields(p.ask) {
		if !strings.Contains(local, "@") {
			local += "@ok.example"
		}
		b.Recipients = append(b.Recipients, parse(t, local))
	}
	if !p.noCanary {
		b.Canary = parse(t, "canary@ok.example")
	}
	return b
}

func parse(t *testing.T, text string) address.Address {
	t.Helper()
	a, err := address.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// show prints a result: a line for each recipient, and for canary and control
// if there are any, with class, stage, code and rule-made flags.
func show(r Result) string {
	var b strings.Builder
	for i, a := range r.Answers {
		showAnswer(&b, strconv.Itoa(i+1), a)
	}
	showAnswer(&b, "canary", r.Canary)
	showAnswer(&b, "control", r.Control)
	if r.TLSDemanded {
		b.WriteString("tls demanded\n")
	}
	if r.HoldNotFound {
		b.WriteString("hold not found\n")
	}
	return strings.TrimSpace(b.String())
}

func showAnswer(b *strings.Builder, name string, a Answer) {
	if a.Class == "" {
		return
	}
	fmt.Fprintf(b, "%s %s", name, a.Class)
	if a.Stage != "" {
		fmt.Fprintf(b, " %s", a.Stage)
	}
	if a.Code != 0 {
		fmt.Fprintf(b, " %d", a.Code)
	}
	b.WriteString("\n")
}

func trips(r Result) string {
	var all []string
	for _, c := range r.Contacts {
		all = append(all, strconv.Itoa(c.RoundTrips))
	}
	return strings.Join(all, " ")
}

// trim takes the indentation off a test's expectation.
func trim(text string) string {
	var lines []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func indent(text string) string { return strings.ReplaceAll("\n"+text, "\n", "\n\t") }

// Replies.
const (
	ok  = "250 2.1.0 Ok"
	yes = "250 2.1.5 Ok"
	no  = "550 5.1.1 Recipient address rejected: User unknown in virtual mailbox table"
	bye = "\nS: 221 2.0.0 Bye\n"
)

// write is one write and the replies to it: MAIL, RCPTs as "alice" and what is
// said to them behind the name, "alice 250 2.1.5 Ok"; nothing is said to a name
// alone. again begins with RSET, last ends with QUIT.
func write(mailReply string, rcpts ...string) script { return lines("", "", mailReply, rcpts, "") }

func last(mailReply string, rcpts ...string) script {
	return lines("", "", mailReply, rcpts, "C: QUIT\n")
}

func again(mailReply string, rcpts ...string) script {
	return lines("C: RSET\n", "S: 250 2.0.0 Ok\n", mailReply, rcpts, "")
}

func againLast(mailReply string, rcpts ...string) script {
	return lines("C: RSET\n", "S: 250 2.0.0 Ok\n", mailReply, rcpts, "C: QUIT\n")
}

func lines(said, answered, mailReply string, rcpts []string, end string) script {
	said += "C: MAIL FROM:<verify@rcpt.example>\n"
	if mailReply != "" {
		answered += "S: " + mailReply + "\n"
	}
	for _, r := range rcpts {
		local, answer, _ := strings.Cut(r, " ")
		said += "C: RCPT TO:<" + local + "@ok.example>\n"
		if answer != "" {
			answered += "S: " + answer + "\n"
		}
	}
	return said + end + answered
}

// each puts one reply behind every one of the names.
func each(names, answer string) []string {
	var all []string
	for name := range strings.FieldsSeq(names) {
		all = append(all, name+" "+answer)
	}
	return all
}

// names are so many recipients, numbered from first.
func names(first, last int) string {
	var all []string
	for i := first; i <= last; i++ {
		all = append(all, "user"+strconv.Itoa(i))
	}
	return strings.Join(all, " ")
}

// expect prints what show does for recipients first to last with one answer.
func expect(first, last int, answer string) string {
	var b strings.Builder
	for i := first; i <= last; i++ {
		fmt.Fprintf(&b, "%d %s\n", i, answer)
	}
	return b.String()
}
