package verify_test

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// play follows a dialogue from the server's side, line by line:
//
//	S: text      send the text and CRLF
//	S= "text"    send the text as quoted, in one packet
//	C: line      this line must come; {canary} stands for the domain's unlikely
//	             local part
//	starttls     begin TLS as the server
//	wait 100ms   say nothing so long; the client must not speak either
//	drip "text"  send the text one octet every 20 ms until the client leaves
//	flood "text" send the text again and again until the client leaves
//	silence      say nothing more and wait for the client to leave
//	close        hang up
//
// The client may leave with QUIT at the end, whether or not the script says
// so; any other line that the script does not have is an error. Instead of a
// dialogue "refused" refuses the connection and "unreachable" never answers it.
func play(conn net.Conn, host, script string, c *canaries) error {
	p := &player{conn: conn, in: bufio.NewReader(conn), host: host, canaries: c}
	for line := range strings.Lines(script) {
		line = strings.TrimRight(line, "\n")
		kind, text, _ := strings.Cut(line, " ")
		if over, err := p.line(kind, text); over || err != nil {
			return err
		}
	}
	rest, _ := p.in.ReadString('\n')
	if rest = strings.TrimSpace(rest); rest != "" && rest != "QUIT" {
		return fmt.Errorf("client went on with %q", rest)
	}
	return nil
}

// player is one dialogue under way.
type player struct {
	conn     net.Conn
	in       *bufio.Reader
	host     string
	canaries *canaries
}

func (p *player) line(kind, text string) (over bool, err error) {
	switch kind {
	case "S:":
		return p.send(text + "\r\n")
	case "S=", "drip", "flood":
		packet, err := strconv.Unquote(text)
		if err != nil {
			return true, fmt.Errorf("script text %s: %w", text, err)
		}
		return p.sendSo(kind, packet)
	case "C:":
		return false, p.expect(text)
	case "wait":
		return false, p.wait(text)
	case "starttls":
		return false, p.secure()
	case "silence":
		_, _ = p.in.WriteTo(io.Discard)
		return true, nil
	case "close":
		return true, nil
	}
	return true, fmt.Errorf("script line %q", kind+" "+text)
}

func (p *player) send(text string) (over bool, err error) {
	if _, err := io.WriteString(p.conn, text); err != nil {
		if strings.HasPrefix(text, "221") {
			return true, nil // QUIT's answer is not waited for
		}
		return true, fmt.Errorf("client left before %q", text)
	}
	return false, nil
}

func (p *player) sendSo(kind, packet string) (over bool, err error) {
	if kind == "S=" {
		return p.send(packet)
	}
	go func() { _, _ = p.in.WriteTo(io.Discard) }()
	if kind == "flood" {
		for err == nil {
			_, err = io.WriteString(p.conn, packet)
		}
		return true, nil
	}
	for _, octet := range []byte(packet) {
		time.Sleep(20 * time.Millisecond)
		if _, err := p.conn.Write([]byte{octet}); err != nil {
			return true, nil
		}
	}
	return true, errors.New("client bore with all of the drip")
}

func (p *player) expect(want string) error {
	got, err := p.in.ReadString('\n')
	if err != nil {
		return fmt.Errorf("client left instead of %q", want)
	}
	if !p.canaries.match(want, strings.TrimSuffix(got, "\r\n")) {
		return fmt.Errorf("client said %q, script has %q", got, want)
	}
	return nil
}

// canaries are the unlikely local parts seen, by what follows them in their
// commands. A domain has one: another one would be greylisted afresh.
type canaries struct {
	mu   sync.Mutex
	seen map[string]string
}

func (c *canaries) match(want, got string) bool {
	before, after, ok := strings.Cut(want, "{canary}")
	if !ok {
		return want == got
	}
	local, found := strings.CutPrefix(got, before)
	local, complete := strings.CutSuffix(local, after)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.seen[after] == "" {
		c.seen[after] = local
	}
	return found && complete && regexp.MustCompile(`^[a-z][a-z0-9]{13,17}$`).MatchString(local) && c.seen[after] == local
}

func (p *player) wait(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return err
	}
	_ = p.conn.SetReadDeadline(time.Now().Add(d))
	early, err := p.in.Peek(1)
	_ = p.conn.SetReadDeadline(time.Time{})
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("client did not wait: %q, %v", early, err)
	}
	return nil
}

func (p *player) secure() error {
	certificate, err := certificateFor(p.host)
	if err != nil {
		return err
	}
	secured := tls.Server(p.conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
	if err := secured.Handshake(); err != nil {
		return fmt.Errorf("TLS handshake: %w", err)
	}
	p.conn, p.in = secured, bufio.NewReader(secured)
	return nil
}

// certificateFor signs a certificate by itself, as many exchangers do.
func certificateFor(host string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{host}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, nil
}

// TestPlayHoldsTheClientToTheScript: a scenario is worth what its script
// refuses.
func TestPlayHoldsTheClientToTheScript(t *testing.T) {
	const script = "wait 30ms\nS: 220 hello\nC: RCPT TO:<{canary}@ok.example>\n"
	for _, tt := range []struct {
		claim, early, says string
		want               string // part of the error; empty for none
	}{
		{"what the script has", "", "RCPT TO:<abcdefghij0123456@ok.example>\r\n", ""},
		{"and QUIT", "", "RCPT TO:<abcdefghij0123456@ok.example>\r\nQUIT\r\n", ""},
		{"another canary", "", "RCPT TO:<abcdefghij>\r\n", "script has"},
		{"another line", "", "RCPT TO:<abc@ok.example>\r\n", "script has"},
		{"a line without CR", "", "RCPT TO:<abcdefghij0123456@ok.example>\n", "script has"},
		{"a line too many", "", "RCPT TO:<abcdefghij0123456@ok.example>\r\nDATA\r\n", "went on with"},
		{"a line too few", "", "", "left instead of"},
		{"a line too early", "EHLO me\r\n", "", "did not wait"},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			client, server, err := connected()
			if err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				ended <- play(server, "mx.ok.example", script, &canaries{seen: make(map[string]string)})
				_ = server.Close()
			}()
			if tt.early != "" {
				_, _ = io.WriteString(client, tt.early)
			} else {
				_, _ = io.ReadFull(client, make([]byte, len("220 hello\r\n")))
				_, _ = io.Copy(client, bytes.NewBufferString(tt.says))
			}
			_ = client.Close()
			err = <-ended
			if tt.want == "" && err != nil || tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}
