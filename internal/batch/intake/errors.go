package intake

import (
	"errors"
	"fmt"
)

// ErrList: the list cannot be read. It always comes as an *Error.
var ErrList = errors.New("list not readable")

// Kind says in one word why a list cannot be read.
type Kind string

// The kinds.
const (
	Empty          Kind = "empty"            // no rows
	Binary         Kind = "binary"           // no text: a picture, a spreadsheet, an archive
	BadEncoding    Kind = "bad_encoding"     // half a character of UTF-16 at the end
	BadGzip        Kind = "bad_gzip"         // damaged or cut short
	TooLarge       Kind = "too_large"        // more octets than Options.MaxSize, or unpacked out of proportion
	TooManyRows    Kind = "too_many_rows"    // more than Options.MaxRows
	RowTooLong     Kind = "row_too_long"     // more octets than rows.MaxRow
	TooManyColumns Kind = "too_many_columns" // more than rows.MaxColumns, or rows.MaxNames of names
	OpenQuote      Kind = "open_quote"       // a quote that nothing closes
	BadJSON        Kind = "bad_json"         //
	NoEmailColumn  Kind = "no_email_column"  // no column looks like it, or none has the name given
	EmailColumns   Kind = "email_columns"    // several do, and none is named so
)

// Error says why a list cannot be read, where, and what to do. It is the list's
// fault: reading it again ends the same way. It does not repeat the list but for
// column names.
type Error struct {
	Kind    Kind
	Row     int64 // that was being read, from 0
	Byte    int64 // octet at which it begins, or at which the fault lies, unpacked, from 0
	Problem string
	Fix     string
}

// Error returns place, problem and fix in one line. People count rows from 1; what
// is wrong with the list as a whole has no place.
func (e *Error) Error() string {
	what := e.Problem + ": " + e.Fix
	whole := e.Kind == Empty || e.Kind == BadGzip || e.Kind == NoEmailColumn || e.Kind == EmailColumns
	switch {
	case whole || e.Row == 0 && e.Byte == 0:
		return what
	case e.Kind == Binary: // found before there were rows, or within one
		return fmt.Sprintf("octet %d: %s", e.Byte, what)
	}
	return fmt.Sprintf("row %d, octet %d: %s", e.Row+1, e.Byte, what)
}

// Unwrap returns ErrList.
func (e *Error) Unwrap() error { return ErrList }
