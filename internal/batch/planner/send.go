package planner

import (
	"cmp"
	"context"
	"slices"

	"rcpt/internal/batch"
	"rcpt/internal/store"
	"rcpt/internal/usage"
)

// carryOut counts what a pass came to and sends its shards. Messages may be sent
// twice; they say the same.
func (p *Planner) carryOut(ctx context.Context, job batch.Job, at place, done outcome) error {
	var found batch.Tally
	for _, c := range done.Found {
		found.Add(c.Status, c.Reason, c.Rows)
	}
	var also []store.Op
	if len(done.Checks) > 0 {
		checks := make(map[usage.Check]int64, len(done.Checks))
		for _, c := range done.Checks {
			checks[c.Check] = c.N
			found.Checks += c.N
		}
		op, err := p.Meter.Batch(job.Key, int64(at.partition+at.pass), checks)
		if err != nil {
			return err
		}
		also = append(also, op)
	}
	if !job.Folded {
		found.Back = done.Rows - done.Unique
	}
	if found.Back > 0 {
		also = append(also, p.Meter.GiveBack(job.Key, job.CreatedAt, found.Back))
	}
	if err := p.Book.Pass(ctx, job, at.partition, at.pass, found, also...); err != nil {
		return err
	}
	messages := make([]batch.Message, len(done.Shards))
	for i, items := range done.Shards {
		messages[i] = batch.Message{Kind: batch.KindShard, Job: job.ID, Shard: at.sum + int64(i), Items: items}
	}
	mix(messages)
	return p.Book.Send(ctx, job, messages...)
}

// mix puts shards in an order that has nothing to do with their operators:
// neighbors would all wait for the same one.
func mix(messages []batch.Message) {
	slices.SortFunc(messages, func(a, b batch.Message) int { return cmp.Compare(scattered(a.Shard), scattered(b.Shard)) })
}

// scattered is the finalizer of SplitMix64, which leaves no trace of neighborhood
// in its high bits; hashes of the text of a number do.
func scattered(n int64) uint64 {
	h := uint64(n) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
