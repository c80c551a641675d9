package vendordouble

import (
	"slices"
	"time"
)

// What the vendors limit, by key where they say so.
const (
	reoonAtOnce     = 5
	hunterPerSecond = 10

	// ZeroBounce blocks who sends too many wrong keys in an hour.
	guiltTerm   = time.Hour
	checkBan    = time.Hour
	balanceBan  = 24 * time.Hour
	defaultBads = 200
)

// load is what the limits of a key are counted by.
type load struct {
	now    int   // checks being answered
	second int64 // of the clock
	calls  int   // in it
}

func (d *Double) load(q question) *load {
	l := d.loads[q.vendor+" "+q.key]
	if l == nil {
		l = &load{}
		d.loads[q.vendor+" "+q.key] = l
	}
	return l
}

// enter counts a check and reports whether the limits of its key refuse it.
func (d *Double) enter(q question) (busy bool) {
	if q.balance {
		return false
	}
	l := d.load(q)
	l.now++
	if second := d.options.Now().Unix(); second != l.second {
		l.second, l.calls = second, 0
	}
	l.calls++
	return q.vendor == "reoon" && l.now > reoonAtOnce || q.vendor == "hunter" && l.calls > hunterPerSecond
}

// refuse counts a wrong key.
func (d *Double) refuse(v *vendor, q question) {
	v.Refused++
	if q.vendor != "zerobounce" {
		return
	}
	now := d.options.Now()
	v.guilty = append(slices.DeleteFunc(v.guilty, func(at time.Time) bool { return now.Sub(at) >= guiltTerm }), now)
	if len(v.guilty) > d.options.BadKeys {
		v.banned = now
	}
}

// banned reports that the vendor answers nobody for some time, whatever the key.
func (d *Double) banned(v *vendor, q question) bool {
	term := checkBan
	if q.balance {
		term = balanceBan
	}
	return !v.banned.IsZero() && d.options.Now().Sub(v.banned) < term
}
