package rows

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"testing"

	"rcpt/internal/batch/record"
)

func writeChunk(t *testing.T, first int64, email int, cells [][]Cell) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewWriter(&out, first, email)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range cells {
		if err := w.Write(Row{Number: first + int64(i), Cells: c}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readChunk(file []byte) (found []Row, err error) {
	r, err := NewReader(bytes.NewReader(file))
	for err == nil {
		var row Row
		if row, err = r.Next(); err == nil {
			row.Cells = slices.Clone(row.Cells)
			found = append(found, row)
		}
	}
	if err == io.EOF {
		err = nil
	}
	return found, err
}

func TestAChunkGivesItsRowsBack(t *testing.T) {
	cells := [][]Cell{
		{{Text, "1"}, {Text, "a@x.test"}},
		{},
		{{JSON, `{"a":1}`}, {}, {Text, ""}},
		{{}, {JSON, "null"}},
		{{}, {JSON, "5"}},
	}
	file := writeChunk(t, 50_000, 1, cells)
	got, err := readChunk(file)
	if err != nil || len(got) != len(cells) {
		t.Fatalf("got %d rows, %v", len(got), err)
	}
	for i, email := range []string{"a@x.test", "", "", "", "5"} {
		want := Row{Number: 50_000 + int64(i), Email: email, Cells: cells[i]}
		if !reflect.DeepEqual(got[i], want) {
			t.Errorf("got %v, want %v", got[i], want)
		}
	}
	if again := writeChunk(t, 50_000, 1, cells); !bytes.Equal(again, file) {
		t.Error("written again it is another file")
	}
}

func TestRowsAreWrittenInOrder(t *testing.T) {
	w, err := NewWriter(io.Discard, 5, 0)
	if err != nil {
		t.Fatal(err)
	}
	if w.Write(Row{Number: 6}) == nil {
		t.Error("row 6 was written in place of row 5")
	}
}

func TestADamagedChunkIsFoundOut(t *testing.T) {
	file := writeChunk(t, 0, 0, [][]Cell{{{Text, "a@x.test"}}})
	for i := range file {
		file[i] ^= 3
		if _, err := readChunk(file); !errors.Is(err, record.ErrDamaged) {
			t.Errorf("octet %d changed: %v", i, err)
		}
		file[i] ^= 3
	}
}

func TestNumbersComeBackInLittleMemory(t *testing.T) {
	want := []int64{0, 1, 2, 50_000, 4_999_999}
	var n Numbers
	for _, row := range want {
		n.Add(row)
	}
	back, ok := Unpack(string(n.Packed()))
	if got := slices.Collect(back.All()); !ok || !slices.Equal(got, want) || back.Len() != 5 || back.First() != 0 {
		t.Errorf("got %v, %v", got, ok)
	}
	if len(n.Packed()) != 10 {
		t.Errorf("they take %d octets, want 10", len(n.Packed()))
	}
	back.Add(5_000_000)
	if got := slices.Collect(back.All()); got[5] != 5_000_000 {
		t.Errorf("got %v", got)
	}
	if none, ok := Unpack(""); !ok || none.Len() != 0 || none.First() != -1 {
		t.Errorf("of none: %v, %v", none, ok)
	}
	for _, bad := range []string{"\x00", "\x80", "\x81\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"} {
		if _, ok := Unpack(bad); ok {
			t.Errorf("%q was unpacked", bad)
		}
	}
}

// FuzzChunk: cells of any content come back.
func FuzzChunk(f *testing.F) {
	f.Add("a", "b", byte(1), byte(2), int64(7))
	f.Fuzz(func(t *testing.T, a, b string, x, y byte, first int64) {
		cells := [][]Cell{{{Kind(x % 3), a}, {Kind(y % 3), b}}, nil, {{Kind(y % 3), a}}}
		if first < 0 || first > 1<<53 {
			return
		}
		got, err := readChunk(writeChunk(t, first, 0, cells))
		if err != nil || len(got) != 3 || got[2].Number != first+2 {
			t.Fatal(got, err)
		}
		for i := range cells {
			if fmt.Sprintf("%q", got[i].Cells) != fmt.Sprintf("%q", cells[i]) {
				t.Fatalf("got %q, want %q", got[i].Cells, cells[i])
			}
		}
	})
}
