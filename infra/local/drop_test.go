package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/trigger"
)

// dropping is a drop folder in a data folder of its own, looked at by hand.
func dropping(t *testing.T, data string) (*dropFolder, *embedded.DB) {
	t.Helper()
	db, err := embedded.Open(data, embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	f := &dropFolder{
		blob: db.Blob(), table: db.Control(), queue: db.Queue("drop", embedded.DeadLetters{}),
		folder: filepath.Join(data, "blob", "drop"), key: "k7", now: time.Now, log: slog.New(slog.DiscardHandler),
	}
	look(t, f)
	return f, db
}

func look(t *testing.T, f *dropFolder) {
	t.Helper()
	if err := f.look(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// told returns what the function hears of since the last call.
func told(t *testing.T, f *dropFolder) (files []trigger.File) {
	t.Helper()
	p := poller{queue: f.queue, name: "drop", log: f.log}
	p.handle = trigger.Object(func(_ context.Context, file trigger.File) error {
		files = append(files, file)
		return nil
	}, f.log)
	for {
		got, err := f.queue.Receive(t.Context(), 1, 0, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return files
		}
		p.limit = time.Minute
		p.deliver(t.Context(), got[0])
	}
}

func names(files []trigger.File) (all []string) {
	for _, file := range files {
		all = append(all, file.Name)
	}
	slices.Sort(all)
	return all
}

func drop(t *testing.T, f *dropFolder, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDroppedFileIsToldOnceItStandsStill(t *testing.T) {
	f, db := dropping(t, t.TempDir())
	defer func() { _ = db.Close() }()
	drop(t, f, "k7/My list (1+1).csv", "email\nalice@")
	look(t, f)
	drop(t, f, "k7/My list (1+1).csv", "email\nalice@ok.test\n")
	look(t, f)
	if got := told(t, f); got != nil {
		t.Fatalf("told %+v of a file that is being written", got)
	}
	look(t, f)
	info, err := f.blob.Stat(t.Context(), "drop/k7/My list (1+1).csv")
	want := trigger.File{Name: info.Name, Version: info.Version, Size: 20}
	if got := told(t, f); err != nil || !slices.Equal(got, []trigger.File{want}) {
		t.Errorf("told %+v, %v, want %+v", got, err, want)
	}
	look(t, f)
	look(t, f)
	if got := told(t, f); got != nil {
		t.Errorf("told again of %+v", got)
	}
}

func TestNextProcessKnowsWhatWasTold(t *testing.T) {
	data := t.TempDir()
	f, db := dropping(t, data)
	for _, name := range []string{"stays", "changes", "goes"} {
		drop(t, f, "k7/"+name, "one")
	}
	look(t, f)
	look(t, f)
	if got := names(told(t, f)); !slices.Equal(got, []string{"drop/k7/changes", "drop/k7/goes", "drop/k7/stays"}) {
		t.Fatalf("told of %q", got)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	drop(t, f, "k7/changes", "other")
	if err := os.Remove(filepath.Join(f.folder, "k7/goes")); err != nil {
		t.Fatal(err)
	}
	f, db = dropping(t, data)
	defer func() { _ = db.Close() }()
	look(t, f)
	if got := names(told(t, f)); !slices.Equal(got, []string{"drop/k7/changes"}) {
		t.Errorf("told of %q", got)
	}
	if _, err := db.Control().Get(t.Context(), store.Key{Part: dropped, Sort: "drop/k7/goes"}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a file that is gone is remembered: %v", err)
	}
}

func TestDropFolderIsThereForTheKey(t *testing.T) {
	f, db := dropping(t, t.TempDir())
	defer func() { _ = db.Close() }()
	for range 2 {
		if err := os.Remove(filepath.Join(f.folder, "k7")); err != nil {
			t.Fatal(err)
		}
		look(t, f)
	}
}

func TestNotificationIsThatOfS3(t *testing.T) {
	f := &dropFolder{now: func() time.Time { return time.UnixMilli(0) }}
	body, err := json.Marshal(f.event(store.BlobInfo{Name: "drop/k7/a b+ü%.csv", Version: "v", Size: 3}))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Records []struct {
			EventName string `json:"eventName"`
			S3        struct {
				Object struct {
					Key  string `json:"key"`
					ETag string `json:"eTag"`
				} `json:"object"`
			} `json:"s3"`
		}
	}
	if err := json.Unmarshal(body, &got); err != nil || len(got.Records) != 1 {
		t.Fatalf("%s: %v", body, err)
	}
	r := got.Records[0]
	if r.EventName != "ObjectCreated:Put" || r.S3.Object.Key != "drop/k7/a+b%2B%C3%BC%25.csv" || r.S3.Object.ETag != "v" {
		t.Errorf("notification is %s", body)
	}
}
