package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
)

// line is one line of a server's log.
type line struct {
	from    string // the syslog tag: "plain/smtpd", "exim", or the program whose output it is
	process string // its process id; "" if unknown
	text    string
}

// of reports whether a server wrote the line: "plain" wrote "plain/smtpd".
func (l line) of(server string) bool {
	name, _, _ := strings.Cut(l.from, "/")
	return name == server
}

func (l line) String() string { return fmt.Sprintf("%s[%s]: %s", l.from, l.process, l.text) }

// journal keeps what all servers log, in the order of arrival.
type journal struct {
	mu    sync.Mutex
	lines []line
}

func (j *journal) add(l line) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, l)
}

// by returns the lines that a server wrote so far.
func (j *journal) by(server string) []line {
	j.mu.Lock()
	defer j.mu.Unlock()
	var found []line
	for _, l := range j.lines {
		if l.of(server) {
			found = append(found, l)
		}
	}
	return found
}

// count returns how many lines of a server match.
func (j *journal) count(server, pattern string) int {
	expr, n := regexp.MustCompile(pattern), 0
	for _, l := range j.by(server) {
		if expr.MatchString(l.text) {
			n++
		}
	}
	return n
}

// String returns the whole journal.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var text strings.Builder
	for _, l := range j.lines {
		fmt.Fprintln(&text, l)
	}
	return text.String()
}

// syslogLine is what syslog(3) of the C library sends.
var syslogLine = regexp.MustCompile(`(?s)^<\d+>\w{3} [ \d]\d \d\d:\d\d:\d\d ([^\[: ]+)(?:\[(\d+)\])?: (.*)$`)

// listen takes what programs say to syslog at a socket, which is the only
// /dev/log that they see.
func (j *journal) listen(path string) error {
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return err
	}
	if err := os.Chmod(path, 0o666); err != nil { // servers write to it as users of their own
		return err
	}
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, _, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			text := strings.TrimRight(string(buffer[:n]), "\n\x00")
			if m := syslogLine.FindStringSubmatch(text); m != nil {
				j.add(line{from: m[1], process: m[2], text: m[3]})
			} else {
				j.add(line{from: "syslog", text: text})
			}
		}
	}()
	return nil
}

// copy takes the output of a program line by line until it ends.
func (j *journal) copy(name string, out io.Reader) {
	in := bufio.NewScanner(out)
	in.Buffer(nil, 1<<20)
	for in.Scan() {
		j.add(line{from: name, text: in.Text()})
	}
}
