// Package intake reads a user's list row by row, whatever it is written in: CSV
// (RFC 4180 and what programs make of it), a JSON array, JSON lines, or plain
// text with an address a line; in UTF-8, UTF-16, Latin-1; plain or gzipped. All
// of that is found in the content, never taken from a name.
//
// In order: gzip (two octets), byte order mark or the zeros of UTF-16, format and
// delimiter and header (sniff.go), the address column (column.go); then the rows
// (delimited.go, elements.go). A row that is no UTF-8 is read as Windows-1252,
// which is how Latin-1 is read since HTML 5, each row for itself.
//
// Rows are numbered from 0. Blank lines are no rows; a row without address is
// one. What cannot be read ends in an *Error that says what, where and what to
// do, and never in fewer rows than the list has: the caller drops the job then.
//
// Memory is a window of the list: some 300 KB, with a row of rows.MaxRow some
// 4 MB, whatever the size of the list and whatever is in it.
//
// A Reader can be put down after any row (State) and taken up by another process
// (Resume). That costs nothing but an open at an offset, except for gzip, which
// is unpacked from its start again: some seconds per GB.
package intake

import (
	"errors"
	"fmt"
	"io"

	"rcpt/internal/batch/rows"
)

// Source opens the list from an octet on. It is called again for a Resume.
type Source func(offset int64) (io.ReadCloser, error)

// Options are what the user says of the list, and its limits. The zero value of
// a field stands for its default.
type Options struct {
	// EmailColumn is the name of the address column, or its number from 1 for a
	// list without header. Empty: it is found.
	EmailColumn string

	MaxRows  int64 // 5,000,000
	MaxSize  int64 // octets, unpacked; 4 GiB
	MaxRatio int64 // of unpacked to packed octets, from FreeSize on; 200
	FreeSize int64 // octets that may be unpacked at any ratio; 256 MiB: the same row a million times over
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int64
		value int64
	}{{&o.MaxRows, 5_000_000}, {&o.MaxSize, 4 << 30}, {&o.MaxRatio, 200}, {&o.FreeSize, 256 << 20}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	return o
}

// Format is how a list divides its rows.
type Format string

// The formats.
const (
	CSV   Format = "csv"
	Lines Format = "lines" // one column
	Array Format = "json"  // JSON array
	JSONL Format = "jsonl" // JSON values, one behind the other
)

// State is where a Reader stands between two rows. It is plain data of at most
// some 100 KB, mostly the column names.
type State struct {
	Offset   int64       `json:"offset"` // of the next row, octets, unpacked
	Rows     int64       `json:"rows"`   // read so far
	Gzip     bool        `json:"gzip,omitempty"`
	Encoding Encoding    `json:"encoding"`
	Format   Format      `json:"format"`
	Comma    string      `json:"comma,omitempty"` // of CSV: the delimiter
	Header   bool        `json:"header"`          // the first line names the columns
	Layout   rows.Layout `json:"layout"`
}

// Reader reads one list. It is not safe for concurrent use.
type Reader struct {
	opts  Options
	state State
	src   *source
	win   *window
	end   error // why there are no more rows

	spans []span
	cells []rows.Cell
	buf   []byte
	names map[string]int // of Layout.Columns, for JSON

	octets int // of all names
}

// Open begins to read a list. The error is an *Error for a list that cannot be
// read, else what src failed with. The caller closes the Reader.
func Open(src Source, o Options) (*Reader, error) {
	r := &Reader{opts: o.withDefaults()}
	var err error
	if r.src, err = openSource(src, r.opts); err != nil {
		return nil, err
	}
	if err := r.sniff(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// Resume goes on reading where another Reader of the same list and options
// stood.
func Resume(src Source, s State, o Options) (*Reader, error) {
	r := &Reader{opts: o.withDefaults(), state: s}
	if f := s.Format; f != Lines && f != Array && f != JSONL && (f != CSV || len(s.Comma) != 1) {
		return nil, fmt.Errorf("resume list: no format %q with delimiter %q", f, s.Comma)
	}
	var err error
	if r.src, err = resumeSource(src, s, r.opts); err != nil {
		return nil, err
	}
	r.state.Layout.Columns = nil
	for _, name := range s.Layout.Columns {
		if err := r.addColumn(name); err != nil {
			return nil, errors.Join(err, r.Close())
		}
	}
	r.win = newWindow(r.src.text(s.Encoding, s.Offset))
	return r, nil
}

// State tells where the Reader stands: behind the row that Next returned last.
func (r *Reader) State() State {
	s := r.state
	s.Layout.Columns = append([]string(nil), s.Layout.Columns...)
	return s
}

// Layout tells the columns known so far.
func (r *Reader) Layout() rows.Layout { return r.state.Layout }

// Close closes what Source opened.
func (r *Reader) Close() error { return r.src.Close() }

// Next returns the next row; io.EOF behind the last one. Its Cells are valid
// until the next call, its texts for good. An error comes again with each call.
func (r *Reader) Next() (rows.Row, error) {
	if r.end != nil {
		return rows.Row{}, r.end
	}
	row, err := r.next()
	if err != nil {
		r.end = r.locate(err)
		return rows.Row{}, r.end
	}
	r.state.Rows++
	return row, nil
}

func (r *Reader) next() (rows.Row, error) {
	var err error
	switch r.state.Format {
	case CSV, Lines:
		err = r.nextDelimited()
	case Array, JSONL:
		err = r.nextElement()
	}
	if err == io.EOF && r.state.Rows == 0 {
		err = &Error{Kind: Empty, Problem: "the list has no rows", Fix: "send at least one address"}
	}
	if err != nil {
		return rows.Row{}, err
	}
	if r.state.Rows == r.opts.MaxRows {
		return rows.Row{}, &Error{Kind: TooManyRows, Problem: fmt.Sprintf("there are more than %d rows", r.opts.MaxRows), Fix: "divide the list into several jobs"}
	}
	return rows.Row{Number: r.state.Rows, Email: r.state.Layout.EmailOf(r.cells), Cells: r.cells}, nil
}

// locate adds where the reader stands to an error of the list.
func (r *Reader) locate(err error) error {
	var e *Error
	if errors.As(err, &e) {
		located := *e
		located.Row, located.Byte = r.state.Rows, r.state.Offset+e.Byte
		return &located
	}
	return err
}
