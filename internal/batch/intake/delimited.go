package intake

import (
	"bytes"
	"fmt"
	"io"

	"rcpt/internal/batch/rows"
)

// span is a cell within its row.
type span struct {
	from, to int
	doubled  bool // quotes in it are doubled
}

// scanned is what was found of a row.
type scanned struct {
	length int // with its line end; 0: the row goes on behind the text
	open   int // where quotes open that nothing closes; -1: nowhere
}

// scanRow divides the first row of text into cells. A cell is quoted only if
// nothing but blanks stand around its quotes; else its quotes are characters as
// any, so that "John Doe"@example.com is an address.
func scanRow(text []byte, comma byte, final bool, cells []span) ([]span, scanned) {
	cells = cells[:0]
	for i := 0; ; {
		cell, end, state := scanCell(text, i, comma)
		switch {
		case state == cellOpen && !final, state == cellCut && !final:
			return cells, scanned{open: -1}
		case state == cellOpen:
			return cells, scanned{length: len(text), open: i}
		}
		cells = append(cells, cell)
		if end == len(text) {
			return cells, scanned{length: end, open: -1}
		}
		if text[end] == comma {
			i = end + 1
			continue
		}
		n := lineEnd(text[end:], final)
		if n == 0 {
			return cells, scanned{open: -1}
		}
		return cells, scanned{length: end + n, open: -1}
	}
}

// lineEnd is the length of the line end at the beginning of text, 0 when that
// cannot be seen yet: CR LF, LF, or the CR of old.
func lineEnd(text []byte, final bool) int {
	switch {
	case text[0] == '\n':
		return 1
	case len(text) == 1 && !final:
		return 0
	case len(text) > 1 && text[1] == '\n':
		return 2
	}
	return 1
}

type cellState int

const (
	cellDone cellState = iota // delimiter or line end at end
	cellCut                   // the text ends with it
	cellOpen                  // the text ends within its quotes
)

// scanCell reads one cell that begins at i and returns where it ends.
func scanCell(text []byte, i int, comma byte) (cell span, end int, state cellState) {
	start := i
	for i < len(text) && text[i] == ' ' && comma != ' ' {
		i++
	}
	if i < len(text) && text[i] == '"' {
		doubled, from := false, i+1
		for i = from; ; {
			at := bytes.IndexByte(text[i:], '"')
			if at < 0 {
				return span{}, len(text), cellOpen
			}
			if i += at + 1; i < len(text) && text[i] == '"' {
				doubled = true
				i++
				continue
			}
			break
		}
		to := i - 1
		for i < len(text) && text[i] == ' ' {
			i++
		}
		if i == len(text) {
			return span{from, to, doubled}, i, cellCut
		}
		if c := text[i]; c == comma || c == '\n' || c == '\r' {
			return span{from, to, doubled}, i, cellDone
		}
	}
	for ; i < len(text); i++ {
		if c := text[i]; c == comma || c == '\n' || c == '\r' {
			return span{from: start, to: i}, i, cellDone
		}
	}
	return span{from: start, to: i}, i, cellCut
}

// scanLine takes the first line of text as one cell, without quotes around all
// of it.
func scanLine(text []byte, final bool, cells []span) ([]span, scanned) {
	cells = cells[:0]
	end := bytes.IndexAny(text, "\r\n")
	length := len(text)
	switch {
	case end < 0 && !final:
		return cells, scanned{open: -1}
	case end < 0:
		end = len(text)
	default:
		n := lineEnd(text[end:], final)
		if n == 0 {
			return cells, scanned{open: -1}
		}
		length = end + n
	}
	cell, stop, state := scanCell(text[:end], 0, '\n')
	if state == cellOpen || stop != end {
		cell = span{from: 0, to: end}
	}
	return append(cells, cell), scanned{length: length, open: -1}
}

// scan divides the first row of text as the format of the list has it.
func (r *Reader) scan(text []byte, final bool) scanned {
	var s scanned
	if r.state.Format == Lines {
		r.spans, s = scanLine(text, final, r.spans)
	} else {
		r.spans, s = scanRow(text, r.state.Comma[0], final, r.spans)
	}
	return s
}

// nextDelimited reads the next row of CSV or lines into r.cells.
func (r *Reader) nextDelimited() error {
	raw, err := r.nextRaw()
	if err != nil {
		return err
	}
	text, decoded := decode(raw, r.buf)
	if decoded {
		r.buf = text
		r.scan(text, true)
	}
	r.fillCells(text)
	r.state.Offset += r.state.Encoding.octetsIn(raw)
	return r.widen(len(r.cells))
}

// nextRaw returns the next row that is not blank and takes it from the window;
// r.spans are its cells. Blank lines before it are behind State.Offset.
func (r *Reader) nextRaw() ([]byte, error) {
	for {
		skipped, err := r.win.skip("\r\n")
		r.state.Offset += skipped * r.state.Encoding.unit()
		if err != nil {
			return nil, err
		}
		text := r.win.text()
		if len(text) == 0 {
			return nil, io.EOF
		}
		s := r.scan(text, r.win.final())
		if s.length == 0 && len(text) <= rows.MaxRow {
			if err := r.win.more(); err != nil {
				return nil, err
			}
			continue
		}
		if s.length == 0 {
			s = r.scan(text, true)
		}
		row := text[:s.length]
		if s.open >= 0 {
			return nil, r.openQuote(row[:s.open])
		}
		if len(row) > rows.MaxRow {
			return nil, tooLong()
		}
		if err := holdsZero(row); err != nil {
			return nil, err
		}
		r.win.take(s.length)
		if len(bytes.Trim(row, " \t\r\n\x1a")) == 0 && !bytes.ContainsAny(row, r.state.Comma) || string(row) == "\x1a" {
			r.state.Offset += r.state.Encoding.octetsIn(row)
			continue
		}
		return row, nil
	}
}

func (r *Reader) openQuote(before []byte) error {
	return &Error{
		Kind: OpenQuote, Byte: r.state.Encoding.octetsIn(before),
		Problem: fmt.Sprintf("a quote opens here and is not closed before the list ends or %d octets have passed", rows.MaxRow),
		Fix:     "close the quote, or double it where it is a character",
	}
}

// fillCells makes cells of spans, all within one string.
func (r *Reader) fillCells(text []byte) {
	doubled := false
	for _, s := range r.spans {
		doubled = doubled || s.doubled
	}
	if doubled {
		text = r.undouble(text)
	}
	all := string(text)
	r.cells = r.cells[:0]
	for _, s := range r.spans {
		r.cells = append(r.cells, rows.Cell{Kind: rows.Text, Text: all[s.from:s.to]})
	}
}

// undouble makes one quote of two, in place, and moves the spans along.
func (r *Reader) undouble(text []byte) []byte {
	out := make([]byte, 0, len(text))
	for i, s := range r.spans {
		from := len(out)
		cell := text[s.from:s.to]
		if s.doubled {
			out = append(out, bytes.ReplaceAll(cell, []byte(`""`), []byte(`"`))...)
		} else {
			out = append(out, cell...)
		}
		r.spans[i] = span{from: from, to: len(out)}
	}
	return out
}

// widen adds columns without name for a row that has more than the header.
func (r *Reader) widen(columns int) error {
	for len(r.state.Layout.Columns) < columns {
		if err := r.addColumn(""); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) addColumn(name string) error {
	r.octets += len(name)
	if len(r.state.Layout.Columns) == rows.MaxColumns || r.octets > rows.MaxNames {
		return &Error{Kind: TooManyColumns, Problem: fmt.Sprintf("there are more than %d columns, or more than %d octets of names", rows.MaxColumns, rows.MaxNames), Fix: "leave out what is not needed"}
	}
	r.state.Layout.Columns = append(r.state.Layout.Columns, name)
	return nil
}
