package nameset

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/bits"
	"slices"
	"strings"
	"time"
)

// Encode returns a set in the form that Open reads. The same entries, in any
// order, give the same octets. Names are in lower case, at most LongestName
// octets and distinct; the error names the one that is not.
func Encode(entries []Entry, built time.Time, figures [Figures]int) ([]byte, error) {
	// Four names a bucket: the offsets take one octet a name, and a probe
	// reads about one cache line.
	power := max(bits.Len(uint(len(entries)/4)), 1)
	buckets := make([][]Entry, 1<<power)
	size := 0
	for _, e := range entries {
		if e.Name == "" || len(e.Name) > LongestName || e.Name != strings.ToLower(e.Name) {
			return nil, fmt.Errorf("encode %q: not a name in lower case", e.Name)
		}
		b := bucketOf(hash(e.Name), power)
		buckets[b] = append(buckets[b], e)
		size += len(e.Name) + 2
	}
	head := make([]byte, 0, offsetsAt+4*(len(buckets)+1)+size)
	head = append(head, magic...)
	head = append(head, make([]byte, sha256.Size)...)
	head = binary.LittleEndian.AppendUint64(head, uint64(built.Unix()))
	head = binary.LittleEndian.AppendUint32(head, uint32(len(entries)))
	head = binary.LittleEndian.AppendUint32(head, uint32(power))
	for _, n := range figures {
		head = binary.LittleEndian.AppendUint32(head, uint32(n))
	}
	body := make([]byte, 0, size)
	for _, b := range buckets {
		head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
		slices.SortFunc(b, func(x, y Entry) int { return strings.Compare(x.Name, y.Name) })
		for i, e := range b {
			if i > 0 && b[i-1].Name == e.Name {
				return nil, fmt.Errorf("encode %q: twice", e.Name)
			}
			body = append(body, byte(len(e.Name)))
			body = append(body, e.Name...)
			body = append(body, e.Value)
		}
	}
	head = binary.LittleEndian.AppendUint32(head, uint32(len(body)))
	data := append(head, body...)
	sign(data)
	return data, nil
}

// sign writes the digest.
func sign(data []byte) {
	sum := sha256.Sum256(data[builtAt:])
	copy(data[digestAt:], sum[:])
}
