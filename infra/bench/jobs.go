package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"rcpt/infra/bench/jobs"
)

const (
	largeRows, largeDomains = 100_000, 2_000
	smallRows, smallDomains = 100, 20
	smallAlone              = 5 // jobs before the large one, and behind it
)

// benchJobs measures jobs from the list to the results: a large one with all
// behaviors and small ones of another account beside it, what a row costs
// exchangers, the throughput beside the naive prober, planner and collector.
func benchJobs(ctx context.Context, binary string, deadline time.Duration) error {
	for _, part := range []func() error{
		func() error { return benchLarge(ctx, binary, deadline) },
		func() error { return benchTraffic(ctx) },
		func() error { return benchThroughput(ctx, binary) },
		func() error { return benchStages(ctx, 10_000, 100_000) },
	} {
		if err := part(); err != nil {
			return err
		}
		fmt.Println()
	}
	return nil
}

// benchLarge runs a large job of all behaviors, and small ones of another account
// at well-behaved domains before, beside and after it.
func benchLarge(ctx context.Context, binary string, deadline time.Duration) error {
	product, err := startProduct(ctx, binary)
	if err != nil {
		return err
	}
	defer product.stop()
	accounts := make(map[string]jobs.Client)
	for _, name := range []string{"large", "small", "single"} {
		if accounts[name], err = product.admin.NewKey(ctx, name); err != nil {
			return err
		}
	}
	before, err := smallJobs(ctx, accounts["small"], "before")
	if err != nil {
		return err
	}
	list := jobs.List{Rows: largeRows, Domains: largeDomains, Behaviors: jobs.Behaviors()}
	w := &watched{pid: product.cmd.Process.Pid, began: time.Now()}
	id, err := accounts["large"].Submit(ctx, list.WriteCSV, deadline)
	if err != nil {
		return err
	}
	beside, err := besideLarge(ctx, accounts["large"], accounts["small"], id, w)
	if err != nil {
		return err
	}
	w.tell(list, deadline)
	after, err := smallJobs(ctx, accounts["small"], "after")
	if err != nil {
		return err
	}
	tellFairness(before, beside, after)
	return checkResults(ctx, accounts["large"], accounts["single"], id, list)
}

// besideLarge submits small jobs until the large one has ended. Those in moments
// when it only waits for servers do not count.
func besideLarge(ctx context.Context, large, small jobs.Client, id string, w *watched) (beside []time.Duration, err error) {
	ended := make(chan error, 1)
	go func() {
		defer w.end()
		_, err := large.Await(ctx, id, 250*time.Millisecond, w.see)
		ended <- err
	}()
	for n := 0; !w.over(); n++ {
		took, err := smallJob(ctx, small, fmt.Sprintf("beside%dx", n))
		if err != nil {
			return nil, err
		}
		if !w.resting() {
			beside = append(beside, took)
		}
		time.Sleep(500 * time.Millisecond)
	}
	return beside, <-ended
}

// smallJobs does some small jobs, one after the other.
func smallJobs(ctx context.Context, c jobs.Client, name string) (all []time.Duration, err error) {
	for n := range smallAlone {
		took, err := smallJob(ctx, c, fmt.Sprintf("%s%dx", name, n))
		if err != nil {
			return nil, err
		}
		all = append(all, took)
	}
	return all, nil
}

// smallJob is how long a hundred addresses at domains that nobody knows take.
func smallJob(ctx context.Context, c jobs.Client, name string) (time.Duration, error) {
	began := time.Now()
	list := jobs.List{Name: name, Rows: smallRows, Domains: smallDomains, Behaviors: []string{"ok", "catchall", "tls", "implicit"}}
	id, err := c.Submit(ctx, list.WriteCSV, time.Minute)
	if err != nil {
		return 0, err
	}
	job, err := c.Await(ctx, id, 10*time.Millisecond, nil)
	took := time.Since(began)
	if err == nil && (job.Status != "completed" || job.Done != smallRows || job.ByReason["deadline"] > 0) {
		err = fmt.Errorf("small job: %+v", job)
	}
	return took, err
}

// tellFairness compares small jobs beside the large one with those that were alone.
// One of twenty may be late: the machine has other things to do, too.
func tellFairness(before, beside, after []time.Duration) {
	if len(beside) == 0 {
		fmt.Println("the large job was over before a small one")
		return
	}
	first, last := medianTime(before), medianTime(after)
	alone := medianTime(slices.Concat(before, after))
	p, most := percentilesOf(beside), max(3*alone, alone+2*time.Second)
	fmt.Printf("small jobs of another account, %d rows: alone %.0f ms, before %.0f, after %.0f (medians of %d); beside the large one p50/p95/p99 %s ms, %.1f times alone (%d jobs); may take %.0f ms\n",
		smallRows, ms(alone), ms(first), ms(last), smallAlone, p, float64(p.p50)/float64(alone), len(beside), ms(most))
	if p.p95 > most {
		fmt.Println("missed: small jobs wait for the large one")
	}
}
