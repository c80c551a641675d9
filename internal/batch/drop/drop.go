// Package drop makes jobs of the files that customers put into the drop folders
// of their keys.
//
// A file drop/<key id>/NAME is a job of that key, with the key's policy and
// webhook; its results appear as results/<key id>/NAME.csv, NAME.jsonl and
// NAME.summary.json, or NAME.error.json says why there are none. Each version of
// a file is one job, however often it is told of.
package drop

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"

	"rcpt/internal/batch"
	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

// Keys finds API keys. See keys.Book, which is one.
type Keys interface {
	Find(ctx context.Context, id string) (keys.Key, error)
}

// Folder takes files. It is safe for concurrent use.
type Folder struct {
	Jobs *batch.Book
	Keys Keys
	Log  *slog.Logger
}

// Accept makes a job of a version of a file. What will never be a job is told
// where the customer looks for results, and is no error.
func (f Folder) Accept(ctx context.Context, blob, version string) error {
	id, name, ok := batch.Dropped(blob)
	longest := batch.Delivered(id, name, "summary.json") // of what is written for it
	if !ok || store.CheckBlobName(blob) != nil || store.CheckBlobName(longest) != nil {
		f.Log.WarnContext(ctx, "file ignored: it lies in the folder of no key, or has a name that no file here can have")
		return nil
	}
	key, problem, err := f.key(ctx, id)
	if err != nil {
		return err
	}
	if problem != "" {
		return f.refuse(ctx, id, name, problem)
	}
	options, err := optionsOf(key)
	if err != nil {
		return f.refuse(ctx, id, name, "the policy of the key cannot be read; set it anew")
	}
	options.Drop, options.Filename = name, name[strings.LastIndexByte(name, '/')+1:]
	_, err = f.Jobs.Create(ctx, batch.Draft{
		Account: key.Account, Key: key.ID, Test: key.Test, Options: options,
		Source: batch.Source{Blob: blob, Version: version}, Once: "drop\x00" + blob + "\x00" + version, // no header has such a name
	})
	if errors.Is(err, batch.ErrReused) {
		return nil // told of again, when its job was deleted
	}
	return err
}

// key finds the key of a folder, or says what is wrong with it.
func (f Folder) key(ctx context.Context, id string) (k keys.Key, problem string, err error) {
	k, err = f.Keys.Find(ctx, id)
	switch {
	case errors.Is(err, keys.ErrNotFound):
		return k, "there is no key with the id that the folder is named after", nil
	case err != nil:
		return k, "", fmt.Errorf("find key %s: %w", id, err)
	case !k.Usable(f.Jobs.Now()):
		return k, "the key is revoked or expired", nil
	case !k.May(keys.Jobs):
		return k, "the key does not have the scope jobs", nil
	}
	return k, "", nil
}

func optionsOf(k keys.Key) (batch.Options, error) {
	policy, err := verify.ParsePolicy(k.Policy)
	o := batch.Options{Mode: verify.Full, Policy: policy, WebhookURL: k.WebhookURL}
	if !k.Test {
		o.Monthly = k.Limits.Monthly // those of test keys cost nothing
	}
	if k.Plan == keys.PlanSoft {
		o.Mode = verify.Soft
	}
	return o, err
}

// refuse says why there is no job.
func (f Folder) refuse(ctx context.Context, key, name, problem string) error {
	f.Log.WarnContext(ctx, "file refused", "key", key, "problem", problem)
	return f.Jobs.Write(ctx, batch.Delivered(key, name, "error.json"), func(to io.Writer) error {
		return json.NewEncoder(to).Encode(map[string]string{"file": name, "status": string(batch.Failed), "error": problem})
	})
}
