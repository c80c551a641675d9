package keys

import (
	"crypto/rand"
	"reflect"
	"slices"
	"testing"
)

// listed reads all pages.
func (w *world) listed(t *testing.T, account string, limit int) []Key {
	t.Helper()
	var all []Key
	for after, pages := "", 0; ; pages++ {
		page, next, err := w.List(t.Context(), account, after, limit)
		if err != nil || limit > 0 && len(page) > limit || pages > 20 {
			t.Fatalf("page %d: %d keys, error %v", pages, len(page), err)
		}
		if all, after = append(all, page...), next; next == "" {
			return all
		}
	}
}

func TestKeysAreListedInPages(t *testing.T) {
	w := open(t, rand.Reader)
	want := map[string][]Key{}
	for i := range 13 {
		d := Draft{Account: []string{"acme", "acme2"}[i%2], Label: string(rune('a' + i)), Policy: []byte(`"b2b"`)}
		key, _ := w.create(t, d)
		want[d.Account] = append(want[d.Account], key)
		want[""] = append(want[""], key)
	}
	want["nobody"] = nil
	for account, keys := range want {
		slices.SortFunc(keys, func(a, b Key) int { return slices.Compare([]byte(a.ID), []byte(b.ID)) })
		for _, limit := range []int{1, 3, 13, 100, 0} {
			if got := w.listed(t, account, limit); !reflect.DeepEqual(got, keys) {
				t.Errorf("account %q, %d a page: listed are\n%+v want\n%+v", account, limit, got, keys)
			}
		}
	}
}

func TestListShowsKeysAsTheyAreNow(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("changed")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	for _, account := range []string{"", "acme"} {
		got := w.listed(t, account, 10)
		if len(got) != 1 || got[0].Label != "changed" || got[0].RevokedAt.IsZero() {
			t.Errorf("account %q lists %+v", account, got)
		}
	}
}
