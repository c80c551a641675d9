package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Config is what a Book is made of. Table, Blob and Queue are required, Secrets
// and Transport for Handle.
type Config struct {
	Table store.Table // the control table
	Blob  store.Blob  // bodies
	Queue store.Queue // of deliveries

	// Secrets returns the webhook secrets of a key that are valid now, the newest
	// first. None: there is no such key, and nothing can be sent for it.
	Secrets func(ctx context.Context, key string) ([]string, error)

	// Transport makes the requests. See NewTransport; it decides what may be
	// reached, and must not follow redirects, which no RoundTripper does.
	Transport http.RoundTripper

	// Allow are the networks that the guard against private addresses lets
	// through. See CheckURL.
	Allow []netip.Prefix

	Now  func() time.Time // default: time.Now
	Rand func() float64   // from 0 to below 1, for jitter; safe for concurrent use; default: math/rand/v2.Float64
	Log  *slog.Logger     // default: slog.Default

	// Metric counts by the names in record.go. Default: nothing is counted.
	Metric func(name string, value float64, labels ...string)
}

// Book posts and makes deliveries. It is safe for concurrent use.
type Book struct{ cfg Config }

// New returns a Book.
func New(cfg Config) *Book {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Float64
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.Metric == nil {
		cfg.Metric = func(string, float64, ...string) {}
	}
	return &Book{cfg: cfg}
}

// Post has a draft delivered. When it returns nil the delivery is recorded and
// its first attempt is in the queue. After an error it may be repeated, as after
// a crash: drafts with one Account, Subject and ID are one delivery, and the body
// of the first stands.
//
// ErrURL; ErrDraft.
func (b *Book) Post(ctx context.Context, d Draft) error {
	if err := b.check(d); err != nil {
		return err
	}
	_, err := b.cfg.Blob.Put(ctx, blobPrefix(d.Account, d.Subject)+d.ID, bytes.NewReader(d.Body), store.Once())
	if err != nil && !errors.Is(err, store.ErrCondition) {
		return fmt.Errorf("keep body of delivery %s: %w", d.ID, err)
	}
	item := d.item(b.cfg.Now())
	err = b.cfg.Table.Put(ctx, item, store.Absent())
	if errors.Is(err, store.ErrCondition) {
		item, err = b.cfg.Table.Get(ctx, item.Key)
	}
	if err != nil {
		return fmt.Errorf("record delivery %s: %w", d.ID, err)
	}
	return b.pass(ctx, item)
}

func (b *Book) check(d Draft) error {
	switch {
	case d.Account == "" || strings.Contains(d.Account, "#"):
		return fmt.Errorf("%w: account %q", ErrDraft, d.Account)
	case !isName(d.Subject) || !isName(d.ID) || !isName(d.Key):
		return fmt.Errorf("%w: subject %q, id %q and key %q must be letters, digits, - and _", ErrDraft, d.Subject, d.ID, d.Key)
	case len(d.Body) > MaxBody:
		return fmt.Errorf("%w: body of %d octets", ErrDraft, len(d.Body))
	case !json.Valid(d.Body):
		return fmt.Errorf("%w: the body is not JSON", ErrDraft)
	case d.Keep < 0:
		return fmt.Errorf("%w: to be kept for %v", ErrDraft, d.Keep)
	}
	return b.CheckURL(d.URL)
}

// item is the delivery before its first attempt, which is due at once.
func (d Draft) item(now time.Time) store.Item {
	keep := d.Keep
	if keep == 0 {
		keep = defaultKeep
	}
	return store.Item{
		Key: itemKey(d.Account, d.Subject, d.ID),
		Attrs: store.Attrs{
			"key": d.Key, "url": d.URL, "state": string(Pending), "created": now.UnixMilli(), "due": now.UnixMilli(),
			"round": int64(1), "attempt": int64(1), "version": int64(1),
		},
		Expires: now.Add(keep),
	}
}
