package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/vendors"
)

const (
	vendorList     = 500              // addresses of a call, the most that one takes
	vendorAtOnce   = 10               // vendor calls of a call at a time
	vendorDeadline = 25 * time.Second // of a call

	// farStore is what an operation of a table takes that is across a network:
	// well above the usual of DynamoDB.
	farStore = 10 * time.Millisecond
)

// benchVendors verifies lists of 500 addresses through the doubles of vendors,
// over storage that is synced, beside ten callers that do nothing but ask: with
// answers after 100 ms, with tables that are far away, and with answers after a
// second, of which a call does not see the end.
func benchVendors(ctx context.Context, runs int) error {
	fmt.Printf("%d addresses a call, %d vendor calls at a time, %d runs; ms are those of an address\n\n", vendorList, vendorAtOnce, runs)
	for _, b := range []vendorBench{
		{claim: "100 ms a check", name: vendors.MillionVerifier, delay: 100 * time.Millisecond, atOnce: vendorAtOnce},
		{claim: "100 ms a check, five at once", name: vendors.Reoon, delay: 100 * time.Millisecond, atOnce: 5},
		{claim: "100 ms a check, 10 ms a table operation", name: vendors.MillionVerifier, delay: 100 * time.Millisecond, atOnce: vendorAtOnce, far: farStore},
	} {
		if err := b.whole(ctx, runs); err != nil {
			return fmt.Errorf("%s: %w", b.claim, err)
		}
	}
	b := vendorBench{claim: "1 s a check", name: vendors.MillionVerifier, delay: time.Second, atOnce: vendorAtOnce}
	if err := b.cut(ctx); err != nil {
		return fmt.Errorf("%s: %w", b.claim, err)
	}
	return nil
}

// vendorBench is a vendor and how it and the tables behave.
type vendorBench struct {
	claim  string
	name   vendors.Name
	delay  time.Duration // of a check
	atOnce int           // calls that the limits allow
	far    time.Duration // of a table operation
}

func (b vendorBench) ideal() time.Duration { return vendorList * b.delay / time.Duration(b.atOnce) }

// whole has lists verified to their end, and again.
func (b vendorBench) whole(ctx context.Context, runs int) error {
	var firsts, agains, plains []time.Duration
	var each []percentiles
	for range runs {
		first, again, latencies, err := b.run(ctx)
		if err != nil {
			return err
		}
		plain, err := b.plain(ctx)
		if err != nil {
			return err
		}
		firsts, agains, plains, each = append(firsts, first), append(agains, again), append(plains, plain), append(each, percentilesOf(latencies))
	}
	first, again, plain := medianTime(firsts), medianTime(agains), medianTime(plains)
	fmt.Printf("%-40s  first %.2f s, %.3f of the ideal %.1f s, %.3f of plain calls; p50/p95/p99 %s ms; known list %.0f ms\n",
		b.claim, first.Seconds(), first.Seconds()/b.ideal().Seconds(), b.ideal().Seconds(), first.Seconds()/plain.Seconds(), medians(each), ms(again))
	return nil
}

func medianTime(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

func (b vendorBench) run(ctx context.Context) (first, again time.Duration, latencies []time.Duration, err error) {
	v, err := b.open(ctx)
	if err != nil {
		return 0, 0, nil, err
	}
	defer v.close()
	began := time.Now()
	outcomes, err := v.verify(ctx)
	first = time.Since(began)
	if err != nil {
		return 0, 0, nil, err
	}
	for _, o := range outcomes {
		if o.Err != nil || o.Answer.Cached {
			return 0, 0, nil, fmt.Errorf("first call: cached %t, %w", o.Answer.Cached, o.Err)
		}
		latencies = append(latencies, o.Answer.Latency)
	}
	began = time.Now()
	outcomes, err = v.verify(ctx)
	again = time.Since(began)
	for _, o := range outcomes {
		if !o.Answer.Cached {
			return 0, 0, nil, fmt.Errorf("second call: not known, %w", o.Err)
		}
	}
	return first, again, latencies, err
}

// cut has a list verified that the deadline ends, and repeats the call until all
// of it is known.
func (b vendorBench) cut(ctx context.Context) error {
	v, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer v.close()
	for call := 1; call <= 4; call++ {
		began := time.Now()
		outcomes, err := v.verify(ctx)
		if err != nil {
			return err
		}
		took := time.Since(began)
		var answered, known, late int
		for _, o := range outcomes {
			switch {
			case o.Err == nil && o.Answer.Cached:
				known++
			case o.Err == nil:
				answered++
			case errors.Is(o.Err, vendors.ErrLate):
				late++
			default:
				return o.Err
			}
		}
		fmt.Printf("%-40s  call %d ended after %.2f s: %d answered, %d known, %d not attempted\n", b.claim, call, took.Seconds(), answered, known, late)
		if known == vendorList {
			break
		}
	}
	if paid := v.double.Counts(string(b.name)).Charged; paid != vendorList {
		return fmt.Errorf("paid for %d of %d addresses", paid, vendorList)
	}
	return nil
}

// plain asks about each address and does nothing else.
func (b vendorBench) plain(ctx context.Context) (time.Duration, error) {
	v, err := b.open(ctx)
	if err != nil {
		return 0, err
	}
	defer v.close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: vendorAtOnce}}
	defer client.CloseIdleConnections()
	path := map[vendors.Name]string{vendors.MillionVerifier: "/api/v3/?api=", vendors.Reoon: "/api/v1/verify?mode=power&key="}[b.name]
	todo, errs := make(chan address.Address), make([]error, b.atOnce)
	began := time.Now()
	var callers sync.WaitGroup
	for i := range b.atOnce {
		callers.Go(func() {
			for a := range todo {
				answer, err := client.Get(v.base + path + b.key() + "&email=" + url.QueryEscape(a.String()))
				if err != nil {
					errs[i] = err
					continue
				}
				_, errs[i] = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
			}
		})
	}
	for _, a := range v.list {
		todo <- a
	}
	close(todo)
	callers.Wait()
	return time.Since(began), errors.Join(errs...)
}

func (b vendorBench) key() string {
	return fmt.Sprintf("delay%d-0123456789abcdef", b.delay.Milliseconds())
}
