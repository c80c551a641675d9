package storetest

import (
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

func getReturnsWhatWasPut(t *tableTest) {
	item := store.Item{Key: key("p", "s"), Expires: t.in(time.Hour), Attrs: store.Attrs{
		"text": "Grüße\x00\n", "empty": "", "big": int64(1<<63 - 1), "small": int64(-1 << 63), "zero": int64(0),
		"yes": true, "no": false, "octets": []byte{0, 0xff, 0}, "with.dot and space": "x", "size": "a reserved word",
	}}
	t.put(item)
	t.wantItem(item)
	t.put(store.Item{Key: key("bare", "")})
	t.wantItem(store.Item{Key: key("bare", ""), Attrs: store.Attrs{}})

	t.put(store.Item{Key: key("nil", ""), Attrs: store.Attrs{"octets": []byte(nil)}})
	got, err := t.Get(t.Context(), key("nil", ""))
	if value, has := got.Attrs["octets"].([]byte); err != nil || !has || len(value) != 0 {
		t.Errorf("Get of nil octets = %+v, %v, want empty octets", got, err)
	}
}

func getOfNothing(t *tableTest) {
	t.put(store.Item{Key: key("p", "s")})
	for _, k := range []store.Key{key("p", ""), key("p", "s2"), key("q", "s"), key("p", "S")} {
		t.wantAbsent(k)
	}
}

func putReplaces(t *tableTest) {
	k := key("p", "s")
	t.put(store.Item{Key: k, Attrs: store.Attrs{"a": int64(1), "b": "x"}, Expires: t.in(time.Hour)})
	t.put(store.Item{Key: k, Attrs: store.Attrs{"b": true}})
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{"b": true}})
}

// namesAreFree uses names that an adapter may have for keys, expiry and
// placeholders of its own.
func namesAreFree(t *tableTest) {
	k := key("p", "s")
	names := []string{"PK", "SK", "pk", "sk", "exp", "ttl", "key", "part", "sort", "Key", "Item", "Expires", "#0", ":0", "p.q", "[0]"}
	item := store.Item{Key: k, Attrs: store.Attrs{}, Expires: t.in(time.Hour)}
	u := store.Update{Key: k, Set: store.Attrs{}}
	for _, name := range names {
		item.Attrs[name] = "put " + name
	}
	t.put(item)
	t.wantItem(item)
	for _, name := range names {
		u.If = append(u.If, store.Equal(name, "put "+name))
		u.Set[name] = int64(len(name))
		item.Attrs[name] = int64(len(name))
	}
	t.wantSame(t.update(u), item)
	u = store.Update{Key: k, Add: map[string]int64{}}
	for _, name := range names {
		u.If = append(u.If, store.AtMost(name, 10))
		u.Add[name] = 1
		item.Attrs[name] = item.Int(name) + 1
	}
	t.wantSame(t.update(u), item)
	t.wantSame(t.update(store.Update{Key: k, Remove: names}), store.Item{Key: k, Attrs: store.Attrs{}, Expires: item.Expires})
	page, err := t.Query(t.Context(), store.Query{Part: "p"})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("Query = %+v, %v, want the item", page, err)
	}
}

func keysAreDistinct(t *tableTest) {
	keys := []store.Key{
		key("ab", "c"), key("a", "bc"), key("abc", ""), key("ab", "c\x00"), key("ab\x00", "c"), key("ab\x00c", ""),
		key("ab", ""), key("ab", "\x00"), key("ab", "\x00\x00"), key("ab", "\x00c"), key("ab", "\xff"), key("ab\xff", ""),
	}
	for i, k := range keys {
		t.put(store.Item{Key: k, Attrs: store.Attrs{"n": int64(i)}}, store.Absent())
	}
	for i, k := range keys {
		t.wantItem(store.Item{Key: k, Attrs: store.Attrs{"n": int64(i)}})
	}
}

func itemsAreCopies(t *tableTest) {
	k := key("p", "s")
	given := store.Item{Key: k, Attrs: store.Attrs{"octets": []byte("as given"), "n": int64(1)}}
	want := store.Item{Key: k, Attrs: store.Attrs{"octets": []byte("as given"), "n": int64(1)}}
	spoil := func(item store.Item) {
		copy(item.Bytes("octets"), "SPOILED!")
		item.Attrs["n"] = int64(2)
	}
	t.put(given)
	spoil(given)
	t.wantItem(want)

	got, _ := t.Get(t.Context(), k)
	spoil(got)
	page, _ := t.Query(t.Context(), store.Query{Part: "p"})
	for _, item := range page.Items {
		spoil(item)
	}
	batch, _ := t.BatchGet(t.Context(), []store.Key{k})
	for _, item := range batch {
		spoil(item)
	}
	t.wantItem(want)

	set := store.Attrs{"octets": []byte("as given"), "n": int64(1)}
	got = t.update(store.Update{Key: k, Set: set})
	spoil(got)
	if string(set["octets"].([]byte)) != "as given" {
		t.Error("the item returned by Update shares octets with its Set")
	}
	t.wantItem(want)
}

func expiryInWholeSeconds(t *tableTest) {
	k := key("p", "s")
	second := t.in(10 * time.Second)
	t.put(store.Item{Key: k, Expires: second.Add(999 * time.Millisecond).In(time.FixedZone("", 3600))})
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{}, Expires: second})
	t.clock.Advance(second.Sub(t.clock.Now()) - time.Nanosecond)
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{}, Expires: second})
	t.clock.Advance(time.Nanosecond)
	t.wantAbsent(k)
}

func expiredIsAbsentToReads(t *tableTest) {
	old, young := key("p", "old"), key("p", "young")
	t.put(store.Item{Key: old, Expires: t.in(time.Second)})
	t.put(store.Item{Key: young, Expires: t.in(time.Hour)})
	t.wantWalk(store.Query{Part: "p"}, "old", "young")
	t.clock.Advance(time.Second)
	t.wantAbsent(old)
	t.wantWalk(store.Query{Part: "p"}, "young")
	got, err := t.BatchGet(t.Context(), []store.Key{old, young})
	if err != nil || len(got) != 1 || got[0].Key != young {
		t.Errorf("BatchGet = %+v, %v, want young alone", got, err)
	}
}

func expiredIsAbsentToConditions(t *tableTest) {
	expired := func(sort string) store.Key {
		t.put(store.Item{Key: key("p", sort), Attrs: store.Attrs{"n": int64(7), "s": "x"}, Expires: t.in(time.Second)})
		return key("p", sort)
	}
	holds := []store.Cond{store.Absent(), store.Missing("n"), store.AtMost("n", 0), store.AtLeast("n", 0)}
	fails := []store.Cond{
		store.Exists(), store.Has("n"), store.Equal("s", "x"), store.AtMost("n", -1), store.AtLeast("n", 1),
		store.Any(store.Exists(), store.Has("n")),
	}
	for i := range holds {
		expired(fmt.Sprint("holds", i))
	}
	k := expired("fails")
	t.clock.Advance(time.Second)
	for i, c := range holds {
		t.put(store.Item{Key: key("p", fmt.Sprint("holds", i))}, c)
	}
	for _, c := range fails {
		t.wantErr(fmt.Sprintf("Put under %+v", c), t.Put(t.Context(), store.Item{Key: k}, c), store.ErrCondition)
		t.wantErr(fmt.Sprintf("Delete under %+v", c), t.Delete(t.Context(), k, c), store.ErrCondition)
		got, err := t.Update(t.Context(), store.Update{Key: k, If: []store.Cond{c}})
		t.wantErr(fmt.Sprintf("Update under %+v", c), err, store.ErrCondition)
		t.wantSame(got, store.Item{})
	}
	if err := t.Delete(t.Context(), k); err != nil {
		t.Errorf("Delete of an expired item: %v", err)
	}
}

func expiredUpdateStartsAfresh(t *tableTest) {
	k := key("p", "s")
	t.put(store.Item{Key: k, Attrs: store.Attrs{"n": int64(40), "text": "old", "other": true}, Expires: t.in(time.Second)})
	t.clock.Advance(time.Second)
	want := store.Item{Key: k, Attrs: store.Attrs{"n": int64(2), "set": "new"}}
	u := store.Update{Key: k, Add: map[string]int64{"n": 2}, Set: store.Attrs{"set": "new"}, Remove: []string{"other"},
		If: []store.Cond{store.AtMost("n", 10)}}
	t.wantSame(t.update(u), want)
	t.wantItem(want)
}

func expiredUpdatesCompete(t *tableTest) {
	const workers, items = 16, 4
	name := func(i int) store.Key { return key("p", fmt.Sprint(i)) }
	for i := range items {
		t.put(store.Item{Key: name(i), Attrs: store.Attrs{"n": int64(40), "old": true}, Expires: t.in(time.Second)})
	}
	t.clock.Advance(time.Second)
	together(workers, func(int) {
		for i := range items {
			u := store.Update{Key: name(i), Add: map[string]int64{"n": 1}}
			_, err := t.Update(t.Context(), u)
			for range 100 { // a busy store may want the call again
				if !errors.Is(err, store.ErrThrottled) {
					break
				}
				_, err = t.Update(t.Context(), u)
			}
			if err != nil {
				t.Errorf("Update: %v", err)
			}
		}
	})
	for i := range items {
		t.wantItem(store.Item{Key: name(i), Attrs: store.Attrs{"n": int64(workers)}})
	}
}

func updateAndExpiry(t *tableTest) {
	k, first, second := key("p", "s"), t.in(time.Hour), t.in(2*time.Hour)
	set := store.Attrs{"a": "x"}
	t.wantSame(t.update(store.Update{Key: k, Set: set}), store.Item{Key: k, Attrs: set})
	t.wantSame(t.update(store.Update{Key: k, Expires: first}), store.Item{Key: k, Attrs: set, Expires: first})
	t.wantSame(t.update(store.Update{Key: k, Set: set}), store.Item{Key: k, Attrs: set, Expires: first})
	t.wantSame(t.update(store.Update{Key: k, Expires: second}), store.Item{Key: k, Attrs: set, Expires: second})
	t.wantItem(store.Item{Key: k, Attrs: set, Expires: second})
}
