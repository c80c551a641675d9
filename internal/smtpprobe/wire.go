package smtpprobe

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"

	"rcpt/internal/reply"
)

// Caps on what a server may send as one reply. RFC 5321 §4.5.3.1.5 allows 512
// octets a line; real servers write longer ones, hostile ones never stop.
const (
	maxLine  = 4 << 10
	maxLines = 100
	maxReply = 64 << 10
)

// errMalformed is a reply that is none: no code, a line without end, more than
// the caps allow.
var errMalformed = errors.New("malformed reply")

// readReply reads the lines of one reply, without their line ends. Bare LF is
// accepted as line end.
func readReply(r *bufio.Reader) ([]string, error) {
	var lines []string
	size := 0
	for {
		raw, err := r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: line over %d octets", errMalformed, maxLine)
		}
		if err != nil {
			return nil, err
		}
		line := strings.TrimRight(string(raw), "\r\n")
		size += len(raw)
		if len(line) < 3 || !isCode(line[:3]) || len(line) > 3 && strings.IndexByte(" \t-", line[3]) < 0 {
			return nil, fmt.Errorf("%w: line without reply code", errMalformed)
		}
		lines = append(lines, line)
		if len(line) == 3 || line[3] != '-' {
			return lines, nil
		}
		if len(lines) == maxLines || size > maxReply {
			return nil, fmt.Errorf("%w: over %d lines or %d octets", errMalformed, maxLines, maxReply)
		}
	}
}

func isCode(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// classOf names a failure to get a reply.
func classOf(err error) reply.Class {
	var netErr net.Error
	switch {
	case errors.Is(err, errMalformed):
		return reply.ProtocolError
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		return reply.Timeout
	}
	return ConnectionFailed // io.EOF, a reset, a refused connection
}

// extensions reads the keywords of an EHLO answer (RFC 5321 §4.1.1.1), upper
// case, with their parameters.
func extensions(lines []string) map[string]string {
	ext := make(map[string]string, len(lines))
	for _, line := range lines[1:] {
		if len(line) <= 4 {
			continue
		}
		keyword, params, _ := strings.Cut(line[4:], " ")
		ext[strings.ToUpper(keyword)] = params
	}
	return ext
}
