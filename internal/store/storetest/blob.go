package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

// Blob runs the contract of store.Blob. open returns an empty store whose links
// can be followed with http.DefaultClient; it is called once for each case and
// cleans up by t.Cleanup. That links end is for the adapter's own tests: a suite
// cannot move the clock behind them. Without is as for Table.
func Blob(t *testing.T, open func(t *testing.T) store.Blob, without ...string) {
	for _, c := range []struct {
		claim string
		run   func(*blobTest)
	}{
		{"open returns what was put", blobRoundTrip},
		{"put replaces the whole blob", blobReplaced},
		{"what is not there is not found", blobOfNothing},
		{"open and stat tell the same", blobInfo},
		{"the version changes with the content", blobVersions},
		{"open unless changed", blobUnless},
		{"a part of a blob", blobPart},
		{"an open reader keeps its blob", blobReaderKeeps},
		{"a put whose reader fails writes nothing", blobReaderFails},
		{"put once", blobOnce},
		{"put on a match", blobMatch},
		{"of many that put once one wins", blobOnceRace},
		{"a counter on matches loses nothing", blobMatchRace},
		{"readers see whole blobs only", blobNoHalves},
		{"names are not paths", blobNames},
		{"the longest name", blobLongName},
		{"malformed names are refused", blobBadNames},
		{"list sorts by octets", blobListSorts},
		{"list keeps to its prefix", blobListPrefix},
		{"pages follow each other without gap or repetition", blobPages},
		{"list goes on behind a name that is gone", blobListAfter},
		{"delete removes, and minds no absence", blobDelete},
		{"a large blob", blobLarge},
		{"a link reads the blob and names the file", blobLinkGet},
		{"a link writes the blob", blobLinkPut},
		{"a link writes no more than it allows", blobLinkPutSize},
		{"a changed link does nothing", blobLinkForged},
		{"links live no longer than they may", blobLinkLife},
		{"a cancelled context stops the work before it starts", blobCancelled},
	} {
		if i := slices.Index(without, c.claim); i >= 0 {
			without = slices.Delete(slices.Clone(without), i, i+1)
			continue
		}
		t.Run(c.claim, func(t *testing.T) { c.run(&blobTest{T: t, Blob: open(t)}) })
	}
	for _, claim := range without {
		t.Errorf("no case claims that %s", claim)
	}
}

type blobTest struct {
	*testing.T
	store.Blob
}

func (t *blobTest) put(name, content string, opts ...store.PutOption) store.BlobInfo {
	t.Helper()
	info, err := t.Put(t.Context(), name, strings.NewReader(content), opts...)
	if err != nil {
		t.Fatalf("Put %q: %v", name, err)
	}
	return info
}

// read returns the whole blob; "" and the error if there is none.
func (t *blobTest) read(name string) (string, error) {
	r, _, err := t.Open(t.Context(), name, 0, -1, "")
	if err != nil {
		return "", err
	}
	content, err := io.ReadAll(r)
	return string(content), errors.Join(err, r.Close())
}

func (t *blobTest) want(name, content string) {
	t.Helper()
	if got, err := t.read(name); err != nil || got != content {
		t.Errorf("Open %q: got %.40q, %v, want %.40q", name, got, err, content)
	}
}

func (t *blobTest) wantNothing(name string) {
	t.Helper()
	if got, err := t.read(name); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open %q: got %.40q, %v, want ErrNotFound", name, got, err)
	}
}

// names follows a list page by page.
func (t *blobTest) names(prefix, after string, limit int) (names []string) {
	t.Helper()
	for range 1000 {
		page, err := t.List(t.Context(), prefix, after, limit)
		if err != nil || len(page.Blobs) > limit {
			t.Fatalf("List %q after %q: %d blobs, %v", prefix, after, len(page.Blobs), err)
		}
		for _, info := range page.Blobs {
			names = append(names, info.Name)
		}
		if after = page.Next; after == "" {
			return names
		}
	}
	t.Fatalf("List %q: no end", prefix)
	return nil
}

func blobRoundTrip(t *blobTest) {
	for _, content := range []string{"", "x", "line\r\nline\x00\xff", strings.Repeat("long ", 100_000)} {
		t.put("a/b.txt", content)
		t.want("a/b.txt", content)
	}
}

func blobReplaced(t *blobTest) {
	t.put("a", "a long content")
	t.put("a", "short")
	t.want("a", "short")
}

func blobOfNothing(t *blobTest) {
	t.put("a/b", "x")
	for _, name := range []string{"b", "a", "a/b/c", "a/c"} {
		t.wantNothing(name)
		if _, err := t.Stat(t.Context(), name); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Stat %q: got %v, want ErrNotFound", name, err)
		}
	}
}

func blobInfo(t *blobTest) {
	put := t.put("a/b", "content")
	r, opened, err := t.Open(t.Context(), "a/b", 2, 1, "")
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	stat, err := t.Stat(t.Context(), "a/b")
	if err != nil || stat != opened {
		t.Errorf("Stat is %+v, %v, Open told %+v", stat, err, opened)
	}
	if stat.Name != "a/b" || stat.Size != 7 || stat.Version == "" || stat.Version != put.Version {
		t.Errorf("Stat is %+v, Put told %+v", stat, put)
	}
	if m := stat.Modified; m.IsZero() || m.Location() != time.UTC || m.Nanosecond() != 0 {
		t.Errorf("Modified is %v, want whole seconds in UTC", m)
	}
}

func blobVersions(t *blobTest) {
	seen := make(map[string]string)
	for i := range 20 {
		content := fmt.Sprintf("%02d", i)
		version := t.put("a", content).Version
		if before, twice := seen[version]; twice {
			t.Errorf("%q and %q have the version %q", before, content, version)
		}
		seen[version] = content
	}
}

func blobUnless(t *blobTest) {
	old := t.put("a", "old").Version
	if _, _, err := t.Open(t.Context(), "a", 0, -1, old); !errors.Is(err, store.ErrUnchanged) {
		t.Errorf("Open unless of that version: got %v, want ErrUnchanged", err)
	}
	t.put("a", "new")
	r, _, err := t.Open(t.Context(), "a", 0, -1, old)
	if err != nil {
		t.Fatalf("Open unless of an older version: %v", err)
	}
	if got, _ := io.ReadAll(r); string(got) != "new" {
		t.Errorf("got %q", got)
	}
	_ = r.Close()
	if err := t.Delete(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := t.Open(t.Context(), "a", 0, -1, old); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Open unless of nothing: got %v, want ErrNotFound", err)
	}
}

func blobPart(t *blobTest) {
	t.put("a", "0123456789")
	t.put("empty", "")
	for _, c := range []struct {
		name           string
		offset, length int64
		want           string
	}{
		{"a", 0, -1, "0123456789"}, {"a", 3, -1, "3456789"}, {"a", 3, 4, "3456"}, {"a", 0, 1, "0"}, {"a", 9, 100, "9"},
		{"a", 10, -1, ""}, {"a", 11, 5, ""}, {"a", 4, 0, ""}, {"empty", 0, -1, ""}, {"empty", 5, 5, ""},
	} {
		r, info, err := t.Open(t.Context(), c.name, c.offset, c.length, "")
		if err != nil {
			t.Errorf("Open %s from %d, %d octets: %v", c.name, c.offset, c.length, err)
			continue
		}
		got, err := io.ReadAll(r)
		if err = errors.Join(err, r.Close()); err != nil || string(got) != c.want || c.name == "a" && info.Size != 10 {
			t.Errorf("Open %s from %d, %d octets: got %q of %d, %v, want %q", c.name, c.offset, c.length, got, info.Size, err, c.want)
		}
	}
}

func blobReaderKeeps(t *blobTest) {
	old := strings.Repeat("old", 1000)
	t.put("a", old)
	r, _, err := t.Open(t.Context(), "a", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	t.put("a", strings.Repeat("new", 1000))
	if got, err := io.ReadAll(r); err == nil && string(got) != old {
		t.Errorf("the reader got something else than what it opened")
	}
	_ = r.Close()
}

// broken yields some octets and then an error.
type broken struct {
	octets int
	err    error
}

func (b *broken) Read(p []byte) (int, error) {
	if b.octets <= 0 {
		return 0, b.err
	}
	n := min(len(p), b.octets)
	b.octets -= n
	return n, nil
}

func blobReaderFails(t *blobTest) {
	failure := errors.New("the reader failed")
	t.put("there", "old")
	for _, octets := range []int{0, 1, 100_000, 6 << 20} { // more than one part of an upload, too
		for _, name := range []string{"there", "new"} {
			if _, err := t.Put(t.Context(), name, &broken{octets, failure}); !errors.Is(err, failure) {
				t.Errorf("Put after %d octets: got %v, want the reader's error", octets, err)
			}
		}
	}
	t.want("there", "old")
	t.wantNothing("new")
	if got := t.names("", "", 100); !slices.Equal(got, []string{"there"}) {
		t.Errorf("List is %q", got)
	}
}

// endless repeats a pattern without a period that a buffer could have.
type endless struct{ at int }

func (e *endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e.at * e.at >> 3)
		e.at++
	}
	return len(p), nil
}

func blobLarge(t *blobTest) {
	const size = 20<<20 + 3 // of several parts where uploads have parts
	digest := sha256.New()
	info, err := t.Put(t.Context(), "large", io.TeeReader(io.LimitReader(&endless{}, size), digest))
	if err != nil || info.Size != size {
		t.Fatalf("Put: %+v, %v", info, err)
	}
	r, _, err := t.Open(t.Context(), "large", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.Copy(got, r)
	if err = errors.Join(err, r.Close()); err != nil || n != size || !bytes.Equal(got.Sum(nil), digest.Sum(nil)) {
		t.Errorf("read %d octets, %v, or others than were put", n, err)
	}
}

func blobCancelled(t *blobTest) {
	t.put("there", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, put := t.Put(ctx, "new", strings.NewReader("x"))
	_, _, open := t.Open(ctx, "there", 0, -1, "")
	_, stat := t.Stat(ctx, "there")
	_, list := t.List(ctx, "", "", 10)
	for call, err := range map[string]error{"Put": put, "Open": open, "Stat": stat, "List": list, "Delete": t.Delete(ctx, "there")} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s: got %v, want context.Canceled", call, err)
		}
	}
	t.want("there", "x")
	t.wantNothing("new")
}
