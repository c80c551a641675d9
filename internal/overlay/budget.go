package overlay

import (
	"math"
	"math/bits"
	"time"

	"rcpt/internal/store"
)

// The budget of a key is a token bucket: limit reports at once, refilled evenly
// over a day, so that nobody waits for midnight. The item holds what was used
// since a moment, and what flowed back since then follows from the clock: so a
// charge is an addition under conditions, and charges at the same time need not
// agree on what was there before.
//
// What is charged later makes a debt of up to one more day's worth. Beyond that
// it is forgiven: ESPs that wait give up after hours, and a debt of weeks would
// lose their events.
const (
	budgetDay = 24 * time.Hour

	// budgetKept is when an item has no more to say: the worst debt is paid after
	// two days.
	budgetKept = 50 * time.Hour

	// maxAhead is how far the moment may lie ahead by clocks that differ. Further
	// ahead it was written by one that has been set back since.
	maxAhead = time.Minute
)

// bucket is the budget of a key as it stands at a time.
type bucket struct {
	item  store.Item
	key   string
	limit int64
	now   int64 // Unix ms

	back   int64 // reports that flowed back since the moment, at the limit of then
	level  int64 // reports that are used now; above limit: debt
	afresh bool  // the item has to be begun again: absent, drained, or of another limit
}

func newBucket(item store.Item, key Key, now time.Time) bucket {
	b := bucket{item: item, key: key.ID, limit: key.ReportsPerDay, now: now.UnixMilli()}
	used, at, limit := item.Int("used"), item.Int("at"), item.Int("limit")
	b.back = refill(b.now-at, limit)
	b.level = max(0, used-b.back)
	b.afresh = b.level == 0
	if limit != b.limit || at-b.now > maxAhead.Milliseconds() {
		b.afresh = true
		b.level = min(b.level, b.limit) // a limit that is lowered makes no debt
	}
	return b
}

// refill is what flows back in so many milliseconds.
func refill(ms, limit int64) int64 {
	if ms <= 0 || limit <= 0 {
		return 0
	}
	day := uint64(budgetDay.Milliseconds())
	hi, lo := bits.Mul64(uint64(ms), uint64(limit))
	if hi >= day {
		return math.MaxInt64
	}
	n, _ := bits.Div64(hi, lo, day)
	return int64(min(n, math.MaxInt64))
}

// unlimited reports a key without a budget.
func (b bucket) unlimited() bool { return b.limit <= 0 }

// left is how many reports may be recorded now.
func (b bucket) left() int64 {
	if b.unlimited() {
		return math.MaxInt64
	}
	return max(0, b.limit-b.level)
}

// wait is how long it takes until one more report may be recorded; 0: none.
func (b bucket) wait() time.Duration {
	if b.left() > 0 {
		return 0
	}
	// In floating point, for the product may leave the range of integers.
	perReport := float64(budgetDay.Milliseconds()) / float64(b.limit)
	wait := math.Ceil(float64(b.level-b.limit+1) * perReport)
	return max(time.Second, time.Duration(wait)*time.Millisecond)
}

// charge returns the write that takes n reports; later says that they may
// make a debt. n is at most left unless they may.
func (b bucket) charge(n int64, later bool) store.Op {
	key, now := budgetKey(b.key), time.UnixMilli(b.now)
	most := b.limit
	if later {
		most = 2 * b.limit
	}
	u := store.Update{Key: key, Expires: now.Add(budgetKept)}
	if b.afresh {
		u.Set = store.Attrs{"used": min(b.level+n, most), "at": b.now, "limit": b.limit}
		u.If = b.unchanged()
		return store.UpdateOp(u)
	}
	at := b.item.Int("at")
	u.If = []store.Cond{store.Equal("at", at), store.Equal("limit", b.limit), store.AtLeast("used", b.back+1)}
	over := b.back + most - n
	if later && b.item.Int("used") > over {
		u.Set = store.Attrs{"used": b.back + most}
		u.If = append(u.If, store.AtLeast("used", over))
		return store.UpdateOp(u)
	}
	u.Add = map[string]int64{"used": n}
	u.If = append(u.If, store.AtMost("used", over))
	return store.UpdateOp(u)
}

// unchanged holds while a bucket that is begun again may be. One that is drained
// may have taken other reports meanwhile, as long as these have flowed back too.
func (b bucket) unchanged() []store.Cond {
	if !b.item.Present() {
		return []store.Cond{store.Absent()}
	}
	same := []store.Cond{store.Equal("at", b.item.Int("at")), store.Equal("limit", b.item.Int("limit"))}
	if b.level == 0 && b.item.Int("limit") == b.limit {
		return append(same, store.AtMost("used", b.back))
	}
	return append(same, store.Equal("used", b.item.Int("used")))
}

// after is the bucket once n more reports are taken.
func (b bucket) after(n int64) bucket {
	b.level += n
	return b
}
