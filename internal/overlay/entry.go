package overlay

import (
	"cmp"
	"encoding/binary"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

const (
	// window is how far back events count together: three soft bounces in 30
	// days, three accounts in 30 days.
	window = 30 * 24 * time.Hour

	// maxRecent is how many of the latest times an entry keeps. Three are
	// needed; more tell people how bad it is.
	maxRecent = 16
)

// record is what a key's events came to about one address. Adding events gives
// the same in any order.
type record struct {
	reason      Reason           // the strongest
	counts      map[Reason]int64 // of all events
	first, last int64            // when they occurred, Unix ms
	recent      []int64          // the latest of these times, the last first; with repeats
	source, id  string           // of the last event; of the greatest id among those at the same time
	sealed      []byte           // the address
	version     int64            // grows with every write
}

// add counts one event that occurred at a time.
func (r *record) add(e Event, at int64) {
	if e.Reason.Stronger(r.reason) {
		r.reason = e.Reason
	}
	if r.counts == nil {
		r.counts = make(map[Reason]int64)
		r.first = at
	}
	r.counts[e.Reason]++
	r.first = min(r.first, at)
	if at > r.last || at == r.last && e.ID > r.id {
		r.last, r.source, r.id = at, e.Source, e.ID
	}
	place, _ := slices.BinarySearchFunc(r.recent, at, func(kept, at int64) int { return cmp.Compare(at, kept) })
	r.recent = slices.Insert(r.recent, place, at)
	r.recent = r.recent[:min(len(r.recent), maxRecent)]
}

// lately counts the events of the last 30 days, up to maxRecent.
func (r *record) lately(now time.Time) (n int) {
	for _, at := range r.recent {
		if at > now.Add(-window).UnixMilli() {
			n++
		}
	}
	return n
}

// history is the record as a verdict tells it.
func (r *record) history(now time.Time) verdict.History {
	if r.reason == "" {
		return verdict.History{}
	}
	last, history := timeOf(r.last), verdict.History{Matched: true, PreviousReason: string(r.reason), Recent: r.lately(now)}
	history.OccurredAt = &last
	for _, n := range r.counts {
		history.Count += n
	}
	return history
}

const countPrefix = "n_"

// op writes the record over the one that was read. The sealed address is told
// apart from that of an entry removed and made again, whose version may be the
// same: no two sealings are equal.
func (r *record) op(key store.Key, before store.Item) store.Op {
	recent := make([]byte, 0, 8*len(r.recent))
	for _, at := range r.recent {
		recent = binary.BigEndian.AppendUint64(recent, uint64(at))
	}
	attrs := store.Attrs{
		"reason": string(r.reason), "first": r.first, "last": r.last, "recent": recent,
		"source": r.source, "event": r.id, "address": r.sealed, "version": r.version + 1,
	}
	for reason, n := range r.counts {
		attrs[countPrefix+string(reason)] = n
	}
	if !before.Present() {
		return store.PutOp(store.Item{Key: key, Attrs: attrs}, store.Absent())
	}
	return store.PutOp(store.Item{Key: key, Attrs: attrs},
		store.Equal("version", r.version), store.Equal("address", before.Bytes("address")))
}

// recordOf reads an entry; the zero Item is a record of nothing.
func recordOf(item store.Item) record {
	r := record{
		reason: Reason(item.Str("reason")), first: item.Int("first"), last: item.Int("last"),
		source: item.Str("source"), id: item.Str("event"), sealed: item.Bytes("address"), version: item.Int("version"),
	}
	for recent := item.Bytes("recent"); len(recent) >= 8; recent = recent[8:] {
		r.recent = append(r.recent, int64(binary.BigEndian.Uint64(recent)))
	}
	for name := range item.Attrs {
		if reason, ok := strings.CutPrefix(name, countPrefix); ok {
			if r.counts == nil {
				r.counts = make(map[Reason]int64)
			}
			r.counts[Reason(reason)] = item.Int(name)
		}
	}
	return r
}
