package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"rcpt/infra/bench/closed"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// The closed world of smtp-probing.md §10: a hundred domains of ten addresses.
const (
	benchDomains   = 100
	benchMailboxes = 10
	benchHosts     = 20
)

// domainNumber reads "d17.example".
func domainNumber(domain string) (int, bool) {
	text, ok := strings.CutSuffix(domain, ".example")
	if !ok || !strings.HasPrefix(text, "d") {
		return 0, false
	}
	n, err := strconv.Atoi(text[1:])
	return n, err == nil && n < benchDomains
}

// exchangersOf spreads the domains over ten providers of two exchangers each, so
// that every provider has as many of each kind.
func exchangersOf(domain string) []int {
	n, ok := domainNumber(domain)
	if !ok {
		return nil
	}
	const providers = benchHosts / 2
	first := 2 * ((n + n/providers) % providers)
	return []int{first, first + 1}
}

func catchAll(domain string) bool {
	n, _ := domainNumber(domain)
	return n%5 == 0
}

// exists is true of six mailboxes in ten.
func exists(local, domain string) bool {
	if catchAll(domain) {
		return true
	}
	text, ok := strings.CutPrefix(local, "user")
	u, err := strconv.Atoi(text)
	n, _ := domainNumber(domain)
	return ok && err == nil && (7*u+3*n)%10 < 6
}

func truth(email string) verdict.Status {
	local, domain, _ := strings.Cut(email, "@")
	switch {
	case catchAll(domain):
		return verdict.CatchAll
	case exists(local, domain):
		return verdict.Valid
	}
	return verdict.Invalid
}

// benchAddresses is the list, in an order without order.
func benchAddresses() []string {
	var emails []string
	const n = benchDomains * benchMailboxes
	for i := range n {
		i = i * 617 % n // 617 has no divisor in common with it
		emails = append(emails, fmt.Sprintf("user%d@d%d.example", i%benchMailboxes, i/benchMailboxes))
	}
	return emails
}

func benchWorld() (*closed.World, error) {
	return closed.Start(closed.Spec{
		Hosts: benchHosts, Delay: 20 * time.Millisecond, DNSDelay: 5 * time.Millisecond, Errors: 20,
		Operator:   func(host int) string { return fmt.Sprintf("host%d.example", host) },
		Exchangers: exchangersOf, Exists: exists,
	})
}

// setting is how much both probers may do at once. What can be reached with one
// session for each domain, the delays alone counted: a naive check is 5 batches
// and 2 questions, 110 ms, of which 100 ms in a session; ours is 3 batches, 60 ms,
// for ten.
//
//	(a) 20 rounds of 110 ms against 2 of 60 ms and one of DNS: 16 times
//	(b) 20 rounds against one, 70 ms: 31 times
//	(c) 100 ms for each address of a host against 60 ms for each of its domains:
//	    16 times, more where the naive one finds its random hosts unequally busy
//
// Longer sessions would do better, but the budgets forbid them here: four missing
// mailboxes and the canary leave no room for a second domain (smtp-probing.md §10).
type setting struct {
	name        string
	naive, ours int // sessions in all
	perHost     int // 0: any number
}

// outcome is one run of one prober.
type outcome struct {
	took   time.Duration
	counts closed.Counts
	right  int
}

func benchProber(ctx context.Context, runs int) error {
	world, err := benchWorld()
	if err != nil {
		return err
	}
	defer func() { _ = world.Close() }()
	emails := benchAddresses()
	fmt.Printf("%d addresses of %d domains at %d exchangers, two for each domain; 6 of 10 exist, every fifth domain takes any;\n"+
		"20 ms before every batch of replies, 5 ms before every DNS answer, 421 after 20 errors; median of %d runs\n\n",
		len(emails), benchDomains, benchHosts, runs)
	fmt.Printf("%-36s %-6s %9s %11s %10s %9s %7s %11s %7s\n", "per address:", "", "sessions", "round trips", "questions", "s/1,000", "right", "host: most", "ratio")
	for _, s := range []setting{
		{"(a) 50 sessions in flight", 50, 50, 0},
		{"(b) at most 5 at a host; naive 50", 50, 1000, 5},
		{"(c) at most 5 at a host", 1000, 1000, 5},
		{"(c) at most 2 at a host", 1000, 1000, 2},
		{"(c) at most 1 at a host", 1000, 1000, 1},
	} {
		if err := compare(ctx, world, s, emails, runs); err != nil {
			return err
		}
	}
	return nil
}

// compare runs both probers in turns and prints the medians.
func compare(ctx context.Context, world *closed.World, s setting, emails []string, runs int) error {
	var plain, ours []outcome
	for range runs {
		plain = append(plain, runNaive(ctx, world, s, emails))
		o, err := runOurs(ctx, world, s, emails)
		if err != nil {
			return err
		}
		ours = append(ours, o)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	a, b := middle(plain), middle(ours)
	a.print(s.name, "naive", len(emails), "")
	b.print("", "ours", len(emails), fmt.Sprintf("%6.1fx", float64(a.took)/float64(b.took)))
	return nil
}

func runNaive(ctx context.Context, world *closed.World, s setting, emails []string) outcome {
	n := newNaive(world, s.naive)
	if s.perHost > 0 {
		n.perHost = make(map[string]chan struct{})
		for host := range benchHosts {
			n.perHost[fmt.Sprintf("mx%d.host%d.example", host, host)] = make(chan struct{}, s.perHost)
		}
	}
	began := time.Now()
	found := n.check(ctx, emails)
	o := outcome{took: time.Since(began)}
	for i, status := range found {
		if status == truth(emails[i]) {
			o.right++
		}
	}
	world.Settle()
	o.counts = world.Take()
	return o
}

func runOurs(ctx context.Context, world *closed.World, s setting, emails []string) (outcome, error) {
	e, err := newEngine(world)
	if err != nil {
		return outcome{}, err
	}
	defer e.close()
	flow := verify.Flow{Sessions: s.ours, Operator: func(host string) (string, int) {
		if s.perHost > 0 {
			return host, s.perHost
		}
		return host, s.ours
	}}
	var t tally
	began := time.Now()
	for i, v := range e.verifier.VerifyAll(ctx, requests(slices.Values(emails)), flow) {
		t.add(emails[i], v, truth(emails[i]))
	}
	o := outcome{took: time.Since(began), right: t.right}
	if t.wrong > 0 {
		fmt.Println("wrong:", t.wrong, t.example)
	}
	world.Settle()
	o.counts = world.Take()
	return o, nil
}

// middle takes the run of median time, and of its counts the worst of all runs.
func middle(runs []outcome) outcome {
	sorted := slices.SortedFunc(slices.Values(runs), func(a, b outcome) int { return int(a.took - b.took) })
	m := sorted[len(sorted)/2]
	for _, o := range runs {
		m.right = min(m.right, o.right)
		m.counts.Connections = max(m.counts.Connections, o.counts.Connections)
		m.counts.Batches = max(m.counts.Batches, o.counts.Batches)
		m.counts.Questions = max(m.counts.Questions, o.counts.Questions)
		m.counts.AtOnce = max(m.counts.AtOnce, o.counts.AtOnce)
		m.counts.Most = max(m.counts.Most, o.counts.Most)
		m.counts.Cut = max(m.counts.Cut, o.counts.Cut)
		m.counts.Early = max(m.counts.Early, o.counts.Early)
	}
	return m
}

func (o outcome) print(setting, who string, n int, ratio string) {
	per := func(count int64) float64 { return float64(count) / float64(n) }
	fmt.Printf("%-36s %-6s %9.3f %11.3f %10.3f %9.3f %7s %11s %7s\n", setting, who, per(o.counts.Connections), per(o.counts.Batches),
		per(o.counts.Questions), o.took.Seconds()*1000/float64(n), fmt.Sprintf("%d", o.right), fmt.Sprintf("%d/%d", o.counts.AtOnce, o.counts.Most), ratio)
	if o.counts.Cut+o.counts.Early > 0 {
		fmt.Printf("%-36s %-6s sessions cut by 421: %d, spoke early: %d\n", "", "", o.counts.Cut, o.counts.Early)
	}
}
