package embedded

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"rcpt/internal/store"
)

// The files of an installation outlive its program: whoever changes these octets
// has to read the old ones too.
func TestEncodingStaysTheSame(t *testing.T) {
	item := store.Item{
		Key:     store.Key{Part: "KEY#k1", Sort: "s"},
		Expires: time.Unix(1_800_000_000, 5),
		Attrs:   store.Attrs{"text": "é", "n": int64(-2), "octets": []byte{0, 0xff}, "yes": true, "no": false},
	}
	if got, want := hex.EncodeToString(joinKey("KEY#k1", "s")), "00064b4559236b3173"; got != want {
		t.Errorf("key: got %s, want %s", got, want)
	}
	want := "01" + "000000006b49d200" +
		"016e69" + "fffffffffffffffe" +
		"026e6f66" +
		"066f637465747362" + "00000002" + "00ff" +
		"047465787473" + "00000002" + "c3a9" +
		"0379657374"
	if got := hex.EncodeToString(encodeItem(item)); got != want {
		t.Errorf("value: got  %s\nwant %s", got, want)
	}
	bare := store.Item{Key: item.Key}
	if got, want := hex.EncodeToString(encodeItem(bare)), "018000000000000000"; got != want {
		t.Errorf("bare value: got %s, want %s", got, want)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for claim, octets := range map[string]string{
		"nothing":            "",
		"another version":    "028000000000000000",
		"half an expiry":     "0180000000",
		"half a name":        "01800000000000000005616263",
		"a name without end": "018000000000000000016e",
		"an unknown kind":    "018000000000000000016e7a",
		"half an integer":    "018000000000000000016e6900000000",
		"too short a text":   "018000000000000000016e73000000046162",
		"a huge length":      "018000000000000000016e62ffffffff6162",
		"an empty name":      "0180000000000000000074",
		"names out of order": "018000000000000000016274016174",
		"a name twice":       "018000000000000000016174016174",
	} {
		value, err := hex.DecodeString(octets)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := decodeItem(store.Key{}, value); err == nil {
			t.Errorf("%s: got %+v, want an error", claim, got)
		}
	}
}

// The value lies in the mapped file, which may neither be written to nor looked
// at once the transaction is over.
func TestDecodedItemSharesNoMemory(t *testing.T) {
	want := store.Item{Key: store.Key{Part: "p"}, Attrs: store.Attrs{"octets": []byte("abc"), "text": "def"}}
	value := encodeItem(want)
	got, err := decodeItem(want.Key, value)
	for i := range value {
		value[i] = 'X'
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}

func FuzzItemComesBack(f *testing.F) {
	f.Add("name", "text", []byte{0xff}, int64(-1), true, int64(0), "other")
	f.Add("", "", []byte(nil), int64(1<<62), false, int64(-62135596800), "é")
	f.Fuzz(func(t *testing.T, name, text string, octets []byte, n int64, yes bool, expires int64, other string) {
		item := store.Item{
			Key: store.Key{Part: "p", Sort: text},
			Attrs: store.Attrs{
				"s" + name: text, "b" + name: append([]byte{}, octets...), "i" + other: n, "t" + other: yes,
			},
		}
		if expires%3 != 0 {
			item.Expires = time.Unix(expires>>8, 0).UTC() // within the range of time.Time
		}
		if item.Check() != nil {
			t.Skip()
		}
		value := encodeItem(item)
		if len(value) > cap(value) || len(value) > headerSize+item.Size() {
			t.Errorf("%d octets encoded, Size says %d", len(value), item.Size())
		}
		got, err := decodeItem(item.Key, value)
		if err != nil || !reflect.DeepEqual(got, item) {
			t.Fatalf("got %+v, %v, want %+v", got, err, item)
		}
		if want := item.Expired(time.Unix(n, 0)); expired(value, n) != want {
			t.Errorf("expired at %d: got %v, want %v", n, !want, want)
		}
	})
}

func FuzzDecodeIsExact(f *testing.F) {
	f.Add(encodeItem(store.Item{Attrs: store.Attrs{"a": int64(1), "b": "x", "c": []byte("y"), "d": true, "e": false}}))
	f.Add(encodeItem(store.Item{Expires: time.Unix(0, 0)}))
	f.Fuzz(func(t *testing.T, value []byte) {
		item, err := decodeItem(store.Key{Part: "p"}, value)
		if err != nil {
			return
		}
		if got := encodeItem(item); !bytes.Equal(got, value) {
			t.Errorf("decoded %x, encoded it is %x", value, got)
		}
	})
}

func FuzzKeysKeepTheirOrder(f *testing.F) {
	f.Add("p", "a", "p", "a\x00", "a")
	f.Add("p\xff", "", "p", "\xff", "\xff\xff")
	f.Fuzz(func(t *testing.T, part1, sort1, part2, sort2, prefix string) {
		one, two := store.Key{Part: part1, Sort: sort1}, store.Key{Part: part2, Sort: sort2}
		under := store.Key{Part: part1, Sort: prefix}
		if one.Check() != nil || two.Check() != nil || under.Check() != nil {
			t.Skip()
		}
		key1, key2 := joinKey(part1, sort1), joinKey(part2, sort2)
		if got, err := splitKey(key1); err != nil || got != one {
			t.Errorf("split %x = %q, %v, want %q", key1, got, err, one)
		}
		if bytes.Equal(key1, key2) != (one == two) {
			t.Errorf("%q and %q: joined %x and %x", one, two, key1, key2)
		}
		if part1 == part2 && bytes.Compare(key1, key2) != cmp.Compare(sort1, sort2) {
			t.Errorf("%q and %q: order lost", sort1, sort2)
		}
		low := joinKey(part1, prefix)
		high := afterPrefix(low)
		within := bytes.Compare(key2, low) >= 0 && bytes.Compare(key2, high) < 0
		if want := part1 == part2 && bytes.HasPrefix([]byte(sort2), []byte(prefix)); within != want {
			t.Errorf("%q under %q: got %v, want %v", two, under, within, want)
		}
	})
}

func TestSplitRefusesShortKeys(t *testing.T) {
	for _, key := range []string{"", "\x00", "\x00\x02p"} {
		if got, err := splitKey([]byte(key)); err == nil {
			t.Errorf("split %q = %q, want an error", key, got)
		}
	}
}

func BenchmarkCodec(b *testing.B) {
	item := store.Item{Key: store.Key{Part: "p", Sort: "s"}, Attrs: store.Attrs{}}
	for i := range 8 {
		item.Attrs[fmt.Sprint("text", i)] = "some twenty octets.."
		item.Attrs[fmt.Sprint("number", i)] = int64(i)
	}
	value := encodeItem(item)
	b.Run("encode", func(b *testing.B) {
		for b.Loop() {
			value = encodeItem(item)
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := decodeItem(item.Key, slices.Clip(value)); err != nil {
				b.Fatal(err)
			}
		}
	})
}
