package store

import (
	"bytes"
	"cmp"
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func FuzzCursor(f *testing.F) {
	f.Add("", "\x00")
	f.Add("\x00a", "a")
	f.Add("\x00\x00", "\x00\x00\x00")
	f.Fuzz(func(t *testing.T, one, two string) {
		if Cursor(one) == "" {
			t.Errorf("cursor of %q is empty", one)
		}
		if got, want := cmp.Compare(Cursor(one), Cursor(two)), cmp.Compare(one, two); got != want {
			t.Errorf("cursors of %q and %q: got order %d, want %d", one, two, got, want)
		}
		q := Query{Part: "p", After: Cursor(one)}
		if sort, set := q.Start(); sort != one || !set {
			t.Errorf("cursor of %q: got back %q, %v", one, sort, set)
		}
		if err := q.Check(); err != nil && !errors.Is(err, ErrLimit) {
			t.Errorf("cursor of %q: %v", one, err)
		}
		if strings.HasPrefix(one, two) && two != "" && !strings.HasPrefix(Cursor(one), Cursor(two)) {
			t.Errorf("%q begins with %q, their cursors do not", one, two)
		}
	})
}

func FuzzBindContext(f *testing.F) {
	f.Add("account", "a1", "purpose", "p", "account", "a1p", "purpose", "")
	f.Add("a", "b", "c", "d", "c", "d", "a", "b")
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2, n3, v3, n4, v4 string) {
		one, two := map[string]string{n1: v1, n2: v2}, map[string]string{n3: v3, n4: v4}
		same := len(one) == len(two)
		for name, value := range one {
			other, has := two[name]
			same = same && has && other == value
		}
		bound1, err1 := BindContext(one)
		bound2, err2 := BindContext(two)
		if err1 != nil || err2 != nil {
			t.Skip()
		}
		if bytes.Equal(bound1, bound2) != same {
			t.Errorf("%q and %q: bound as %x and %x", one, two, bound1, bound2)
		}
	})
}

// The Vaults of both adapters bind a context to these octets for ever.
func TestBindContextStaysTheSame(t *testing.T) {
	got, err := BindContext(map[string]string{"b": "", "a": "xyz"})
	if want := "\x00\x00\x00\x01a\x00\x00\x00\x03xyz\x00\x00\x00\x01b\x00\x00\x00\x00"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestItemAnswersByType(t *testing.T) {
	item := Item{Attrs: Attrs{"text": "x", "n": int64(7), "yes": true, "octets": []byte("y")}}
	if item.Str("text") != "x" || item.Int("n") != 7 || !item.Bool("yes") || string(item.Bytes("octets")) != "y" {
		t.Errorf("got %q %d %v %q", item.Str("text"), item.Int("n"), item.Bool("yes"), item.Bytes("octets"))
	}
	for _, name := range []string{"none", "octets"} {
		if item.Str(name) != "" || item.Int(name) != 0 || item.Bool(name) {
			t.Errorf("%s: got %q %d %v, want zero values", name, item.Str(name), item.Int(name), item.Bool(name))
		}
	}
	if item.Bytes("text") != nil || (Item{}).Int("n") != 0 {
		t.Error("got something of another type, want nothing")
	}
}

func TestSizeCountsEverything(t *testing.T) {
	item := Item{Key: Key{Part: "part", Sort: "s"}, Attrs: Attrs{"text": "four", "n": int64(1), "yes": true, "octets": []byte("abc")}}
	want := 64 + 4 + 1 + (4 + 4) + (1 + 12) + (3 + 1) + (6 + 3)
	if got := item.Size(); got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}

func TestAddStaysInRange(t *testing.T) {
	for _, c := range []struct {
		claim        string
		have, amount int64
		ok           bool
	}{
		{"up to the largest", math.MaxInt64 - 1, 1, true},
		{"past the largest", math.MaxInt64, 1, false},
		{"down to the smallest", math.MinInt64 + 1, -1, true},
		{"past the smallest", math.MinInt64, -1, false},
		{"nothing to the smallest", math.MinInt64, 0, true},
		{"smallest to zero", 0, math.MinInt64, true},
		{"smallest to minus one", -1, math.MinInt64, false},
	} {
		current := Item{Key: Key{Part: "p"}, Attrs: Attrs{"n": c.have}}
		got, err := Update{Key: current.Key, Add: map[string]int64{"n": c.amount}}.Apply(current)
		if c.ok && (err != nil || got.Int("n") != c.have+c.amount) {
			t.Errorf("%s: got %d, %v", c.claim, got.Int("n"), err)
		}
		if !c.ok && !errors.Is(err, ErrValue) {
			t.Errorf("%s: got %d, %v, want ErrValue", c.claim, got.Int("n"), err)
		}
		if current.Int("n") != c.have {
			t.Errorf("%s: Apply changed the item it was given", c.claim)
		}
	}
}

func TestExpiredFromItsSecondOn(t *testing.T) {
	second := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		claim   string
		expires time.Time
		now     time.Time
		want    bool
	}{
		{"never", time.Time{}, second, false},
		{"the second before", second, second.Add(-1), false},
		{"its second", second, second, true},
		{"later in its second", second.Add(999 * time.Millisecond), second, true},
		{"long ago", time.Unix(0, 0), second, true},
	} {
		if got := (Item{Expires: c.expires}).Expired(c.now); got != c.want {
			t.Errorf("%s: got %v, want %v", c.claim, got, c.want)
		}
	}
}

func TestTransactErrorIsACondition(t *testing.T) {
	var err error = &TransactError{Index: 3}
	if !errors.Is(err, ErrCondition) || err.Error() != "operation 3: condition not met" {
		t.Errorf("got %v", err)
	}
}
