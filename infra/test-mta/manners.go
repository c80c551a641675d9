package main

import (
	"context"
	"regexp"
	"slices"
	"strings"
)

// manners are claims about every session that the product has had, from what
// the servers logged of it. They are made when all else is over.
func manners() []claim {
	return []claim{
		{"every session with Postfix: QUIT said, no DATA, nothing out of turn", nil, provePostfixSessions},
		{"every session with Exim: QUIT said, no DATA, nothing out of turn", []string{"exim"}, proveEximSessions},
		{"every session with OpenSMTPD: QUIT said, no DATA, nothing out of turn", []string{"smtpd"}, proveOpenSMTPDSessions},
		{"bad manners would have been noticed", []string{"plain", "exim", "smtpd"}, proveNotice},
		{"the servers themselves had no trouble", nil, proveNoTrouble},
	}
}

func provePostfixSessions(ctx context.Context, t *trial) {
	for _, s := range servers {
		if !isPostfix(s) {
			continue
		}
		ended := func() bool {
			return t.journal.count(s.name, `^connect from \S+\[`+from(ours)) == t.journal.count(s.name, `^disconnect from \S+\[`+from(ours))
		}
		t.check(await(ctx, ended) == nil, "%s: sessions did not end", s.name)
		sessions, faults := postfixSessions(t.journal.by(s.name), ours)
		t.check(sessions > 0, "%s: no sessions in the log", s.name)
		t.check(len(faults) == 0, "%s: %s", s.name, strings.Join(faults, "\n    "))
	}
}

func isPostfix(s server) bool { return strings.HasSuffix(s.command[0], "/master") }

// from is a pattern for the end of an address in brackets.
func from(ip string) string { return regexp.QuoteMeta(ip) + `\]` }

var (
	// disorder is what Postfix and postscreen say of clients that break off or
	// speak out of turn.
	disorder = regexp.MustCompile(`^(lost connection|timeout|improper command|SSL_accept error|PREGREET|HANGUP|COMMAND |BARE NEWLINE|NON-SMTP|DATA from)|synchronization|pipelining|non-SMTP command`)
	// closed is said of sessions that the server ends by itself.
	closed  = regexp.MustCompile(`^(too many errors after|warning: Connection concurrency limit exceeded)`)
	summary = regexp.MustCompile(`^disconnect from \S+( .*)$`)
	counter = regexp.MustCompile(` ([a-z]+)=(\d+)`)
)

// postfixSessions counts a client's sessions in the log of one Postfix and
// returns what was wrong with them.
func postfixSessions(lines []line, client string) (sessions int, faults []string) {
	endedByServer := make(map[string]bool) // by process: each serves one session at a time
	for _, l := range lines {
		if !strings.Contains(l.text, "["+client+"]") {
			continue
		}
		switch m := summary.FindStringSubmatch(l.text); {
		case disorder.MatchString(l.text):
			faults = append(faults, l.String())
		case closed.MatchString(l.text):
			endedByServer[l.process] = true
		case m != nil:
			sessions++
			if fault := misconduct(m[1], endedByServer[l.process]); fault != "" {
				faults = append(faults, fault+": "+l.String())
			}
			delete(endedByServer, l.process)
		}
	}
	return sessions, faults
}

// misconduct reads Postfix's summary of a session, " ehlo=1 mail=1 rcpt=0/2
// quit=1 commands=3/5".
func misconduct(summary string, endedByServer bool) string {
	quit := false
	for _, m := range counter.FindAllStringSubmatch(summary, -1) {
		quit = quit || m[1] == "quit"
		if !slices.Contains([]string{"ehlo", "starttls", "mail", "rcpt", "rset", "quit", "commands"}, m[1]) {
			return "a command that no probe needs"
		}
	}
	if !quit && !endedByServer {
		return "no QUIT"
	}
	return ""
}

// proveEximSessions looks at Exim's sessions by the client's port.
func proveEximSessions(ctx context.Context, t *trial) {
	t.logged(ctx, "exim", `\[10\.25\.0\.1\]:\d+ .*closed by QUIT`)
	sessions, faults := 0, []string(nil)
	ended := func() bool {
		sessions, faults = eximSessions(t.journal.by("exim"), ours)
		return len(faults) == 0
	}
	_ = await(ctx, ended)
	t.check(sessions > 0, "no sessions in the log")
	t.check(len(faults) == 0, "%s", strings.Join(faults, "\n    "))
}

var (
	eximClient  = regexp.MustCompile(`\[([0-9a-f.:]+)\]:(\d+) `)
	eximOpened  = regexp.MustCompile(`^SMTP connection from \S+ .*\(TCP/IP connection count = \d+\)$`)
	eximClosed  = regexp.MustCompile(`closed by (QUIT|DROP in ACL)`)
	eximOrderly = regexp.MustCompile(`rejected RCPT |incomplete transaction \(QUIT\)|sender verify fail`)
)

// eximSessions counts a client's sessions in Exim's log and returns what was
// wrong with them.
func eximSessions(lines []line, client string) (sessions int, faults []string) {
	open := make(map[string]line)
	for _, l := range lines {
		m := eximClient.FindStringSubmatch(l.text)
		if m == nil || m[1] != client {
			continue
		}
		switch port := m[2]; {
		case eximOpened.MatchString(l.text):
			sessions++
			open[port] = l
		case eximClosed.MatchString(l.text):
			delete(open, port)
		case !eximOrderly.MatchString(l.text):
			faults = append(faults, l.String())
		}
	}
	for _, l := range open {
		faults = append(faults, "not ended with QUIT: "+l.String())
	}
	return sessions, faults
}

func proveOpenSMTPDSessions(ctx context.Context, t *trial) {
	sessions, faults := 0, []string(nil)
	ended := func() bool {
		sessions, faults = openSMTPDSessions(t.journal.by("smtpd"), ours)
		return len(faults) == 0
	}
	_ = await(ctx, ended)
	t.check(sessions > 0, "no sessions in the log")
	t.check(len(faults) == 0, "%s", strings.Join(faults, "\n    "))
}

// openSMTPDSessions does it for OpenSMTPD, whose lines begin with the session's
// name.
func openSMTPDSessions(lines []line, client string) (sessions int, faults []string) {
	open := make(map[string]line)
	for _, l := range lines {
		id, text, _ := strings.Cut(l.text, " ")
		_, known := open[id]
		switch {
		case strings.HasPrefix(text, "smtp connected address="+client+" "):
			sessions++
			open[id] = l
		case !known, strings.HasPrefix(text, `smtp failed-command command="RCPT TO:`):
		case text == "smtp disconnected reason=quit":
			delete(open, id)
		default:
			faults = append(faults, l.String())
		}
	}
	for _, l := range open {
		faults = append(faults, "not ended with QUIT: "+l.String())
	}
	return sessions, faults
}

// proveNotice has the control client misbehave, so that each look at the logs
// shows that it can find something.
func proveNotice(ctx context.Context, t *trial) {
	const ehlo, mail, rcpt = "EHLO control.example", "MAIL FROM:<x@control.example>", "RCPT TO:<alice@plain.example>"
	for _, err := range []error{
		speakEarly("10.25.0.10:25", ehlo, mail),
		speakEarly("10.25.0.15:25", ehlo, mail),
		hangUp("10.25.0.10:25", ehlo, mail, rcpt, "DATA"),
		hangUp("10.25.0.16:25", ehlo),
	} {
		t.check(err == nil, "the control client did not get through: %v", err)
	}
	for _, c := range []struct {
		server, fault string
		sessions      func([]line, string) (int, []string)
	}{
		{"plain", `improper command pipelining`, postfixSessions},
		{"plain", `lost connection after DATA`, postfixSessions},
		{"plain", `a command that no probe needs.* data=`, postfixSessions},
		{"plain", `no QUIT`, postfixSessions},
		{"exim", `synchronization error`, eximSessions},
		{"exim", `not ended with QUIT`, eximSessions},
		{"smtpd", `reason=disconnect`, openSMTPDSessions},
	} {
		noticed := func() bool {
			_, faults := c.sessions(t.journal.by(c.server), control)
			return regexp.MustCompile(c.fault).MatchString(strings.Join(faults, "\n"))
		}
		t.check(await(ctx, noticed) == nil, "%s: %s was not noticed", c.server, c.fault)
	}
}

// proveNoTrouble looks for what only a mistake in conf/ would bring about, or
// an end of a server before its time. The control client is trouble by intent,
// and how sessions of OpenSMTPD end is judged above.
func proveNoTrouble(_ context.Context, t *trial) {
	trouble := regexp.MustCompile(`(?i)\b(fatal|panic|error|warning|ended):`)
	intended := regexp.MustCompile(regexp.QuoteMeta("["+control+"]") + `|^[0-9a-f]{16} smtp disconnected`)
	for _, s := range servers {
		for _, l := range t.journal.by(s.name) {
			fine := closed.MatchString(l.text) || intended.MatchString(l.text)
			t.check(fine || !trouble.MatchString(l.text), "%s", l)
		}
	}
}
