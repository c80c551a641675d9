// Package plan divides the rows of a job into work: addresses asked once however
// often they stand in the list, domains together, at most PerShard addresses of
// one operator a shard.
//
// Split deals the rows of one chunk into partitions by the hash of their domain;
// a partition of all chunks is then read by itself (Partition), its duplicates
// folded (Distinct), and what needs the network cut into shards (Cut). A domain
// with more rows than fit, as those of the large providers, is read in several
// passes, each of which takes the addresses of one part of a second hash: no step
// holds more than PerPass addresses, whatever the list. Everything is in the order of the
// rows and gives the same files when it is repeated.
//
// Two rows are one address when address.Identity says so; the first is asked as it
// is given and answers for all. Texts that are no addresses are folded by
// themselves, unless there is an address in them.
package plan

import (
	"encoding/binary"
	"hash/fnv"
	"io"
	"strings"
	"unicode"

	"rcpt/internal/address"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
)

// Bounds of a plan.
const (
	PerShard = 100     // addresses of one shard
	PerPass  = 100_000 // rows of a partition that are folded at once: some 15 MB
)

// maxText is how much of a text is kept, in octets. Beyond 320 nothing is an
// address (package address), so that the rest decides nothing.
const maxText = 400

// Partitions is how many partitions a list of this many rows is dealt into: as
// many as make one of them a pass, if domains are spread evenly.
func Partitions(n int64) int { return int(min(64, n/(PerPass/2)+1)) }

const kindRows = "partition"

// Split deals the rows of a chunk into n partitions, writes them as
// record.Sections, and returns how many rows each got. Memory is that of the
// addresses of the chunk.
func Split(chunk *rows.Reader, n int, to io.Writer) ([]int64, error) {
	sections := record.NewSections(n, kindRows)
	counts, last := make([]int64, n), make([]int64, n)
	var buf []byte
	for {
		row, err := chunk.Next()
		if err == io.EOF {
			return counts, sections.Close(to)
		}
		if err != nil {
			return nil, err
		}
		text, a, identity := identify(row.Email)
		domain := a.Domain()
		if a.IsEmpty() {
			domain = identity
		}
		p := int(hash(domain) % uint64(n))
		buf = binary.LittleEndian.AppendUint32(buf[:0], uint32(hash(identity)>>32))
		buf = append(record.AppendNumber(buf, uint64(row.Number-last[p])), text...)
		last[p] = row.Number
		counts[p]++
		if err := sections.Write(p, buf); err != nil {
			return nil, err
		}
	}
}

// clip shortens a text that is too long for an address to one that still is.
func clip(text string) string {
	if len(text) <= maxText {
		return text
	}
	text = strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' })
	return text[:min(len(text), maxText)]
}

// identify returns what is asked about a row, and what two rows have in common when
// that is one address. The address is zero when there is none.
//
// Where a mail program wrote Alice <alice@example.com>, the address in it is asked.
// In a form that is a mistake to point out. In a list it is how lists are exported,
// and INVALID would have the customer drop a mailbox that lives.
func identify(text string) (asked string, a address.Address, identity string) {
	asked = clip(text)
	a, err := address.Parse(asked)
	if err != nil {
		within, ok := address.Within(unnamed(text))
		if !ok {
			return asked, address.Address{}, "\x00" + strings.TrimSpace(asked) // no address begins so
		}
		asked, a = within.String(), within
	}
	return asked, a, a.Identity()
}

// unnamed drops the name before brackets (RFC 5322 §3.4), unless it may be another
// address: what stands in one as "Doe, Alice" <alice@example.com> tells nothing.
func unnamed(text string) string {
	text = strings.TrimSpace(text)
	from := max(0, strings.LastIndexByte(text, '<'))
	name := strings.TrimSpace(text[:from])
	quoted := len(name) > 1 && name[0] == '"' && strings.IndexByte(name[1:], '"') == len(name)-2
	if !quoted && strings.Contains(name, "@") {
		return text
	}
	return text[from:]
}

func hash(text string) uint64 {
	h := fnv.New64a()
	_, _ = io.WriteString(h, text) // never fails
	return mix(h.Sum64())
}

// mix spreads what FNV leaves in the low bits of short texts (the finalizer of
// MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}
