package verify

import (
	"context"
	"slices"

	"rcpt/internal/verdict"
)

// Known is what is known of an address before anybody is asked.
type Known struct {
	// Verdict is the one that Verify would give now without asking DNS, an
	// exchanger or a vendor: for no address, for a domain that is an address
	// literal, and for what the cache holds evidence of. Nil: somebody has to be
	// asked. Lists and reports alone settle nothing here, for whether the domain
	// still takes mail goes before the lists and stands beside the reports. Nil
	// too is what asking again may improve: UNKNOWN from the cache, and what has a
	// RetryAt.
	Verdict *verdict.Verdict

	// Unprobed says that no exchanger is going to be asked, because lists are sure
	// that the domain is disposable; DNS is. The lists of the key may differ.
	Unprobed bool

	// Operator runs the exchanger that last answered for the domain, as
	// pace.Operator names it; "" if nobody was asked in the last thirty days.
	Operator string
}

// Recall returns what is known of each address, in their order, with one read of
// the cache for every hundred. Deadlines of the requests are not read. The error
// is that of a table or of ctx; then there is no answer.
func (v *Verifier) Recall(ctx context.Context, requests []Request) ([]Known, error) {
	all := make([]Known, 0, len(requests))
	for part := range slices.Chunk(requests, chunk) {
		jobs := make([]*job, len(part))
		for i, r := range part {
			jobs[i] = new(job)
			jobs[i].check, jobs[i].e = v.begin(r)
		}
		if err := v.readAll(ctx, timeLeft(ctx), jobs); err != nil {
			return nil, err
		}
		settled := slices.DeleteFunc(slices.Clone(jobs), func(j *job) bool { return !j.settled() })
		v.lookAll(ctx, settled)
		v.rememberAll(ctx, settled)
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		for _, j := range jobs {
			all = append(all, v.known(j))
		}
	}
	return all, nil
}

// settled reports a job that Verify answers without asking anybody.
func (j *job) settled() bool { return j.e.Syntax != nil || j.e.Cached || j.e.Address.Literal() }

func (v *Verifier) known(j *job) (k Known) {
	if j.facts != nil {
		k.Operator = j.facts.Operator
	}
	k.Unprobed = j.Mode == Full && j.e.Syntax == nil && j.table.Disposable(j.e.Address.Domain()).Firm()
	if !j.settled() || j.e.Lists.TenantLost || j.e.HistoryLost {
		return k
	}
	if out := v.conclude(j.e, j.check); !j.e.Cached || out.Status != verdict.Unknown && out.RetryAt == nil {
		k.Verdict = &out
	}
	return k
}
