package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// oddNames are in byte order, and each might meet another one in a file system.
func oddNames() []string {
	return []string{
		" ", "%", "%2f", "-", "..a", ".a", ".lock", "A", "A/b", "a", "a b", "a%2fb", "a+", "a+/b", "a.", "a/b", "a/b/c", "a=", "a=/b",
		"a?b=c&d#e", `a\b`, "b", "c" + strings.Repeat("/d", 100), "con", "ß", "日本/x",
	}
}

func blobNames(t *blobTest) {
	names := oddNames()
	for _, name := range names {
		t.put(name, "content of "+name, store.Once())
	}
	for _, name := range names {
		t.want(name, "content of "+name)
	}
	if got := t.names("", "", 1000); !slices.Equal(got, names) {
		t.Errorf("List is\n%q, want\n%q", got, names)
	}
	for i, name := range names {
		if err := t.Delete(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		if got := t.names("", "", 1000); !slices.Equal(got, names[i+1:]) {
			t.Fatalf("after the end of %q List is %q", name, got)
		}
	}
}

func blobLongName(t *blobTest) {
	for _, name := range []string{
		strings.Repeat("n", store.MaxBlobName), strings.Repeat(".", store.MaxBlobName), strings.Repeat("Ä", store.MaxBlobName/2),
		strings.Repeat("n", 300) + "/" + strings.Repeat(".n", 299),
	} {
		t.put(name, "x")
		t.want(name, "x")
		if got := t.names(name[:700], "", 10); !slices.Equal(got, []string{name}) {
			t.Errorf("List is %q", got)
		}
	}
}

func blobBadNames(t *blobTest) {
	for _, name := range []string{
		"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a/.", "a\x00", "a\nb", "a\x7f", "\xff", strings.Repeat("n", store.MaxBlobName+1),
	} {
		_, put := t.Put(t.Context(), name, strings.NewReader("x"))
		_, _, open := t.Open(t.Context(), name, 0, -1, "")
		_, stat := t.Stat(t.Context(), name)
		_, get := t.LinkGet(t.Context(), name, "file", time.Minute)
		_, upload := t.LinkPut(t.Context(), name, 1, time.Minute)
		for call, err := range map[string]error{
			"Put": put, "Open": open, "Stat": stat, "LinkGet": get, "LinkPut": upload, "Delete": t.Delete(t.Context(), name),
		} {
			if !errors.Is(err, store.ErrValue) && !errors.Is(err, store.ErrLimit) {
				t.Errorf("%s of %.40q: got %v, want ErrValue or ErrLimit", call, name, err)
			}
		}
	}
	if got := t.names("", "", 10); got != nil {
		t.Errorf("List is %q", got)
	}
}

func blobListSorts(t *blobTest) {
	want := []string{"a", "a!b", "a-b", "a.b", "a/b", "a/b/c", "a/b0", "a0b", "aB", "ab", "b"}
	for _, i := range []int{3, 0, 7, 10, 1, 4, 9, 2, 8, 5, 6} {
		t.put(want[i], strings.Repeat("x", i))
	}
	page, err := t.List(t.Context(), "", "", 1000)
	if err != nil || page.Next != "" || len(page.Blobs) != len(want) {
		t.Fatalf("List is %+v, %v", page, err)
	}
	for i, info := range page.Blobs {
		if stat, err := t.Stat(t.Context(), want[i]); err != nil || stat != info {
			t.Errorf("List has %+v, Stat %+v, %v", info, stat, err)
		}
	}
}

func blobListPrefix(t *blobTest) {
	for _, name := range []string{"a", "a/1", "a/2/3", "a/22", "ab", "b/1"} {
		t.put(name, "x")
	}
	for prefix, want := range map[string][]string{
		"": {"a", "a/1", "a/2/3", "a/22", "ab", "b/1"}, "a": {"a", "a/1", "a/2/3", "a/22", "ab"}, "a/": {"a/1", "a/2/3", "a/22"},
		"a/2": {"a/2/3", "a/22"}, "a/2/": {"a/2/3"}, "ab": {"ab"}, "c": nil, "b/1/": nil,
	} {
		if got := t.names(prefix, "", 1000); !slices.Equal(got, want) {
			t.Errorf("List %q is %q, want %q", prefix, got, want)
		}
	}
}

func blobPages(t *blobTest) {
	var want []string
	for i := range 25 {
		want = append(want, fmt.Sprintf("p/%02d/x", i))
		t.put(want[i], "x")
	}
	t.put("q", "x")
	for _, limit := range []int{1, 7, 25, 1000} {
		if got := t.names("p/", "", limit); !slices.Equal(got, want) {
			t.Errorf("pages of %d are %q", limit, got)
		}
	}
}

func blobListAfter(t *blobTest) {
	for _, name := range []string{"p/a", "p/b/c", "p/d", "q"} {
		t.put(name, "x")
	}
	for after, want := range map[string][]string{
		"": {"p/a", "p/b/c", "p/d"}, "p/a": {"p/b/c", "p/d"}, "p/aa": {"p/b/c", "p/d"}, "p/b": {"p/b/c", "p/d"}, "p/b/c": {"p/d"},
		"p/b/z": {"p/d"}, "p/d": nil, "z": nil, "a": {"p/a", "p/b/c", "p/d"},
	} {
		if got := t.names("p/", after, 1000); !slices.Equal(got, want) {
			t.Errorf("List after %q is %q, want %q", after, got, want)
		}
	}
}

func blobDelete(t *blobTest) {
	names := []string{"nothing"}
	for i := range 1100 { // more than S3 takes at once
		names = append(names, fmt.Sprint("nothing/", i))
	}
	t.put("a/b", "x")
	t.put("a/c", "x")
	t.put("z", "x")
	if err := t.Delete(t.Context(), append(names, "a/b", "z", "z")...); err != nil {
		t.Fatalf("Delete: %v", err)
	}
	if got := t.names("", "", 1000); !slices.Equal(got, []string{"a/c"}) {
		t.Errorf("left is %q", got)
	}
	if err := t.Delete(t.Context()); err != nil {
		t.Errorf("Delete of none: %v", err)
	}
}
