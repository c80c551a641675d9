package intake

import (
	"bytes"
	"io"

	"rcpt/internal/batch/rows"
)

// sampleRows is how many rows decide what a list is.
const sampleRows = 200

const blanks = " \t\r\n"

// sniff finds out what the list is written in.
func (r *Reader) sniff() error {
	head, err := r.src.plain.Peek(sourceBuffer)
	if err != nil && err != io.EOF {
		return err
	}
	var mark int
	if r.state.Encoding, mark, err = encodingOf(head); err != nil {
		return err
	}
	if _, err := r.src.plain.Discard(mark); err != nil {
		return err
	}
	r.state.Offset, r.state.Gzip = int64(mark), r.src.gzip
	r.win = newWindow(r.src.text(r.state.Encoding, r.state.Offset))
	if err := r.skipBlank(); err != nil {
		return r.locate(err)
	}
	switch first := bytes.TrimLeft(r.win.text(), blanks); {
	case len(first) == 0:
		err = &Error{Kind: Empty, Problem: "the list is empty", Fix: "send at least one address"}
	case first[0] == '[':
		r.drop(len(r.win.text()) - len(first) + 1)
		r.state.Format = Array
		err = r.sniffElements()
	case first[0] == '{':
		r.state.Format = JSONL
		err = r.sniffElements()
	default:
		err = r.sniffDelimited()
	}
	return r.locate(err)
}

// drop takes n octets of ASCII that are no row.
func (r *Reader) drop(n int) {
	r.win.take(n)
	r.state.Offset += int64(n) * r.state.Encoding.unit()
}

// skipBlank drops line ends, and windows that hold nothing but blanks.
func (r *Reader) skipBlank() error {
	for {
		n, err := r.win.skip("\r\n")
		r.state.Offset += n * r.state.Encoding.unit()
		if err != nil || len(bytes.TrimLeft(r.win.text(), blanks)) > 0 || r.win.final() {
			return err
		}
		if len(r.win.text()) > firstWindow/2 {
			r.drop(len(r.win.text()))
		}
		if err := r.win.more(); err != nil {
			return err
		}
	}
}

// sniffDelimited finds delimiter, header and address column.
func (r *Reader) sniffDelimited() error {
	for !bytes.ContainsAny(r.win.text(), "\r\n") && !r.win.final() && len(r.win.text()) <= rows.MaxRow {
		if err := r.win.more(); err != nil {
			return err
		}
	}
	text := r.win.text()
	comma, length := declaredComma(text)
	if length > 0 {
		r.drop(length)
	} else {
		comma = commaOf(text, r.win.final())
	}
	r.state.Format = Lines
	if comma != 0 {
		r.state.Format, r.state.Comma = CSV, string(rune(comma))
	}
	for r.scan(r.win.text(), r.win.final()).length == 0 && !r.win.final() && len(r.win.text()) <= rows.MaxRow {
		if err := r.win.more(); err != nil {
			return err
		}
	}
	if s := r.scan(r.win.text(), true); s.length > rows.MaxRow && s.open < 0 {
		return tooLong()
	}
	sample, err := r.sample(r.win.text())
	if err != nil {
		return err
	}
	if err := r.nameColumns(sample); err != nil || !r.state.Header {
		return err
	}
	return r.skipHeader()
}

// skipHeader reads the header as a row that is not one.
func (r *Reader) skipHeader() error {
	raw, err := r.nextRaw()
	if err != nil {
		return err
	}
	r.state.Offset += r.state.Encoding.octetsIn(raw)
	return nil
}

// declaredComma reads the line sep=; that Excel heeds and writes.
func declaredComma(text []byte) (comma byte, length int) {
	line := bytes.Trim(text[:min(len(text), 8)], `"`)
	if len(line) < 5 || !bytes.EqualFold(line[:4], []byte("sep=")) || bytes.IndexByte([]byte(commas), line[4]) < 0 {
		return 0, 0
	}
	end := bytes.IndexByte(text, '\n')
	if end < 0 || len(bytes.Trim(text[:end], "\"\r")) != 5 {
		return 0, 0
	}
	return line[4], end + 1
}

// commas are the delimiters, the likeliest first.
const commas = ",;\t|"

// commaOf finds the delimiter: the one by which the largest share of rows has the
// same number of cells, two or more. 0: none divides at least half of the rows.
func commaOf(text []byte, final bool) byte {
	var best byte
	bestShare, bestCells := 0.5, 0
	for _, comma := range []byte(commas) {
		same, cells, all := tally(text, final, comma)
		if share := float64(same) / float64(max(all, 1)); share > bestShare || share == bestShare && cells > bestCells {
			best, bestShare, bestCells = comma, share, cells
		}
	}
	return best
}

// tally counts the rows that have the commonest number of cells.
func tally(text []byte, final bool, comma byte) (same, cells, all int) {
	counts := make(map[int]int)
	var spans []span
	for all < sampleRows && len(text) > 0 {
		var s scanned
		spans, s = scanRow(text, comma, final, spans)
		n := len(spans)
		if s.length == 0 { // cut, or open to the end of what can be seen
			if all > 0 {
				break
			}
			spans, s = scanRow(text, comma, true, spans)
			n = len(spans)
		}
		if s.open >= 0 {
			n++
		}
		if row := text[:s.length]; len(bytes.Trim(row, blanks)) > 0 {
			all++
			counts[n]++
		}
		text = text[s.length:]
	}
	for n, rows := range counts {
		if n >= 2 && (rows > same || rows == same && n > cells) {
			same, cells = rows, n
		}
	}
	return same, cells, all
}

// sample returns the cells of the rows that can be seen.
func (r *Reader) sample(text []byte) ([][]string, error) {
	var sample [][]string
	for len(sample) < sampleRows && len(text) > 0 {
		s := r.scan(text, r.win.final() || len(sample) == 0)
		if s.length == 0 || s.open >= 0 && len(sample) > 0 {
			break
		}
		if s.open >= 0 {
			return nil, r.openQuote(text[:s.open])
		}
		if row := text[:s.length]; len(bytes.Trim(row, blanks)) > 0 {
			decoded, again := decode(row, nil)
			if again {
				r.scan(decoded, true)
			}
			r.fillCells(decoded)
			cells := make([]string, len(r.cells))
			for i, c := range r.cells {
				cells[i] = c.Text
			}
			sample = append(sample, cells)
		}
		text = text[s.length:]
	}
	return sample, nil
}
