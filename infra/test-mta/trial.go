package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// world is what claims are made about.
type world struct {
	journal *journal
	product *product
	passed  int
}

// claim is a sentence that holds or does not.
type claim struct {
	name    string
	servers []string // whose logs tell more when it does not hold
	prove   func(ctx context.Context, t *trial)
}

// trial puts one claim to the test. It is safe for concurrent use.
type trial struct {
	*world
	mu       sync.Mutex
	checks   int
	failures []string
}

func (t *trial) check(holds bool, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.checks++
	if !holds {
		t.failures = append(t.failures, fmt.Sprintf(format, args...))
	}
}

// verdict asks the product and compares. want is "STATUS reason"; several may
// be allowed with "|" between them.
func (t *trial) verdict(ctx context.Context, want string, r request) answer {
	got, err := t.product.verify(ctx, r)
	if err != nil {
		t.check(false, "%s: %v", r.Email, err)
		return got
	}
	t.check(slices.Contains(strings.Split(want, "|"), got.Status+" "+got.Reason), "%s: want %s, got %s", r.Email, want, got)
	return got
}

// verdicts asks for many at once: lines of "address: STATUS reason".
func (t *trial) verdicts(ctx context.Context, lines string) {
	var all sync.WaitGroup
	for text := range strings.Lines(lines) {
		email, want, ok := strings.Cut(strings.TrimSpace(text), ": ")
		if ok {
			all.Go(func() { t.verdict(ctx, strings.TrimSpace(want), request{Email: email}) })
		}
	}
	all.Wait()
}

// logged checks that a server has written, or writes now, a line that matches.
func (t *trial) logged(ctx context.Context, server, pattern string) {
	err := await(ctx, func() bool { return t.journal.count(server, pattern) > 0 })
	t.check(err == nil, "%s logged no %s", server, pattern)
}

// prove puts claims to the test, all at once, prints what came of each in
// their order, and returns how many do not hold.
func (w *world) prove(ctx context.Context, claims []claim) (failed int) {
	reports := make([]chan string, len(claims))
	for i, c := range claims {
		reports[i] = make(chan string, 1)
		go func() {
			began, t := time.Now(), &trial{world: w}
			c.prove(ctx, t)
			if t.checks == 0 {
				t.check(false, "nothing was looked at")
			}
			reports[i] <- t.report(c, time.Since(began))
		}()
	}
	for _, r := range reports {
		text := <-r
		fmt.Print(text)
		if strings.HasPrefix(text, "FAIL") {
			failed++
		} else {
			w.passed++
		}
	}
	return failed
}

func (t *trial) report(c claim, took time.Duration) string {
	var text strings.Builder
	if len(t.failures) == 0 {
		fmt.Fprintf(&text, "ok   %s (%d checks, %.1f s)\n", c.name, t.checks, took.Seconds())
		return text.String()
	}
	fmt.Fprintf(&text, "FAIL %s (%d of %d checks, %.1f s)\n", c.name, len(t.failures), t.checks, took.Seconds())
	for _, failure := range t.failures {
		fmt.Fprintf(&text, "  - %s\n", failure)
	}
	for _, name := range c.servers {
		fmt.Fprintf(&text, "  log of %s:\n", name)
		for _, l := range t.journal.by(name) {
			fmt.Fprintf(&text, "    %s\n", l)
		}
	}
	return text.String()
}
