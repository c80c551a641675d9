package closed

import (
	"bytes"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

func (w *World) accept(host int, listener net.Listener) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return // closed
		}
		w.running.Go(func() { w.serve(host, conn) })
	}
}

// session is one connection from the server's side.
type session struct {
	w       *World
	host    int
	name    string // of the exchanger
	domain  string // of the transaction's first recipient
	mail    bool
	errors  int
	replies bytes.Buffer
	over    bool

	answered int // commands of the batch
}

// serve reads what the client wrote and answers all of it after the delay, in
// one write.
func (w *World) serve(host int, conn net.Conn) {
	defer func() { _ = conn.Close() }()
	l := &w.sessions[host]
	w.connections.Add(1)
	raise(&w.together, w.open.Add(1))
	defer w.open.Add(-1)
	l.taken.Add(1)
	raise(&l.most, l.now.Add(1))
	leave := sync.OnceFunc(func() { l.now.Add(-1) })
	defer leave()

	s := &session{w: w, host: host, name: w.names[host]}
	s.say("220 " + s.name + " ESMTP")
	buffer := make([]byte, 8<<10)
	var line []byte
	_ = conn.SetReadDeadline(time.Now().Add(w.spec.Delay))
	if n, _ := conn.Read(buffer); n > 0 {
		w.early.Add(1) // and nothing it said counts
	}
	_ = conn.SetReadDeadline(time.Time{})
	for greeted := false; ; greeted = true {
		if greeted {
			time.Sleep(w.spec.Delay)
		}
		if _, err := conn.Write(s.replies.Bytes()); err != nil {
			return
		}
		w.batches.Add(1)
		if s.over {
			return
		}
		s.replies.Reset()
		s.answered = 0
		for s.replies.Len() == 0 {
			if s.over {
				return
			}
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			line = s.hear(append(line, buffer[:n]...))
		}
		if s.over && s.answered == 1 { // QUIT alone, whose reply nobody waits for
			leave()
		}
	}
}

// raise makes a peak at least as high as now.
func raise(peak *atomic.Int64, now int64) {
	for was := peak.Load(); now > was && !peak.CompareAndSwap(was, now); was = peak.Load() {
	}
}

// hear carries out the complete lines and returns the rest.
func (s *session) hear(text []byte) []byte {
	for !s.over {
		end := bytes.IndexByte(text, '\n')
		if end < 0 {
			break
		}
		s.command(strings.TrimRight(string(text[:end]), "\r"))
		text = text[end+1:]
	}
	return text
}

func (s *session) say(reply string) {
	s.answered++
	s.replies.WriteString(reply)
	s.replies.WriteString("\r\n")
}

func (s *session) command(line string) {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "EHLO":
		s.say("250-" + s.name + "\r\n250-PIPELINING\r\n250-SIZE 10240000\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME")
	case "MAIL":
		s.mail, s.domain = true, ""
		s.say("250 2.1.0 Ok")
	case "RCPT":
		s.recipient(rest)
	case "RSET":
		s.mail = false
		s.say("250 2.0.0 Ok")
	case "QUIT":
		s.say("221 2.0.0 Bye")
		s.over = true
	default:
		s.refuse("502 5.5.2 Error: command not recognized")
	}
}

func (s *session) recipient(argument string) {
	s.w.recipients.Add(1)
	address, _ := strings.CutPrefix(argument, "TO:<")
	address, _, _ = strings.Cut(address, ">")
	local, domain, _ := strings.Cut(address, "@")
	switch {
	case !s.mail:
		s.refuse("503 5.5.1 Error: need MAIL command")
	case s.domain != "" && s.domain != domain: // as Gmail does
		s.refuse("451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again.")
	case s.w.spec.Blocks != nil && s.w.spec.Blocks(s.host):
		s.refuse("554 5.7.1 Service unavailable; Client host [192.0.2.9] blocked using bl.example")
	case s.w.spec.Exists(local, domain):
		s.domain = domain
		s.say("250 2.1.5 Ok")
	default:
		s.domain = domain
		s.w.refused.Add(1)
		s.refuse("550 5.1.1 <" + address + ">: Recipient address rejected: User unknown in virtual mailbox table")
	}
}

// refuse says no and ends a session that was refused too much, as Postfix does
// (smtpd_hard_error_limit).
func (s *session) refuse(reply string) {
	if s.errors++; s.w.spec.Errors > 0 && s.errors > s.w.spec.Errors {
		s.w.cut.Add(1)
		s.say("421 4.7.0 " + s.name + " Error: too many errors")
		s.over = true
		return
	}
	s.say(reply)
}
