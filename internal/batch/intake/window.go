package intake

import (
	"bytes"
	"fmt"
	"io"

	"rcpt/internal/batch/rows"
)

// window is the part of the list at which the reader looks: whole rows and the
// beginning of one more.
type window struct {
	from io.Reader
	buf  []byte
	r, w int
	err  error // what ended from; io.EOF at its end
}

const firstWindow = 64 << 10

func newWindow(from io.Reader) *window {
	return &window{from: from, buf: make([]byte, firstWindow)}
}

// text is what can be seen.
func (w *window) text() []byte { return w.buf[w.r:w.w] }

// final reports whether nothing comes behind what can be seen.
func (w *window) final() bool { return w.err == io.EOF }

// more shows more than now, twice as much if need be, but not more than twice
// rows.MaxRow. It fails as from fails. At the end of the list it may show
// nothing more, and final says so.
func (w *window) more() error {
	if w.err != nil {
		if w.err == io.EOF {
			return nil
		}
		return w.err
	}
	seen := w.w - w.r
	if seen > 2*rows.MaxRow {
		return tooLong()
	}
	if w.r > 0 {
		copy(w.buf, w.text())
		w.r, w.w = 0, seen
	}
	if seen > len(w.buf)/2 {
		w.buf = append(make([]byte, 0, 2*len(w.buf)), w.buf[:seen]...)
		w.buf = w.buf[:cap(w.buf)]
	}
	for w.w < len(w.buf) && w.err == nil {
		var n int
		n, w.err = w.from.Read(w.buf[w.w:])
		w.w += n
	}
	if w.err != nil && w.err != io.EOF && w.w > seen {
		return nil // what came before the fault is read first
	}
	if w.err == io.EOF {
		return nil
	}
	return w.err
}

// skip drops octets that stand at the beginning, if they are of these, and
// returns how many.
func (w *window) skip(octets string) (int64, error) {
	var n int64
	for {
		text := w.text()
		rest := bytes.TrimLeft(text, octets)
		n += int64(len(text) - len(rest))
		w.r = w.w - len(rest)
		if len(rest) > 0 || w.final() {
			return n, nil
		}
		if err := w.more(); err != nil {
			return n, err
		}
	}
}

// take drops n octets.
func (w *window) take(n int) { w.r += n }

func tooLong() error {
	return &Error{Kind: RowTooLong, Problem: fmt.Sprintf("a row has more than %d octets", rows.MaxRow), Fix: "divide the list into lines, and look for a quote that is not closed"}
}

func holdsZero(text []byte) error {
	if at := bytes.IndexByte(text, 0); at >= 0 {
		return &Error{Kind: Binary, Byte: int64(at), Problem: "there is a zero octet", Fix: "send the list as text: CSV, JSON, or an address a line"}
	}
	return nil
}
