package storetest

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// octetSorts are in byte order.
var octetSorts = []string{
	"", "\x00", "\x00\x00", "\x00a", "\x00\xff", "\x01", "A", "a", "a\x00", "a\x00b", "aa", "a\xff", "a\xff\x00", "a\xff\xff", "b", "é", "\xfe", "\xff", "\xff\x00", "\xff\xff",
}

func (t *tableTest) putSorts(part string, sorts ...string) {
	t.Helper()
	batch := make([]store.Item, len(sorts))
	for i, sort := range sorts {
		batch[len(sorts)-1-i] = store.Item{Key: key(part, sort)}
	}
	if err := t.BatchPut(t.Context(), batch); err != nil {
		t.Fatalf("BatchPut: %v", err)
	}
}

func reversed(sorts []string) []string {
	r := slices.Clone(sorts)
	slices.Reverse(r)
	return r
}

func querySorts(t *tableTest) {
	t.wantWalk(store.Query{Part: "p"})
	t.putSorts("p", octetSorts...)
	t.wantWalk(store.Query{Part: "p"}, octetSorts...)
	t.wantWalk(store.Query{Part: "p", Descending: true}, reversed(octetSorts)...)
}

func queryPrefix(t *tableTest) {
	for _, part := range []string{"p", "p\x00", "p\xff", "pp", "o\xff", "q", "\xff", "\xff\xff"} {
		t.putSorts(part, octetSorts...)
	}
	for _, prefix := range append([]string{"\x00\x00\x00", "a\x01", "c", "\xff\xff\xff"}, octetSorts...) {
		want := slices.DeleteFunc(slices.Clone(octetSorts), func(s string) bool { return !strings.HasPrefix(s, prefix) })
		for _, part := range []string{"p", "\xff"} {
			t.wantWalk(store.Query{Part: part, Prefix: prefix}, want...)
			t.wantWalk(store.Query{Part: part, Prefix: prefix, Descending: true}, reversed(want)...)
		}
	}
}

func queryPages(t *tableTest) {
	t.putSorts("o", "zz")
	t.putSorts("p", octetSorts...)
	t.putSorts("q", "", "0")
	for limit := 1; limit <= len(octetSorts)+1; limit++ {
		t.wantWalk(store.Query{Part: "p", Limit: limit}, octetSorts...)
		t.wantWalk(store.Query{Part: "p", Limit: limit, Descending: true}, reversed(octetSorts)...)
		t.wantWalk(store.Query{Part: "p", Limit: limit, Prefix: "a\xff"}, "a\xff", "a\xff\x00", "a\xff\xff")
		t.wantWalk(store.Query{Part: "p", Limit: limit, Prefix: "\x00", Descending: true}, "\x00\xff", "\x00a", "\x00\x00", "\x00")
	}
	page, err := t.Query(t.Context(), store.Query{Part: "p", Limit: 3})
	if err != nil || len(page.Items) != 3 || page.Next == "" {
		t.Errorf("Query of three = %d items, next %q, %v", len(page.Items), page.Next, err)
	}
}

func queryCursor(t *tableTest) {
	t.putSorts("p", "", "\x00", "a", "c", "ca", "e")
	t.wantWalk(store.Query{Part: "p", After: "b"}, "c", "ca", "e")
	t.wantWalk(store.Query{Part: "p", After: "c"}, "ca", "e")
	t.wantWalk(store.Query{Part: "p", After: "e"})
	t.wantWalk(store.Query{Part: "p", After: "f"})
	t.wantWalk(store.Query{Part: "p", After: "c", Prefix: "c"}, "ca")
	t.wantWalk(store.Query{Part: "p", After: "c", Descending: true}, "a", "\x00", "")
	t.wantWalk(store.Query{Part: "p", After: "zz", Descending: true}, "e", "ca", "c", "a", "\x00", "")
	t.wantWalk(store.Query{Part: "p", After: "cb", Prefix: "c", Descending: true}, "ca", "c")
	t.wantWalk(store.Query{Part: "p", After: store.Cursor("")}, "\x00", "a", "c", "ca", "e")
	t.wantWalk(store.Query{Part: "p", After: store.Cursor("\x00")}, "a", "c", "ca", "e")
	t.wantWalk(store.Query{Part: "p", After: store.Cursor(""), Descending: true})
	t.wantWalk(store.Query{Part: "p", After: store.Cursor("\x00"), Descending: true}, "")
	for _, q := range []store.Query{{Prefix: "c", After: "b"}, {Prefix: "c", After: "d"}, {After: "\x00a"}} {
		q.Part = "p"
		_, err := t.Query(t.Context(), q)
		t.wantErr(fmt.Sprintf("cursor of %+v", q), err, store.ErrValue)
	}
}

func queryPageBounds(t *tableTest) {
	var many []string
	for i := range store.MaxPageItems + 50 {
		many = append(many, fmt.Sprintf("%06d", i))
	}
	t.putSorts("many", many...)
	for _, limit := range []int{0, 5000} {
		t.wantWalk(store.Query{Part: "many", Limit: limit}, many...)
	}
	large := store.Attrs{"data": make([]byte, 300<<10)}
	for i := range 8 {
		t.put(store.Item{Key: key("large", fmt.Sprint(i)), Attrs: large})
	}
	for _, descending := range []bool{false, true} {
		got, pages := t.walk(store.Query{Part: "large", Descending: descending})
		if len(got) != 8 || pages < 2 {
			t.Errorf("2.4 MB: got %d items in %d pages, want 8 in several", len(got), pages)
		}
	}
}

func queryExpired(t *tableTest) {
	var batch []store.Item
	for i := range 2*store.MaxPageItems + 100 {
		item := store.Item{Key: key("p", fmt.Sprintf("%06d", i))}
		if i > 0 && i%store.MaxPageItems != 50 {
			item.Expires = t.in(time.Second)
		}
		batch = append(batch, item)
	}
	if err := t.BatchPut(t.Context(), batch); err != nil {
		t.Fatalf("BatchPut: %v", err)
	}
	t.clock.Advance(time.Second)
	want := []string{"000000", "000050", "001050", "002050"}
	for _, limit := range []int{0, 1, 2, 300} {
		t.wantWalk(store.Query{Part: "p", Limit: limit}, want...)
		t.wantWalk(store.Query{Part: "p", Limit: limit, Descending: true}, reversed(want)...)
	}
}
