package verify

import (
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
)

// hush answers who still waits at a domain whose exchangers told the first nobody
// anything: by the same silence, not by one more session each write. A tarpit of
// fifty mailboxes would else hold its caller for five time-outs, and be visited
// five times for nothing (smtp-probing.md §12). A domain that has answered before
// is asked on: one session may break.
func (c *crew) hush(p errandPart, known CatchAll) {
	if left := timeLeft(c.ctx); c.ctx.Err() != nil || left != 0 && left <= tidyUp {
		return // it was our time that ended
	}
	if known != CatchAllUnknown || !silent(p.jobs) {
		return
	}
	for _, j := range c.plan.drop(p.domain) {
		probe := *p.jobs[0].e.Probe
		j.e.Probe, j.e.Gathered = &probe, p.jobs[0].e.Gathered
		c.finish(j)
	}
}

// silent reports whether nobody was told anything about a mailbox: the exchanger
// did not answer in time, or the session ended before the first was asked for.
func silent(jobs []*job) bool {
	for _, j := range jobs {
		switch p := j.e.Probe; {
		case p == nil:
			return false
		case p.Answer.Class == smtpprobe.Held, p.Answer.Class == smtpprobe.NotAsked, p.Answer.Class == smtpprobe.Fault:
			return false // that was us
		case p.Answer.Class == reply.Timeout:
		case p.Answer.Stage == reply.Connect, p.Answer.Stage == reply.Greeting, p.Answer.Stage == reply.Ehlo:
		default:
			return false
		}
	}
	return len(jobs) > 0
}
