package main

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/lists/refresh"
)

// TestAnOperatorLeavesEventsInAFile: what goes to functions/refresher on AWS is
// taken from a file within two seconds, also when nothing is refreshed by the clock.
func TestAnOperatorLeavesEventsInAFile(t *testing.T) {
	data := t.TempDir()
	db, err := embedded.Open(data, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	file := filepath.Join(data, eventFile)
	synctest.Test(t, func(t *testing.T) {
		log := new(lines)
		ports := app.Ports{Blob: db.Blob(), Now: time.Now, Log: slog.New(slog.NewTextHandler(log, nil)), Lists: lists.NewLive(lists.New())}
		go refreshLists(t.Context(), config.Config{Data: data}, ports)
		for _, step := range []struct {
			claim, event string
			want         refresh.Outcome // of the last run
			taken        bool
			log          string
		}{
			{"back to the built-in table", `{"rollback":"builtin"}` + "\n", refresh.RolledBack, true, "lists: rolled_back"},
			{"a file that is still being written is left", "", refresh.RolledBack, false, ""},
			{"what is no event is told once", `{"rollback":`, refresh.RolledBack, true, "unexpected end of JSON input"},
			{"a table that is not there is told", `{"rollback":"none"}`, refresh.RolledBack, true, "no such table"},
			{"on again: there are no sources", `{"resume":true}`, refresh.Kept, true, "reason=off"},
		} {
			if err := os.WriteFile(file, []byte(step.event), 0o600); err != nil {
				t.Fatal(err)
			}
			log.take()
			time.Sleep(10 * eventEvery)
			synctest.Wait()
			_, err := os.Stat(file)
			if taken := os.IsNotExist(err); taken != step.taken {
				t.Errorf("%s: taken %v", step.claim, taken)
			}
			if got := lastReport(t, ports).Outcome; got != step.want {
				t.Errorf("%s: the last run %s, want %s", step.claim, got, step.want)
			}
			if text := log.take(); !strings.Contains(text, step.log) || step.log != "" && strings.Count(text, "\n") > 2 {
				t.Errorf("%s: log %q, want %q once", step.claim, text, step.log)
			}
		}
	})
}

// lines is a log that is written and read at once.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// take returns what was written since it was called last.
func (l *lines) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}

func lastReport(t *testing.T, ports app.Ports) (r refresh.Report) {
	t.Helper()
	blob, _, err := ports.Blob.Open(t.Context(), "lists/lists.json", 0, -1, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = blob.Close() }()
	text, err := io.ReadAll(blob)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}
