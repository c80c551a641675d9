package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime/metrics"
	"slices"
	"strconv"
	"time"

	"rcpt/infra/bench/jobs"
	"rcpt/internal/verify"
)

// stage is what a stage of a job cost, in a process of its own.
type stage struct {
	Job     string
	Seconds float64
	Heap    float64 // MB, the most that the heap had in it, garbage among it
	Own     float64 // MB, the most that the process had in memory, files aside
	Calls   jobs.Calls
}

// memoryLimit is what planner and collector may take, in MB.
const memoryLimit = 256

// benchStages measures planner and collector with lists of several sizes in soft
// mode. The stage between them, which asks, is answered by nobody.
func benchStages(ctx context.Context, sizes ...int) error {
	fmt.Printf("planner and collector, each in a process of its own, in soft mode; a row's cost beside that of the shortest list; peaks of the heap and of\n"+
		"all memory but mapped files, at most %d MB; calls of ports as AWS counts them, for 1,000 rows\n\n", memoryLimit)
	fmt.Printf("%9s  %-8s %8s %8s %8s %9s %9s   %s\n", "rows", "", "seconds", "µs a row", "times", "heap MB", "own MB", "table, blob, queue")
	base := make(map[string]float64)
	for _, rows := range sizes {
		if err := benchSize(ctx, rows, base); err != nil {
			return err
		}
	}
	return nil
}

// benchSize goes through the stages of one list and prints the medians of planner
// and collector. base holds the cost of a row of the first list.
func benchSize(ctx context.Context, rows int, base map[string]float64) error {
	var plans, collections []stage
	for range stageRuns(rows) {
		plan, collect, err := runStages(ctx, rows)
		if err != nil {
			return fmt.Errorf("%d rows: %w", rows, err)
		}
		plans, collections = append(plans, plan), append(collections, collect)
	}
	middleStage(plans).print("plan", rows, base)
	middleStage(collections).print("collect", rows, base)
	return nil
}

// stageRuns is how often a list is gone through: a short one says little.
func stageRuns(rows int) int {
	if rows <= 10_000 {
		return 5
	}
	return 1
}

func middleStage(all []stage) stage {
	slices.SortFunc(all, func(a, b stage) int { return cmp.Compare(a.Seconds, b.Seconds) })
	return all[len(all)/2]
}

func (s stage) print(name string, rows int, base map[string]float64) {
	each := s.Seconds * 1e6 / float64(rows)
	if base[name] == 0 {
		base[name] = each
	}
	per := func(n int64) float64 { return float64(n) * 1000 / float64(rows) }
	fmt.Printf("%9d  %-8s %8.2f %8.1f %8.2f %9.1f %9.1f   %.2f, %.2f, %.2f\n", rows, name, s.Seconds, each, each/base[name], s.Heap, s.Own,
		per(s.Calls.Table), per(s.Calls.Blob), per(s.Calls.Queue))
	if s.Own >= memoryLimit {
		fmt.Printf("missed: %s takes %.0f MB\n", name, s.Own)
	}
}

// runStages goes through the stages of one list, each in a process of its own, over
// a fresh folder.
func runStages(ctx context.Context, rows int) (plan, collect stage, err error) {
	folder, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return plan, collect, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	created, err := runStage(ctx, "create", folder, "", rows)
	if err != nil {
		return plan, collect, err
	}
	if plan, err = runStage(ctx, "plan", folder, created.Job, rows); err != nil {
		return plan, collect, err
	}
	if _, err = runStage(ctx, "answer", folder, created.Job, rows); err != nil {
		return plan, collect, err
	}
	collect, err = runStage(ctx, "collect", folder, created.Job, rows)
	return plan, collect, err
}

// runStage starts this program again for one stage.
func runStage(ctx context.Context, name, folder, job string, rows int) (s stage, err error) {
	self, err := os.Executable()
	if err != nil {
		return s, err
	}
	cmd := exec.CommandContext(ctx, self, "-stage", name, "-folder", folder, "-job", job, "-rows", strconv.Itoa(rows))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(out, &s)
}

// serveStage is that program.
func serveStage(ctx context.Context, name, folder, job string, rows int) (err error) {
	fleet, err := jobs.Open(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	s := stage{Job: job}
	before, began, over := fleet.Calls(), time.Now(), make(chan struct{})
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		s.watch(over)
	}()
	switch name {
	case "create":
		reader, writer := io.Pipe()
		go func() {
			_ = writer.CloseWithError(jobs.WriteCSV(writer, rows, func(row int) string { return jobs.Mixed(row, rows) }))
		}()
		s.Job, err = fleet.Create(ctx, reader, verify.Soft, time.Hour)
	case "plan":
		err = fleet.Plan(ctx, job)
	case "answer":
		err = fleet.Answer(ctx, job)
	case "collect":
		err = fleet.Collect(ctx, job)
	}
	close(over)
	<-watched
	after := fleet.Calls()
	s.Seconds = time.Since(began).Seconds()
	s.Calls = jobs.Calls{Table: after.Table - before.Table, Blob: after.Blob - before.Blob, Queue: after.Queue - before.Queue}
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(s))
}

// watch notes the peaks of memory until the stage is over.
func (s *stage) watch(over <-chan struct{}) {
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	every := time.NewTicker(5 * time.Millisecond)
	defer every.Stop()
	for {
		metrics.Read(heap)
		s.Heap = max(s.Heap, float64(heap[0].Value.Uint64())/1e6)
		s.Own = max(s.Own, ownMemory())
		select {
		case <-over:
			return
		case <-every.C:
		}
	}
}

var ownLine = regexp.MustCompile(`RssAnon:\s+(\d+) kB`)

// ownMemory is what this process has in memory that is no file, in MB; 0 where
// that cannot be told. Embedded storage maps its files, AWS has none.
func ownMemory() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	line := ownLine.FindSubmatch(status)
	if line == nil {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(string(line[1]), 64)
	return kilobytes * 1024 / 1e6
}
