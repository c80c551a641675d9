package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"rcpt/infra/bench/closed"
	"rcpt/internal/embedded"
	"rcpt/internal/pace"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Beside the exchangers of the closed world stand two more operators: one to
// which we come with a list of strangers, and one that has us on a blocklist.
const (
	strangersHost = benchHosts
	blockingHost  = benchHosts + 1
)

// paced is the world with RCPT_PACING=on. Its clock can be moved, which the
// rests of brake and breaker need; pacing itself takes real time.
type paced struct {
	world   *closed.World
	db      *embedded.DB
	calls   calls
	ahead   atomic.Int64 // of the clock, ns
	pardon  atomic.Bool  // the blocking operator takes us off its list
	emails  []string
	results map[string]*group
}

// group is what became of the addresses of one kind.
type group struct {
	tally
	retry time.Duration // until the latest retry_at
}

func (p *paced) now() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }

// calls counts what pacing asks of its table.
type calls struct {
	store.Table
	n *atomic.Int64
}

// Get counts.
func (c calls) Get(ctx context.Context, key store.Key) (store.Item, error) {
	c.n.Add(1)
	return c.Table.Get(ctx, key)
}

// Put counts.
func (c calls) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	c.n.Add(1)
	return c.Table.Put(ctx, item, conds...)
}

// kind says which of the operators an address is at.
func kind(email string) string {
	switch _, domain, _ := strings.Cut(email, "@"); {
	case strings.HasPrefix(domain, "strangers"):
		return "strangers"
	case strings.HasPrefix(domain, "blocking"):
		return "blocking"
	}
	return "ordinary"
}

func newPaced() (*paced, func(), error) {
	p := &paced{emails: benchAddresses()}
	for i := range 400 {
		p.emails = append(p.emails, fmt.Sprintf("gone%d@strangers%d.example", i, i/10))
	}
	for i := range 100 {
		p.emails = append(p.emails, fmt.Sprintf("user%d@blocking%d.example", i, i/10))
	}
	var err error
	p.world, err = closed.Start(closed.Spec{
		Hosts: benchHosts + 2, Delay: 20 * time.Millisecond, DNSDelay: 5 * time.Millisecond, Errors: 20,
		Operator: func(host int) string { return fmt.Sprintf("host%d.example", host) },
		Exchangers: func(domain string) []int {
			switch kind("@" + domain) {
			case "strangers":
				return []int{strangersHost}
			case "blocking":
				return []int{blockingHost}
			}
			return exchangersOf(domain)
		},
		Exists: func(local, domain string) bool {
			return kind("@"+domain) == "ordinary" && exists(local, domain) || kind("@"+domain) == "blocking" && strings.HasPrefix(local, "user")
		},
		Blocks: func(host int) bool { return host == blockingHost && !p.pardon.Load() },
	})
	if err != nil {
		return nil, nil, err
	}
	folder, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return nil, nil, err
	}
	if p.db, err = embedded.Open(folder, embedded.Options{Now: p.now}); err != nil {
		return nil, nil, err
	}
	p.calls = calls{Table: p.db.Cache(), n: new(atomic.Int64)}
	return p, func() {
		_ = p.world.Close()
		_ = p.db.Close()
		_ = os.RemoveAll(folder)
	}, nil
}

// check asks for all addresses that pass, anew.
func (p *paced) check(ctx context.Context, mode pace.Mode, passes func(email string) bool) (time.Duration, error) {
	v, err := newVerifier(p.world, p.db.Cache(), pace.New(pace.Config{Mode: mode, Table: p.calls, Now: p.now}), p.now)
	if err != nil {
		return 0, err
	}
	p.calls.n.Store(0)
	p.results = make(map[string]*group)
	began := time.Now()
	emails := slices.DeleteFunc(slices.Clone(p.emails), func(email string) bool { return !passes(email) })
	for _, out := range v.VerifyAll(ctx, fresh(emails), verify.Flow{}) {
		g := p.results[kind(out.Email)]
		if g == nil {
			g = &group{}
			p.results[kind(out.Email)] = g
		}
		g.add(out.Email, out, p.want(out.Email))
		if out.RetryAt != nil {
			g.retry = max(g.retry, out.RetryAt.Sub(p.now()))
		}
	}
	took := time.Since(began)
	p.world.Settle()
	return took, ctx.Err()
}

func (p *paced) want(email string) verdict.Status {
	switch kind(email) {
	case "strangers":
		return verdict.Invalid
	case "blocking":
		return verdict.Valid
	}
	return truth(email)
}

// fresh passes the cache: the second and third pass ask anew.
func fresh(emails []string) func(func(verify.Request) bool) {
	return func(yield func(verify.Request) bool) {
		for r := range requests(slices.Values(emails)) {
			r.Fresh = true
			if !yield(r) {
				return
			}
		}
	}
}

func benchPacing(ctx context.Context) error {
	p, end, err := newPaced()
	if err != nil {
		return err
	}
	defer end()
	ordinary := func(email string) bool { return kind(email) == "ordinary" }
	others := func(email string) bool { return kind(email) != "ordinary" }
	all := func(string) bool { return true }
	fmt.Println("the world of the prober bench with RCPT_PACING=on, and beside it an operator where all of our 400 addresses are unknown\n" +
		"and one that has us on a blocklist; small operators: 2 sessions at once, one start a second")
	for _, step := range []struct {
		name   string
		ahead  time.Duration
		pardon bool
		mode   pace.Mode
		passes func(string) bool
	}{
		{"pacing off, the ordinary 1,000", 0, false, pace.Off, ordinary},
		{"pacing on, the ordinary 1,000", 0, false, pace.On, ordinary},
		{"pacing on, all 1,500", time.Minute, false, pace.On, all},
		{"16 minutes later, off the blocklist", 16 * time.Minute, true, pace.On, others},
	} {
		p.ahead.Add(int64(step.ahead))
		p.pardon.Store(step.pardon)
		took, err := p.check(ctx, step.mode, step.passes)
		if err != nil {
			return err
		}
		p.print(step.name, took)
	}
	return nil
}

func (p *paced) print(name string, took time.Duration) {
	c := p.world.Take()
	fmt.Printf("\n%s: %.2f s, %d sessions, at most %d at a host, %.1f calls of the table a session\n", name, took.Seconds(),
		c.Connections, c.AtOnce, float64(p.calls.n.Load())/float64(max(1, c.Connections)))
	for _, kind := range []string{"ordinary", "strangers", "blocking"} {
		g := p.results[kind]
		if g == nil {
			continue
		}
		fmt.Printf("  %-10s %4d right", kind, g.right)
		for _, reason := range slices.Sorted(maps.Keys(g.reasons)) {
			fmt.Printf(", %d %s", g.reasons[reason], reason)
		}
		if g.retry > 0 {
			fmt.Printf("; again in %s", g.retry.Round(time.Minute))
		}
		fmt.Println()
	}
}
