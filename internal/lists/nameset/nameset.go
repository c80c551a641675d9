// Package nameset provides a read-only set of names, each with one byte, in one
// string that needs no decoding: a program embeds it, or loads it, and looks up
// at once. A look-up is one probe of a hash table, exact, without regard to
// ASCII case, and allocates nothing; the garbage collector never scans the data.
//
// The form, integers little-endian:
//
//	8 octets   "rcptset" and the version of the form, 1
//	32         SHA-256 of all that follows
//	8          when the data was put together, seconds since 1970
//	4, 4       number of names; number of buckets as a power of two
//	32         eight figures whose meaning is the owner's
//	4 each     where each bucket begins, and where the last one ends
//	the rest   buckets: per name its length, itself, its byte; sorted by name
//
// The bucket of a name follows from FNV-1a (64 bits) over its octets from the
// last to the first, then the finaliser of MurmurHash3: from the end, so that
// one pass over a domain yields the hashes of all its ancestors.
package nameset

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
)

// Where the parts of the form lie, in octets.
const (
	magic     = "rcptset\x01"
	digestAt  = len(magic)
	builtAt   = digestAt + sha256.Size
	lengthAt  = builtAt + 8
	bitsAt    = lengthAt + 4
	figuresAt = bitsAt + 4
	offsetsAt = figuresAt + 4*Figures
)

// Figures is how many numbers of its owner a set carries.
const Figures = 8

// maxBits bounds the number of buckets: 16 million, for 64 million names.
const maxBits = 24

// LongestName is the length of the longest name a set can hold, in octets: a
// domain has at most 253 (RFC 1035 §2.3.4, without the final dot).
const LongestName = 253

// ErrFormat is what Open and Check return for data that is no set: truncated,
// altered or of another version.
var ErrFormat = errors.New("not a set of names")

// Entry is a name and its byte.
type Entry struct {
	Name  string
	Value byte
}

// Set is a set of names. Use Open; the zero value is empty. It is immutable and
// safe for concurrent use.
type Set struct {
	data  string
	first int // where the buckets begin
	bits  int
}

// Open returns the set in data, which it keeps. It looks at the header alone
// and takes less than a microsecond: data that did not come with the program
// must pass Check before anything is looked up. The error is ErrFormat.
func Open(data string) (Set, error) {
	if len(data) < offsetsAt || !strings.HasPrefix(data, magic) {
		return Set{}, fmt.Errorf("header: %w", ErrFormat)
	}
	bits := int(uint32At(data, bitsAt))
	if bits > maxBits {
		return Set{}, fmt.Errorf("2^%d buckets: %w", bits, ErrFormat)
	}
	s := Set{data: data, first: offsetsAt + 4*(1<<bits+1), bits: bits}
	if len(data) < s.first || s.end(1<<bits) != len(data)-s.first {
		return Set{}, fmt.Errorf("%d octets: %w", len(data), ErrFormat)
	}
	return s, nil
}

// Check reads all of the data: the digest agrees, every name lies in its bucket
// once, in order, and their number is the one stated. The error is ErrFormat.
func (s Set) Check() error {
	if s.data == "" {
		return nil
	}
	if sha256.Sum256([]byte(s.data[builtAt:])) != s.Digest() {
		return fmt.Errorf("digest: %w", ErrFormat)
	}
	if s.end(0) != 0 {
		return fmt.Errorf("first bucket: %w", ErrFormat)
	}
	names := 0
	for b := range 1 << s.bits {
		n, ok := s.checkBucket(b)
		if !ok {
			return fmt.Errorf("bucket %d: %w", b, ErrFormat)
		}
		names += n
	}
	if names != s.Len() {
		return fmt.Errorf("%d names instead of %d: %w", names, s.Len(), ErrFormat)
	}
	return nil
}

// checkBucket counts the names of bucket b.
func (s Set) checkBucket(b int) (names int, ok bool) {
	at, end := s.end(b), s.end(b+1)
	if at > end || end > len(s.data)-s.first {
		return 0, false
	}
	rest, last := s.data[s.first+at:s.first+end], ""
	for rest != "" {
		n := int(rest[0])
		if n == 0 || n > LongestName || len(rest) < n+2 {
			return 0, false
		}
		name := rest[1 : n+1]
		if name <= last || bucketOf(hash(name), s.bits) != b {
			return 0, false
		}
		rest, last = rest[n+2:], name
		names++
	}
	return names, true
}

// Len returns the number of names.
func (s Set) Len() int {
	if s.data == "" {
		return 0
	}
	return int(uint32At(s.data, lengthAt))
}

// Built returns when the data was put together, UTC, in whole seconds.
func (s Set) Built() time.Time {
	if s.data == "" {
		return time.Time{}
	}
	low, high := uint32At(s.data, builtAt), uint32At(s.data, builtAt+4)
	return time.Unix(int64(high)<<32|int64(low), 0).UTC()
}

// Figure returns one of the owner's numbers; i is below Figures.
func (s Set) Figure(i int) int {
	if s.data == "" {
		return 0
	}
	return int(uint32At(s.data, figuresAt+4*i))
}

// Digest returns the SHA-256 the data states for itself.
func (s Set) Digest() (sum [sha256.Size]byte) {
	if s.data != "" {
		copy(sum[:], s.data[digestAt:])
	}
	return sum
}

// All yields every name with its byte, bucket by bucket.
func (s Set) All() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if s.data == "" {
			return
		}
		for rest := s.data[s.first:]; rest != ""; {
			n := int(rest[0])
			if !yield(Entry{Name: rest[1 : n+1], Value: rest[n+1]}) {
				return
			}
			rest = rest[n+2:]
		}
	}
}

// end returns where bucket b begins, which is where the one before it ends.
func (s Set) end(b int) int { return int(uint32At(s.data, offsetsAt+4*b)) }

func uint32At(s string, i int) uint32 {
	_ = s[i+3]
	return uint32(s[i]) | uint32(s[i+1])<<8 | uint32(s[i+2])<<16 | uint32(s[i+3])<<24
}
