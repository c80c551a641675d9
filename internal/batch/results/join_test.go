package results

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
	"rcpt/internal/verdict"
)

// chunkOf writes a chunk of n rows from a number on, their addresses by it.
func chunkOf(t testing.TB, first int64, n int) *rows.Reader {
	t.Helper()
	var file bytes.Buffer
	w, err := rows.NewWriter(&file, first, 0)
	for i := int64(0); i < int64(n) && err == nil; i++ {
		err = w.Write(rows.Row{Number: first + i, Cells: []rows.Cell{text(fmt.Sprintf("user%d@x.test", first+i)), text("Ann, B.")}})
	}
	if err = errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	r, err := rows.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// given writes answers as a worker does.
func given(t *testing.T, answers ...any) *Reader {
	t.Helper()
	var file bytes.Buffer
	w := NewWriter(&file)
	for i := 0; i < len(answers); i += 2 {
		var numbers rows.Numbers
		for _, n := range answers[i+1].([]int64) {
			numbers.Add(n)
		}
		if err := w.Write(answers[i].(Answer), numbers); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAnswersComeBack(t *testing.T) {
	full := Of(verdict.Verdict{
		Status: verdict.Risky, Score: 40, Reason: verdict.PossibleTypo, Action: verdict.Warn, Disposable: true, CatchAll: true, FreeProvider: true, MXFound: true,
		Role: true, Relay: true, ClosedProvider: true, SpamTrap: true, RoleClass: "abuse", Tag: "news", Canonical: "a@x.test",
		Suggestion: "a@gmail.com", MXHost: "mx.x.test", MXProvider: "google", CheckedAt: time.Date(2026, 1, 2, 3, 4, 5, 678_999_999, time.FixedZone("", 3600)),
	})
	if want := time.Date(2026, 1, 2, 2, 4, 5, 678e6, time.UTC); full.CheckedAt != want {
		t.Errorf("checked at %v, want %v", full.CheckedAt, want)
	}
	r := given(t, full, []int64{0, 7}, Answer{}, []int64{})
	for _, want := range []Answer{full, {}} {
		a, _, err := r.Next()
		if err != nil || !reflect.DeepEqual(*a, want) {
			t.Errorf("got %+v, %v, want %+v", a, err, want)
		}
	}
	if _, _, err := r.Next(); err != io.EOF {
		t.Errorf("behind the last: %v", err)
	}
}

func TestEveryRowIsAnsweredOnceInOrder(t *testing.T) {
	late := valid
	late.CheckedAt = late.CheckedAt.Add(time.Hour)
	catchAll := Answer{Status: verdict.CatchAll, Score: 60, Reason: verdict.CatchAllDomain, Action: verdict.Warn, CheckedAt: valid.CheckedAt}
	files := [][]any{
		{valid, []int64{3, 5, 100}},
		{unknown, []int64{3, 4}},
		{late, []int64{5}, catchAll, []int64{6}},
		{valid, []int64{5}},
	}
	want := "unknown unknown valid unknown valid+1h catch_all unknown"
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2, 2, 1}} {
		g := NewRange(1, 7)
		for _, i := range order {
			if err := g.Read(given(t, files[i]...)); err != nil {
				t.Fatal(err)
			}
		}
		var got []string
		next := int64(1)
		err := Join(chunkOf(t, 1, 7), g, unknown, func(row rows.Row, a *Answer) error {
			if row.Number != next {
				t.Errorf("row %d where %d is next", row.Number, next)
			}
			next++
			got = append(got, map[Answer]string{valid: "valid", unknown: "unknown", late: "valid+1h", catchAll: "catch_all"}[*a])
			return nil
		})
		if text := strings.Join(got, " "); err != nil || text != want {
			t.Errorf("read as %v: %s, %v, want %s", order, text, err, want)
		}
	}
}

func TestScatteredAnswersArriveAtTheirChunks(t *testing.T) {
	for _, limit := range []int{1, 100, 1 << 20} {
		var parts [][]byte
		s := NewScatter(3, limit, func(part int, file []byte) error {
			if part != len(parts) {
				t.Errorf("part %d where %d is next", part, len(parts))
			}
			parts = append(parts, file)
			return nil
		})
		want := make(map[int64]bool)
		for i := range int64(40) {
			var n rows.Numbers
			for _, row := range []int64{i, rows.PerChunk + i, 2*rows.PerChunk + i, 2*rows.PerChunk + i + 1000} {
				n.Add(row)
				want[row] = true
			}
			a := valid
			a.Score = int(i)
			if err := s.Add(&a, n); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Flush(); err != nil {
			t.Fatal(err)
		}
		found := 0
		for chunk := range int64(3) {
			g := NewRange(chunk*rows.PerChunk, rows.PerChunk)
			for _, part := range parts {
				section, err := record.OpenSection(func(offset, length int64) (io.ReadCloser, error) {
					return io.NopCloser(io.NewSectionReader(bytes.NewReader(part), offset, length)), nil
				}, int(chunk))
				if err != nil {
					t.Fatal(err)
				}
				if section == nil {
					continue
				}
				r, err := NewReader(section)
				if err == nil {
					err = g.Read(r)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			for row := chunk * rows.PerChunk; row < (chunk+1)*rows.PerChunk; row++ {
				if a := g.At(row); (a != nil) != want[row] || a != nil && int64(a.Score) != row%rows.PerChunk%1000 {
					t.Fatalf("limit %d: row %d has %v", limit, row, a)
				} else if a != nil {
					found++
				}
			}
		}
		if found != len(want) {
			t.Errorf("limit %d: %d rows are answered, want %d", limit, found, len(want))
		}
	}
	if err := NewScatter(1, 1, nil).Add(&valid, func() (n rows.Numbers) { n.Add(rows.PerChunk); return n }()); err == nil {
		t.Error("an answer beyond the list was taken")
	}
}
