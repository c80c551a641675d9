package usage

import (
	"strconv"
	"strings"
	"time"

	"rcpt/internal/store"
)

// The attributes of a key's item, beside the counters and slots named below.
const (
	widthAttr    = "width"    // no slot from this number on is alive
	admittedAttr = "admitted" // requests that ever took a slot
	archivedAttr = "archived" // how often counters have been moved to the item of their day
)

func itemKey(key string) store.Key { return store.Key{Part: "RT#" + key} }

func slotName(slot int64) string { return "s" + strconv.FormatInt(slot, 10) }

func monthName(t time.Time) string { return t.UTC().Format("m2006-01") }

func secondName(t time.Time) string { return "r" + strconv.FormatInt(t.Unix(), 10) }

func dayOf(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// alive reports whether a slot is held at now. The end of a term lies at most
// one term ahead; the other one is for clocks that differ.
func alive(end int64, now time.Time) bool {
	return end > now.UnixNano() && end <= now.Add(2*term).UnixNano()
}

// ended is alive's opposite, as a condition.
func ended(slot string, now time.Time) store.Cond {
	return store.Any(store.AtMost(slot, now.UnixNano()), store.AtLeast(slot, now.Add(2*term).UnixNano()+1))
}

// living counts the slots that are held.
func living(item store.Item, now time.Time) (n int64) {
	for name := range item.Attrs {
		if _, slot := slotOf(name); slot && alive(item.Int(name), now) {
			n++
		}
	}
	return n
}

// beyond returns the slots from width on that are not held, and whether there
// are any that are.
func beyond(item store.Item, width int64, now time.Time) (dead []string, held bool) {
	for name := range item.Attrs {
		n, slot := slotOf(name)
		switch {
		case !slot || n < width:
		case alive(item.Int(name), now):
			held = true
		default:
			dead = append(dead, name)
		}
	}
	return dead, held
}

func slotOf(name string) (n int64, ok bool) {
	digits, ok := strings.CutPrefix(name, "s")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil
}

// How long counters are of use. A clock that has stepped must find those of the
// time it comes back to.
const (
	secondsKept = 5 * time.Second
	monthsKept  = 12

	// maxStale keeps one write well below store.MaxNames.
	maxStale = 50
)

// stale returns the counters that are of no use any more. The names of a sort
// are of one length, in the order of time.
func stale(item store.Item, now time.Time) (names []string) {
	second := secondName(now.Add(-secondsKept))
	month := monthName(time.Date(now.UTC().Year(), now.UTC().Month()-monthsKept, 1, 0, 0, 0, 0, time.UTC))
	for name := range item.Attrs {
		old := name[0] == 'r' && name < second || name[0] == 'm' && name < month
		if old && len(names) < maxStale {
			names = append(names, name)
		}
	}
	return names
}
