// Package retry says when an address is asked again of which work in the
// background has found out too little so far (smtp-probing.md §11, §12, §14).
//
//	greylisted       as long as the server says, then, and if it says nothing, after
//	                 6 minutes, 30 minutes and 4 hours; a canary likewise
//	refused with a   after 6 minutes and 30 minutes: it may be greylisting in words
//	4yz code         that nobody knows
//	out of order     once, after 6 minutes: a time-out, a lost connection, DNS, our
//	                 own trouble. What lasts longer will not pass within a job.
//	cut off          a server that ends its sessions before the address came to its
//	                 turn: after 10 seconds, 1 minute, 6 minutes
//	held back        when our own pace allows it. Nobody was asked, so that nothing
//	                 is used up; the same goes for what the time did not suffice for.
//
// Everything else stands. What the waits come to at most, 5 hours, is no bound
// for a caller whose time is: it takes what lies before its end.
package retry

import (
	"strings"
	"time"

	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Past is what was tried for an address so far, in numbers of waits. The zero
// value: nothing.
type Past struct {
	Greylisted int
	Failed     int
	Missed     int // nobody was asked, since somebody was for the last time
}

const (
	// firstMiss is the wait after nobody was asked, doubled each time up to
	// lastMiss: whoever is in the way of a large job is so for longer.
	firstMiss = 5 * time.Second
	lastMiss  = 5 * time.Minute

	// maxLost is how often a verdict is taken again that stands on less than can be
	// known about the address: a table could not be read, or there was no time left
	// for vendors.
	maxLost = 3
)

// waits are those of one kind of trouble, in their order.
type waits []time.Duration

func greylistWaits() waits { return waits{6 * time.Minute, 30 * time.Minute, 4 * time.Hour} }
func refusedWaits() waits  { return waits{6 * time.Minute, 30 * time.Minute} }
func brokenWaits() waits   { return waits{6 * time.Minute} }
func cutOffWaits() waits   { return waits{10 * time.Second, time.Minute, 6 * time.Minute} }

// Next returns when to ask again, and what is past then. The zero time: the
// verdict stands. The verdict is one of a request with Explain; of any other
// nothing can be told, and it stands.
func (p Past) Next(v verdict.Verdict, now time.Time) (time.Time, Past) {
	e, explained := v.Evidence.(verify.Evidence)
	switch {
	case !explained || e.Vendor != nil && e.Vendor.Name != "": // paid for: that is the last word
		return time.Time{}, p
	case e.Lost == verify.LostDeadline || e.Lost == verify.LostCancelled:
		return p.missed(now, time.Time{})
	case p.Missed < maxLost && (e.HistoryLost || e.Lists.TenantLost || unpaid(e)):
		return p.missed(now, time.Time{})
	}
	a := open(v, e)
	asked := now
	if !e.Gathered.IsZero() && e.Gathered.Before(now) {
		asked = e.Gathered
	}
	count, kind := &p.Failed, waitsOf(v, e, a)
	switch a.Class {
	case "":
		return time.Time{}, p
	case smtpprobe.Held:
		return p.missed(now, a.Until)
	case reply.Greylisted:
		count, kind = &p.Greylisted, greylistWaits()
	}
	if a.Retry > 0 && v.RetryAt != nil {
		kind = append(waits{0}, kind...) // as stated, and then those it would have had without
	}
	if *count >= len(kind) {
		return time.Time{}, p
	}
	at := latest(now.Add(time.Second), asked.Add(kind[*count]))
	if a.Retry > 0 && v.RetryAt != nil {
		at = latest(at, *v.RetryAt)
	}
	*count++
	p.Missed = 0
	return at, p
}

// unpaid reports that vendors should have been asked, and that the time was over
// before.
func unpaid(e verify.Evidence) bool {
	return e.Vendor != nil && e.Vendor.Name == "" && strings.HasPrefix(e.Vendor.Error, "deadline:")
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// missed is the next time for an address that nobody was asked about.
func (p Past) missed(now, until time.Time) (time.Time, Past) {
	wait := lastMiss
	if p.Missed < 6 {
		wait = min(lastMiss, firstMiss<<p.Missed)
	}
	p.Missed++
	return latest(now.Add(wait), until), p
}

// open is the answer that leaves the verdict open; one without class if nothing
// does.
func open(v verdict.Verdict, e verify.Evidence) smtpprobe.Answer {
	switch {
	case v.Reason == verdict.Unconfirmed && v.RetryAt != nil && e.Probe != nil:
		return e.Probe.Canary
	case v.Status != verdict.Unknown:
		return smtpprobe.Answer{}
	case e.Lost == verify.LostInternal:
		return smtpprobe.Answer{Class: smtpprobe.Fault}
	case v.Reason == verdict.DNSFailure:
		return smtpprobe.Answer{Class: smtpprobe.DNSFailure}
	case e.Probe == nil:
		return smtpprobe.Answer{}
	}
	return e.Probe.Answer
}

// waitsOf tells which trouble passes.
func waitsOf(v verdict.Verdict, e verify.Evidence, a smtpprobe.Answer) waits {
	switch a.Class {
	case reply.TemporaryFailure:
		if a.Stage == reply.Rcpt && a.Code/100 == 4 {
			return refusedWaits()
		}
		return brokenWaits()
	case reply.RateLimited, reply.Timeout, smtpprobe.ConnectionFailed, smtpprobe.DNSFailure, smtpprobe.EgressClosed, smtpprobe.Fault:
		return brokenWaits()
	case smtpprobe.NotAsked:
		return cutOffWaits()
	}
	if v.RetryAt != nil && e.Probe.HoldNotFound { // the operator knows nobody today
		return waits{v.RetryAt.Sub(e.Gathered)}
	}
	return nil
}
