package storetest

import (
	"context"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/store"
)

func limitsOfItems(t *tableTest) {
	long := func(n int) string { return strings.Repeat("k", n) }
	largest := store.Item{Key: key("p", "s"), Attrs: store.Attrs{"data": ""}}
	largest.Attrs["data"] = long(store.MaxItem - largest.Size())
	for _, item := range []store.Item{
		{Key: key(long(store.MaxPart), long(store.MaxSort))},
		{Key: key("p", "\x00"+long(store.MaxSort-2))},
		{Key: key("p", "name"), Attrs: store.Attrs{long(store.MaxName): true}},
		largest,
	} {
		if item.Attrs == nil {
			item.Attrs = store.Attrs{}
		}
		t.put(item)
		t.wantItem(item)
	}
	for claim, item := range map[string]store.Item{
		"part too long":        {Key: key(long(store.MaxPart+1), "")},
		"sort too long":        {Key: key("p", long(store.MaxSort+1))},
		"sort of 0x00":         {Key: key("p", "\x00"+long(store.MaxSort-1))},
		"name too long":        {Key: key("p", ""), Attrs: store.Attrs{long(store.MaxName + 1): true}},
		"item too large":       {Key: key("p", ""), Attrs: store.Attrs{"data": make([]byte, store.MaxItem)}},
		"many, together large": {Key: key("p", ""), Attrs: store.Attrs{"a": make([]byte, 200<<10), "b": long(200 << 10)}},
	} {
		t.wantErr("Put, "+claim, t.Put(t.Context(), item), store.ErrLimit)
		t.wantErr("BatchPut, "+claim, t.BatchPut(t.Context(), []store.Item{item}), store.ErrLimit)
		t.wantErr("Transact, "+claim, t.Transact(t.Context(), []store.Op{store.PutOp(item)}), store.ErrLimit)
	}
	_, err := t.Update(t.Context(), store.Update{Key: largest.Key, Set: store.Attrs{"more": long(1024)}})
	t.wantErr("Update of the largest item", err, store.ErrLimit)
	t.wantItem(largest)
}

func limitsOfWrites(t *tableTest) {
	puts := func(n int, size int) (ops []store.Op) {
		for i := range n {
			item := store.Item{Key: key("p", fmt.Sprint(i)), Attrs: store.Attrs{"data": make([]byte, size)}}
			ops = append(ops, store.PutOp(item))
		}
		return ops
	}
	t.wantErr("101 operations", t.Transact(t.Context(), puts(store.MaxOps+1, 0)), store.ErrLimit)
	t.wantErr("4.1 MB", t.Transact(t.Context(), puts(12, 350<<10)), store.ErrLimit)
	t.wantAbsent(key("p", "0"))
	for _, ops := range [][]store.Op{puts(store.MaxOps, 0), puts(11, 350<<10)} {
		if err := t.Transact(t.Context(), ops); err != nil {
			t.Errorf("Transact of %d: %v", len(ops), err)
		}
	}
	set, conds := store.Attrs{}, []store.Cond{}
	for i := range store.MaxNames {
		set[fmt.Sprint("attribute", i)] = int64(i)
	}
	for range store.MaxConds {
		conds = append(conds, store.Missing("none"))
	}
	u := store.Update{Key: key("p", "u"), Set: set, If: conds}
	t.update(u)
	u.Remove = []string{"one more"}
	_, err := t.Update(t.Context(), u)
	t.wantErr("101 attributes", err, store.ErrLimit)
	u.Remove, u.If = nil, []store.Cond{store.Any(conds...)}
	_, err = t.Update(t.Context(), u)
	t.wantErr("21 conditions", err, store.ErrLimit)
}

// largestWrites reaches the limits with what is longest to express.
func largestWrites(t *tableTest) {
	add, set, remove := map[string]int64{}, store.Attrs{}, []string{}
	for i := range store.MaxNames {
		add[fmt.Sprint("attribute ", i)] = int64(1 + i)
		set[fmt.Sprint("text ", i)] = strings.Repeat("x", 1000)
		remove = append(remove, fmt.Sprint("text ", i))
	}
	var atMost, atLeast, equal []store.Cond
	for i := range store.MaxConds {
		atMost = append(atMost, store.AtMost(fmt.Sprint("bounded ", i), int64(i)))
		atLeast = append(atLeast, store.AtLeast(fmt.Sprint("bounded ", i), 0))
		equal = append(equal, store.Equal(fmt.Sprint("text ", i), strings.Repeat("x", 1000)))
	}
	k := key("p", "s")
	for _, u := range []store.Update{
		{Add: add, If: atMost, Expires: t.in(time.Hour)},
		{Add: add, If: []store.Cond{store.Any(atLeast[1:]...)}},
		{Set: set, If: atMost},
		{Remove: remove, If: equal},
	} {
		u.Key = k
		t.update(u)
	}
	ops := make([]store.Op, store.MaxOps)
	for i := range ops {
		ops[i] = store.UpdateOp(store.Update{Key: key("p", fmt.Sprint(i)), Add: add, If: atMost})
	}
	if err := t.Transact(t.Context(), ops); err != nil {
		t.Errorf("Transact: %v", err)
	}
	got, err := t.Get(t.Context(), k)
	if err != nil || len(got.Attrs) != store.MaxNames || got.Int("attribute 7") != 2*8 {
		t.Errorf("Get = %d attributes, the eighth %d, %v, want %d and 16", len(got.Attrs), got.Int("attribute 7"), err, store.MaxNames)
	}
}

func malformedCalls(t *tableTest) {
	k := key("p", "s")
	for claim, item := range map[string]store.Item{
		"empty part":     {Key: key("", "s")},
		"int":            {Key: k, Attrs: store.Attrs{"n": 1}},
		"nil":            {Key: k, Attrs: store.Attrs{"n": nil}},
		"time":           {Key: k, Attrs: store.Attrs{"n": t.clock.Now()}},
		"slice":          {Key: k, Attrs: store.Attrs{"n": []string{"a"}}},
		"text not UTF-8": {Key: k, Attrs: store.Attrs{"s": "\xff"}},
		"empty name":     {Key: k, Attrs: store.Attrs{"": true}},
		"adapter's name": {Key: k, Attrs: store.Attrs{"_x": true}},
		"name not UTF-8": {Key: k, Attrs: store.Attrs{"\xff": true}},
	} {
		t.wantErr("Put, "+claim, t.Put(t.Context(), item), store.ErrValue)
		t.wantErr("BatchPut, "+claim, t.BatchPut(t.Context(), []store.Item{item}), store.ErrValue)
		_, err := t.Update(t.Context(), store.Update{Key: item.Key, Set: item.Attrs})
		t.wantErr("Update, "+claim, err, store.ErrValue)
		t.wantErr("Transact, "+claim, t.Transact(t.Context(), []store.Op{store.PutOp(item)}), store.ErrValue)
	}
	t.put(store.Item{Key: k, Attrs: store.Attrs{"text": "x"}})
	for claim, u := range map[string]store.Update{
		"set and add":           {Set: store.Attrs{"a": int64(1)}, Add: map[string]int64{"a": 1}},
		"set and remove":        {Set: store.Attrs{"a": int64(1)}, Remove: []string{"a"}},
		"add and remove":        {Add: map[string]int64{"a": 1}, Remove: []string{"a"}},
		"remove twice":          {Remove: []string{"a", "a"}},
		"add to text":           {Add: map[string]int64{"text": 1}},
		"add to adapter's name": {Add: map[string]int64{"_x": 1}},
		"zero condition":        {If: []store.Cond{{}}},
		"condition on an int":   {If: []store.Cond{store.Equal("n", 1)}},
		"any of none":           {If: []store.Cond{store.Any()}},
	} {
		u.Key = k
		_, err := t.Update(t.Context(), u)
		t.wantErr("Update, "+claim, err, store.ErrValue)
		t.wantErr("Transact, "+claim, t.Transact(t.Context(), []store.Op{store.UpdateOp(u)}), store.ErrValue)
	}
	_, err := t.Get(t.Context(), store.Key{})
	t.wantErr("Get of no key", err, store.ErrValue)
	_, err = t.BatchGet(t.Context(), []store.Key{k, {}})
	t.wantErr("BatchGet of no key", err, store.ErrValue)
	t.wantErr("Delete of no key", t.Delete(t.Context(), store.Key{}), store.ErrValue)
	_, err = t.Query(t.Context(), store.Query{})
	t.wantErr("Query of no partition", err, store.ErrValue)
	_, err = t.Query(t.Context(), store.Query{Part: "p", Limit: -1})
	t.wantErr("Query of less than nothing", err, store.ErrValue)
	t.wantErr("one key twice", t.Transact(t.Context(), []store.Op{store.DeleteOp(k), store.CheckOp(k, store.Exists())}), store.ErrValue)
	t.wantErr("check of nothing", t.Transact(t.Context(), []store.Op{store.CheckOp(k)}), store.ErrValue)
	t.wantErr("zero operation", t.Transact(t.Context(), []store.Op{{}}), store.ErrValue)
	t.wantItem(store.Item{Key: k, Attrs: store.Attrs{"text": "x"}})
}

func cancelledContext(t *tableTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	there, other := store.Item{Key: key("p", "there"), Attrs: store.Attrs{}}, store.Item{Key: key("p", "other")}
	t.put(there)
	_, get := t.Get(ctx, there.Key)
	_, update := t.Update(ctx, store.Update{Key: other.Key})
	_, query := t.Query(ctx, store.Query{Part: "p"})
	_, batchGet := t.BatchGet(ctx, []store.Key{there.Key})
	for call, err := range map[string]error{
		"Get": get, "Update": update, "Query": query, "BatchGet": batchGet,
		"Put":      t.Put(ctx, other),
		"Delete":   t.Delete(ctx, there.Key),
		"BatchPut": t.BatchPut(ctx, []store.Item{other}),
		"Transact": t.Transact(ctx, []store.Op{store.PutOp(other), store.DeleteOp(there.Key)}),
	} {
		t.wantErr(call, err, context.Canceled)
	}
	t.wantItem(there)
	t.wantAbsent(other.Key)
}
