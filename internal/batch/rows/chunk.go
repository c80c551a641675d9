package rows

import (
	"fmt"
	"io"

	"rcpt/internal/batch/record"
)

// kind names the files of rows. The first record holds the number of the first
// row and the address column; each other one a row: its cells, each as its
// length times four plus its kind, then its text.
const kind = "rows"

// Writer writes one chunk. It is not safe for concurrent use.
type Writer struct {
	file *record.Writer
	next int64
	buf  []byte
}

// NewWriter begins a chunk whose first row has this number.
func NewWriter(to io.Writer, first int64, email int) (*Writer, error) {
	w := &Writer{file: record.NewWriter(to, kind), next: first}
	w.buf = record.AppendNumber(record.AppendNumber(nil, uint64(first)), uint64(email))
	return w, w.file.Write(w.buf)
}

// Write adds the row with the next number.
func (w *Writer) Write(row Row) error {
	if row.Number != w.next {
		return fmt.Errorf("write row %d where %d is next", row.Number, w.next)
	}
	w.next++
	w.buf = w.buf[:0]
	for _, c := range row.Cells {
		w.buf = record.AppendNumber(w.buf, uint64(len(c.Text))<<2|uint64(c.Kind))
		w.buf = append(w.buf, c.Text...)
	}
	return w.file.Write(w.buf)
}

// Close ends the chunk.
func (w *Writer) Close() error { return w.file.Close() }

// Reader reads one chunk. It is not safe for concurrent use.
type Reader struct {
	file  *record.Reader
	next  int64
	email int
	cells []Cell
}

// NewReader begins to read a chunk; record.ErrDamaged when it is none.
func NewReader(from io.Reader) (*Reader, error) {
	file, err := record.NewReader(from, kind)
	if err != nil {
		return nil, err
	}
	head, err := file.Next()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: a chunk without a head", record.ErrDamaged)
	}
	if err != nil {
		return nil, err
	}
	f := record.FieldsOf(string(head))
	r := &Reader{file: file, next: int64(f.Number()), email: int(f.Number())}
	if !f.Whole() || f.More() || r.next < 0 || r.email < 0 || r.email >= MaxColumns {
		return nil, fmt.Errorf("%w: the head of a chunk", record.ErrDamaged)
	}
	return r, nil
}

// Next returns the next row; io.EOF after the last one of a whole chunk. Its
// Cells are valid until the next call, its texts for good.
func (r *Reader) Next() (Row, error) {
	raw, err := r.file.Next()
	if err != nil {
		return Row{}, err
	}
	f := record.FieldsOf(string(raw))
	r.cells = r.cells[:0]
	for f.More() {
		head := f.Number()
		text, ok := f.Take(head >> 2)
		if !ok || Kind(head&3) > JSON || len(r.cells) == MaxColumns {
			return Row{}, fmt.Errorf("%w: row %d", record.ErrDamaged, r.next)
		}
		r.cells = append(r.cells, Cell{Kind: Kind(head & 3), Text: text})
	}
	row := Row{Number: r.next, Email: emailOf(r.cells, r.email), Cells: r.cells}
	r.next++
	return row, nil
}
