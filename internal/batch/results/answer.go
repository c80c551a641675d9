// Package results makes of answers and rows the files that the user gets: the
// user's columns, then email, status, score, reason, action and the flags, as
// JSON lines, a JSON document, or CSV, in input order.
//
// Workers write what they found out as files of answers, each with the numbers of
// the rows that it answers (Writer). The collector scatters them by chunk
// (Scatter), gathers those of one chunk (Range), joins them with its rows (Join)
// and writes the outputs (Output). Every step gives the same octets when it is
// repeated, in whatever order and however often answers arrive.
package results

import (
	"fmt"
	"io"
	"strings"
	"time"

	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
	"rcpt/internal/verdict"
)

// Answer is what the files say of an address. Its fields are those of
// verdict.Verdict.
type Answer struct {
	Status verdict.Status
	Score  int // 0 to 100
	Reason verdict.Reason
	Action verdict.Action

	Disposable, CatchAll, FreeProvider, Role, Relay, SpamTrap, ClosedProvider, MXFound bool

	RoleClass, Tag, Canonical, Suggestion, MXHost, MXProvider string

	CheckedAt time.Time // UTC, whole milliseconds; zero: never
}

// Of takes from a verdict what the files carry.
func Of(v verdict.Verdict) Answer {
	a := Answer{
		Status: v.Status, Score: v.Score, Reason: v.Reason, Action: v.Action,
		Disposable: v.Disposable, CatchAll: v.CatchAll, FreeProvider: v.FreeProvider, Role: v.Role, Relay: v.Relay,
		SpamTrap: v.SpamTrap, ClosedProvider: v.ClosedProvider, MXFound: v.MXFound,
		RoleClass: v.RoleClass, Tag: v.Tag, Canonical: v.Canonical, Suggestion: v.Suggestion,
		MXHost: v.MXHost, MXProvider: v.MXProvider,
	}
	if !v.CheckedAt.IsZero() {
		a.CheckedAt = time.UnixMilli(v.CheckedAt.UnixMilli()).UTC()
	}
	return a
}

// Filter keeps the answers with one of these statuses; all if it is empty.
type Filter []verdict.Status

// Keep reports whether the answer passes.
func (f Filter) Keep(a *Answer) bool {
	for _, s := range f {
		if s == a.Status {
			return true
		}
	}
	return len(f) == 0
}

// replaces reports whether a counts, and not b, when both answer one row: what is
// decided before what is not, then the later one. It is a total order, so that
// the order in which answers are read does not matter.
func (a *Answer) replaces(b *Answer) bool {
	if undecided := a.Status == verdict.Unknown; undecided != (b.Status == verdict.Unknown) {
		return !undecided
	}
	if c := a.CheckedAt.Compare(b.CheckedAt); c != 0 {
		return c > 0
	}
	return strings.Compare(string(a.append(nil)), string(b.append(nil))) > 0
}

// flags lists the flags in the order in which they are written; new ones come at
// the end.
func (a *Answer) flags() [8]*bool {
	return [...]*bool{&a.Disposable, &a.CatchAll, &a.FreeProvider, &a.Role, &a.Relay, &a.SpamTrap, &a.ClosedProvider, &a.MXFound}
}

// texts lists the texts in the order in which they are written.
func (a *Answer) texts() [6]*string {
	return [...]*string{&a.RoleClass, &a.Tag, &a.Canonical, &a.Suggestion, &a.MXHost, &a.MXProvider}
}

func (a *Answer) append(to []byte) []byte {
	to = record.AppendText(record.AppendText(record.AppendText(to, string(a.Status)), string(a.Reason)), string(a.Action))
	to = record.AppendNumber(to, uint64(a.Score))
	bits := uint64(0)
	for i, flag := range a.flags() {
		if *flag {
			bits |= 1 << i
		}
	}
	to = record.AppendNumber(to, bits)
	for _, text := range a.texts() {
		to = record.AppendText(to, *text)
	}
	checked := uint64(0)
	if !a.CheckedAt.IsZero() {
		checked = uint64(a.CheckedAt.UnixMilli())
	}
	return record.AppendNumber(to, checked)
}

func (a *Answer) take(f *record.Fields) {
	a.Status, a.Reason, a.Action = verdict.Status(f.Text()), verdict.Reason(f.Text()), verdict.Action(f.Text())
	a.Score = int(f.Number())
	bits := f.Number()
	for i, flag := range a.flags() {
		*flag = bits>>i&1 == 1
	}
	for _, text := range a.texts() {
		*text = f.Text()
	}
	if checked := f.Number(); checked > 0 {
		a.CheckedAt = time.UnixMilli(int64(checked)).UTC()
	}
}

// kind names the files of answers.
const kind = "answers"

// Writer writes a file of answers. It is not safe for concurrent use.
type Writer struct {
	file *record.Writer
	buf  []byte
}

// NewWriter begins a file.
func NewWriter(to io.Writer) *Writer { return &Writer{file: record.NewWriter(to, kind)} }

// Write adds an answer to these rows.
func (w *Writer) Write(a Answer, numbers rows.Numbers) error {
	w.buf = append(a.append(w.buf[:0]), numbers.Packed()...)
	return w.file.Write(w.buf)
}

// Close ends the file.
func (w *Writer) Close() error { return w.file.Close() }

// Reader reads a file of answers. It is not safe for concurrent use.
type Reader struct{ file *record.Reader }

// NewReader begins to read a file; record.ErrDamaged when it is none.
func NewReader(from io.Reader) (*Reader, error) {
	file, err := record.NewReader(from, kind)
	if err != nil {
		return nil, err
	}
	return &Reader{file}, nil
}

// Next returns the next answer and the rows that it answers; io.EOF behind the
// last one of a whole file.
func (r *Reader) Next() (*Answer, rows.Numbers, error) {
	raw, err := r.file.Next()
	if err != nil {
		return nil, rows.Numbers{}, err
	}
	f := record.FieldsOf(string(raw))
	a := new(Answer)
	a.take(f)
	numbers, ok := rows.Unpack(f.Rest())
	if !ok || !f.Whole() {
		return nil, rows.Numbers{}, fmt.Errorf("%w: an answer", record.ErrDamaged)
	}
	return a, numbers, nil
}
