package intake

import (
	"compress/gzip"
	"io"
	"runtime"
	"strconv"
	"testing"
)

// endless writes a list of n rows as it is read.
type endless struct {
	row  func(to []byte, n int) []byte
	n    int
	next int
	buf  []byte
	left []byte
}

func (e *endless) Read(p []byte) (int, error) {
	for len(e.left) < len(p) && e.next < e.n {
		e.buf = append(e.buf[:0], e.left...)
		for len(e.buf) < 64<<10 && e.next < e.n {
			e.buf = e.row(e.buf, e.next)
			e.next++
		}
		e.left = e.buf
	}
	if len(e.left) == 0 {
		return 0, io.EOF
	}
	n := copy(p, e.left)
	e.left = e.left[n:]
	return n, nil
}

func csvRow(to []byte, n int) []byte {
	if n == 0 {
		to = append(to, "id,name,email,city\r\n"...)
	}
	to = strconv.AppendInt(to, int64(n), 10)
	to = append(to, ",\"Doe, Ann\",user"...)
	to = strconv.AppendInt(to, int64(n), 10)
	return append(to, "@x.test,Springfield\r\n"...)
}

func lineRow(to []byte, n int) []byte {
	return append(strconv.AppendInt(append(to, "user"...), int64(n), 10), "@x.test\n"...)
}

func jsonRow(to []byte, n int) []byte {
	to = strconv.AppendInt(append(to, `{"id":`...), int64(n), 10)
	return append(strconv.AppendInt(append(to, `,"name":"Doe, Ann","email":"user`...), int64(n), 10), "@x.test\"}\n"...)
}

func latinRow(to []byte, n int) []byte {
	return append(strconv.AppendInt(append(to, "Zo\xeb;user"...), int64(n), 10), "@x.test\n"...)
}

// list makes a Source of n rows, packed or not.
func list(row func([]byte, int) []byte, n int, packed bool) Source {
	return func(int64) (io.ReadCloser, error) {
		plain := &endless{row: row, n: n}
		if !packed {
			return io.NopCloser(plain), nil
		}
		out, in := io.Pipe()
		go func() {
			w, _ := gzip.NewWriterLevel(in, gzip.BestSpeed) // the level is one
			_, err := io.Copy(w, plain)
			if err == nil {
				err = w.Close()
			}
			in.CloseWithError(err)
		}()
		return out, nil
	}
}

// live is what the heap holds, garbage aside.
func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryStaysFlat(t *testing.T) {
	for name, row := range map[string]func([]byte, int) []byte{"csv": csvRow, "lines": lineRow, "jsonl": jsonRow, "latin-1": latinRow} {
		before, most := live(), uint64(0)
		r, err := Open(list(row, 200_000, false), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for n := 0; ; n++ {
			if _, err = r.Next(); err != nil {
				break
			}
			if n%50_000 == 0 {
				most = max(most, live())
			}
		}
		if err != io.EOF || r.State().Rows != 200_000 {
			t.Errorf("%s: %v behind row %d", name, err, r.State().Rows)
		}
		if most > before+2<<20 {
			t.Errorf("%s: %d octets are held", name, most-before)
		}
	}
}

func BenchmarkRead(b *testing.B) {
	const rows = 1_000_000
	for _, c := range []struct {
		name   string
		row    func([]byte, int) []byte
		packed bool
	}{{"csv", csvRow, false}, {"csv.gz", csvRow, true}, {"lines", lineRow, false}, {"jsonl", jsonRow, false}, {"latin-1", latinRow, false}} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			var peak uint64
			for range b.N {
				r, err := Open(list(c.row, rows, c.packed), Options{})
				if err != nil {
					b.Fatal(err)
				}
				for n := 0; err == nil; n++ {
					if _, err = r.Next(); n%100_000 == 0 {
						var m runtime.MemStats
						runtime.ReadMemStats(&m)
						peak = max(peak, m.HeapAlloc)
					}
				}
				if err != io.EOF {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
			b.ReportMetric(float64(peak)/(1<<20), "MB-peak")
		})
	}
}
