package notify

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// waits are those after each attempt of a round but the last: seconds for a
// restart of the receiver, hours for its bad day. They add up to 23 h 53 min.
// Standard Webhooks, "Deliverability and reliability", has a schedule of this
// shape.
func waits() [MaxAttempts - 1]time.Duration {
	return [...]time.Duration{
		5 * time.Second, 30 * time.Second, 2 * time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 10 * time.Hour,
	}
}

const (
	// jitter is by how much of itself a wait becomes shorter or longer, so that
	// what failed together does not come again together.
	jitter = 0.1

	// maxRetryAfter bounds the wait that a receiver may ask for. With twelve
	// attempts a round then ends within a day and a half, whatever it asks.
	maxRetryAfter = 2 * time.Hour
)

// waitAfter is how long it is from the end of the attempt of this number to the
// next one. What the receiver asked for counts where it is longer, up to
// maxRetryAfter. The random number is from 0 to 1.
func waitAfter(number int, asked time.Duration, random float64) time.Duration {
	all := waits()
	own := time.Duration(float64(all[min(max(number, 1), len(all))-1]) * (1 - jitter + 2*jitter*random))
	return max(own, min(asked, maxRetryAfter))
}

// retryAfter reads the header Retry-After (RFC 9110 §10.2.3), a number of
// seconds or a date; 0: there is none that could be read.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(h.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}
