package intake

import (
	"bytes"
	"errors"
	"io"

	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/rows"
)

// scanElement returns the length of the JSON value at the beginning of text, 0
// when it goes on behind it. What it holds is not looked at but for its strings and
// brackets.
func scanElement(text []byte, final bool) int {
	if len(text) == 0 {
		return 0
	}
	n := 0
	switch text[0] {
	case '"':
		n = scanString(text)
	case '{', '[':
		n = scanNested(text)
	default:
		if at := bytes.IndexAny(text, ",]}\" \t\r\n"); at >= 0 {
			n = max(at, 1)
		}
	}
	if n == 0 && final {
		return len(text)
	}
	return n
}

// scanNested returns the length of an array or object, 0 if its end cannot be seen.
func scanNested(text []byte) int {
	depth := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			n := scanString(text[i:])
			if n == 0 {
				return 0
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return 0
}

// scanString returns the length of a string with its quotes, 0 if its end cannot
// be seen.
func scanString(text []byte) int {
	for i := 1; ; {
		n := bytes.IndexAny(text[i:], `"\`)
		if n < 0 {
			return 0
		}
		if i += n + 1; text[i-1] == '"' {
			return i
		}
		if i++; i > len(text) {
			return 0
		}
	}
}

// nextElement reads the next value of a JSON array or of JSON lines into r.cells.
func (r *Reader) nextElement() error {
	before, err := r.toElement()
	if err != nil {
		return moved(err, before)
	}
	raw, err := r.nextValue()
	if err != nil {
		return moved(err, before)
	}
	text, decoded := decode(raw, r.buf)
	if decoded {
		r.buf = text
	}
	length := r.state.Encoding.octetsIn(raw)
	if err := r.readElement(string(text)); err != nil {
		return moved(err, before)
	}
	r.state.Offset += before + length
	return nil
}

// moved tells that the place of an error counts from further on.
func moved(err error, octets int64) error {
	var e *Error
	if errors.As(err, &e) {
		e.Byte += octets
	}
	return err
}

func badJSON(at int64, problem string) error {
	return &Error{Kind: BadJSON, Byte: at, Problem: problem, Fix: "send an array of strings or objects, or one of them on each line"}
}

// toElement takes what stands before the next value and returns how many octets
// that were; io.EOF when there is none.
func (r *Reader) toElement() (int64, error) {
	passed, err := r.skipTo()
	if err != nil {
		return passed, err
	}
	array, text := r.state.Format == Array, r.win.text()
	switch {
	case len(text) == 0 && array:
		return passed, badJSON(0, "the array does not end")
	case len(text) == 0:
		return passed, io.EOF
	case array && text[0] == ']':
		return r.toEnd(passed)
	case !array || r.state.Rows == 0:
		return passed, nil
	case text[0] != ',':
		return passed, badJSON(0, "a comma or ] is missing")
	}
	r.win.take(1)
	behind, err := r.skipTo()
	passed += behind + r.state.Encoding.unit()
	if err == nil && len(r.win.text()) == 0 {
		err = badJSON(0, "the array does not end")
	}
	return passed, err
}

// toEnd sees to it that nothing follows the array.
func (r *Reader) toEnd(passed int64) (int64, error) {
	r.win.take(1)
	behind, err := r.skipTo()
	passed += behind + r.state.Encoding.unit()
	switch {
	case err != nil:
		return passed, err
	case len(r.win.text()) > 0:
		return passed, badJSON(0, "text behind the end of the array")
	}
	return passed, io.EOF
}

// skipTo passes white space and returns how many octets.
func (r *Reader) skipTo() (int64, error) {
	n, err := r.win.skip(blanks)
	return n * r.state.Encoding.unit(), err
}

// nextValue takes the value at the beginning of the window.
func (r *Reader) nextValue() ([]byte, error) {
	for {
		text := r.win.text()
		n := scanElement(text, r.win.final())
		if n > rows.MaxRow || n == 0 && len(text) > rows.MaxRow {
			return nil, tooLong()
		}
		if n > 0 {
			if err := holdsZero(text[:n]); err != nil {
				return nil, err
			}
			r.win.take(n)
			return text[:n], nil
		}
		if err := r.win.more(); err != nil {
			return nil, err
		}
	}
}

// readElement makes a row of a value: a string is an address, an object has a
// column for each key, null is a row without address.
func (r *Reader) readElement(text string) error {
	r.cells = r.cells[:0]
	p := jsonjs.NewParser(text)
	var err error
	switch p.Peek() {
	case '"':
		var address string
		if address, err = p.String(); err == nil {
			r.setCell(r.state.Layout.Email, rows.Cell{Kind: rows.Text, Text: address})
		}
	case '{':
		err = p.Members(func(key string) error { return r.readMember(p, key) })
	case 'n':
		_, err = p.Value(nil)
	default:
		return badJSON(0, "this is neither a string nor an object")
	}
	if err == nil {
		err = p.End()
	}
	var syntax *jsonjs.SyntaxError
	if errors.As(err, &syntax) {
		return badJSON(r.state.Encoding.octetsIn([]byte(text[:syntax.Pos])), syntax.Problem)
	}
	return err
}

func (r *Reader) readMember(p *jsonjs.Parser, key string) error {
	cell := rows.Cell{Kind: rows.JSON}
	if p.Peek() == '"' {
		text, err := p.String()
		if err != nil {
			return err
		}
		cell = rows.Cell{Kind: rows.Text, Text: text}
	} else {
		value, err := p.Value(nil)
		if err != nil {
			return err
		}
		cell.Text = string(value)
	}
	column, err := r.columnOf(key)
	if err != nil {
		return err
	}
	r.setCell(column, cell)
	return nil
}

// sniffElements looks at the first values and finds the key of the addresses.
func (r *Reader) sniffElements() error {
	sample, err := r.sampleElements()
	if err != nil {
		return err
	}
	var columns []column
	var lists []bool // columns that hold an array or object somewhere
	for _, text := range sample {
		if err := r.readElement(text); err != nil {
			return err
		}
		for len(columns) < len(r.state.Layout.Columns) {
			columns, lists = append(columns, column{name: r.state.Layout.Columns[len(columns)]}), append(lists, false)
		}
		for i, c := range r.cells {
			switch {
			case text[0] != '{':
			case c.Kind == rows.Text:
				columns[i].count(c.Text)
			case isNested(c):
				lists[i] = true
			}
		}
	}
	if len(columns) == 0 { // strings only
		_, err := r.columnOf("email")
		return err
	}
	if r.state.Layout.Email, err = r.pick(columns); err == nil && lists[r.state.Layout.Email] {
		return badJSON(0, "an array or object stands where an address should")
	}
	return err
}

// isNested reports whether a cell is an array or object: what is sent to make a
// job without an upload, {"emails":[...]}, would be a list of one broken address.
func isNested(c rows.Cell) bool {
	return c.Kind == rows.JSON && (c.Text[0] == '[' || c.Text[0] == '{')
}

// sampleElements returns the values that can be seen, at least one if there is
// one. Faults behind the first are left for when it is their turn.
func (r *Reader) sampleElements() ([]string, error) {
	if n, err := r.win.skip(blanks); err != nil {
		return nil, err
	} else if r.state.Offset += n * r.state.Encoding.unit(); len(r.win.text()) == 0 {
		return nil, nil
	}
	for scanElement(r.win.text(), r.win.final()) == 0 && len(r.win.text()) <= rows.MaxRow {
		if err := r.win.more(); err != nil {
			return nil, err
		}
	}
	var sample []string
	for text := r.win.text(); len(sample) < sampleRows; {
		text = bytes.TrimLeft(text, blanks+",")
		n := scanElement(text, r.win.final())
		if n == 0 || bytes.IndexByte([]byte(`{"n`), text[0]) < 0 {
			break
		}
		value, _ := decode(text[:n], nil)
		if _, err := jsonjs.Canonical(string(value)); err != nil {
			break
		}
		sample = append(sample, string(value))
		text = text[n:]
	}
	return sample, nil
}
