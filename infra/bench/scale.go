package main

import (
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"math/rand/v2"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"rcpt/infra/bench/closed"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// The world of the long stream: operators of which the first has a quarter of
// all addresses and the last a handful, as in real lists.
const (
	scaleOperators = 200
	scaleGiants    = 3  // have one domain that most of their addresses are at
	scaleMissing   = 12 // percent of the mailboxes
)

// scaleName reads "d5.o17.example", the sixth domain of the eighteenth operator.
func scaleName(domain string) (operator, number int, ok bool) {
	d, o, _ := strings.Cut(strings.TrimSuffix(domain, ".example"), ".")
	number, err := strconv.Atoi(strings.TrimPrefix(d, "d"))
	if err != nil {
		return 0, 0, false
	}
	operator, err = strconv.Atoi(strings.TrimPrefix(o, "o"))
	return operator, number, err == nil && operator < scaleOperators
}

func scaleCatchAll(domain string) bool {
	operator, number, _ := scaleName(domain)
	return operator >= scaleGiants && number%10 == 7
}

func scaleExists(local, domain string) bool {
	if scaleCatchAll(domain) {
		return true
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(local))
	return strings.HasPrefix(local, "user") && h.Sum32()%100 >= scaleMissing
}

func scaleTruth(email string) verdict.Status {
	local, domain, _ := strings.Cut(email, "@")
	switch {
	case scaleCatchAll(domain):
		return verdict.CatchAll
	case scaleExists(local, domain):
		return verdict.Valid
	}
	return verdict.Invalid
}

// scaleAddresses streams n addresses, always the same ones.
func scaleAddresses(n int) iter.Seq[string] {
	return func(yield func(string) bool) {
		r := rand.New(rand.NewPCG(1, 2))
		operators := rand.NewZipf(r, 1.2, 1, scaleOperators-1)
		domains := rand.NewZipf(r, 1.3, 1, 2000)
		for i := range n {
			operator, number := int(operators.Uint64()), int(domains.Uint64())
			if operator < scaleGiants && r.IntN(100) < 70 {
				number = 0
			}
			if !yield(fmt.Sprintf("user%d@d%d.o%d.example", i, number, operator)) {
				return
			}
		}
	}
}

// scaleSessions is what package pace allows the operators of the real internet
// that have such shares of it.
func scaleSessions(host string) (string, int) {
	_, operator, _ := strings.Cut(host, ".")
	n, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(operator, "o"), ".example"))
	switch {
	case n < scaleGiants:
		return operator, 10
	case n < 15:
		return operator, 5
	}
	return operator, 2
}

func benchScale(ctx context.Context) error {
	world, err := closed.Start(closed.Spec{
		Hosts: 2 * scaleOperators, Delay: 20 * time.Millisecond, DNSDelay: 5 * time.Millisecond, Errors: 20,
		Operator: func(host int) string { return fmt.Sprintf("o%d.example", host/2) },
		Exchangers: func(domain string) []int {
			operator, _, ok := scaleName(domain)
			if !ok {
				return nil
			}
			return []int{2 * operator, 2*operator + 1}
		},
		Exists: scaleExists,
	})
	if err != nil {
		return err
	}
	defer func() { _ = world.Close() }()
	fmt.Printf("a stream in one process: %d operators, Zipf, 1 to 2,000 domains each, %d of 100 mailboxes missing; 100 sessions in flight,\n"+
		"at an operator 10, 5 or 2; live heap after a collection at every tenth of the stream, the largest and at its end\n\n", scaleOperators, scaleMissing)
	fmt.Printf("%9s %8s %9s %9s %11s %10s %15s %6s %8s %8s\n",
		"addresses", "seconds", "per s", "sessions", "round trips", "questions", "open p50/95/99 s", "wrong", "heap MB", "end MB")
	heaps := make(map[int]float64)
	for _, n := range []int{10_000, 100_000} {
		if heaps[n], err = stream(ctx, world, n); err != nil {
			return err
		}
	}
	fmt.Printf("\ndifference %.1f MB\n", heaps[100_000]-heaps[10_000])
	return nil
}

// stream runs one stream and returns the largest live heap in MB.
func stream(ctx context.Context, world *closed.World, n int) (float64, error) {
	e, err := newEngine(world)
	if err != nil {
		return 0, err
	}
	defer e.close()
	var t tally
	var largest, collecting float64
	done := 0
	latencies := make([]int64, 0, n)
	began := time.Now()
	for _, v := range e.verifier.VerifyAll(ctx, requests(scaleAddresses(n)), verify.Flow{Sessions: 100, Operator: scaleSessions}) {
		t.add(v.Email, v, scaleTruth(v.Email))
		latencies = append(latencies, v.LatencyMS)
		if done++; done%(n/10) == n/20 {
			start := time.Now()
			largest = max(largest, liveHeap())
			collecting += time.Since(start).Seconds()
		}
	}
	took := time.Since(began).Seconds() - collecting
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	world.Settle()
	c := world.Take()
	per := func(count int64) float64 { return float64(count) / float64(n) }
	end := liveHeap()
	slices.Sort(latencies)
	open := fmt.Sprintf("%.1f/%.1f/%.1f", float64(latencies[n/2])/1000, float64(latencies[n*95/100])/1000, float64(latencies[n*99/100])/1000)
	fmt.Printf("%9d %8.1f %9.0f %9.3f %11.3f %10.3f %15s %6d %8.1f %8.1f\n", done, took, float64(n)/took, per(c.Connections), per(c.Batches),
		per(c.Questions), open, t.wrong, largest, end)
	if t.wrong > 0 {
		fmt.Println(t.example, t.reasons)
	}
	runtime.KeepAlive(e)
	return max(largest, end), nil
}

func liveHeap() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc) / (1 << 20)
}
