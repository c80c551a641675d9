package record

import (
	"bytes"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

func write(t *testing.T, records ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, "test")
	for _, r := range records {
		if err := w.Write([]byte(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func read(file io.Reader) (records []string, err error) {
	r, err := NewReader(file, "test")
	if err != nil {
		return nil, err
	}
	for {
		record, err := r.Next()
		if err == io.EOF {
			return records, nil
		}
		if err != nil {
			return records, err
		}
		records = append(records, string(record))
	}
}

var some = []string{"", "a", strings.Repeat("long", 100_000), "b\n\x00"}

func TestRecordsComeBack(t *testing.T) {
	for _, want := range [][]string{nil, some} {
		file := write(t, want...)
		if got, err := read(bytes.NewReader(file)); err != nil || !slices.Equal(got, want) {
			t.Errorf("got %d records, %v", len(got), err)
		}
		if again := write(t, want...); !bytes.Equal(again, file) {
			t.Error("written again it is another file")
		}
	}
}

func TestEveryDamageIsFound(t *testing.T) {
	file := write(t, "one", "", "three")
	for i := range file {
		if _, err := read(bytes.NewReader(file[:i])); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut behind octet %d: %v", i, err)
		}
		for _, flip := range []byte{1, 0x80, 0xff} {
			other := bytes.Clone(file)
			other[i] ^= flip
			if _, err := read(bytes.NewReader(other)); !errors.Is(err, ErrDamaged) {
				t.Errorf("octet %d changed by %#x: %v", i, flip, err)
			}
		}
	}
	if _, err := read(bytes.NewReader(append(file, 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("an octet more: %v", err)
	}
	if _, err := NewReader(bytes.NewReader(file), "other"); !errors.Is(err, ErrDamaged) {
		t.Errorf("another kind: %v", err)
	}
}

func TestAFileThatCannotBeReadNowIsNotDamaged(t *testing.T) {
	broken := errors.New("connection lost")
	file := io.MultiReader(bytes.NewReader(write(t, some...)[:1000]), iotest.ErrReader(broken))
	if _, err := read(file); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
		t.Errorf("the error is %v", err)
	}
}

func TestARecordThatIsTooLongIsRefused(t *testing.T) {
	if err := NewWriter(io.Discard, "test").Write(make([]byte, Max+1)); err == nil {
		t.Error("it was written")
	}
}

func TestASectionIsReadWithoutTheOthers(t *testing.T) {
	s := NewSections(4, "test")
	for _, r := range []struct {
		section int
		text    string
	}{{0, "a"}, {2, "b"}, {0, "c"}, {2, ""}} {
		if err := s.Write(r.section, []byte(r.text)); err != nil {
			t.Fatal(err)
		}
	}
	var file bytes.Buffer
	if err := s.Close(&file); err != nil {
		t.Fatal(err)
	}
	open := func(offset, length int64) (io.ReadCloser, error) {
		return io.NopCloser(io.NewSectionReader(bytes.NewReader(file.Bytes()), offset, length)), nil
	}
	for i, want := range [][]string{{"a", "c"}, nil, {"b", ""}, nil} {
		section, err := OpenSection(open, i)
		if err != nil {
			t.Fatal(err)
		}
		if section == nil {
			if want != nil {
				t.Errorf("section %d is empty, want %q", i, want)
			}
			continue
		}
		if got, err := read(section); err != nil || !slices.Equal(got, want) {
			t.Errorf("section %d is %q, %v; want %q", i, got, err, want)
		}
	}
	if s.Size() != 3 {
		t.Errorf("the size is %d, want 3", s.Size())
	}
}

func TestFieldsThatAreNotThereAreZero(t *testing.T) {
	whole := AppendText(AppendNumber(AppendText(nil, "text"), 1<<63), "")
	f := FieldsOf(string(whole))
	if a, b, c := f.Text(), f.Number(), f.Text(); a != "text" || b != 1<<63 || c != "" || !f.Whole() || f.More() {
		t.Errorf("got %q, %d, %q, whole %v", a, b, c, f.Whole())
	}
	for _, cut := range []string{"", "\x05text", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "\x80"} {
		f := FieldsOf(cut)
		if text, n := f.Text(), f.Number(); text != "" || n != 0 || f.Whole() {
			t.Errorf("%q: got %q, %d, whole %v", cut, text, n, f.Whole())
		}
	}
}

// FuzzRead: any octets end in records that can be written and read again, or in
// ErrDamaged.
func FuzzRead(f *testing.F) {
	f.Add([]byte("rcpt-test-1\n\x02a\x00\x01abcd"))
	f.Fuzz(func(t *testing.T, file []byte) {
		records, err := read(bytes.NewReader(file))
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Fatal(err)
			}
			return
		}
		if again, err := read(bytes.NewReader(write(t, records...))); err != nil || !slices.Equal(again, records) {
			t.Fatalf("%q, %v; want %q", again, err, records)
		}
	})
}
