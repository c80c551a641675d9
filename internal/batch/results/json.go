package results

import (
	"strconv"

	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/rows"
)

// checkedAt is RFC 3339 with as many digits of a second as there are.
const checkedAt = "2006-01-02T15:04:05.999Z07:00"

// AppendJSON appends a row with its answer as an object on one line, as
// JavaScript would write it (package jsonjs). Columns that the row does not have
// are left out, and so are the texts of the answer that are empty.
func (c Columns) AppendJSON(to []byte, row rows.Row, a *Answer) []byte {
	to = append(to, '{')
	for _, i := range c.order {
		switch {
		case i == c.address:
			to = appendText(to, email, row.Email)
		case i >= len(row.Cells):
		case row.Cells[i].Kind == rows.Text:
			to = appendText(to, c.names[i], row.Cells[i].Text)
		case row.Cells[i].Kind == rows.JSON:
			to = append(append(appendKey(to, c.names[i]), row.Cells[i].Text...), ',')
		}
	}
	if c.address < 0 {
		to = appendText(to, email, row.Email)
	}
	return append(a.appendJSON(to), '}')
}

func (a *Answer) appendJSON(to []byte) []byte {
	to = appendText(to, "status", string(a.Status))
	to = append(strconv.AppendInt(appendKey(to, "score"), int64(a.Score), 10), ',')
	to = appendText(to, "reason", string(a.Reason))
	to = appendText(to, "action", string(a.Action))
	names := ours()[5:]
	for i, flag := range a.flags() {
		to = append(strconv.AppendBool(appendKey(to, names[i]), *flag), ',')
	}
	for i, text := range a.texts() {
		if *text != "" {
			to = appendText(to, names[len(a.flags())+i], *text)
		}
	}
	if !a.CheckedAt.IsZero() {
		to = append(a.CheckedAt.AppendFormat(append(appendKey(to, "checked_at"), '"'), checkedAt), '"', ',')
	}
	return to[:len(to)-1]
}

func appendKey(to []byte, key string) []byte { return append(jsonjs.AppendString(to, key), ':') }

func appendText(to []byte, key, text string) []byte {
	return append(jsonjs.AppendString(appendKey(to, key), text), ',')
}

// checked is CheckedAt as the outputs write it.
func (a *Answer) checked() string {
	if a.CheckedAt.IsZero() {
		return ""
	}
	return a.CheckedAt.UTC().Format(checkedAt)
}
