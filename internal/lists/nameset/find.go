package nameset

// FNV-1a, 64 bits.
const (
	fnvBasis = 14695981039346656037
	fnvPrime = 1099511628211
)

// Find returns the entry of a name. A final dot does not matter.
func (s Set) Find(name string) (Entry, bool) {
	name = cut(name)
	if s.data == "" || len(name) > LongestName {
		return Entry{}, false
	}
	return s.probe(name, hash(name))
}

// Nearest returns the entry of a domain or else that of its nearest ancestor in
// the set. Names of one label do not count: an entry for a whole top-level
// domain would be a mistake.
func (s Set) Nearest(domain string) (found Entry, ok bool) {
	domain = cut(domain)
	if s.data == "" || len(domain) > LongestName {
		return Entry{}, false
	}
	h, dots := uint64(fnvBasis), 0
	for i := len(domain) - 1; i >= 0; i-- {
		if domain[i] == '.' {
			if dots++; dots > 1 {
				if e, hit := s.probe(domain[i+1:], h); hit {
					found, ok = e, true
				}
			}
		}
		h = (h ^ uint64(lower(domain[i]))) * fnvPrime
	}
	if dots > 0 {
		if e, hit := s.probe(domain, h); hit {
			return e, true
		}
	}
	return found, ok
}

// probe looks for a name in the bucket of its hash.
func (s Set) probe(name string, h uint64) (Entry, bool) {
	b := bucketOf(h, s.bits)
	at, end := s.first+s.end(b), s.first+s.end(b+1)
	for at < end {
		n := int(s.data[at])
		if n == len(name) {
			if stored := s.data[at+1 : at+1+n]; stored == name || sameFold(stored, name) {
				return Entry{Name: stored, Value: s.data[at+1+n]}, true
			}
		}
		at += n + 2
	}
	return Entry{}, false
}

// sameFold reports whether name is stored, which is in lower case.
func sameFold(stored, name string) bool {
	for i := range len(name) {
		if lower(name[i]) != stored[i] {
			return false
		}
	}
	return true
}

// hash is that of a name, from its last octet to its first.
func hash(name string) uint64 {
	h := uint64(fnvBasis)
	for i := len(name) - 1; i >= 0; i-- {
		h = (h ^ uint64(lower(name[i]))) * fnvPrime
	}
	return h
}

// bucketOf returns the bucket of a hash: its upper bits after the finaliser of
// MurmurHash3, for FNV-1a leaves the last octets of short names in the lower.
func bucketOf(h uint64, bits int) int {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return int(h >> (64 - bits))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + ('a' - 'A')
	}
	return c
}

// cut removes a final dot.
func cut(name string) string {
	if n := len(name); n > 0 && name[n-1] == '.' {
		return name[:n-1]
	}
	return name
}
