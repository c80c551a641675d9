package main

import (
	"strings"
	"testing"
)

func TestSessionsAreReadFromLogs(t *testing.T) {
	type reader func([]line, string) (int, []string)
	for _, c := range []struct {
		name  string
		read  reader
		log   string
		fault string // in the only fault there is; "" for none
	}{
		{"Postfix, in order", postfixSessions, `
			connect from verify.rcpt.example[10.25.0.1]
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=2 starttls=1 mail=1 rcpt=0/2 rset=1 quit=1 commands=6/8`, ""},
		{"Postfix, DATA", postfixSessions, `
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=1 mail=1 rcpt=1 data=0/1 quit=1 commands=4/5`, "no probe needs"},
		{"Postfix, no QUIT", postfixSessions, `
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=1 mail=1 rcpt=1 commands=3`, "no QUIT"},
		{"Postfix, ended by the server", postfixSessions, `
			too many errors after RCPT from verify.rcpt.example[10.25.0.1]
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=1 mail=1 rcpt=0/5 commands=2/7`, ""},
		{"postscreen, hung up on", postfixSessions, `
			HANGUP after 0.1 from [10.25.0.1]:40000 in tests before SMTP handshake
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=1 quit=1 commands=2`, "HANGUP"},
		{"Postfix, somebody else's", postfixSessions, `
			lost connection after DATA from control.example[10.25.0.99]
			disconnect from verify.rcpt.example[10.25.0.1] ehlo=1 quit=1 commands=2`, ""},
		{"Exim, in order", eximSessions, `
			SMTP connection from [10.25.0.1]:40000 I=[10.25.0.15]:25 (TCP/IP connection count = 1)
			H=(verify.rcpt.example) [10.25.0.1]:40000 I=[10.25.0.15]:25 incomplete transaction (QUIT) from <verify@rcpt.example>
			SMTP connection from (verify.rcpt.example) [10.25.0.1]:40000 I=[10.25.0.15]:25 closed by QUIT`, ""},
		{"Exim, no QUIT", eximSessions, `
			SMTP connection from [10.25.0.1]:40000 I=[10.25.0.15]:25 (TCP/IP connection count = 1)`, "not ended with QUIT"},
		{"OpenSMTPD, in order", openSMTPDSessions, `
			1f smtp connected address=10.25.0.1 host=verify.rcpt.example
			1f smtp failed-command command="RCPT TO:<x@opensmtpd.example>" result="550 Invalid recipient: <x@opensmtpd.example>"
			1f smtp disconnected reason=quit`, ""},
		{"OpenSMTPD, out of turn", openSMTPDSessions, `
			1f smtp connected address=10.25.0.1 host=verify.rcpt.example
			1f smtp failed-command command="RCP" result="500 5.5.1 Invalid command: Pipelining not supported"
			1f smtp disconnected reason=quit`, "Pipelining"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var lines []line
			for text := range strings.Lines(c.log) {
				if text = strings.TrimSpace(text); text != "" {
					lines = append(lines, line{from: "mta", process: "1", text: text})
				}
			}
			sessions, faults := c.read(lines, ours)
			if sessions != 1 {
				t.Errorf("%d sessions, want 1", sessions)
			}
			if all := strings.Join(faults, "\n"); (c.fault == "") != (len(faults) == 0) || !strings.Contains(all, c.fault) {
				t.Errorf("got faults %q, want %q", all, c.fault)
			}
		})
	}
}

func TestSyslogLinesAreTakenApart(t *testing.T) {
	m := syslogLine.FindStringSubmatch("<22>Jul  6 12:00:00 plain/smtpd[123]: connect from verify.rcpt.example[10.25.0.1]")
	if m == nil || m[1] != "plain/smtpd" || m[2] != "123" || m[3] != "connect from verify.rcpt.example[10.25.0.1]" {
		t.Errorf("got %q", m)
	}
}
