package planner_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/rows"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// zip packs what write writes.
func zip(t *testing.T, write func(to io.Writer)) []byte {
	t.Helper()
	var packed bytes.Buffer
	to := gzip.NewWriter(&packed)
	write(to)
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

// users are n addresses, each a line.
func users(n int) string {
	var list strings.Builder
	for i := range n {
		fmt.Fprintf(&list, "user%d@d%d.example\n", i, i%700)
	}
	return list.String()
}

// named are n addresses with a second column.
func named(n int) string { return strings.ReplaceAll(users(n), "\n", ",Ann\n") }

// known are n addresses that are known.
func known(n int) string { return strings.Repeat("alice@known.example\n", n) }

func noise(n int) string {
	octets, random := make([]byte, n), rand.New(rand.NewPCG(1, 2))
	for i := range octets {
		octets[i] = byte(random.Uint32())
	}
	return string(octets)
}

func TestListsThatCannotBeReadFailTheirJob(t *testing.T) {
	bomb := zip(t, func(to io.Writer) {
		line := []byte("alice@ok.example," + strings.Repeat("x", 4000) + "\n")
		for range 75_000 { // 300 MB
			_, _ = to.Write(line)
		}
	})
	packed := zip(t, func(to io.Writer) { _, _ = io.WriteString(to, users(120_000)) })
	cases := map[string]struct {
		list   string
		column string
		want   string
	}{
		"empty":                         {"", "", "the list is empty"},
		"blank lines":                   {"\n\r\n \n", "", "the list is empty"},
		"a header alone":                {"name,email\n", "", "no rows"},
		"an empty array":                {"[]", "", "no rows"},
		"a picture":                     {"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "", "picture"},
		"a spreadsheet":                 {"PK\x03\x04\x14\x00\x06\x00\x08\x00" + noise(5000), "", ""},
		"noise":                         {noise(1 << 20), "", ""},
		"zeros":                         {strings.Repeat("\x00", 1<<20), "", ""},
		"a gzip bomb":                   {string(bomb), "", "is packed to less than"},
		"half a gzip file":              {string(packed[:len(packed)/2]), "", "ends too early"},
		"a damaged gzip file":           {string(packed[:len(packed)/2]) + noise(1000), "", "damaged"},
		"one line of 10 MB":             {strings.Repeat("a", 10<<20), "", "1048576"},
		"one line of 10 MB, later":      {users(60_000) + strings.Repeat("a", 10<<20), "", "1048576"},
		"a quote that nothing closes":   {"email,name\n" + named(60_000) + "\"bob@ok.example,Bob\n" + named(10_000), "", "quote"},
		"no address column":             {"name,city\nAlice,Rome\nBob,Oslo\n", "", "column"},
		"no such column":                {"name,email\nAlice,a@ok.example\n", "Mail", "email_column"},
		"two address columns":           {"home,work\na@ok.example,b@ok.example\n", "", "email_column"},
		"too many columns":              {"email" + strings.Repeat(",x", rows.MaxColumns) + "\na@ok.example\n", "", "2000"},
		"JSON that ends too early":      {`["a@ok.example","b@ok.exa`, "", "end"},
		"JSON that is broken later":     {"[" + strings.Repeat(`"a@ok.example",`, 60_000) + "}]", "", ""},
		"half a character of UTF-16":    {"\xff\xfea\x00@\x00b\x00.", "", "UTF-16"},
		"a spreadsheet's error message": {"<html><body>Login</body></html>", "", ""},
	}
	for claim, c := range cases {
		t.Run(claim, func(t *testing.T) {
			w := newWorld(t, nil)
			w.late = 6 * time.Minute // each call ends after a chunk
			job := w.create(strings.NewReader(c.list), batch.Options{EmailColumn: c.column})
			job, calls := w.run(job.ID)
			if job.Status != batch.Failed || !strings.HasPrefix(job.Error, "the list cannot be read: ") || !strings.Contains(job.Error, c.want) {
				t.Fatalf("%s after %d calls: %.200s", job.Status, calls, job.Error)
			}
			if job.FinishedAt.IsZero() || len(job.Error) > 500 {
				t.Errorf("it ended at %s with %d octets of error", job.FinishedAt, len(job.Error))
			}
			// A step that comes again finds the end.
			for _, step := range []string{"ingest", "plan"} {
				if next, err := w.planner.Step(t.Context(), batch.Step{Step: step, Job: job.ID}); err != nil || next.Next != "fail" || next.Seconds < 1 {
					t.Errorf("%s again: %+v, %v", step, next, err)
				}
			}
		})
	}
}

func TestOddListsEndWithARowForEachOfTheirs(t *testing.T) {
	for claim, c := range map[string]struct {
		list    string
		rows    int64
		reasons map[verdict.Reason]int64
	}{
		"one row":                        {"alice@ok.example", 1, map[verdict.Reason]int64{verdict.Deadline: 1}},
		"the same address 120,000 times": {strings.Repeat("alice@ok.example\n", 120_000), 120_000, map[verdict.Reason]int64{verdict.Deadline: 120_000}},
		"the same known address":         {strings.Repeat("alice@known.example\n", 120_000), 120_000, map[verdict.Reason]int64{verdict.SMTPVerified: 120_000}},
		"one domain alone":               {strings.ReplaceAll(users(60_000), "@d", "@one.example,"), 60_000, map[verdict.Reason]int64{verdict.Deadline: 60_000}},
		"nothing is an address":          {"email\n" + strings.Repeat("nobody\n", 60_000), 60_000, map[verdict.Reason]int64{verdict.InvalidSyntax: 60_000}},
		"a quote that nothing closes, where nothing else is quoted": {"email\n" + known(60_000) + "\"bob@known.example\n" + known(60_000), 120_001, map[verdict.Reason]int64{verdict.SMTPVerified: 120_001}},
		"every other row is empty":                                  {"email,n\n" + strings.Repeat("alice@known.example,1\n,2\n", 30_000), 60_000, map[verdict.Reason]int64{verdict.SMTPVerified: 30_000, verdict.InvalidSyntax: 30_000}},
		"rows of nearly a megabyte":                                 {strings.Repeat("alice@known.example,"+strings.Repeat("x", 1<<20-100)+"\n", 20), 20, map[verdict.Reason]int64{verdict.SMTPVerified: 20}},
	} {
		t.Run(claim, func(t *testing.T) {
			w := newWorld(t, nil)
			w.late = 6 * time.Minute
			job, calls := w.run(w.create(strings.NewReader(c.list), batch.Options{}).ID)
			if job.Status != batch.Completed || job.Total != c.rows || job.Done.Rows != c.rows || fmt.Sprint(job.Done.ByReason) != fmt.Sprint(c.reasons) {
				t.Errorf("%s %q after %d calls: %d rows, %v", job.Status, job.Error, calls, job.Total, job.Done)
			}
		})
	}
}

func TestAListThatChangesFailsItsJob(t *testing.T) {
	for claim, c := range map[string]struct {
		change func(w *world) error
		want   string
	}{
		"replaced": {func(w *world) error {
			_, err := w.book.Blob.Put(t.Context(), "uploads/x/list", strings.NewReader(users(10)))
			return err
		}, "was replaced after the job was submitted"},
		"deleted": {func(w *world) error { return w.book.Blob.Delete(t.Context(), "uploads/x/list") }, "is not there"},
	} {
		for begun := range 2 { // before anything was read, and between two calls
			t.Run(fmt.Sprint(claim, begun), func(t *testing.T) {
				w := newWorld(t, nil)
				w.late = 10 * time.Minute
				job, cursor := w.create(strings.NewReader(users(120_000)), batch.Options{}), ""
				if begun > 0 {
					next, err := w.planner.Step(t.Context(), batch.Step{Step: "ingest", Job: job.ID})
					if err != nil || next.Next != "ingest" {
						t.Fatal(next, err)
					}
					cursor = next.Cursor
				}
				if err := c.change(w); err != nil {
					t.Fatal(err)
				}
				if next, err := w.planner.Step(t.Context(), batch.Step{Step: "ingest", Job: job.ID, Cursor: cursor}); err != nil || next.Next != "fail" {
					t.Fatalf("next is %+v, %v", next, err)
				}
				if job, _ = w.run(job.ID); job.Status != batch.Failed || !strings.Contains(job.Error, c.want) {
					t.Errorf("%s: %s", job.Status, job.Error)
				}
			})
		}
	}
}

// A list that was read is not needed any more.
func TestAListMayGoWhenItWasRead(t *testing.T) {
	w := newWorld(t, nil)
	job, calls := w.create(strings.NewReader(users(100)), batch.Options{}), 0
	if next := w.steps(w.planner.Step, "ingest", job.ID, &calls); next != "plan" {
		t.Fatal(next)
	}
	if err := w.book.Blob.Delete(t.Context(), job.Source.Blob); err != nil {
		t.Fatal(err)
	}
	if next := w.steps(w.planner.Step, "plan", job.ID, &calls); next != "drain" {
		t.Errorf("next comes %s", next)
	}
}

// broken fails to read files.
type broken struct {
	store.Blob
	err error
}

func (b broken) Open(context.Context, string, int64, int64, string) (io.ReadCloser, store.BlobInfo, error) {
	return nil, store.BlobInfo{}, b.err
}

// A person's copy into a drop folder keeps its mode.
func TestAListThatMayNotBeReadFailsItsJob(t *testing.T) {
	w := newWorld(t, func(b store.Blob) store.Blob {
		return broken{b, &fs.PathError{Op: "open", Path: "/data/blob/list", Err: fs.ErrPermission}}
	})
	job, _ := w.run(w.create(strings.NewReader(users(10)), batch.Options{}).ID)
	if job.Status != batch.Failed || !strings.HasPrefix(job.Error, "rcpt is not allowed to read the list") || strings.Contains(job.Error, "/data") {
		t.Errorf("%s: %s", job.Status, job.Error)
	}
}

// What the store does now and then is not the list's fault.
func TestTroubleOfTheStoreFailsNoJob(t *testing.T) {
	w := newWorld(t, func(b store.Blob) store.Blob { return broken{b, store.ErrThrottled} })
	job := w.create(strings.NewReader(users(10)), batch.Options{})
	if next, err := w.planner.Step(t.Context(), batch.Step{Step: "ingest", Job: job.ID}); err == nil {
		t.Errorf("next is %+v", next)
	}
	if job, err := w.book.Load(t.Context(), job.ID); err != nil || !job.Open() || job.Error != "" {
		t.Errorf("the job is %+v, %v", job, err)
	}
}
