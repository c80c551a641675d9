package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/store"
)

// dropPrefix is what the names of dropped files begin with, as in the bucket.
const dropPrefix = "drop/"

// dropEvery is how often the folder is looked at. A file counts when it is the
// same in two looks: a person's copy takes a while.
const dropEvery = time.Second

// dropped is the partition, in the table of what must not be lost, of what was
// told: S3 tells of each version of a file once.
const dropped = "LOCAL#dropped"

// dropFolder stands where S3 stands: of each file that somebody puts under drop/
// it tells the queue that functions/dropfolder works on.
type dropFolder struct {
	blob   store.Blob
	table  store.Table
	queue  store.Queue
	folder string // blob/drop in the data folder
	key    string // id of the key whose folder is there from the start
	now    func() time.Time
	log    *slog.Logger

	done map[string]string // version told of, by name
	last map[string]string // version at the look before
}

// inbox is the folder of the key, and open makes it.
func (f *dropFolder) inbox() string { return filepath.Join(f.folder, f.key) }
func (f *dropFolder) open() error   { return os.MkdirAll(f.inbox(), 0o700) }

// watch looks until ctx ends.
func (f *dropFolder) watch(ctx context.Context) {
	told := ""
	for ; ctx.Err() == nil; wait(ctx, dropEvery) {
		err := f.look(ctx)
		problem := ""
		if err != nil && ctx.Err() == nil {
			problem = err.Error()
		}
		if problem != "" && problem != told {
			f.log.Error("look into the drop folder", "error", problem)
		}
		told = problem
	}
}

// look tells of what has come since the last look and stands still.
func (f *dropFolder) look(ctx context.Context) error {
	if err := f.remember(ctx); err != nil {
		return err
	}
	if err := f.open(); err != nil { // somebody may have removed it together with the last file
		return err
	}
	there := make(map[string]string)
	for after := ""; ; {
		page, err := f.blob.List(ctx, dropPrefix, after, store.MaxBlobPage)
		if err != nil {
			return err
		}
		for _, file := range page.Blobs {
			there[file.Name] = file.Version
			if err := f.consider(ctx, file); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			break
		}
	}
	f.last = there
	return f.forget(ctx)
}

// remember reads, once, what was told before.
func (f *dropFolder) remember(ctx context.Context) error {
	if f.done != nil {
		return nil
	}
	done := make(map[string]string)
	for query := (store.Query{Part: dropped}); ; {
		page, err := f.table.Query(ctx, query)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			done[item.Key.Sort] = item.Str("version")
		}
		if query.After = page.Next; query.After == "" {
			break
		}
	}
	f.done = done
	return nil
}

// consider tells of a file if it is new and stands still.
func (f *dropFolder) consider(ctx context.Context, file store.BlobInfo) error {
	if f.done[file.Name] == file.Version || f.last[file.Name] != file.Version {
		return nil
	}
	body, err := json.Marshal(f.event(file))
	if err != nil {
		return err
	}
	if err := f.queue.Send(ctx, store.Message{Body: string(body)}); err != nil {
		return err
	}
	item := store.Item{Key: store.Key{Part: dropped, Sort: file.Name}, Attrs: store.Attrs{"version": file.Version}}
	if err := f.table.Put(ctx, item); err != nil {
		return err // the function knows the version when it is told again
	}
	f.done[file.Name] = file.Version
	return nil
}

// forget drops what is kept of files that were taken away.
func (f *dropFolder) forget(ctx context.Context) error {
	for name := range f.done {
		if f.last[name] == "" {
			if err := f.table.Delete(ctx, store.Key{Part: dropped, Sort: name}); err != nil {
				return err
			}
			delete(f.done, name)
		}
	}
	return nil
}

// event is what S3 sends when an object was written.
func (f *dropFolder) event(file store.BlobInfo) events.S3Event {
	return events.S3Event{Records: []events.S3EventRecord{{
		EventVersion: "2.1", EventSource: "aws:s3", AWSRegion: "local", EventTime: f.now().UTC(), EventName: "ObjectCreated:Put",
		S3: events.S3Entity{
			SchemaVersion: "1.0", ConfigurationID: "drop",
			Bucket: events.S3Bucket{Name: "local", Arn: "arn:aws:s3:::local"},
			Object: events.S3Object{
				Key: strings.ReplaceAll(url.QueryEscape(file.Name), "%2F", "/"), URLDecodedKey: file.Name, Size: file.Size, ETag: file.Version,
			},
		},
	}}}
}
