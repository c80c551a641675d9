package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// progress tells how far a job is: on a terminal in one line that changes, else
// in a line now and then.
type progress struct {
	out  io.Writer
	line bool

	seen []point // of the last while, for the rate
	told point   // of the last plain line
	said string  // status then
}

// point is how much was done when.
type point struct {
	at   time.Time
	done int64
}

const (
	rateOver  = 30 * time.Second // long enough for a rate that does not jump
	lineEvery = 30 * time.Second
	barWidth  = 16
	lineWidth = 79
)

func (p *progress) show(j job, now time.Time) {
	p.seen = append(p.seen, point{now, j.Done})
	for len(p.seen) > 2 && now.Sub(p.seen[1].at) >= rateOver {
		p.seen = p.seen[1:]
	}
	text := p.text(j, now)
	if p.line {
		_, _ = fmt.Fprintf(p.out, "\r%-*.*s", lineWidth, lineWidth, bar(j)+"  "+text)
		return
	}
	step := j.Total > 0 && 10*(j.Done-p.told.done) >= j.Total
	if j.Status != p.said || step || now.Sub(p.told.at) >= lineEvery {
		p.said, p.told = j.Status, point{now, j.Done}
		_, _ = fmt.Fprintln(p.out, text)
	}
}

// end leaves the line that changes.
func (p *progress) end() {
	if p.line {
		_, _ = fmt.Fprintln(p.out)
	}
}

func (p *progress) text(j job, now time.Time) string {
	if j.Total == 0 {
		return j.Status
	}
	said := []string{j.Status, fmt.Sprintf("%s of %s", grouped(j.Done), grouped(j.Total))}
	rate := p.rate()
	if rate >= 0.5 && !j.ended() {
		said = append(said, grouped(int64(rate+0.5))+"/s")
	}
	if left := p.left(j, rate, now); left > 0 && !j.ended() {
		said = append(said, "about "+spoken(left)+" left")
	}
	return strings.Join(said, ", ")
}

// rate is rows per second lately.
func (p *progress) rate() float64 {
	first, last := p.seen[0], p.seen[len(p.seen)-1]
	took := last.at.Sub(first.at).Seconds()
	if took <= 0 {
		return 0
	}
	return float64(last.done-first.done) / took
}

// left is how long it may take: as rcpt estimates, else as it went lately.
func (p *progress) left(j job, rate float64, now time.Time) time.Duration {
	if left := j.EstimatedEndAt.Sub(now); !j.EstimatedEndAt.IsZero() && left > 0 {
		return left
	}
	if rate <= 0 {
		return 0
	}
	return time.Duration(float64(j.Total-j.Done) / rate * float64(time.Second))
}

func bar(j job) string {
	filled := 0
	if j.Total > 0 {
		filled = int(min(barWidth, barWidth*j.Done/j.Total))
	}
	return "[" + strings.Repeat("#", filled) + strings.Repeat(".", barWidth-filled) + "]"
}

// summary says what came out.
func summary(j job) string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s %s", j.Status, j.ID)
	if took := j.FinishedAt.Sub(j.CreatedAt); !j.FinishedAt.IsZero() && took >= 0 {
		fmt.Fprintf(&s, " after %s", spoken(took))
	}
	rows := "rows"
	if j.Total == 1 {
		rows = "row"
	}
	fmt.Fprintf(&s, ": %s %s\n", grouped(j.Total), rows)
	for _, group := range []map[string]int64{j.ByStatus, j.ByReason} {
		if len(group) > 0 {
			s.WriteString("\n")
		}
		for _, name := range ranked(group) {
			fmt.Fprintf(&s, "  %-20s %12s %6.1f %%\n", name, grouped(group[name]), 100*float64(group[name])/float64(max(j.Total, 1)))
		}
	}
	return s.String() + "\n"
}

// ranked puts what is most first and leaves out what there is none of.
func ranked(counts map[string]int64) []string {
	names := slices.DeleteFunc(slices.Collect(maps.Keys(counts)), func(name string) bool { return counts[name] == 0 })
	slices.SortFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b)) })
	return names
}

// grouped writes 1234567 as 1,234,567.
func grouped(n int64) string {
	digits := strconv.FormatInt(n, 10)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

// spoken is a time as people say it.
func spoken(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d < 2*time.Hour:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.0f h", d.Hours())
}

// isTerminal reports whether a person looks at out.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
