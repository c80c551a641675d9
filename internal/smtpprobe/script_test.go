package smtpprobe

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/safedial"
)

// A script is a dialogue from the exchanger's side, a line a step:
//
//	S: text      said, with CRLF; neighboring lines leave in one write
//	S- text      said as it stands, with Go's escapes, in a write of its own
//	C: text      must come; neighboring lines must come in one write
//	wait 6s      time passes
//	drip 1s text said with CRLF, an octet at a time
//	flood text   said again and again until the client leaves
//	starttls     the handshake, from here on everything under TLS; "starttls old" with suites long broken
//	close        hangs up
//
// At its end the client must leave without another word. A script of the one
// word "refused", "forbidden" or "unreachable" is about the connection itself.
type script = string

// network is what a test's exchangers are: the dialogues of each host, one a
// connection, in order. It is used inside a synctest bubble, where goroutines
// that do not end fail the test.
type network struct {
	t     *testing.T
	addrs map[string][]string // of hosts; others are at 192.0.2.25
	v6    map[string][]string

	mu      sync.Mutex
	scripts map[string][]script
	dialed  []string // host and address of every connection tried
	running sync.WaitGroup
}

func (n *network) Addrs(_ context.Context, host string) mx.Addrs {
	addrs, known := n.addrs[host]
	switch {
	case !known:
		addrs = []string{"192.0.2.25"}
	case len(addrs) == 0:
		return mx.Addrs{Status: mx.NXDomain}
	case addrs[0] == "servfail":
		return mx.Addrs{Status: mx.Failed, Detail: "SERVFAIL"}
	}
	return parseAddrs(addrs)
}

func (n *network) AddrsV6(_ context.Context, host string) mx.Addrs { return parseAddrs(n.v6[host]) }

func parseAddrs(texts []string) mx.Addrs {
	a := mx.Addrs{Status: mx.Found}
	for _, text := range texts {
		a.IPs = append(a.IPs, netip.MustParseAddr(text))
	}
	return a
}

// dial begins the host's next dialogue.
func (n *network) dial(ctx context.Context, host string, to netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	n.dialed = append(n.dialed, host+" "+to.String())
	left := n.scripts[host]
	if len(left) == 0 {
		n.mu.Unlock()
		n.t.Errorf("connection to %s, which no script expects", host)
		return nil, os.ErrPermission
	}
	n.scripts[host] = left[1:]
	n.mu.Unlock()
	switch left[0] {
	case "refused":
		return nil, errors.New("connect: connection refused by 192.0.2.25:25")
	case "forbidden":
		return nil, fmt.Errorf("dial: %w", safedial.ErrForbidden)
	case "unreachable":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	client, server := net.Pipe()
	n.running.Go(func() {
		p := player{conn: server}
		if err := p.play(left[0]); err != nil {
			n.t.Errorf("%s: %v", host, err)
		}
		_ = p.conn.Close()
	})
	return client, nil
}

// finish waits for the exchangers and checks that every dialogue took place.
func (n *network) finish() {
	n.running.Wait()
	for host, left := range n.scripts {
		if len(left) > 0 {
			n.t.Errorf("%s: %d connections never came", host, len(left))
		}
	}
}

// player is one exchanger at work.
type player struct {
	conn net.Conn
	says strings.Builder // leaves with the next step that is not said
	want strings.Builder // must have come before the next step that is not expected
}

func (p *player) play(s script) error {
	for line := range strings.Lines(s) {
		kind, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		if kind != "C:" {
			if err := p.hear(); err != nil {
				return err
			}
		}
		if kind != "S:" {
			if err := p.say(); err != nil {
				return err
			}
		}
		if done, err := p.step(kind, text); done || err != nil {
			return err
		}
	}
	if err := errors.Join(p.hear(), p.say()); err != nil {
		return err
	}
	rest, _ := io.ReadAll(p.conn)
	if len(rest) > 0 {
		return fmt.Errorf("client went on with %q", rest)
	}
	return nil
}

func (p *player) step(kind, text string) (done bool, err error) {
	switch kind {
	case "":
	case "S:":
		p.says.WriteString(text + "\r\n")
	case "C:":
		p.want.WriteString(text + "\r\n")
	case "S-":
		raw, err := strconv.Unquote(`"` + text + `"`)
		if err != nil {
			return false, fmt.Errorf("script: %q: %w", text, err)
		}
		p.says.WriteString(raw)
		return false, p.say()
	case "wait":
		return false, sleep(text)
	case "drip":
		pause, value, _ := strings.Cut(text, " ")
		for _, b := range []byte(value + "\r\n") {
			if _, err := p.conn.Write([]byte{b}); err != nil {
				break
			}
			if err := sleep(pause); err != nil {
				return false, err
			}
		}
		return true, nil
	case "flood":
		for err == nil {
			_, err = p.conn.Write([]byte(strings.ReplaceAll(text, `\n`, "\r\n")))
		}
		return true, nil
	case "starttls":
		config := serverTLS()
		if text == "old" {
			config = oldTLS()
		}
		p.conn = tls.Server(p.conn, config)
	case "close":
		return true, nil
	default:
		return false, fmt.Errorf("script: what is %q?", kind)
	}
	return false, nil
}

func sleep(text string) error {
	d, err := time.ParseDuration(text)
	time.Sleep(d) // in the bubble
	return err
}

// say sends what was gathered, in one write. QUIT's answer need not be read.
func (p *player) say() error {
	text := p.says.String()
	p.says.Reset()
	if text == "" {
		return nil
	}
	if _, err := io.WriteString(p.conn, text); err != nil && !strings.HasPrefix(text, "221") {
		return fmt.Errorf("client left before %q", text)
	}
	return nil
}

// hear reads one write and compares it.
func (p *player) hear() error {
	want := p.want.String()
	p.want.Reset()
	if want == "" {
		return nil
	}
	got := make([]byte, 64<<10)
	n, err := p.conn.Read(got)
	if err != nil {
		return fmt.Errorf("client left (%w) instead of %q", err, want)
	}
	if !bytes.Equal(got[:n], []byte(want)) {
		return fmt.Errorf("client wrote\n%s, script has\n%s", got[:n], want)
	}
	return nil
}

// serverTLS is a server with a certificate in nobody's name. Tickets would need
// a reader while the client writes, which a pipe does not have.
func serverTLS() *tls.Config {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"other.example"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		panic(err)
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}, SessionTicketsDisabled: true}
}

// oldTLS is a server that exchanges keys by RSA only and encrypts by 3DES.
func oldTLS() *tls.Config {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, SessionTicketsDisabled: true,
		MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_3DES_EDE_CBC_SHA},
	}
}
