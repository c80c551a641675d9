package keys

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"rcpt/internal/store"
)

// MaxOverlap is the longest time for which a replaced secret may go on working.
const MaxOverlap = 30 * 24 * time.Hour

// Rotate gives a key a new API secret and a new hook token and returns them with
// the moment at which those before end. Earlier ones that still work from another
// rotation end then, too, if not before. The id, the webhook secret and all
// properties stay. The overlap is 0 to MaxOverlap.
//
// ErrNotFound; ErrDraft for another overlap; ErrConflict for a revoked key, when
// another rotation comes between, or when ten earlier secrets still work.
func (b *Book) Rotate(ctx context.Context, id string, overlap time.Duration) (Secrets, time.Time, error) {
	if overlap < 0 || overlap > MaxOverlap {
		return Secrets{}, time.Time{}, wrong("overlap", "must be from 0s to %.0fh", MaxOverlap.Hours())
	}
	now := b.now()
	until := stamp(now.Add(overlap))
	var made credentials
	var first []byte
	_, err := b.amend(ctx, id, Rotated, func(item store.Item) (u store.Update, err error) {
		if first == nil {
			first = item.Bytes("api_hash")
		}
		// Going on would replace a secret that has just been handed out.
		if !slices.Equal(first, item.Bytes("api_hash")) {
			return u, fmt.Errorf("%w: it was rotated at the same time", ErrConflict)
		}
		made, u, err = b.renew(item, until, now)
		return u, err
	})
	if err != nil {
		return Secrets{}, time.Time{}, err
	}
	return made.secrets, until, nil
}

// renew draws new secrets and moves the present ones to the former.
func (b *Book) renew(item store.Item, until, now time.Time) (credentials, store.Update, error) {
	key := keyOf(item)
	if !key.RevokedAt.IsZero() {
		return credentials{}, store.Update{}, errRevoked()
	}
	kind := Live
	if key.Test {
		kind = Test
	}
	made, err := renewedCredentials(b.random, kind, key.ID)
	if err != nil {
		return credentials{}, store.Update{}, err
	}
	present := former{until: until}
	copy(present.api[:], item.Bytes("api_hash"))
	copy(present.hook[:], item.Bytes("hook_hash"))
	old := append(formerOf(item.Bytes("former"), now), present)
	for i := range old {
		if until.Before(old[i].until) {
			old[i].until = until
		}
	}
	old = slices.DeleteFunc(old, func(f former) bool { return !now.Before(f.until) })
	if len(old) > formerMax {
		return credentials{}, store.Update{}, fmt.Errorf("%w: %d earlier secrets still work; an overlap of 0s ends them", ErrConflict, formerMax)
	}
	return made, store.Update{Set: store.Attrs{
		"api_hash": made.api[:], "hook_hash": made.hook[:], "former": formerOctetsOf(old),
	}}, nil
}

// former is a pair of secrets that a rotation has replaced and that still works
// until its end.
type former struct {
	api, hook hash
	until     time.Time
}

const (
	// formerOctets is the size of one former as it is stored: two hashes, Unix
	// milliseconds in big-endian order.
	formerOctets = 2*len(hash{}) + 8

	// formerMax bounds what Authenticate compares with. Ten rotations within one
	// overlap are a runaway script.
	formerMax = 10
)

// formerOf reads those that have not ended at now.
func formerOf(stored []byte, now time.Time) []former {
	var all []former
	for ; len(stored) >= formerOctets; stored = stored[formerOctets:] {
		var f former
		rest := stored[copy(f.api[:], stored):]
		rest = rest[copy(f.hook[:], rest):]
		f.until = time.UnixMilli(int64(binary.BigEndian.Uint64(rest))).UTC()
		if now.Before(f.until) {
			all = append(all, f)
		}
	}
	return all
}

func formerOctetsOf(all []former) []byte {
	stored := make([]byte, 0, len(all)*formerOctets)
	for _, f := range all {
		stored = append(append(stored, f.api[:]...), f.hook[:]...)
		stored = binary.BigEndian.AppendUint64(stored, uint64(f.until.UnixMilli()))
	}
	return stored
}
