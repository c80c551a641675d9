package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"
)

// benchHTTP sends warm checks to the product and empty requests to a handler that
// does nothing, as processes of their own, at the same fixed rate, interleaved,
// and prints the percentiles of each. The load is open: a request leaves when its
// moment has come, whether or not the ones before it are answered, and its
// latency counts from that moment, so that a stall is not hidden by the requests
// it delayed.
func benchHTTP(ctx context.Context, binary string, rate int, duration time.Duration, runs int) error {
	product, err := startProduct(ctx, binary)
	if err != nil {
		return err
	}
	defer product.stop()
	empty, err := startNothing(ctx)
	if err != nil {
		return err
	}
	defer empty.stop()

	fmt.Printf("%d requests a second to each, %s a run, %d runs; latency from the moment a request was due\n\n", rate, duration, runs)
	fmt.Printf("%-4s  %-28s  %-28s\n", "run", "warm check p50/p95/p99 ms", "empty handler p50/p95/p99 ms")
	var ours, theirs []percentiles
	for i := range runs {
		a, b, err := measure(ctx, product.target, empty.target, rate, duration)
		if err != nil {
			return err
		}
		ours, theirs = append(ours, a), append(theirs, b)
		fmt.Printf("%-4d  %-28s  %-28s\n", i+1, a, b)
	}
	a, b := medians(ours), medians(theirs)
	fmt.Printf("\nmedian  warm check %s, empty handler %s: p50 %.2f ms over, p99 %.1f times\n", a, b, ms(a.p50-b.p50), ms(a.p99)/ms(b.p99))
	return nil
}

// serveNothing reads a request and answers a constant of a verdict's size.
func serveNothing(addr string) {
	answer := make([]byte, 500)
	for i := range answer {
		answer[i] = ' '
	}
	server := http.Server{Addr: addr, ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(answer) })}
	fmt.Fprintln(os.Stderr, server.ListenAndServe())
}
