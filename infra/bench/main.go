// Command bench measures the product, each part beside something plain that does
// the same in the same run: machines are noisy, ratios are not.
//
//	functions  the binaries of functions/: size, first answer, memory (functions.go)
//	http       warm checks over HTTP beside a handler that does nothing (http.go)
//	hooks      webhooks of ten events each, at a fixed rate and as fast as they go (hooks.go)
//	prober     a thousand addresses in a closed world beside a naive prober (prober.go)
//	pacing     the same with RCPT_PACING=on: brake, breaker, hold and their cost (pacing.go)
//	scale      ten thousand and a hundred thousand addresses as one stream (scale.go)
//
// Without a name it runs all of them.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	var (
		runs     = flag.Int("runs", 5, "runs of functions, http, hooks and prober, of which the median is the figure")
		rate     = flag.Int("rate", 300, "http: requests a second to each")
		duration = flag.Duration("duration", 7*time.Second, "http and hooks: how long a run is")
		binary   = flag.String("product", ".build/local", "http and hooks: the product's binary")
		noop     = flag.String("noop", "", "serve the handler that does nothing on this address; used by bench itself")
		profile  = flag.String("cpuprofile", "", "prober and scale: write a CPU profile to this file")
	)
	flag.Parse()
	if *noop != "" {
		serveNothing(*noop)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := profiled(*profile, func() error {
		return bench(ctx, flag.Args(), map[string]func(context.Context) error{
			"http":      func(ctx context.Context) error { return benchHTTP(ctx, *binary, *rate, *duration, *runs) },
			"hooks":     func(ctx context.Context) error { return benchHooks(ctx, *binary, *duration, *runs) },
			"prober":    func(ctx context.Context) error { return benchProber(ctx, *runs) },
			"pacing":    benchPacing,
			"scale":     benchScale,
			"functions": func(ctx context.Context) error { return benchFunctions(ctx, *runs) },
		})
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench runs those that are named, or all, in the order of the package comment.
func bench(ctx context.Context, names []string, benches map[string]func(context.Context) error) error {
	if len(names) == 0 {
		names = []string{"functions", "prober", "pacing", "scale", "hooks", "http"}
	}
	for _, name := range names {
		run, ok := benches[name]
		if !ok {
			return fmt.Errorf("no bench is called %q", name)
		}
		fmt.Printf("== %s\n\n", name)
		if err := run(ctx); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Println()
	}
	return nil
}
