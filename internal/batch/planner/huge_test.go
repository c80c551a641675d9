package planner_test

import (
	"context"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/store"
)

// huge has one list of any length that repeats a row, and keeps nothing that is
// written. It notes how much memory was in use at the most.
type huge struct {
	store.Blob
	row  []byte
	size int64
	most *uint64
}

const hugeList = "uploads/x/huge"

func (h huge) Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, store.BlobInfo, error) {
	if name != hugeList {
		return h.Blob.Open(ctx, name, offset, length, unless)
	}
	return io.NopCloser(&repeated{huge: h, at: offset}), store.BlobInfo{Name: name, Version: "1", Size: h.size}, nil
}

func (h huge) Put(_ context.Context, name string, r io.Reader, _ ...store.PutOption) (store.BlobInfo, error) {
	n, err := io.Copy(io.Discard, r)
	return store.BlobInfo{Name: name, Version: "1", Size: n}, err
}

// repeated reads a huge list.
type repeated struct {
	huge
	at, looked int64
}

func (r *repeated) Read(p []byte) (n int, err error) {
	if r.at >= r.looked {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		*r.most, r.looked = max(*r.most, now.HeapAlloc), r.at+8<<20
	}
	p = p[:min(int64(len(p)), r.size-r.at)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	for n < len(p) {
		k := copy(p[n:], r.row[r.at%int64(len(r.row)):])
		n, r.at = n+k, r.at+int64(k)
	}
	return n, nil
}

// TestHugeLists: whatever is in a file of 2 GB and more, it is refused or read,
// in memory that does not grow with it.
func TestHugeLists(t *testing.T) {
	if underRace {
		t.Skip("gigabytes take minutes here and are read by one goroutine")
	}
	const gib = 1 << 30
	line := func(n int) string {
		return "alice@known.example," + strings.Repeat("x", n-len("alice@known.example,\n")) + "\n"
	}
	for claim, c := range map[string]struct {
		row   string
		size  int64
		next  string
		error string
	}{
		"zeros":            {"\x00", 2 * gib, "fail", "zero octet"},
		"one line":         {"a", 2 * gib, "fail", "1048576 octets"},
		"short rows":       {"alice@known.example\n", 2 * gib, "fail", "5000000 rows"},
		"blank lines":      {"\n", gib / 4, "fail", "empty"},
		"long rows":        {line(1 << 20), 2 * gib, "plan", ""},
		"more than 4 GiB":  {line(1 << 20), 5 * gib, "fail", "4294967296 octets"},
		"objects, nested":  {`[`, 2 * gib, "fail", "1048576 octets"},
		"quotes, and none": {`"`, 2 * gib, "fail", "1048576 octets"},
	} {
		t.Run(claim, func(t *testing.T) {
			var most uint64
			w := newWorld(t, func(b store.Blob) store.Blob { return huge{b, []byte(c.row), c.size, &most} })
			job := w.of(batch.Source{Blob: hugeList, Version: "1"}, batch.Options{})
			runtime.GC()
			calls, began := 0, time.Now()
			if next := w.steps(w.planner.Step, "ingest", job.ID, &calls); next != c.next {
				t.Errorf("next comes %s", next)
			}
			job, err := w.book.Load(t.Context(), job.ID)
			if err != nil || !strings.Contains(job.Error, c.error) {
				t.Errorf("the job says %q, %v", job.Error, err)
			}
			t.Logf("%d rows in %s, %d MB at the most: %s", job.Total, time.Since(began).Round(time.Millisecond), most>>20, job.Error)
			if most > 128<<20 {
				t.Errorf("%d MB are in use", most>>20)
			}
		})
	}
}
