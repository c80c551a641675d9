package planner

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/batch/plan"
)

const (
	// operatorTime bounds what one pass spends on finding out who runs the
	// exchangers of domains nobody was asked about before.
	operatorTime = time.Minute

	// lookups is how many domains are looked up at once: a resolver answers them
	// in some tens of milliseconds each.
	lookups = 64

	// small is how many addresses an operator needs in a pass to get shards of its
	// own. Below, a shard would hold a handful of addresses, and cost as much as
	// one of a hundred; the prober keeps operators apart by itself.
	small = plan.PerShard / 2
)

// findOperators fills in the operators that are not known. One that cannot be
// found is left open.
func (p *Planner) findOperators(ctx context.Context, operators map[string]string) {
	if p.Operator == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, operatorTime)
	defer cancel()
	var unknown []string
	for domain, operator := range operators {
		if operator == "" {
			unknown = append(unknown, domain)
		}
	}
	var group errgroup.Group
	group.SetLimit(lookups)
	var mu sync.Mutex
	for _, domain := range unknown {
		group.Go(func() error {
			if ctx.Err() != nil {
				return nil
			}
			operator := p.Operator(ctx, domain)
			mu.Lock()
			defer mu.Unlock()
			operators[domain] = operator
			return nil
		})
	}
	_ = group.Wait() // nobody returns an error
}

// pool takes operators with few addresses together.
func pool(items []*plan.Item, operators map[string]string) {
	sizes := make(map[string]int)
	for _, i := range items {
		sizes[operators[i.Domain()]]++
	}
	for domain, operator := range operators {
		if sizes[operator] < small {
			operators[domain] = ""
		}
	}
}
