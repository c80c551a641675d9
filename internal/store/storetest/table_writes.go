package storetest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"rcpt/internal/store"
)

func conditionsHold(t *tableTest) {
	there, absent := key("p", "there"), key("p", "absent")
	t.put(store.Item{Key: there, Attrs: store.Attrs{
		"five": int64(5), "minus": int64(-5), "text": "x", "yes": true, "octets": []byte("x"),
	}})
	for _, c := range []struct {
		cond               store.Cond
		onThere, onNothing bool
	}{
		{store.Exists(), true, false},
		{store.Absent(), false, true},
		{store.Has("five"), true, false},
		{store.Has("six"), false, false},
		{store.Missing("five"), false, true},
		{store.Missing("six"), true, true},
		{store.Equal("five", int64(5)), true, false},
		{store.Equal("five", "5"), false, false},
		{store.Equal("five", int64(6)), false, false},
		{store.Equal("six", int64(0)), false, false},
		{store.Equal("text", "x"), true, false},
		{store.Equal("text", []byte("x")), false, false},
		{store.Equal("octets", []byte("x")), true, false},
		{store.Equal("octets", "x"), false, false},
		{store.Equal("yes", true), true, false},
		{store.Equal("yes", false), false, false},
		{store.AtMost("five", 5), true, true},
		{store.AtMost("five", 4), false, true},
		{store.AtMost("minus", -5), true, false},
		{store.AtMost("minus", -6), false, false},
		{store.AtMost("six", 0), true, true},
		{store.AtMost("six", -1), false, false},
		{store.AtMost("text", 9), false, true},
		{store.AtLeast("five", 5), true, false},
		{store.AtLeast("five", 6), false, false},
		{store.AtLeast("minus", -5), true, true},
		{store.AtLeast("six", 0), true, true},
		{store.AtLeast("six", 1), false, false},
		{store.AtLeast("yes", -9), false, true},
		{store.Any(store.Absent(), store.Has("six")), false, true},
		{store.Any(store.Absent(), store.Has("five")), true, true},
		{store.Any(store.Any(store.Equal("text", "x")), store.Absent()), true, true},
	} {
		for k, holds := range map[store.Key]bool{there: c.onThere, absent: c.onNothing} {
			err := t.Transact(t.Context(), []store.Op{store.CheckOp(k, c.cond)})
			if holds && err != nil {
				t.Errorf("%+v on %q: got %v, want it to hold", c.cond, k.Sort, err)
			}
			if !holds {
				t.wantErr(fmt.Sprintf("%+v on %q", c.cond, k.Sort), err, store.ErrCondition)
			}
		}
	}
}

func putRefused(t *tableTest) {
	k := key("p", "s")
	item := store.Item{Key: k, Attrs: store.Attrs{"n": int64(1)}}
	other := store.Item{Key: k, Attrs: store.Attrs{"n": int64(2)}}
	t.wantErr("replace of nothing", t.Put(t.Context(), item, store.Exists()), store.ErrCondition)
	t.wantAbsent(k)
	t.put(item, store.Absent())
	t.wantErr("second create", t.Put(t.Context(), other, store.Absent()), store.ErrCondition)
	t.wantErr("one of two conditions", t.Put(t.Context(), other, store.Exists(), store.Has("m")), store.ErrCondition)
	t.wantItem(item)
	t.put(other, store.Exists(), store.Equal("n", int64(1)))
	t.wantItem(other)
}

func updateChanges(t *tableTest) {
	k := key("p", "s")
	got := t.update(store.Update{Key: k, Set: store.Attrs{"s": "one", "b": true}, Add: map[string]int64{"n": 3, "z": 0}})
	want := store.Item{Key: k, Attrs: store.Attrs{"s": "one", "b": true, "n": int64(3), "z": int64(0)}}
	t.wantSame(got, want)
	t.wantItem(want)
	got = t.update(store.Update{Key: k, Set: store.Attrs{"s": int64(2)}, Add: map[string]int64{"n": -5}, Remove: []string{"b", "none"}})
	want = store.Item{Key: k, Attrs: store.Attrs{"s": int64(2), "n": int64(-2), "z": int64(0)}}
	t.wantSame(got, want)
	t.wantItem(want)
	t.wantSame(t.update(store.Update{Key: key("p", "nothing named")}), store.Item{Key: key("p", "nothing named"), Attrs: store.Attrs{}})
}

func updateCreates(t *tableTest) {
	for sort, u := range map[string]store.Update{
		"nothing": {},
		"remove":  {Remove: []string{"none"}},
		"add 0":   {Add: map[string]int64{"n": 0}},
		"expires": {Expires: t.in(time.Hour)},
	} {
		u.Key = key("p", sort)
		want := store.Item{Key: u.Key, Attrs: store.Attrs{}, Expires: u.Expires}
		if len(u.Add) > 0 {
			want.Attrs["n"] = int64(0)
		}
		t.wantSame(t.update(u), want)
		t.wantItem(want)
		u.Key.Part, want.Key.Part = "transact", "transact"
		if err := t.Transact(t.Context(), []store.Op{store.UpdateOp(u)}); err != nil {
			t.Errorf("Transact of an update that does %s: %v", sort, err)
		}
		t.wantItem(want)
	}
}

func addInRange(t *tableTest) {
	for _, c := range []struct {
		have, amount int64
		fits         bool
	}{
		{math.MaxInt64 - 1, 1, true},
		{math.MaxInt64, 1, false},
		{math.MaxInt64, math.MaxInt64, false},
		{math.MaxInt64, 0, true},
		{math.MinInt64 + 1, -1, true},
		{math.MinInt64, -1, false},
		{math.MinInt64, math.MinInt64, false},
		{math.MaxInt64, math.MinInt64, true},
	} {
		item := store.Item{Key: key("p", fmt.Sprint(c.have, c.amount)), Attrs: store.Attrs{"n": c.have}}
		u := store.Update{Key: item.Key, Add: map[string]int64{"n": c.amount}, If: []store.Cond{store.Equal("n", c.have)}}
		claim := fmt.Sprintf("%d to %d", c.amount, c.have)
		t.put(item)
		got, err := t.Update(t.Context(), u)
		if c.fits {
			item.Attrs["n"] = c.have + c.amount
			if err != nil {
				t.Errorf("Update, %s: %v", claim, err)
			}
			t.wantSame(got, item)
		} else {
			t.wantErr("Update, "+claim, err, store.ErrValue)
			t.wantErr("Transact, "+claim, t.Transact(t.Context(), []store.Op{store.UpdateOp(u)}), store.ErrValue)
		}
		t.wantItem(item)
	}
}

func updateRefused(t *tableTest) {
	k := key("p", "s")
	u := store.Update{Key: k, Add: map[string]int64{"n": 1}, If: []store.Cond{store.Exists(), store.AtMost("n", 1)}}
	got, err := t.Update(t.Context(), u)
	t.wantErr("Update of nothing", err, store.ErrCondition)
	t.wantSame(got, store.Item{})
	t.wantAbsent(k)
	t.put(store.Item{Key: k, Attrs: store.Attrs{"n": int64(1), "why": "full"}, Expires: t.in(time.Hour)})
	t.update(u)
	want := store.Item{Key: k, Attrs: store.Attrs{"n": int64(2), "why": "full"}, Expires: t.in(time.Hour)}
	got, err = t.Update(t.Context(), u)
	t.wantErr("Update above the bound", err, store.ErrCondition)
	t.wantSame(got, want)
	t.wantItem(want)
}

func deleteConditions(t *tableTest) {
	k := key("p", "s")
	for _, conds := range [][]store.Cond{nil, {store.Absent()}} {
		if err := t.Delete(t.Context(), k, conds...); err != nil {
			t.Errorf("Delete of nothing under %+v: %v", conds, err)
		}
	}
	t.wantErr("Delete of nothing if it exists", t.Delete(t.Context(), k, store.Exists()), store.ErrCondition)
	t.put(store.Item{Key: k, Attrs: store.Attrs{"owner": "me"}})
	t.wantErr("Delete of another's", t.Delete(t.Context(), k, store.Equal("owner", "you")), store.ErrCondition)
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{"owner": "me"}})
	if err := t.Delete(t.Context(), k, store.Equal("owner", "me")); err != nil {
		t.Errorf("Delete of one's own: %v", err)
	}
	t.wantAbsent(k)
}

func cappedCounter(t *tableTest) {
	const workers, tries, limit, amount = 64, 4, 150, 2
	k := key("p", "s")
	granted := make([]int, workers)
	together(workers, func(i int) {
		for range tries {
			item, err := t.Update(t.Context(), store.Update{
				Key: k, Add: map[string]int64{"used": amount}, If: []store.Cond{store.AtMost("used", limit-amount)},
			})
			if err == nil {
				granted[i] += amount
			} else if !errors.Is(err, store.ErrCondition) {
				t.Errorf("Update: %v", err)
			}
			if used := item.Int("used"); used > limit || used == 0 {
				t.Errorf("counter at %d, want 1 to %d", used, limit)
			}
		}
	})
	sum := 0
	for _, n := range granted {
		sum += n
	}
	if sum != limit {
		t.Errorf("granted %d, want %d", sum, limit)
	}
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{"used": int64(limit)}})
}

func oneCreatorWins(t *tableTest) {
	const workers, keys = 32, 8
	var wins [keys][workers]bool
	together(workers, func(i int) {
		for n := range keys {
			err := t.Put(t.Context(), store.Item{Key: key("p", fmt.Sprint(n)), Attrs: store.Attrs{"by": int64(i)}}, store.Absent())
			wins[n][i] = err == nil
			if err != nil && !errors.Is(err, store.ErrCondition) {
				t.Errorf("Put: %v", err)
			}
		}
	})
	for n := range keys {
		won := slices.Index(wins[n][:], true)
		if won < 0 || slices.Contains(wins[n][won+1:], true) {
			t.Errorf("key %d: got winners %v, want one", n, wins[n])
		}
		t.wantItem(store.Item{Key: key("p", fmt.Sprint(n)), Attrs: store.Attrs{"by": int64(won)}})
	}
}
