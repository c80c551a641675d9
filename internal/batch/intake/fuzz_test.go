package intake

import (
	"errors"
	"io"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"rcpt/internal/batch/rows"
)

// fuzzed keeps the limits small, so that they are reached.
var fuzzed = Options{MaxRows: 1000, MaxSize: 1 << 20, FreeSize: 64 << 10, MaxRatio: 100}

// FuzzRead: whatever the octets, they end in rows or in an Error; every text is
// UTF-8; and reading in two goes gives the same.
func FuzzRead(f *testing.F) {
	for _, c := range formats {
		f.Add(c.list, 1)
		f.Add(zip(c.list), 2)
	}
	f.Add("email,\"x\na@x.test,1\n", 0)
	f.Add(`["a@x.test",{"email":{"a":[1e5,"\ud800"]}}`, 1)
	f.Fuzz(func(t *testing.T, list string, stop int) {
		whole, _, err := readAll(list, fuzzed)
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("an error without a kind: %v", err)
		}
		for _, row := range whole {
			if !utf8.ValidString(row) || strings.Contains(row, `\xff`) {
				t.Fatalf("a row is no UTF-8: %s", row)
			}
		}
		if len(whole) == 0 {
			return
		}
		parts, again := readInTwo(list, int(uint(stop)%uint(len(whole)+1)), fuzzed)
		if !reflect.DeepEqual(parts, whole) || (again == nil) != (err == nil) {
			t.Fatalf("in two goes: %q, %v; in one: %q, %v", parts, again, whole, err)
		}
	})
}

// FuzzWritten: cells written as RFC 4180 says are read as they were.
func FuzzWritten(f *testing.F) {
	f.Add("Ann", "Main St 1, \"rear\"", "line\nbreak", byte(0))
	f.Add("", " blank ", "\"", byte(1))
	f.Add("Zoë", "😀", "\r", byte(2))
	f.Fuzz(func(t *testing.T, a, b, c string, comma byte) {
		delimiter := string(commas[comma%byte(len(commas))])
		list := strings.Join([]string{"email", "x", "y", "z"}, delimiter) + "\r\n"
		want := [][]string{{"a@x.test", a, b, c}, {"b@x.test", c, a, b}, {"c@x.test", b, c, a}}
		for i, row := range want {
			for j, cell := range row {
				if !utf8.ValidString(cell) || strings.ContainsRune(cell, 0) {
					return
				}
				row[j] = cell
				list += `"` + strings.ReplaceAll(cell, `"`, `""`) + `"` + map[bool]string{true: "\r\n", false: delimiter}[j == len(row)-1]
			}
			want[i] = row
		}
		r, err := Open(sourceOf(list), Options{})
		if err != nil {
			return // control characters by the dozen
		}
		for _, cells := range want {
			row, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			for i, cell := range cells {
				if row.Cells[i] != (rows.Cell{Kind: rows.Text, Text: cell}) {
					t.Fatalf("cell %d is %q, want %q, of %q", i, row.Cells[i].Text, cell, list)
				}
			}
		}
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("behind the last row: %v", err)
		}
	})
}
