package embedded

import (
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// A key in the file is the length of Part in two octets, Part, Sort: the items
// of a partition lie together, in the byte order of Sort, whatever octets either
// holds.
//
// A value is, with all numbers most significant octet first:
//
//	1 octet   itemVersion
//	8 octets  expiry in seconds since 1970, math.MinInt64 for none
//	and for each attribute, in the byte order of the names:
//	1 octet   length of the name, then the name
//	1 octet   kind; an integer follows in 8 octets, a text or octets after their
//	          length in 4
//
// The same item gives the same octets, and no other octets give this item.
const (
	itemVersion = 1
	headerSize  = 1 + 8

	kindInteger = 'i'
	kindText    = 's'
	kindOctets  = 'b'
	kindTrue    = 't'
	kindFalse   = 'f'

	never = -1 << 63
)

var errEncoding = errors.New("item is not encoded as it should be")

func joinKey(part, sort string) []byte {
	key := make([]byte, 0, 2+len(part)+len(sort))
	key = binary.BigEndian.AppendUint16(key, uint16(len(part)))
	key = append(key, part...)
	return append(key, sort...)
}

func splitKey(key []byte) (store.Key, error) {
	if len(key) < 2 {
		return store.Key{}, errEncoding
	}
	n := int(binary.BigEndian.Uint16(key))
	if len(key) < 2+n {
		return store.Key{}, errEncoding
	}
	return store.Key{Part: string(key[2 : 2+n]), Sort: string(key[2+n:])}, nil
}

// afterPrefix returns the first key that is behind all keys with this prefix. A
// joined key always has one: its first octet is far from 0xff.
func afterPrefix(prefix []byte) []byte {
	next := slices.Clone(prefix)
	for next[len(next)-1] == 0xff {
		next = next[:len(next)-1]
	}
	next[len(next)-1]++
	return next
}

// encodeItem writes the value of an item that has passed its check.
func encodeItem(item store.Item) []byte {
	value := make([]byte, 0, headerSize+item.Size())
	value = append(value, itemVersion)
	expires := int64(never)
	if !item.Expires.IsZero() {
		expires = item.Expires.Unix()
	}
	value = binary.BigEndian.AppendUint64(value, uint64(expires))
	for _, name := range slices.Sorted(maps.Keys(item.Attrs)) {
		value = append(value, byte(len(name)))
		value = append(value, name...)
		switch v := item.Attrs[name].(type) {
		case int64:
			value = binary.BigEndian.AppendUint64(append(value, kindInteger), uint64(v))
		case string:
			value = binary.BigEndian.AppendUint32(append(value, kindText), uint32(len(v)))
			value = append(value, v...)
		case []byte:
			value = binary.BigEndian.AppendUint32(append(value, kindOctets), uint32(len(v)))
			value = append(value, v...)
		case bool:
			kind := byte(kindFalse)
			if v {
				kind = kindTrue
			}
			value = append(value, kind)
		}
	}
	return value
}

// expired reads as much of a value as it takes to know that it is absent.
func expired(value []byte, now int64) bool {
	if len(value) < headerSize {
		return false // decodeItem complains
	}
	expires := int64(binary.BigEndian.Uint64(value[1:]))
	return expires != never && expires <= now
}

// decodeItem reads a value. The item shares no memory with it.
func decodeItem(key store.Key, value []byte) (store.Item, error) {
	r := reader{rest: value}
	if r.octet() != itemVersion {
		return store.Item{}, errEncoding
	}
	item := store.Item{Key: key, Attrs: store.Attrs{}}
	if expires := int64(binary.BigEndian.Uint64(r.take(8))); !r.bad && expires != never {
		item.Expires = time.Unix(expires, 0).UTC()
	}
	last := ""
	for !r.bad && len(r.rest) > 0 {
		name := string(r.take(int(r.octet())))
		if strings.Compare(last, name) >= 0 {
			return store.Item{}, errEncoding
		}
		last = name
		item.Attrs[name] = r.attr()
	}
	if r.bad {
		return store.Item{}, errEncoding
	}
	return item, nil
}

// reader takes octets off the front. Once there are too few it is bad, and what
// it returns is zero.
type reader struct {
	rest []byte
	bad  bool
}

func (r *reader) take(n int) []byte {
	if r.bad = r.bad || n < 0 || n > len(r.rest); r.bad {
		return make([]byte, 8) // enough for any number
	}
	taken := r.rest[:n]
	r.rest = r.rest[n:]
	return taken
}

func (r *reader) octet() byte { return r.take(1)[0] }

func (r *reader) attr() any {
	switch r.octet() {
	case kindInteger:
		return int64(binary.BigEndian.Uint64(r.take(8)))
	case kindText:
		return string(r.take(int(binary.BigEndian.Uint32(r.take(4)))))
	case kindOctets:
		return append([]byte{}, r.take(int(binary.BigEndian.Uint32(r.take(4))))...)
	case kindTrue:
		return true
	case kindFalse:
		return false
	}
	r.bad = true
	return nil
}
