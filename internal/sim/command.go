package sim

import (
	"strconv"
	"strings"
	"time"
)

// verb is the first word of a command, an index into verbs.
type verb int

const (
	ehlo verb = iota
	helo
	starttls
	mail
	rcpt
	rset
	noop
	vrfy
	data
	bdat
	quit
	other
)

// verbs holds the names and what is allowed when.
var verbs = [...]struct {
	name  string
	last  bool // must be the last command of a pipelined group, RFC 2920 §3.1
	clear bool // allowed before TLS where that is demanded, RFC 3207 §4
}{
	ehlo:     {name: "EHLO", last: true, clear: true},
	helo:     {name: "HELO", last: true, clear: true},
	starttls: {name: "STARTTLS", last: true, clear: true},
	mail:     {name: "MAIL"},
	rcpt:     {name: "RCPT"},
	rset:     {name: "RSET"},
	noop:     {name: "NOOP", last: true, clear: true},
	vrfy:     {name: "VRFY", last: true},
	data:     {name: "DATA", last: true},
	bdat:     {name: "BDAT"},
	quit:     {name: "QUIT", clear: true},
	other:    {name: "other", clear: true},
}

// parseCommand splits a line into its verb and the rest.
func parseCommand(line string) (v verb, arg string) {
	name, arg, _ := strings.Cut(strings.TrimSpace(line), " ")
	for v := range other {
		if strings.EqualFold(name, verbs[v].name) {
			return v, strings.TrimSpace(arg)
		}
	}
	return other, arg
}

// obey answers one command and reports whether the session goes on.
func (s *session) obey(line string) bool {
	v, arg := parseCommand(line)
	s.at.tally.commands[v].Add(1)
	switch {
	case s.hasJumpedIn(v):
		s.at.tally.outOfTurn.Add(1)
		s.outOfStep()
		return false
	case s.at.demandsTLS && !s.secure && !verbs[v].clear:
		s.reply("530 5.7.0 Must issue a STARTTLS command first")
		return true
	}
	switch v {
	case starttls:
		return s.startTLS(arg)
	case mail:
		return !s.mail(arg) || !s.at.drops
	case rcpt:
		return s.recipient(arg)
	case quit:
		s.quit()
		return false
	}
	s.reply(s.plain(v, arg))
	return true
}

// hasJumpedIn reports whether the client sent more behind a command whose
// answer it had to read first. Without EHLO every command is one.
func (s *session) hasJumpedIn(v verb) bool {
	return s.in.Buffered() > 0 && v != quit && (verbs[v].last || !s.extended)
}

// plain answers the commands that neither end a session nor open a transaction.
func (s *session) plain(v verb, arg string) string {
	switch v {
	case ehlo, helo:
		return s.hello(v, arg)
	case rset:
		s.transaction = transaction{}
		return "250 2.0.0 Ok"
	case noop:
		return "250 2.0.0 Ok"
	case vrfy:
		if arg == "" {
			return "501 5.5.4 Syntax: VRFY address"
		}
		return "252 2.0.0 " + arg
	case data, bdat:
		return "554 5.7.1 Error: this world takes no messages"
	}
	return "502 5.5.2 Error: command not recognized"
}

func (s *session) hello(v verb, arg string) string {
	if arg == "" {
		return "501 5.5.4 Syntax: " + verbs[v].name + " hostname"
	}
	s.greeted, s.extended, s.transaction = true, v == ehlo, transaction{}
	if v == helo {
		return "250 " + s.at.host
	}
	lines := []string{"250-" + s.at.host, "250-PIPELINING"}
	if s.at.demandsTLS && !s.secure {
		lines = append(lines, "250-STARTTLS")
	}
	return strings.Join(append(lines, "250-ENHANCEDSTATUSCODES", "250-8BITMIME", "250 SMTPUTF8"), "\r\n")
}

// quit queues an answer that nobody waits for.
func (s *session) quit() {
	awaited := s.awaited
	s.reply("221 2.0.0 Bye")
	s.awaited = awaited
	s.at.tally.quits.Add(1)
}

// mail answers MAIL and reports whether it was accepted.
func (s *session) mail(arg string) bool {
	from, params, ok := cutPath(arg, "FROM:")
	unknown, utf8 := mailParams(params)
	switch {
	case !s.greeted:
		s.reply("503 5.5.1 Error: send HELO/EHLO first")
	case s.mailGiven:
		s.reply("503 5.5.1 Error: nested MAIL command")
	case !ok:
		s.reply("501 5.5.4 Syntax: MAIL FROM:<address>")
	case unknown != "":
		s.reply("555 5.5.4 Unsupported option: " + unknown)
	case !utf8 && !isASCII(from):
		s.reply("553 5.6.7 Must declare SMTPUTF8 to send unicode address")
	default:
		s.transaction = transaction{mailGiven: true, sender: strings.ToLower(from), utf8: utf8}
		s.reply("250 2.1.0 Ok")
		return true
	}
	return false
}

// mailParams reads the parameters of MAIL that EHLO offered, and returns the
// first one that it did not.
func mailParams(params string) (unknown string, utf8 bool) {
	for _, p := range strings.Fields(params) {
		switch strings.ToUpper(p) {
		case "BODY=7BIT", "BODY=8BITMIME":
		case "SMTPUTF8":
			utf8 = true
		default:
			return p, utf8
		}
	}
	return "", utf8
}

// recipient answers RCPT and reports whether the session goes on.
func (s *session) recipient(arg string) bool {
	to, params, ok := cutPath(arg, "TO:")
	switch {
	case !s.mailGiven:
		s.reply("503 5.5.1 Error: need MAIL command")
	case !ok || to == "":
		s.reply("501 5.5.4 Syntax: RCPT TO:<address>")
	case params != "":
		s.reply("555 5.5.4 Unsupported option: " + params)
	case !s.utf8 && !isASCII(to):
		s.reply("553 5.6.7 Must declare SMTPUTF8 to send unicode address")
	case s.recipients >= recipientLimit:
		s.reply("452 4.5.3 Error: too many recipients")
	case s.at.mute:
		s.stall()
		return false
	default:
		s.reply(s.judge(to))
	}
	return true
}

// judge is what the behavior says to one recipient.
func (s *session) judge(to string) string {
	local, domain := splitPath(to)
	bare := domain == "" && strings.EqualFold(local, "postmaster") // RFC 5321 §4.1.1.3
	if !bare && !s.at.serves(domain) {
		return "554 5.7.1 <" + to + ">: Relay access denied"
	}
	if s.at.refusal != "" {
		return strings.NewReplacer("{recipient}", to, "{client}", s.client.String()).Replace(s.at.refusal)
	}
	if s.at.greylists {
		wait := s.servers.greylisted(triplet{s.client, s.sender, strings.ToLower(to)})
		if wait > 0 {
			seconds := int((wait + time.Second - 1) / time.Second)
			return "451 4.7.1 <" + to + ">: Recipient address rejected: Greylisted, try again in " + strconv.Itoa(seconds) + " seconds"
		}
	}
	if !s.at.everyone && !mailboxExists(local) {
		return "550 5.1.1 <" + to + ">: Recipient address rejected: User unknown in virtual mailbox table"
	}
	s.recipients++
	return "250 2.1.5 Ok"
}

// serves reports whether mail for the domain belongs at this exchanger, or at
// another of the same behavior.
func (e *exchanger) serves(domain string) bool {
	i, ok := behaviorOf(strings.ToLower(domain))
	return ok && behaviors[i].name == e.name
}
