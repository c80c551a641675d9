package esp

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// isoLayouts are how ESPs write times, ISO 8601 and its near misses; fractions
// of a second are read after any of them. Without a zone it is UTC.
var isoLayouts = []string{
	time.RFC3339,
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04:05Z0700",
	"2006-01-02T15:04:05Z07",
	"2006-01-02 15:04:05Z07",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05 Z0700",
	"2006-01-02 15:04:05 UTC",
}

// when reads the first of texts that is a time: unix seconds or milliseconds,
// whole or with a fraction, or ISO 8601. The zero time: none is.
func when(texts ...string) time.Time {
	for _, text := range texts {
		if at := unixTime(text); !at.IsZero() {
			return at
		}
		if at := isoTime(text, time.UTC); !at.IsZero() {
			return at
		}
	}
	return time.Time{}
}

// unixTime reads seconds since 1970, or milliseconds: above 10^11 seconds would
// lie beyond the year 5000.
func unixTime(text string) time.Time {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n > 0 && n < 1e15) {
		return time.Time{}
	}
	if n > 1e11 {
		n /= 1000
	}
	seconds, fraction := math.Modf(n)
	// A float64 of today's seconds is exact to less than a microsecond.
	return time.Unix(int64(seconds), int64(math.Round(fraction*1e6))*1000).UTC()
}

// isoTime reads ISO 8601; a time without a zone is taken in zone.
func isoTime(text string, zone *time.Location) time.Time {
	text = strings.TrimSpace(text)
	for _, layout := range isoLayouts {
		if at, err := time.ParseInLocation(layout, text, zone); err == nil {
			return at.UTC()
		}
	}
	return time.Time{}
}
