package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"rcpt/infra/bench/closed"
	"rcpt/infra/bench/jobs"
)

// The world of the throughput: well-behaved domains at operators of two
// exchangers each.
const (
	wellOperators = 150
	wellDomains   = 1_500
	wellRows      = 30_000
	wellNaive     = 3_000 // of them for the naive prober, whose rate does not depend on the number
	wellRuns      = 3
	wellTarget    = 8 // times
)

func wellAddress(row int) string {
	row = row * 617 % wellRows
	return fmt.Sprintf("user%d@d%d.example", row/wellDomains, row%wellDomains)
}

func wellWorld() (*closed.World, error) {
	number := func(domain string) (n int, ok bool) {
		found, _ := fmt.Sscanf(domain, "d%d.example", &n)
		return n, found == 1 && n < wellDomains
	}
	return closed.Start(closed.Spec{
		Hosts: 2 * wellOperators, Delay: 20 * time.Millisecond, DNSDelay: 5 * time.Millisecond, Errors: 20,
		Operator: func(host int) string { return fmt.Sprintf("o%d.example", host/2) },
		Exchangers: func(domain string) []int {
			n, ok := number(domain)
			if !ok {
				return nil
			}
			first := 2 * (n % wellOperators)
			return []int{first, first + 1}
		},
		Exists: func(local, domain string) bool { // nine in ten
			var user int
			found, _ := fmt.Sscanf(local, "user%d", &user)
			n, _ := number(domain)
			return found == 1 && (user+n)%10 != 3
		},
	})
}

// benchThroughput has the product do a whole job, from the list that is sent to
// the results that can be fetched, and then the naive prober with as many sessions
// as the product had at once; both several times, in turns.
func benchThroughput(ctx context.Context, binary string) error {
	world, err := wellWorld()
	if err != nil {
		return err
	}
	defer func() { _ = world.Close() }()
	fmt.Printf("%d addresses of %d domains at %d operators of two exchangers, all well-behaved; 20 ms before every batch of replies, 5 ms before every DNS answer\n",
		wellRows, wellDomains, wellOperators)
	var ratios []float64
	for range wellRuns {
		rate, counts, err := wholeJob(ctx, binary, world)
		if err != nil {
			return err
		}
		plain := naiveRate(ctx, world, int(counts.Together))
		if err := ctx.Err(); err != nil {
			return err
		}
		ratios = append(ratios, rate/plain)
	}
	slices.Sort(ratios)
	median := ratios[len(ratios)/2]
	fmt.Printf("%.1f times the throughput at equal sessions, median of %.1f; at least %d wanted\n", median, ratios, wellTarget)
	if median < wellTarget {
		fmt.Println("missed: throughput")
	}
	return nil
}

// wholeJob returns the addresses a second of a product that begins with nothing.
func wholeJob(ctx context.Context, binary string, world *closed.World) (rate float64, c closed.Counts, err error) {
	product, err := startProduct(ctx, binary, "RCPT_DNS="+world.DNS(), fmt.Sprintf("RCPT_SMTP_PORT=%d", world.Port()), "RCPT_PROBE_ALLOW=127.0.0.0/8")
	if err != nil {
		return 0, c, err
	}
	defer product.stop()
	client, err := product.admin.NewKey(ctx, "well")
	if err != nil {
		return 0, c, err
	}
	began := time.Now()
	id, err := client.Submit(ctx, func(to io.Writer) error { return jobs.WriteCSV(to, wellRows, wellAddress) }, 10*time.Minute)
	if err != nil {
		return 0, c, err
	}
	job, err := client.Await(ctx, id, 20*time.Millisecond, nil)
	took := time.Since(began)
	if missing := wellRows / 10; err == nil && (job.ByReason["smtp_verified"] != wellRows-missing || job.ByReason["mailbox_not_found"] != missing) {
		err = fmt.Errorf("the job came to %+v", job)
	}
	world.Settle()
	c = world.Take()
	return tellRate("the whole job", took, wellRows, c), c, err
}

func naiveRate(ctx context.Context, world *closed.World, sessions int) float64 {
	emails := make([]string, wellNaive)
	for i := range emails {
		emails[i] = wellAddress(i)
	}
	began := time.Now()
	newNaive(world, sessions).check(ctx, emails)
	took := time.Since(began)
	world.Settle()
	return tellRate(fmt.Sprintf("naive, %d at once", sessions), took, wellNaive, world.Take())
}

// tellRate returns the addresses a second, too.
func tellRate(who string, took time.Duration, n int, c closed.Counts) float64 {
	rate, per := float64(n)/took.Seconds(), func(count int64) float64 { return float64(count) / float64(n) }
	fmt.Printf("  %-18s %6.0f addresses a second (%d in %.1f s); at most %d sessions open, %.3f sessions and %.3f round trips an address\n",
		who, rate, n, took.Seconds(), c.Together, per(c.Connections), per(c.Batches))
	return rate
}
