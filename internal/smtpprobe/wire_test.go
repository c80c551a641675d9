package smtpprobe

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
)

func TestReadReply(t *testing.T) {
	for _, test := range []struct {
		name, wire string
		want       []string // nil: malformed
		rest       string   // what is left for the next reply
	}{
		{name: "one line", wire: "250 Ok\r\n", want: []string{"250 Ok"}},
		{name: "a code alone ends a reply", wire: "250\r\n221 Bye\r\n", want: []string{"250"}, rest: "221 Bye\r\n"},
		{name: "a tab ends a reply as a space does", wire: "250\tOk\r\n", want: []string{"250\tOk"}},
		{name: "several lines", wire: "250-a\r\n250-b\r\n250 c\r\n250 d\r\n", want: []string{"250-a", "250-b", "250 c"}, rest: "250 d\r\n"},
		{name: "bare LF", wire: "250-a\n250 b\n", want: []string{"250-a", "250 b"}},
		{name: "CR CR LF", wire: "250 a\r\r\n", want: []string{"250 a"}},
		{name: "an empty continuation line", wire: "250-\r\n250 \r\n", want: []string{"250-", "250 "}},
		{name: "lines of different codes", wire: "250-a\r\n550 b\r\n", want: []string{"250-a", "550 b"}},
		{name: "NUL and Latin-1", wire: "550 caf\xe9\x00!\r\n", want: []string{"550 caf\xe9\x00!"}},
		{name: "the longest line", wire: "250 " + strings.Repeat("x", maxLine-6) + "\r\n", want: []string{"250 " + strings.Repeat("x", maxLine-6)}},
		{name: "a line too long", wire: "250 " + strings.Repeat("x", maxLine-5) + "\r\n"},
		{name: "an empty line", wire: "\r\n"},
		{name: "no code", wire: "hello\r\n"},
		{name: "a code of two digits", wire: "25 Ok\r\n"},
		{name: "a code of four digits", wire: "2500 Ok\r\n"},
		{name: "no code in the second line", wire: "250-a\r\nb\r\n"},
		{name: "as many lines as are read", wire: strings.Repeat("250-a\r\n", maxLines-1) + "250 b\r\n",
			want: append(strings.Split(strings.Repeat("250-a ", maxLines-1), " ")[:maxLines-1], "250 b")},
		{name: "too many lines", wire: strings.Repeat("250-a\r\n", maxLines) + "250 b\r\n"},
		{name: "too many octets", wire: strings.Repeat("250-"+strings.Repeat("x", 4000)+"\r\n", 17) + "250 b\r\n"},
	} {
		r := bufio.NewReaderSize(strings.NewReader(test.wire), maxLine)
		got, err := readReply(r)
		if !reflect.DeepEqual(got, test.want) || errors.Is(err, errMalformed) != (test.want == nil) {
			t.Errorf("%s: got %q, %v, want %q", test.name, got, err, test.want)
		}
		if rest, _ := io.ReadAll(r); test.want != nil && string(rest) != test.rest {
			t.Errorf("%s: left %q, want %q", test.name, rest, test.rest)
		}
	}
}

func TestHostileReplies(t *testing.T) {
	for _, p := range []probe{
		{
			name: "an endless greeting line", ask: "alice", noCanary: true,
			mx1: []script{"flood 220 and so on"}, want: "1 protocol_error greeting",
		},
		{
			name: "endless lines of greeting", ask: "alice", noCanary: true,
			mx1: []script{`flood 220-and so on\n`}, want: "1 protocol_error greeting",
		},
		{
			name: "endless lines to EHLO", ask: "alice", noCanary: true,
			mx1: []script{helo + `flood 250-PIPELINING\n`}, want: "1 protocol_error ehlo",
		},
		{
			name: "an endless line to RCPT: what came before stands", ask: "alice bob", noCanary: true,
			mx1: []script{pipelined + last(ok, "alice "+yes, "bob") + "flood 550 unknown"}, want: "1 accepted rcpt 250\n2 protocol_error rcpt",
		},
		{
			name: "endless lines to RCPT", ask: "alice", noCanary: true,
			mx1: []script{pipelined + last(ok, "alice") + `flood 550-unknown\n`}, want: "1 protocol_error rcpt",
		},
		{
			name: "NUL and Latin-1 bytes", ask: "alice", noCanary: true,
			mx1:  []script{pipelined + last(ok, "alice") + `S- 550 5.1.1 utilisateur inconnu\x00 \xe0 l'adresse\r\n`},
			want: "1 mailbox_not_found rcpt 550",
		},
		{
			name: "no reply at all, but an HTTP error", ask: "alice", noCanary: true,
			mx1: []script{`S- HTTP/1.1 400 Bad Request\r\n\r\n`}, want: "1 protocol_error greeting",
		},
	} {
		p.run(t)
	}
}

func TestExtensions(t *testing.T) {
	got := extensions([]string{"250-mx.example PIPELINING", "250-size 1000", "250-PIPELINING", "250-", "250 LIMITS RCPTMAX=20 MAILMAX=5"})
	want := map[string]string{"SIZE": "1000", "PIPELINING": "", "LIMITS": "RCPTMAX=20 MAILMAX=5"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// FuzzReadReply asserts that whatever is sent, no more is read than the caps
// allow, a reply is one that ends where its last line says, and packets make no
// difference.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte("220-mx.example\r\n220 ready\r\n"))
	f.Add([]byte("550 5.1.1 caf\xe9\x00\n250 next\n"))
	f.Add([]byte(strings.Repeat("250-a\r\n", maxLines+1)))
	f.Add(bytes.Repeat([]byte("250 "), maxLine))
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(wire), maxLine)
		lines, err := readReply(r)
		whole, again := readReply(bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(wire)), maxLine))
		if !reflect.DeepEqual(lines, whole) || (err == nil) != (again == nil) {
			t.Fatalf("in one packet %q, %v; octet by octet %q, %v", lines, err, whole, again)
		}
		if err != nil {
			if lines != nil {
				t.Fatalf("an error, %v, with lines %q", err, lines)
			}
			return
		}
		if len(lines) == 0 || len(lines) > maxLines {
			t.Fatalf("a reply of %d lines", len(lines))
		}
		size := 0
		for i, line := range lines {
			size += len(line)
			continues := len(line) > 3 && line[3] == '-'
			if len(line) < 3 || len(line) >= maxLine || strings.ContainsAny(line, "\n") || !isCode(line[:3]) || continues != (i+1 < len(lines)) {
				t.Fatalf("line %d of %d is %q", i+1, len(lines), line)
			}
		}
		if size > maxReply+maxLine {
			t.Fatalf("a reply of %d octets", size)
		}
	})
}
