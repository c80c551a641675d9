package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	"rcpt/infra/bench/jobs"
	"rcpt/internal/verify"
)

const (
	trafficRows, trafficDomains = 10_000, 200
	trafficTime                 = 70 * time.Second // for greylisting, and a tarpit's patience; nothing else is asked twice
)

// benchTraffic counts what exchangers and ports have to do for a row: the shape of
// the large job in this process, at a tenth of its size, because the simulated
// internet of the product tells nobody.
func benchTraffic(ctx context.Context) (err error) {
	folder, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	fleet, err := jobs.Open(folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, fleet.Close()) }()
	list := jobs.List{Rows: trafficRows, Domains: trafficDomains, Behaviors: jobs.Behaviors()}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(list.WriteCSV(writer)) }()
	id, err := fleet.Create(ctx, reader, verify.Full, trafficTime)
	if err != nil {
		return err
	}
	if err := fleet.Plan(ctx, id); err != nil {
		return err
	}
	before := fleet.Calls()
	if err := fleet.Ask(ctx, id, 64); err != nil {
		return err
	}
	asked := fleet.Calls()
	if err := fleet.Collect(ctx, id); err != nil {
		return err
	}
	if err := fleet.World.Settle(ctx); err != nil {
		return err
	}
	seen, per := fleet.World.Counts(), func(n int64) float64 { return float64(n) / trafficRows }
	fmt.Printf("of a row, %d over %d domains of all behaviors: %.3f connections, %.3f round trips, %.3f DNS questions, %.3f calls of tables, %.3f of blobs, %.3f of the queue to ask\n",
		trafficRows, trafficDomains, per(seen.Connections), per(seen.RoundTrips), per(seen.Questions),
		per(asked.Table-before.Table), per(asked.Blob-before.Blob), per(asked.Queue-before.Queue))
	ofBehavior := float64(trafficRows) / float64(len(list.Behaviors))
	for _, name := range slices.Sorted(maps.Keys(seen.Behaviors)) {
		t := seen.Behaviors[name]
		fmt.Printf("  %s %.3f/%.3f", name, float64(t.Connections)/ofBehavior, float64(t.RoundTrips)/ofBehavior)
	}
	fmt.Println(" connections/round trips")
	return nil
}
