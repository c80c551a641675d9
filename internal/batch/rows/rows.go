// Package rows holds one line of a user's list, whatever it was written in, and
// the chunks in which a job keeps them: PerChunk rows a file, numbered from 0, so
// that row n lies in chunk n / PerChunk.
package rows

// Limits of a list.
const (
	PerChunk   = 50_000
	MaxRow     = 1 << 20  // octets of one row as given
	MaxColumns = 2000     //
	MaxNames   = 64 << 10 // octets of all column names
)

// Kind says what a Cell holds.
type Kind byte

// The kinds.
const (
	Absent Kind = iota // the row has no such column
	Text               // UTF-8
	JSON               // a value that is no string, as package jsonjs writes it
)

// Cell is what a row has in one column. The zero value is absent.
type Cell struct {
	Kind Kind
	Text string // of JSON: the text of the value
}

// Row is one row of a list.
type Row struct {
	Number int64  // from 0, in input order
	Email  string // the address as given; "": the row has none
	Cells  []Cell // by column; may be shorter than the Layout's
}

// Layout says what the columns of a list are. It grows while the list is read,
// at its end only, when later rows have columns of their own.
type Layout struct {
	Columns []string `json:"columns"` // names as given; "": it has none
	Email   int      `json:"email"`   // the column of the addresses
}

// EmailOf returns the address of a row with these cells.
func (l Layout) EmailOf(cells []Cell) string { return emailOf(cells, l.Email) }

func emailOf(cells []Cell, column int) string {
	if column >= len(cells) || cells[column] == (Cell{JSON, "null"}) {
		return ""
	}
	return cells[column].Text
}
