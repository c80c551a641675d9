package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// target is where requests go.
type target struct {
	url, key, body string
	hooks          string // where an ESP's webhooks go
}

// percentiles of latencies.
type percentiles struct{ p50, p95, p99 time.Duration }

func (p percentiles) String() string {
	return fmt.Sprintf("%.2f/%.2f/%.2f", ms(p.p50), ms(p.p95), ms(p.p99))
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// medians takes each percentile's median over the runs.
func medians(runs []percentiles) percentiles {
	pick := func(of func(percentiles) time.Duration) time.Duration {
		all := make([]time.Duration, 0, len(runs))
		for _, p := range runs {
			all = append(all, of(p))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	return percentiles{
		p50: pick(func(p percentiles) time.Duration { return p.p50 }),
		p95: pick(func(p percentiles) time.Duration { return p.p95 }),
		p99: pick(func(p percentiles) time.Duration { return p.p99 }),
	}
}

// measure loads both targets at the rate, half an interval apart.
func measure(ctx context.Context, a, b target, rate int, duration time.Duration) (pa, pb percentiles, err error) {
	var wg sync.WaitGroup
	var errA, errB error
	start := time.Now().Add(100 * time.Millisecond)
	interval := time.Second / time.Duration(rate)
	wg.Go(func() { pa, errA = load(ctx, a, start, interval, duration) })
	wg.Go(func() { pb, errB = load(ctx, b, start.Add(interval/2), interval, duration) })
	wg.Wait()
	if errA != nil {
		return pa, pb, fmt.Errorf("load the product: %w", errA)
	}
	if errB != nil {
		return pa, pb, fmt.Errorf("load the empty handler: %w", errB)
	}
	return pa, pb, ctx.Err()
}

func load(ctx context.Context, t target, start time.Time, interval, duration time.Duration) (percentiles, error) {
	return atRate(ctx, start, interval, duration, func(client *http.Client, _ int) error { return ask(ctx, client, t) })
}

// atRate sends a request at each interval, whether or not those before it are
// answered.
func atRate(ctx context.Context, start time.Time, interval, duration time.Duration, send func(client *http.Client, i int) error) (percentiles, error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	defer client.CloseIdleConnections()
	n := int(duration / interval)
	latencies, errs := make([]time.Duration, n), make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		due := start.Add(time.Duration(i) * interval)
		time.Sleep(time.Until(due))
		if ctx.Err() != nil {
			return percentiles{}, ctx.Err()
		}
		wg.Go(func() {
			errs[i] = send(client, i)
			latencies[i] = time.Since(due)
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return percentiles{}, err
		}
	}
	return percentilesOf(latencies), nil
}

func percentilesOf(latencies []time.Duration) percentiles {
	n := len(latencies)
	slices.Sort(latencies)
	return percentiles{p50: latencies[n/2], p95: latencies[n*95/100], p99: latencies[n*99/100]}
}

// ask sends one request and reads its answer; anything but 200 is an error: a
// refusal would be a fast answer to another question.
func ask(ctx context.Context, client *http.Client, t target) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader([]byte(t.body)))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+t.key)
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("answered %s", answer.Status)
	}
	return nil
}
