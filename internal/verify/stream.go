package verify

import (
	"context"
	"iter"
	"maps"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/store"
)

// chunk is how many addresses of a stream are prepared at once: as many as one
// call of the cache reads at the price of one.
const chunk = 100

// prepare does for a stream what needs no exchanger: syntax, lists, cache. What
// it took from the stream it passes on, whatever becomes of ctx.
func (c *crew) prepare(requests iter.Seq[Request]) {
	defer close(c.intake)
	in := make(chan *job, chunk)
	go func() {
		defer close(in)
		at := 0
		for r := range requests {
			j := &job{at: at}
			j.check, j.e = c.v.begin(r)
			in <- j
			if at++; c.ctx.Err() != nil {
				return
			}
		}
	}()
	for j := range in {
		jobs := append(make([]*job, 0, chunk), j)
		for more := true; more && len(jobs) < chunk; {
			select {
			case j, more = <-in:
				if more {
					jobs = append(jobs, j)
				}
			default:
				more = false
			}
		}
		c.v.lookAll(c.ctx, jobs)
		c.v.rememberAll(c.ctx, jobs)
		c.v.recallAll(c.ctx, jobs)
		send(c, c.intake, jobs)
	}
}

// lookAll asks the lists for each job. Those of keys are tables that may be
// slow, so that several are read at once.
func (v *Verifier) lookAll(ctx context.Context, jobs []*job) {
	var readers errgroup.Group
	readers.SetLimit(16)
	for _, j := range jobs {
		switch {
		case j.e.Syntax != nil:
		case v.cfg.Tenant == nil:
			v.look(ctx, j.check, &j.e)
		default:
			readers.Go(func() error {
				v.look(ctx, j.check, &j.e)
				return nil
			})
		}
	}
	_ = readers.Wait() // nobody returns an error
}

// recallAll is recall for several addresses with one call of the cache.
func (v *Verifier) recallAll(ctx context.Context, jobs []*job) {
	read, cancel := context.WithTimeout(ctx, readTime(ctx))
	defer cancel()
	if err := v.readAll(read, timeLeft(ctx), jobs); err != nil {
		v.complain(ctx, "cache not readable", err)
	}
}

// readAll reads the cache for requests that have so much time left; 0 means no
// limit.
func (v *Verifier) readAll(ctx context.Context, left time.Duration, jobs []*job) error {
	keys := make(map[store.Key]bool, 2*len(jobs))
	for _, j := range jobs {
		if j.e.Syntax == nil {
			j.key = v.cache.evidenceKey(j.Scope, j.e.Address)
			keys[j.key], keys[domainKey(j.e.Address.Domain())] = true, true
		}
	}
	entries, facts, err := v.cache.read(ctx, slices.Collect(maps.Keys(keys)))
	if err != nil {
		return err
	}
	for _, j := range jobs {
		if j.e.Syntax == nil {
			found := facts[j.e.Address.Domain()]
			j.facts = &found
			j.adopt(entries[j.key], left, &j.e)
		}
	}
	return nil
}

// finding is something to keep: evidence on an address or facts of a domain.
type finding struct {
	key    store.Key
	e      Evidence
	domain string // "": evidence
	facts  domainFacts
}

// keepAtOnce is how many findings one call of the cache writes at most, and
// keepWithin how long the first of them waits for the others.
const (
	keepAtOnce = 200
	keepWithin = 20 * time.Millisecond
)

// keepAll writes findings until there are no more, many with one call.
func (v *Verifier) keepAll(ctx context.Context, findings <-chan finding) {
	for f := range findings {
		items := v.addFinding(ctx, nil, f)
		gathering := time.NewTimer(keepWithin)
		for more := true; more && len(items) < keepAtOnce; {
			select {
			case f, more = <-findings:
				if more {
					items = v.addFinding(ctx, items, f)
				}
			case <-gathering.C:
				more = false
			}
		}
		gathering.Stop()
		write, cancel := context.WithTimeout(context.WithoutCancel(ctx), cacheTime)
		if err := v.cache.write(write, items); err != nil {
			v.complain(context.WithoutCancel(ctx), "cache not writable", err)
		}
		cancel()
	}
}

func (v *Verifier) addFinding(ctx context.Context, items []store.Item, f finding) []store.Item {
	var added []store.Item
	var err error
	if f.domain != "" {
		added, err = v.cache.addFacts(items, f.domain, f.facts, v.cfg.Now())
	} else {
		added, err = v.cache.addEntry(items, f.key, f.e, f.e.Gathered)
	}
	if err != nil {
		v.complain(ctx, "cache not writable", err)
		return items
	}
	return added
}
