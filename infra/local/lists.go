package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/lists/refresh"
)

// eventFile is where an operator leaves the event that would go to
// functions/refresher on AWS. It is taken away within eventEvery.
const (
	eventFile  = "refresher.json"
	eventEvery = time.Second
)

// refreshLists runs functions/refresher until ctx ends: whenever an operator
// asks for it, and once a day, which is some minutes after the start, when nobody
// waits for the machine, or a day after the run before, also if that was in an
// earlier life. What goes wrong is one line of log, and the table in use stays.
func refreshLists(ctx context.Context, cfg config.Config, ports app.Ports) {
	run := app.Refresher(cfg, ports)
	event := filepath.Join(cfg.Data, eventFile)
	pause := time.Minute + rand.N(4*time.Minute)
	if last, err := refresh.LastRun(ctx, ports.Blob); err == nil {
		pause = max(pause, last.Add(24*time.Hour).Sub(ports.Now()))
	}
	told := "" // of an event that stays where it is, for example
	for next := ports.Now().Add(pause); ctx.Err() == nil; wait(ctx, eventEvery) {
		req, asked, err := takeEvent(event)
		if asked || len(cfg.ListsURLs) > 0 && !ports.Now().Before(next) {
			next = ports.Now().Add(24*time.Hour + rand.N(time.Hour))
			_, failed := run(ctx, req)
			err = errors.Join(err, failed)
		}
		problem := ""
		if err != nil && ctx.Err() == nil {
			problem = err.Error()
		}
		if problem != "" && problem != told {
			ports.Log.Error("refresh lists", "error", problem)
		}
		told = problem
	}
}

// takeEvent returns the event that lies in a file, and removes the file. One
// that is empty is still being written.
func takeEvent(path string) (req refresh.Request, asked bool, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(bytes.TrimSpace(text)) == 0 {
		return req, false, nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err == nil {
		err = json.Unmarshal(text, &req)
	}
	if err != nil {
		return refresh.Request{}, false, fmt.Errorf("take the event %s: %w", path, err)
	}
	return req, true, nil
}
