package storetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

func batchGetMany(t *tableTest) {
	var sorts []string
	var keys []store.Key
	for i := range 250 {
		sorts = append(sorts, fmt.Sprintf("%03d", i))
		keys = append(keys, key("p", fmt.Sprintf("%03d", i)), key("absent", fmt.Sprint(i)))
	}
	t.putSorts("p", sorts...)
	got, err := t.BatchGet(t.Context(), append(keys, keys...))
	if err != nil {
		t.Fatalf("BatchGet: %v", err)
	}
	var found []string
	for _, item := range got {
		found = append(found, item.Key.Sort)
	}
	slices.Sort(found)
	if !slices.Equal(found, sorts) {
		t.Errorf("got %d items %q, want each of %d once", len(found), found, len(sorts))
	}
	if got, err := t.BatchGet(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("BatchGet of nothing = %+v, %v", got, err)
	}
}

func batchGetLarge(t *tableTest) {
	const items = 60
	var keys []store.Key
	for i := range items {
		keys = append(keys, key("p", fmt.Sprint(i)))
		t.put(store.Item{Key: keys[i], Attrs: store.Attrs{"data": make([]byte, 300<<10)}})
	}
	got, err := t.BatchGet(t.Context(), keys)
	if err != nil {
		t.Fatalf("BatchGet: %v", err)
	}
	seen := map[store.Key]bool{}
	for _, item := range got {
		if seen[item.Key] || len(item.Bytes("data")) != 300<<10 {
			t.Errorf("got %q twice or with %d octets", item.Key, len(item.Bytes("data")))
		}
		seen[item.Key] = true
	}
	if len(seen) != items {
		t.Errorf("got %d items, want %d", len(seen), items)
	}
}

func batchPutMany(t *tableTest) {
	var batch []store.Item
	for i := range 230 {
		batch = append(batch, store.Item{Key: key("p", fmt.Sprintf("%03d", i)), Attrs: store.Attrs{"n": int64(i)}})
	}
	t.put(store.Item{Key: batch[7].Key, Attrs: store.Attrs{"old": true}})
	for range 2 { // a repetition changes nothing
		if err := t.BatchPut(t.Context(), batch); err != nil {
			t.Fatalf("BatchPut: %v", err)
		}
	}
	for _, item := range batch {
		t.wantItem(item)
	}
	t.wantErr("one key twice", t.BatchPut(t.Context(), append(batch, batch[0])), store.ErrValue)
	if err := t.BatchPut(t.Context(), nil); err != nil {
		t.Errorf("BatchPut of nothing: %v", err)
	}
}

func transactAll(t *tableTest) {
	t.put(store.Item{Key: key("p", "gone")})
	t.put(store.Item{Key: key("p", "count"), Attrs: store.Attrs{"n": int64(1)}})
	err := t.Transact(t.Context(), []store.Op{
		store.PutOp(store.Item{Key: key("p", "new"), Attrs: store.Attrs{"a": "x"}}, store.Absent()),
		store.UpdateOp(store.Update{Key: key("p", "count"), Add: map[string]int64{"n": 2}, If: []store.Cond{store.AtMost("n", 1)}}),
		store.DeleteOp(key("p", "gone"), store.Exists()),
		store.CheckOp(key("q", "absent"), store.Absent()),
	})
	if err != nil {
		t.Fatalf("Transact: %v", err)
	}
	t.wantItem(store.Item{Key: key("p", "new"), Attrs: store.Attrs{"a": "x"}})
	t.wantItem(store.Item{Key: key("p", "count"), Attrs: store.Attrs{"n": int64(3)}})
	t.wantAbsent(key("p", "gone"))
	t.wantAbsent(key("q", "absent"))
	if err := t.Transact(t.Context(), nil); err != nil {
		t.Errorf("Transact of nothing: %v", err)
	}
}

func transactRefused(t *tableTest) {
	item := store.Item{Key: key("p", "there"), Attrs: store.Attrs{"n": int64(1)}}
	t.put(item)
	err := t.Transact(t.Context(), []store.Op{
		store.PutOp(store.Item{Key: key("p", "new")}),
		store.DeleteOp(item.Key),
		store.CheckOp(key("p", "absent"), store.Exists()),
		store.UpdateOp(store.Update{Key: key("p", "other"), If: []store.Cond{store.Exists()}}),
	})
	t.wantErr("Transact", err, store.ErrCondition)
	if refused := (*store.TransactError)(nil); !errors.As(err, &refused) || refused.Index != 2 {
		t.Errorf("Transact: got %v, want a TransactError with index 2", err)
	}
	t.wantAbsent(key("p", "new"))
	t.wantItem(item)

	err = t.Transact(t.Context(), []store.Op{
		store.DeleteOp(item.Key),
		store.UpdateOp(store.Update{Key: key("p", "text"), Set: store.Attrs{"data": strings.Repeat("x", store.MaxItem)}}),
	})
	t.wantErr("Transact with an item that grows too large", err, store.ErrLimit)
	t.wantItem(item)
}

func transactAtomic(t *tableTest) {
	const workers, rounds, accounts, start = 16, 10, 4, 20
	name := func(i int) store.Key { return key("accounts", fmt.Sprint(i%accounts)) }
	for i := range accounts {
		t.put(store.Item{Key: name(i), Attrs: store.Attrs{"n": int64(start)}})
	}
	sum := func() (total int64) {
		page, err := t.Query(t.Context(), store.Query{Part: "accounts"})
		if err != nil || len(page.Items) != accounts {
			t.Errorf("Query = %+v, %v", page, err)
		}
		for _, item := range page.Items {
			total += item.Int("n")
			if item.Int("n") < 0 {
				t.Errorf("account %q is overdrawn: %d", item.Key.Sort, item.Int("n"))
			}
		}
		return total
	}
	transfer := func(from, to int, amount int64) error {
		for range 100 { // a busy store may want the call again
			err := t.Transact(t.Context(), []store.Op{
				store.UpdateOp(store.Update{Key: name(from), Add: map[string]int64{"n": -amount}, If: []store.Cond{store.AtLeast("n", amount)}}),
				store.UpdateOp(store.Update{Key: name(to), Add: map[string]int64{"n": amount}}),
			})
			if !errors.Is(err, store.ErrThrottled) {
				return err
			}
		}
		return store.ErrThrottled
	}
	together(workers, func(i int) {
		for round := range rounds {
			err := transfer(i, i+1+round%(accounts-1), int64(7+i))
			if err != nil && !errors.Is(err, store.ErrCondition) {
				t.Errorf("Transact: %v", err)
			}
		}
	})
	if got := sum(); got != accounts*start {
		t.Errorf("sum of the accounts: got %d, want %d", got, accounts*start)
	}
}

func transactExpired(t *tableTest) {
	old := func(sort string) store.Item {
		return store.Item{Key: key("p", sort), Attrs: store.Attrs{"n": int64(9)}, Expires: t.in(time.Second)}
	}
	for _, sort := range []string{"checked", "put", "updated", "deleted"} {
		t.put(old(sort))
	}
	t.clock.Advance(time.Second)
	err := t.Transact(t.Context(), []store.Op{store.CheckOp(key("p", "checked"), store.Exists())})
	t.wantErr("check of an expired item", err, store.ErrCondition)
	err = t.Transact(t.Context(), []store.Op{
		store.CheckOp(key("p", "checked"), store.Absent()),
		store.PutOp(store.Item{Key: key("p", "put")}, store.Absent()),
		store.UpdateOp(store.Update{Key: key("p", "updated"), Add: map[string]int64{"n": 1}, If: []store.Cond{store.AtMost("n", 0)}}),
		store.DeleteOp(key("p", "deleted"), store.Absent()),
	})
	if err != nil {
		t.Fatalf("Transact: %v", err)
	}
	t.wantItem(store.Item{Key: key("p", "put"), Attrs: store.Attrs{}})
	t.wantItem(store.Item{Key: key("p", "updated"), Attrs: store.Attrs{"n": int64(1)}})
}

func transactExpiredRefused(t *tableTest) {
	for _, sort := range []string{"a", "b", "c"} {
		t.put(store.Item{Key: key("p", sort), Attrs: store.Attrs{"n": int64(9)}, Expires: t.in(time.Second)})
	}
	t.clock.Advance(time.Second)
	add := func(sort string, conds ...store.Cond) store.Op {
		return store.UpdateOp(store.Update{Key: key("p", sort), Add: map[string]int64{"n": 1}, If: conds})
	}
	for want, ops := range [][]store.Op{
		{add("a", store.AtLeast("n", 9)), add("b")},
		{add("a", store.AtMost("n", 0)), add("b", store.Exists()), add("c", store.Has("n"))},
		{add("a"), add("b"), store.DeleteOp(key("p", "c"), store.Equal("n", int64(9)))},
	} {
		err := t.Transact(t.Context(), ops)
		if refused := (*store.TransactError)(nil); !errors.As(err, &refused) || refused.Index != want {
			t.Errorf("Transact: got %v, want a TransactError with index %d", err, want)
		}
		t.wantWalk(store.Query{Part: "p"})
	}
	if err := t.Transact(t.Context(), []store.Op{add("a"), add("b", store.Absent()), add("c")}); err != nil {
		t.Errorf("Transact of three expired items: %v", err)
	}
	for _, sort := range []string{"a", "b", "c"} {
		t.wantItem(store.Item{Key: key("p", sort), Attrs: store.Attrs{"n": int64(1)}})
	}
}
