package sim

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// limit ends a test that hangs; no test waits for it.
const limit = 20 * time.Second

func start(t *testing.T, o Options) *World {
	t.Helper()
	w, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return w
}

// ask sends one question to the world's DNS and returns the answer.
func ask(t *testing.T, w *World, network, name string, qtype uint16) *dns.Msg {
	t.Helper()
	q := new(dns.Msg).SetQuestion(dns.Fqdn(name), qtype)
	c := dns.Client{Net: network, Timeout: limit}
	m, _, err := c.Exchange(q, w.DNS())
	if err != nil {
		t.Fatalf("ask %s for %s %s: %v", network, name, dns.TypeToString[qtype], err)
	}
	return m
}

// dial goes the way a client goes: MX or implicit MX, address, connection.
func dial(t *testing.T, w *World, domain string) net.Conn {
	t.Helper()
	host := domain
	if mx := ask(t, w, "udp", domain, dns.TypeMX); len(mx.Answer) == 1 {
		host = mx.Answer[0].(*dns.MX).Mx
	}
	a := ask(t, w, "udp", host, dns.TypeA)
	if len(a.Answer) != 1 {
		t.Fatalf("%s has no address: %v", host, a)
	}
	ip, ok := addrOf(a.Answer[0])
	if !ok {
		t.Fatalf("%s: no address in %v", host, a.Answer[0])
	}
	conn, err := w.Dial(context.Background(), ip)
	if err != nil {
		t.Fatalf("dial %s: %v", domain, err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(limit))
	return conn
}

// talk plays a script. "C: " lines are sent; those that follow each other
// leave in one write. "S: " lines are what the server must answer, exactly;
// "S: EOF" is the end of the connection and "C: EOF" the client's own end.
func talk(t *testing.T, conn net.Conn, script string) {
	t.Helper()
	in := bufio.NewReader(conn)
	var group strings.Builder
	for _, step := range strings.Split(strings.TrimSpace(script), "\n") {
		who, line, ok := strings.Cut(strings.TrimSpace(step), ": ")
		switch {
		case !ok || who != "C" && who != "S":
			t.Fatalf("no step: %q", step)
		case who == "C" && line != "EOF":
			group.WriteString(line + "\r\n")
			continue
		}
		if group.Len() > 0 {
			if _, err := io.WriteString(conn, group.String()); err != nil {
				t.Fatalf("send before %q: %v", step, err)
			}
			group.Reset()
		}
		if who == "C" {
			_ = conn.(*net.TCPConn).CloseWrite()
			continue
		}
		if err := expect(in, line); err != nil {
			t.Fatal(err)
		}
	}
}

func expect(in *bufio.Reader, want string) error {
	got, err := in.ReadString('\n')
	switch {
	case want == "EOF" && got == "" && err == io.EOF:
		return nil
	case err != nil:
		return fmt.Errorf("got %q and %v, want %q", got, err, want)
	case got != want+"\r\n":
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

// hello is the beginning of a dialogue with a host that offers pipelining.
func hello(host string) string {
	return strings.ReplaceAll(`
		S: 220 HOST ESMTP Postfix
		C: EHLO probe.example
		S: 250-HOST
		S: 250-PIPELINING
		S: 250-ENHANCEDSTATUSCODES
		S: 250-8BITMIME
		S: 250 SMTPUTF8`, "HOST", host)
}

// group is one pipelined probe: MAIL, the address, an unlikely local part and
// QUIT, all answered as given.
func group(domain, address, canary string) string {
	return strings.NewReplacer("DOMAIN", domain, "ADDRESS", address, "CANARY", canary).Replace(`
		C: MAIL FROM:<verify@probe.example>
		C: RCPT TO:<alice@DOMAIN>
		C: RCPT TO:<qx7k2m9v4tzw81@DOMAIN>
		C: QUIT
		S: 250 2.1.0 Ok
		S: ADDRESS
		S: CANARY
		S: 221 2.0.0 Bye
		S: EOF`)
}

const (
	accepted = "250 2.1.5 Ok"
	unknown  = "550 5.1.1 <qx7k2m9v4tzw81@DOMAIN>: Recipient address rejected: User unknown in virtual mailbox table"
)

// TestEveryRowOfTheTable holds one dialogue for each behavior that has an
// exchanger, with the domain itself and with a domain of its own.
func TestEveryRowOfTheTable(t *testing.T) {
	w := start(t, Options{SlowGreeting: 5 * time.Millisecond})
	refused := func(reply string) func(string) string {
		return func(domain string) string {
			return group(domain, strings.ReplaceAll(reply, "BOX", "alice"), strings.ReplaceAll(reply, "BOX", "qx7k2m9v4tzw81"))
		}
	}
	plain := func(domain string) string { return group(domain, accepted, unknown) }
	rows := map[string]func(domain string) string{
		"ok":         plain,
		"slow":       plain,
		"implicit":   plain,
		"disposable": plain,
		"catchall":   refused(accepted),
		"full":       refused("452 4.2.2 <BOX@DOMAIN>: Recipient address rejected: Mailbox is full"),
		"disabled":   refused("550 5.2.1 <BOX@DOMAIN>: Recipient address rejected: Mailbox is disabled"),
		"greylist":   refused("451 4.7.1 <BOX@DOMAIN>: Recipient address rejected: Greylisted, try again in 20 seconds"),
		"blocked":    refused("554 5.7.1 Service unavailable; Client host [127.0.0.1] blocked using bl.blocklist.test"),
		"relay":      refused("550 5.7.1 <BOX@DOMAIN>... Relaying denied"),
		"tarpit": func(string) string {
			return `
				C: MAIL FROM:<verify@probe.example>
				S: 250 2.1.0 Ok
				C: RCPT TO:<alice@DOMAIN>
				C: RSET
				C: QUIT
				C: EOF
				S: EOF`
		},
		"drop": func(string) string {
			return `
				C: MAIL FROM:<verify@probe.example>
				C: RCPT TO:<alice@DOMAIN>
				C: QUIT
				S: 250 2.1.0 Ok
				S: EOF`
		},
	}
	for name, script := range rows {
		for _, domain := range []string{name + ".test", name + "-42.test"} {
			t.Run(domain, func(t *testing.T) {
				host := "mx1." + name + ".test"
				if name == "implicit" {
					host = "implicit.test"
				}
				text := hello(host) + script(domain)
				talk(t, dial(t, w, domain), strings.ReplaceAll(text, "DOMAIN", domain))
			})
		}
	}
	covered := len(rows) + len([]string{"busy", "tls", "nullmx", "nomx"}) // these have tests of their own
	if covered != len(behaviors) {
		t.Errorf("dialogues for %d behaviors, want %d", covered, len(behaviors))
	}
}

func TestDialogues(t *testing.T) {
	w := start(t, Options{})
	for _, test := range []struct{ claim, domain, script string }{
		{"busy greets with 421 and hangs up", "busy.test", `
			S: 421 4.3.2 All server ports are busy
			S: EOF`},
		{"one command at a time", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<bob@ok.test>
			S: 250 2.1.5 Ok
			C: QUIT
			S: 221 2.0.0 Bye
			S: EOF`},
		{"HELO works and offers nothing", "ok.test", `
			S: 220 mx1.ok.test ESMTP Postfix
			C: HELO probe.example
			S: 250 mx1.ok.test
			C: MAIL FROM:<>
			S: 250 2.1.0 Ok
			C: RCPT TO:<bob@ok.test>
			S: 250 2.1.5 Ok`},
		{"mailboxes in any case, quoted, by prefix, and postmaster bare", "ok.test", hello("mx1.ok.test") + `
			C: mail from:<verify@probe.example> BODY=8BITMIME
			C: rcpt to:<ALICE@OK.TEST>
			C: RCPT TO:<User.17@ok.test>
			C: RCPT TO:<"al\ice"@ok.test>
			C: RCPT TO:<postmaster@ok-9.test>
			C: RCPT TO:<Postmaster>
			C: RCPT TO:<alice+news@ok.test>
			C: RCPT TO:<malice@ok.test>
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok
			S: 250 2.1.5 Ok
			S: 250 2.1.5 Ok
			S: 250 2.1.5 Ok
			S: 250 2.1.5 Ok
			S: 550 5.1.1 <alice+news@ok.test>: Recipient address rejected: User unknown in virtual mailbox table
			S: 550 5.1.1 <malice@ok.test>: Recipient address rejected: User unknown in virtual mailbox table`},
		{"no relaying for other domains", "catchall.test", hello("mx1.catchall.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@ok.test>
			C: RCPT TO:<alice@mail.example>
			C: RCPT TO:<alice@[192.0.2.1]>
			C: RCPT TO:<alice@sub.catchall.test>
			C: RCPT TO:<alice>
			S: 250 2.1.0 Ok
			S: 554 5.7.1 <alice@ok.test>: Relay access denied
			S: 554 5.7.1 <alice@mail.example>: Relay access denied
			S: 554 5.7.1 <alice@[192.0.2.1]>: Relay access denied
			S: 554 5.7.1 <alice@sub.catchall.test>: Relay access denied
			S: 554 5.7.1 <alice>: Relay access denied`},
		{"a second group after RSET", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@ok.test>
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok
			C: RSET
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<bob@ok.test>
			S: 250 2.0.0 Ok
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok`},
		{"wrong order", "ok.test", `
			S: 220 mx1.ok.test ESMTP Postfix
			C: MAIL FROM:<verify@probe.example>
			S: 503 5.5.1 Error: send HELO/EHLO first
			C: RCPT TO:<alice@ok.test>
			S: 503 5.5.1 Error: need MAIL command
			C: EHLO
			S: 501 5.5.4 Syntax: EHLO hostname` + strings.TrimPrefix(hello("mx1.ok.test"), "\n\t\tS: 220 mx1.ok.test ESMTP Postfix") + `
			C: MAIL FROM:<verify@probe.example>
			C: MAIL FROM:<verify@probe.example>
			S: 250 2.1.0 Ok
			S: 503 5.5.1 Error: nested MAIL command`},
		{"wrong syntax", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:verify@probe.example
			S: 501 5.5.4 Syntax: MAIL FROM:<address>
			C: MAIL FROM:<verify@probe.example> SIZE=10
			S: 555 5.5.4 Unsupported option: SIZE=10
			C: MAIL FROM: <verify@probe.example>
			S: 250 2.1.0 Ok
			C: RCPT TO:<>
			S: 501 5.5.4 Syntax: RCPT TO:<address>
			C: RCPT TO:<alice@ok.test> NOTIFY=NEVER
			S: 555 5.5.4 Unsupported option: NOTIFY=NEVER
			C: FROB
			S: 502 5.5.2 Error: command not recognized
			C: STARTTLS
			S: 502 5.5.1 Error: command not implemented`},
		{"no message is taken", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@ok.test>
			C: DATA
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok
			S: 554 5.7.1 Error: this world takes no messages
			C: VRFY alice
			S: 252 2.0.0 alice
			C: NOOP
			S: 250 2.0.0 Ok`},
		{"SMTPUTF8 must be declared", "catchall.test", hello("mx1.catchall.test") + `
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<jürgen@catchall.test>
			C: RSET
			C: MAIL FROM:<verify@probe.example> SMTPUTF8
			C: RCPT TO:<jürgen@catchall.test>
			S: 250 2.1.0 Ok
			S: 553 5.6.7 Must declare SMTPUTF8 to send unicode address
			S: 250 2.0.0 Ok
			S: 250 2.1.0 Ok
			S: 250 2.1.5 Ok`},
		{"nothing may follow EHLO in its group", "ok.test", `
			S: 220 mx1.ok.test ESMTP Postfix
			C: EHLO probe.example
			C: MAIL FROM:<verify@probe.example>
			S: 554 5.5.0 Error: SMTP protocol synchronization
			S: EOF`},
		{"no pipelining after HELO", "ok.test", `
			S: 220 mx1.ok.test ESMTP Postfix
			C: HELO probe.example
			S: 250 mx1.ok.test
			C: MAIL FROM:<verify@probe.example>
			C: RCPT TO:<alice@ok.test>
			S: 554 5.5.0 Error: SMTP protocol synchronization
			S: EOF`},
		{"an endless line", "ok.test", `
			S: 220 mx1.ok.test ESMTP Postfix
			C: EHLO ` + strings.Repeat("x", lineLimit) + `
			S: 500 5.5.2 Error: line too long
			S: EOF`},
		{"the twentieth error ends the session", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>` + strings.Repeat("\nC: RCPT TO:<x@ok.test>", errorLimit+1) + `
			S: 250 2.1.0 Ok` + strings.Repeat("\nS: 550 5.1.1 <x@ok.test>: Recipient address rejected: User unknown in virtual mailbox table", errorLimit) + `
			S: 421 4.7.0 mx1.ok.test Error: too many errors
			S: EOF`},
		{"recipients have a limit", "ok.test", hello("mx1.ok.test") + `
			C: MAIL FROM:<verify@probe.example>` + strings.Repeat("\nC: RCPT TO:<bob@ok.test>", recipientLimit+1) + `
			S: 250 2.1.0 Ok` + strings.Repeat("\nS: 250 2.1.5 Ok", recipientLimit) + `
			S: 452 4.5.3 Error: too many recipients`},
	} {
		t.Run(test.claim, func(t *testing.T) { talk(t, dial(t, w, test.domain), test.script) })
	}
}

func TestTarpitWaitsForTheClient(t *testing.T) {
	w := start(t, Options{})
	conn := dial(t, w, "tarpit.test")
	talk(t, conn, hello("mx1.tarpit.test")+`
		C: MAIL FROM:<verify@probe.example>
		C: RCPT TO:<alice@tarpit.test>
		S: 250 2.1.0 Ok`)
	_ = conn.SetReadDeadline(time.Now().Add(30 * time.Millisecond))
	n, err := conn.Read(make([]byte, 1))
	if e, ok := err.(net.Error); !ok || !e.Timeout() {
		t.Errorf("read %d octets and %v, want a timeout", n, err)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if err := w.Settle(ended); err != context.Canceled {
		t.Errorf("Settle = %v, want %v: the session is open", err, context.Canceled)
	}
}

func TestIdleClientIsSentAway(t *testing.T) {
	w := start(t, Options{Idle: 20 * time.Millisecond})
	talk(t, dial(t, w, "ok.test"), `
		S: 220 mx1.ok.test ESMTP Postfix
		S: 421 4.4.2 mx1.ok.test Error: timeout exceeded
		S: EOF`)
}

func TestSlowGreeting(t *testing.T) {
	const pause = 40 * time.Millisecond
	w := start(t, Options{SlowGreeting: pause})
	began := time.Now()
	talk(t, dial(t, w, "slow.test"), `S: 220 mx1.slow.test ESMTP Postfix`)
	if waited := time.Since(began); waited < pause {
		t.Errorf("greeted after %v, want at least %v", waited, pause)
	}
}

func TestEarlyTalkerIsCaught(t *testing.T) {
	w := start(t, Options{SlowGreeting: limit})
	talk(t, dial(t, w, "slow.test"), `
		C: EHLO probe.example
		S: 554 5.5.0 Error: SMTP protocol synchronization
		S: EOF`)
	if got := w.Counts().EarlyTalkers; got != 1 {
		t.Errorf("early talkers = %d, want 1", got)
	}
}
