package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	hookEvents  = 10     // of a POST
	hookRate    = 1_000  // events a second, offered
	hookClients = 16     // POSTs under way when as many as possible are sent
	hookPeople  = 50_000 // addresses the events are about
)

// benchHooks sends webhooks of ten new events each to the product, over storage
// that is synced at every commit: at a rate of a thousand events a second, open as
// the load of benchHTTP, and then by callers that wait for nothing but their
// answer.
func benchHooks(ctx context.Context, binary string, duration time.Duration, runs int) error {
	product, err := startProduct(ctx, binary)
	if err != nil {
		return err
	}
	defer product.stop()
	var number atomic.Int64
	send := func(client *http.Client) error {
		return deliver(ctx, client, product.target.hooks, int(number.Add(hookEvents)))
	}

	fmt.Printf("POSTs of %d events, %s a run, %d runs; each event is new, about one of %d addresses\n\n", hookEvents, duration, runs, hookPeople)
	fmt.Printf("%-4s  %-34s  %s\n", "run", fmt.Sprintf("%d events/s, p50/p95/p99 ms", hookRate), fmt.Sprintf("%d callers, events/s and p50/p95/p99 ms", hookClients))
	var paces, fulls []percentiles
	var rates []float64
	for i := range runs {
		pace, err := atRate(ctx, time.Now().Add(100*time.Millisecond), time.Second*hookEvents/hookRate, duration,
			func(client *http.Client, _ int) error { return send(client) })
		if err != nil {
			return err
		}
		rate, full, err := flood(ctx, duration, send)
		if err != nil {
			return err
		}
		paces, rates, fulls = append(paces, pace), append(rates, rate), append(fulls, full)
		fmt.Printf("%-4d  %-34s  %.0f, %s\n", i+1, pace, rate, full)
	}
	slices.Sort(rates)
	fmt.Printf("\nmedian  at %d events/s %s; sustained %.0f events/s with %s\n", hookRate, medians(paces), rates[len(rates)/2], medians(fulls))
	return nil
}

// flood has callers send one POST after the other and returns events a second.
func flood(ctx context.Context, duration time.Duration, send func(*http.Client) error) (rate float64, p percentiles, err error) {
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: hookClients}}
	defer client.CloseIdleConnections()
	latencies, errs := make([][]time.Duration, hookClients), make([]error, hookClients)
	var callers sync.WaitGroup
	began := time.Now()
	for i := range hookClients {
		callers.Go(func() {
			for time.Since(began) < duration && errs[i] == nil && ctx.Err() == nil {
				start := time.Now()
				errs[i] = send(client)
				latencies[i] = append(latencies[i], time.Since(start))
			}
		})
	}
	callers.Wait()
	for _, err := range append(errs, ctx.Err()) {
		if err != nil {
			return 0, p, err
		}
	}
	all := slices.Concat(latencies...)
	return float64(hookEvents*len(all)) / time.Since(began).Seconds(), percentilesOf(all), nil
}

// deliver sends a webhook as SendGrid does; all of its events must be recorded.
func deliver(ctx context.Context, client *http.Client, url string, first int) error {
	var events []string
	for n := first; n < first+hookEvents; n++ {
		person := n * 7919 % hookPeople
		events = append(events, fmt.Sprintf(`{"email":"user%d@d%d.example","event":"bounce","type":"bounce","status":"5.1.1","timestamp":1790000000,"sg_event_id":"bench-%d"}`,
			person, person%500, n))
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("["+strings.Join(events, ",")+"]"))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if want := fmt.Sprintf(`{"recorded":%d,`, hookEvents); answer.StatusCode != http.StatusOK || !strings.HasPrefix(string(text), want) {
		return fmt.Errorf("answered %s: %s", answer.Status, text)
	}
	return nil
}
