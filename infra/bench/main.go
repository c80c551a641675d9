// Command bench measures the product, each part beside something plain that does
// the same in the same run: machines are noisy, ratios are not.
//
//	functions  the binaries of functions/: size, first answer, memory (functions.go)
//	http       warm checks over HTTP beside a handler that does nothing (http.go)
//	hooks      webhooks of ten events each, at a fixed rate and as fast as they go (hooks.go)
//	prober     a thousand addresses in a closed world beside a naive prober (prober.go)
//	pacing     the same with RCPT_PACING=on: brake, breaker, hold and their cost (pacing.go)
//	vendors    lists of 500 addresses through the doubles of vendors (vendors.go)
//	scale      ten thousand and a hundred thousand addresses as one stream (scale.go)
//	jobs       jobs from list to results: all behaviors, fairness, beside the naive prober (jobs.go)
//	million    planner and collector with lists of up to a million rows (stages.go)
//
// Without a name it runs all of them but million.
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
		runs     = flag.Int("runs", 5, "runs of functions, http, hooks, prober and vendors, of which the median is the figure")
		rate     = flag.Int("rate", 300, "http: requests a second to each")
		duration = flag.Duration("duration", 7*time.Second, "http and hooks: how long a run is")
		binary   = flag.String("product", ".build/local", "http, hooks and jobs: the product's binary")
		noop     = flag.String("noop", "", "serve the handler that does nothing on this address; used by bench itself")
		deadline = flag.Duration("deadline", 2*time.Minute, "jobs: of the job with all behaviors; from 7 minutes on what fails is asked again")
		stage    = flag.String("stage", "", "carry out a stage of the job -job with -rows rows in -folder; used by bench itself")
		folder   = flag.String("folder", "", "see -stage")
		job      = flag.String("job", "", "see -stage")
		rows     = flag.Int("rows", 0, "see -stage")
		profile  = flag.String("cpuprofile", "", "prober and scale: write a CPU profile to this file")
	)
	flag.Parse()
	if *noop != "" {
		serveNothing(*noop)
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if *stage != "" {
		if err := serveStage(ctx, *stage, *folder, *job, *rows); err != nil {
			fmt.Fprintln(os.Stderr, "stage:", err)
			os.Exit(1)
		}
		return
	}
	err := profiled(*profile, func() error {
		return bench(ctx, flag.Args(), map[string]func(context.Context) error{
			"http":      func(ctx context.Context) error { return benchHTTP(ctx, *binary, *rate, *duration, *runs) },
			"hooks":     func(ctx context.Context) error { return benchHooks(ctx, *binary, *duration, *runs) },
			"prober":    func(ctx context.Context) error { return benchProber(ctx, *runs) },
			"pacing":    benchPacing,
			"vendors":   func(ctx context.Context) error { return benchVendors(ctx, *runs) },
			"scale":     benchScale,
			"jobs":      func(ctx context.Context) error { return benchJobs(ctx, *binary, *deadline) },
			"million":   func(ctx context.Context) error { return benchStages(ctx, 10_000, 100_000, 1_000_000) },
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
		names = []string{"functions", "prober", "pacing", "vendors", "scale", "jobs", "hooks", "http"}
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
