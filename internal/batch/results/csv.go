package results

import (
	"strconv"
	"strings"

	"rcpt/internal/batch/rows"
)

// AppendHeader appends the first line of a CSV file.
func (c Columns) AppendHeader(to []byte) []byte {
	for _, name := range c.names {
		to = appendCell(to, name)
	}
	names := ours()
	if c.address >= 0 {
		names = names[1:]
	}
	for _, name := range names {
		to = appendCell(to, name)
	}
	return endLine(to)
}

// AppendCSV appends a row with its answer as a line (RFC 4180). What a
// spreadsheet would take for a formula gets an apostrophe in front.
func (c Columns) AppendCSV(to []byte, row rows.Row, a *Answer) []byte {
	for i := range c.names {
		switch {
		case i == c.address:
			to = appendCell(to, row.Email)
		case i >= len(row.Cells) || row.Cells[i] == rows.Cell{Kind: rows.JSON, Text: "null"}:
			to = append(to, ',')
		default:
			to = appendCell(to, row.Cells[i].Text)
		}
	}
	if c.address < 0 {
		to = appendCell(to, row.Email)
	}
	to = append(append(to, a.Status...), ',')
	to = append(strconv.AppendInt(to, int64(a.Score), 10), ',')
	to = append(append(to, a.Reason...), ',')
	to = append(append(to, a.Action...), ',')
	for _, flag := range a.flags() {
		to = append(strconv.AppendBool(to, *flag), ',')
	}
	for _, text := range a.texts() {
		to = appendCell(to, *text)
	}
	return endLine(appendCell(to, a.checked()))
}

// endLine puts the line end of RFC 4180 §2 in place of the last comma.
func endLine(to []byte) []byte { return append(to[:len(to)-1], '\r', '\n') }

// appendCell appends a cell and a comma. Where a spreadsheet takes semicolons and
// tabs for delimiters, too, quotes keep what is behind one within its cell.
func appendCell(to []byte, text string) []byte {
	formula := isFormula(text)
	if !formula && !strings.ContainsAny(text, ",;\t\"\r\n") && strings.TrimSpace(text) == text {
		return append(append(to, text...), ',')
	}
	to = append(to, '"')
	if formula {
		to = append(to, '\'')
	}
	for {
		at := strings.IndexByte(text, '"')
		if at < 0 {
			return append(append(to, text...), '"', ',')
		}
		to = append(append(to, text[:at+1]...), '"')
		text = text[at+1:]
	}
}

// isFormula reports whether a spreadsheet may calculate the text: it begins,
// blanks aside, with one of the characters of OWASP's page "CSV Injection" (seen
// November 2026) or their full-width forms. A plain number, a telephone number as
// +49 30 123456 among them, may keep its sign.
func isFormula(text string) bool {
	if text != "" && (text[0] == '\t' || text[0] == '\r') {
		return true
	}
	text = strings.TrimLeft(text, " \t\r\n\u00a0\ufeff")
	for _, sign := range []string{"=", "@", "＝", "＠", "＋", "－"} {
		if strings.HasPrefix(text, sign) {
			return true
		}
	}
	if text == "" || text[0] != '+' && text[0] != '-' {
		return false
	}
	digits := strings.Trim(text[1:], "0123456789., ")
	return digits != "" || len(text) == 1
}
