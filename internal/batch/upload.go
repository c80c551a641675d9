package batch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// Bounds of an upload.
const (
	MaxUpload = 4 << 30 // octets; as intake reads at most that much

	uploadTime = time.Hour          // to send the file
	uploadKept = 7 * 24 * time.Hour // to make a job of it
)

// ErrUpload: the account has no such upload, or nothing was sent yet.
var ErrUpload = errors.New("there is no such upload, or the file was not sent yet")

// Upload is a list that is being sent.
type Upload struct {
	ID       string // "up_" and 26 letters and digits
	Filename string
	Link     store.UploadLink
}

func uploadKey(id string) store.Key { return store.Key{Part: "UPLOAD#" + id} }

// NewUpload lets an account send a file of at most size octets.
func (b *Book) NewUpload(ctx context.Context, account, filename string, size int64) (Upload, error) {
	id, err := b.id()
	if err != nil {
		return Upload{}, err
	}
	u := Upload{ID: "up_" + id, Filename: filename}
	item := store.Item{Key: uploadKey(u.ID), Expires: b.Now().Add(uploadKept), Attrs: store.Attrs{
		accountAttr: account, "filename": filename,
	}}
	if err := b.Table.Put(ctx, item); err != nil {
		return Upload{}, fmt.Errorf("keep upload: %w", err)
	}
	u.Link, err = b.Blob.LinkPut(ctx, uploadName(account, u.ID), size, uploadTime)
	if err != nil {
		return Upload{}, fmt.Errorf("make link: %w", err)
	}
	return u, nil
}

// Uploaded returns the list that an account sent under an id, and the name it
// has for people. ErrUpload.
func (b *Book) Uploaded(ctx context.Context, account, id string) (Source, string, error) {
	if len(id) > 64 {
		return Source{}, "", ErrUpload
	}
	item, err := b.Table.Get(ctx, uploadKey(id))
	if errors.Is(err, store.ErrNotFound) || err == nil && item.Str(accountAttr) != account {
		return Source{}, "", ErrUpload
	}
	if err != nil {
		return Source{}, "", fmt.Errorf("read upload: %w", err)
	}
	info, err := b.Blob.Stat(ctx, uploadName(account, id))
	if errors.Is(err, store.ErrNotFound) {
		return Source{}, "", ErrUpload
	}
	if err != nil {
		return Source{}, "", fmt.Errorf("look at upload: %w", err)
	}
	return Source{Blob: info.Name, Version: info.Version}, item.Str("filename"), nil
}
