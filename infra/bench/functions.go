package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// The targets. MB are a million octets.
const (
	probesMB   = 28 // of a binary that probes
	otherMB    = 22
	untracedMB = 16 // of one that does not probe
	startMS    = 50
	residentMB = 96
)

const invokes = 1000 // before the memory of a process is read

// figures are what one function costs.
type figures struct {
	traced, untraced, zip float64 // MB, for arm64
	tracing               bool    // as it is deployed
	start                 time.Duration
	resident              float64 // MB
}

// benchFunctions measures each binary of functions/: its size for arm64, and on
// this machine, under the Runtime API of infra/host, the time from the start of
// the process to its first answer and the memory it holds after a thousand
// events. The events need little or no AWS: what is measured is what the process
// itself takes.
func benchFunctions(ctx context.Context, runs int) error {
	mains, err := filepath.Glob("functions/*/main.go")
	if err != nil || len(mains) == 0 {
		return fmt.Errorf("no functions here: %v", err)
	}
	if err := command(ctx, nil, "make", "--silent", "build"); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	around, err := surround()
	if err != nil {
		return err
	}
	defer around.close()

	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(out, "function\ttraced MB\tuntraced MB\tzip MB\tfirst answer ms\tresident MB\t")
	var missed, untraced []string
	for _, main := range mains {
		name := filepath.Base(filepath.Dir(main))
		f, err := weigh(ctx, around, name, work, runs)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		_, _ = fmt.Fprintf(out, "%s\t%.1f\t%.1f\t%.1f\t%.1f\t%.1f\t\n",
			name, f.traced, f.untraced, f.zip, float64(f.start.Microseconds())/1000, f.resident)
		missed = append(missed, f.missed(name)...)
		if !f.tracing {
			untraced = append(untraced, name)
		}
	}
	probers := strings.Join(probing(), ", ")
	_, _ = fmt.Fprintf(out, "target: %s\t≤ %d\t\t\t< %d\t< %d\t\ntarget: others\t≤ %d\t≤ %d\t\t< %d\t< %d\t\n",
		probers, probesMB, startMS, residentMB, otherMB, untracedMB, startMS, residentMB)
	if err := out.Flush(); err != nil {
		return err
	}
	fmt.Printf("\nmedian of %d starts; resident after %d events; deployed untraced: %s\n", runs, invokes, strings.Join(untraced, ", "))
	for _, m := range missed {
		fmt.Println("missed:", m)
	}
	return nil
}

// probing names the binaries that carry the prober and the lists.
func probing() []string { return []string{"verify", "prober"} }

// missed says which targets are missed by what is deployed.
func (f figures) missed(name string) (missed []string) {
	limit, deployed := float64(otherMB), f.untraced
	if slices.Contains(probing(), name) {
		limit = probesMB
	}
	if f.tracing {
		deployed = f.traced
	}
	if deployed > limit {
		missed = append(missed, fmt.Sprintf("%s has %.1f MB, more than %.0f", name, deployed, limit))
	}
	if limit == otherMB && f.untraced > untracedMB {
		missed = append(missed, fmt.Sprintf("%s has %.1f MB without tracing, more than %d", name, f.untraced, untracedMB))
	}
	if f.start >= startMS*time.Millisecond {
		missed = append(missed, fmt.Sprintf("%s answers %v after its start, not within %d ms", name, f.start, startMS))
	}
	if f.resident >= residentMB {
		missed = append(missed, fmt.Sprintf("%s holds %.1f MB, not less than %d", name, f.resident, residentMB))
	}
	return missed
}

// weigh builds a function both ways, with the tags it is deployed with and
// with or without tracing, and runs it as it is deployed.
func weigh(ctx context.Context, around *surroundings, name, work string, runs int) (f figures, err error) {
	tags, err := deployedTags(filepath.Join(".build", name, "bootstrap"))
	if err != nil {
		return f, err
	}
	f.tracing = !slices.Contains(tags, "notrace")
	traced := slices.DeleteFunc(slices.Clone(tags), func(tag string) bool { return tag == "notrace" })
	for _, b := range []struct {
		tags []string
		size *float64
	}{{traced, &f.traced}, {append(traced, "notrace"), &f.untraced}} {
		path := filepath.Join(work, name)
		if err = compile(ctx, name, path, b.tags, "GOARCH=arm64"); err == nil {
			*b.size, err = megabytes(path)
		}
		if err != nil {
			return f, err
		}
	}
	if f.zip, err = megabytes(filepath.Join(".build", name+".zip")); err != nil {
		return f, err
	}
	here := filepath.Join(work, name+"-here")
	if err := compile(ctx, name, here, tags); err != nil {
		return f, err
	}
	f.start, f.resident, err = around.run(ctx, name, here, runs)
	return f, err
}

// deployedTags reads from a binary the tags it was built with.
func deployedTags(path string) ([]string, error) {
	info, err := buildinfo.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for _, s := range info.Settings {
		if s.Key == "-tags" {
			return strings.Split(s.Value, ","), nil
		}
	}
	return nil, fmt.Errorf("%s was built without tags", path)
}

// compile builds a function with the other flags of `make build`.
func compile(ctx context.Context, name, path string, tags []string, env ...string) error {
	return command(ctx, append(env, "GOOS=linux", "CGO_ENABLED=0"), "go", "build", "-trimpath", "-buildvcs=false",
		"-tags", strings.Join(tags, ","), "-ldflags", "-s -w", "-o", path, "./functions/"+name)
}

func command(ctx context.Context, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Env = append(os.Environ(), env...)
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(c.Args, " "), err, out)
	}
	return nil
}

func megabytes(path string) (float64, error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}
