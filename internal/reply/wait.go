package reply

import (
	"strings"
	"time"
)

// maxWait bounds a stated wait; more is a misreading.
const maxWait = 7 * 24 * time.Hour

// statedWait returns the wait that the text states: "try again in 300 seconds",
// "greylisted for 5 minutes", "come back in 00:05:00". 0 if it states none. A
// number counts only behind a word such as "in" or "for", or "100 messages per
// 5 minutes" would be one.
func statedWait(t *text) time.Duration {
	var w wait
	for word := range strings.SplitSeq(t.s, " ") {
		if !w.read(word) {
			break
		}
	}
	if total := w.end(); total <= maxWait {
		return total
	}
	return 0
}

// wait reads a stated wait word by word.
type wait struct {
	armed  bool // a leading word stands before
	number int  // last number read, -1 if none
	clock  time.Duration
	fields int // two-digit numbers in a row, that is of a clock
	total  time.Duration
}

// read takes the next word and reports whether more may follow.
func (w *wait) read(word string) bool {
	n := 0
	for n < len(word) && word[n] >= '0' && word[n] <= '9' {
		n++
	}
	count, rest := word[:n], word[n:]
	if w.armed && n > 0 && n < 8 {
		w.field(count)
		if rest == "" {
			return true
		}
	}
	if w.armed && w.number < 0 && n == 0 && (word == "minute" || word == "hour") {
		w.number = 1 // "in a minute": fold drops the article
	}
	if unit := unitOf(rest); unit > 0 && w.armed && w.number >= 0 {
		w.total += time.Duration(w.number) * unit
		w.number, w.fields = -1, 0
		return true
	}
	return w.other(word)
}

// field takes a number: a count of units to come, or one field of a clock.
func (w *wait) field(count string) {
	w.number = number(count)
	if len(count) != 2 || w.number > 59 {
		w.fields, w.clock = 0, 0
		return
	}
	w.fields++
	w.clock = w.clock*60 + time.Duration(w.number)*time.Second
}

// other takes a word that is neither number nor unit.
func (w *wait) other(word string) bool {
	switch word {
	case "in", "for", "after", "wait", "again", "retry", "another":
		if w.end() > 0 {
			return false
		}
		*w = wait{armed: true, number: -1}
		return true
	case "and", "at", "least", "about", "approximately", "next":
		return true
	case "one":
		w.number = 1
		return true
	}
	if w.end() > 0 {
		return false
	}
	*w = wait{number: -1}
	return true
}

// end returns what was read so far.
func (w *wait) end() time.Duration {
	if w.total == 0 && w.armed && w.fields == 3 {
		return w.clock
	}
	return w.total
}

// unitOf returns the length of a unit of time, 0 if the word is none.
func unitOf(word string) time.Duration {
	switch word {
	case "s", "sec", "secs", "second", "seconds", "sekunden", "secondes", "segundos", "secondi":
		return time.Second
	case "min", "mins", "minute", "minutes", "minuten", "minutos", "minuti":
		return time.Minute
	case "h", "hr", "hrs", "hour", "hours", "stunde", "stunden", "heure", "heures", "horas", "ore":
		return time.Hour
	case "day", "days", "tag", "tage", "jour", "jours":
		return 24 * time.Hour
	}
	return 0
}
