package batch

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Config joins a Book to its surroundings. A function that only works on jobs
// needs no Flow, one that only shows them no queue.
type Config struct {
	Table  store.Table // control
	Blob   store.Blob
	Probes store.Queue    // of Messages
	Flow   store.Workflow // executions are named as their jobs
	Now    func() time.Time

	// GiveBack is the operation that takes back checks of a key's month. Nil: what
	// was charged stays so.
	GiveBack func(key string, at time.Time, n int64) store.Op

	Rand io.Reader // default: crypto/rand.Reader
	Log  *slog.Logger
}

// Book keeps jobs. It is safe for concurrent use, and any number of them may
// share a table.
//
//	JOB#<id>                               the job, see item.go
//	JOB#<id> / CHARGE                      its rows are charged to the key
//	JOB#<id> / PLAN#<partition>#<pass>     a pass whose answers are counted
//	JOB#<id> / SHARD#<shard>#<attempt>     an attempt whose answers are counted
//	ACC#<account> / JOB#<time>#<id>        by which an account lists its jobs
//	IDEM#<key> / <hash>                    an idempotency key and its job
type Book struct{ Config }

// NewBook returns a Book over its parts.
func NewBook(c Config) *Book {
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	return &Book{c}
}

// Draft is a job to be made.
type Draft struct {
	Account string
	Key     string
	Test    bool
	Options Options

	Source Source    // a list that is there already
	Input  io.Reader // or the list itself
	Rows   int64     // of the list, if that is known; for people

	Deadline time.Duration // from now on; 0: DefaultDeadline
	Keep     time.Duration // 0: DefaultKeep

	// Once, if it is not empty, names the request: a second one of the key with
	// the same name is the same job, if Body, a hash of what was asked, is the
	// same, too.
	Once string
	Body []byte

	// Refused, if it is not nil, is why there may be no new job: the error of
	// Create, unless the job was kept before.
	Refused error
}

// Create keeps a job and begins its execution. A draft that was kept before, by
// its Once, gives that job. ErrReused when it was another draft; any other error
// is of the ports, and then the same call may be repeated: with Once there is
// one job.
func (b *Book) Create(ctx context.Context, d Draft) (Job, error) {
	if job, found, err := b.before(ctx, d); err != nil || found {
		return b.again(ctx, job, err)
	}
	if d.Refused != nil {
		return Job{}, d.Refused
	}
	job, err := b.draft(d)
	if err != nil {
		return Job{}, err
	}
	if d.Input != nil {
		info, err := b.Blob.Put(ctx, FilesOf(job.ID).Input(), d.Input)
		if err != nil {
			return Job{}, fmt.Errorf("keep list: %w", err)
		}
		job.Source = Source{Blob: info.Name, Version: info.Version}
	}
	err = b.keep(ctx, job, d)
	if err == nil {
		b.begin(ctx, job)
		return job, nil
	}
	if d.Input != nil && unwritten(err) { // else it may be the job's
		if err := b.Blob.Delete(ctx, FilesOf(job.ID).Input()); err != nil {
			b.Log.WarnContext(ctx, "list of no job left behind", "job", job.ID, "error", err)
		}
	}
	if d.Once != "" && errors.Is(err, store.ErrCondition) {
		if job, found, err := b.before(ctx, d); err != nil || found {
			return b.again(ctx, job, err)
		}
		err = store.ErrThrottled // it was deleted in between
	}
	return Job{}, fmt.Errorf("keep job: %w", err)
}

// unwritten reports an error after which it is known that nothing was written.
func unwritten(err error) bool {
	return errors.Is(err, store.ErrCondition) || errors.Is(err, store.ErrThrottled) && !errors.Is(err, store.ErrUnknown)
}

// again returns a job that was kept before, begun: whoever kept it may have died
// then, and its message comes a minute later.
func (b *Book) again(ctx context.Context, job Job, err error) (Job, error) {
	if err == nil && job.Status == Queued {
		b.begin(ctx, job)
	}
	return job, err
}

// begin begins the execution of a job. If that fails its message will.
func (b *Book) begin(ctx context.Context, job Job) {
	if err := b.start(ctx, job.ID); err != nil {
		b.Log.WarnContext(ctx, "job not begun yet", "job", job.ID, "error", err)
	}
}

// draft makes a job with an id nobody has.
func (b *Book) draft(d Draft) (Job, error) {
	id, err := b.id()
	if err != nil {
		return Job{}, err
	}
	now := b.Now().UTC().Truncate(time.Millisecond)
	deadline, keep := d.Deadline, d.Keep
	if deadline == 0 {
		deadline = DefaultDeadline
	}
	if keep == 0 {
		keep = DefaultKeep
	}
	return Job{
		ID: "job_" + id, Account: d.Account, Key: d.Key, Test: d.Test, Status: Queued, Options: d.Options,
		Source: d.Source, Total: d.Rows, CreatedAt: now, Deadline: now.Add(deadline), Keep: keep,
	}, nil
}

// id returns 26 letters and digits: 130 random bits.
func (b *Book) id() (string, error) {
	const letters = "0123456789abcdefghijkmnpqrstuvwx"
	var octets [26]byte
	if _, err := io.ReadFull(b.Rand, octets[:]); err != nil {
		return "", fmt.Errorf("make id: %w", err)
	}
	for i := range octets {
		octets[i] = letters[octets[i]%32]
	}
	return string(octets[:]), nil
}

// Unique returns a name that nobody else has, for Files.
func (b *Book) Unique() (string, error) { return b.id() }

func onceKey(d Draft) store.Key {
	hash := sha256.Sum256([]byte(d.Once))
	return store.Key{Part: "IDEM#" + d.Key, Sort: hex.EncodeToString(hash[:])}
}

// before finds the job of a draft that came before.
func (b *Book) before(ctx context.Context, d Draft) (Job, bool, error) {
	if d.Once == "" {
		return Job{}, false, nil
	}
	item, err := b.Table.Get(ctx, onceKey(d))
	if errors.Is(err, store.ErrNotFound) {
		return Job{}, false, nil
	}
	if err != nil {
		return Job{}, false, fmt.Errorf("read idempotency key: %w", err)
	}
	if !bytes.Equal(item.Bytes("body"), d.Body) {
		return Job{}, false, ErrReused
	}
	job, err := b.Load(ctx, item.Str("job"))
	if errors.Is(err, ErrJob) {
		return Job{}, false, fmt.Errorf("the job of this Idempotency-Key was deleted: %w", ErrReused)
	}
	return job, err == nil, err
}

// keep writes a job. That its answer was lost is no error if the job is there.
func (b *Book) keep(ctx context.Context, job Job, d Draft) error {
	item, err := jobItem(job)
	if err != nil {
		return err
	}
	// Before the job is there, so that it is begun whoever dies after that.
	guard := Message{Kind: KindStart, Job: job.ID, NotBefore: b.Now().Add(startGuard).UnixMilli()}
	if err := b.send(ctx, job.Account, guard); err != nil {
		return err
	}
	ops := []store.Op{
		store.PutOp(item, store.Absent()),
		store.PutOp(store.Item{Key: listKey(job.Account, job.CreatedAt, job.ID), Expires: item.Expires}),
	}
	if d.Once != "" {
		ops = append(ops, store.PutOp(store.Item{
			Key: onceKey(d), Expires: job.CreatedAt.Add(idempotent), Attrs: store.Attrs{"job": job.ID, "body": d.Body},
		}, store.Absent()))
	}
	if err = b.Table.Transact(ctx, ops); err == nil || unwritten(err) {
		return err
	}
	if _, look := b.Load(ctx, job.ID); look == nil {
		return nil
	}
	return err
}

// start begins the execution of a job, once however often it is called.
func (b *Book) start(ctx context.Context, id string) error {
	input, err := json.Marshal(map[string]string{"job": id})
	if err != nil {
		return fmt.Errorf("encode input: %w", err)
	}
	return b.Flow.Start(ctx, id, input)
}

// Start begins the execution of a job that is there and not begun: what a
// message of KindStart asks for.
func (b *Book) Start(ctx context.Context, id string) error {
	job, err := b.Load(ctx, id)
	if errors.Is(err, ErrJob) || err == nil && job.Status != Queued {
		return nil
	}
	if err != nil {
		return err
	}
	return b.start(ctx, id)
}

// isJob reports whether a text may be the id of a job.
func isJob(id string) bool { return strings.HasPrefix(id, "job_") && len(id) <= 64 }

// Load returns a job whoever it belongs to. ErrJob when there is none.
func (b *Book) Load(ctx context.Context, id string) (Job, error) {
	if !isJob(id) {
		return Job{}, ErrJob
	}
	item, err := b.Table.Get(ctx, jobKey(id))
	if errors.Is(err, store.ErrNotFound) {
		return Job{}, ErrJob
	}
	if err != nil {
		return Job{}, fmt.Errorf("read job %s: %w", id, err)
	}
	return jobOf(item)
}

// Find returns a job of an account. ErrJob when it has no such job.
func (b *Book) Find(ctx context.Context, account, id string) (Job, error) {
	job, err := b.Load(ctx, id)
	if err == nil && job.Account != account {
		return Job{}, ErrJob
	}
	return job, err
}

// List returns jobs of an account, the latest first, up to limit (1 to 100). It
// goes on behind after, the next of an earlier page; next is empty when there
// are no more.
func (b *Book) List(ctx context.Context, account, after string, limit int) (jobs []Job, next string, err error) {
	part := "ACC#" + account
	behind, err := sortAfter(after)
	if err != nil {
		return nil, "", err
	}
	query := store.Query{Part: part, Prefix: listPrefix, After: behind, Descending: true, Limit: limit}
	if query.Check() != nil {
		return nil, "", ErrCursor
	}
	page, err := b.Table.Query(ctx, query)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	keys := make([]store.Key, len(page.Items))
	for i, item := range page.Items {
		keys[i] = jobKey(idOf(item.Key.Sort))
	}
	items, err := b.Table.BatchGet(ctx, keys)
	if err != nil {
		return nil, "", fmt.Errorf("list jobs: %w", err)
	}
	found := make(map[store.Key]store.Item, len(items))
	for _, item := range items {
		found[item.Key] = item
	}
	for _, key := range keys {
		item, ok := found[key]
		if !ok {
			continue // deleted just now
		}
		job, err := jobOf(item)
		if err != nil {
			return nil, "", err
		}
		jobs = append(jobs, job)
	}
	return jobs, cursorOf(page.Next), nil
}

// send puts messages of an account into the queue of probes.
func (b *Book) send(ctx context.Context, account string, messages ...Message) error {
	posts := make([]store.Message, len(messages))
	for i, m := range messages {
		post, err := m.Post(account, b.Now())
		if err != nil {
			return err
		}
		posts[i] = post
	}
	if err := b.Probes.Send(ctx, posts...); err != nil {
		return fmt.Errorf("send probe messages: %w", err)
	}
	return nil
}

// Send puts messages of a job into the queue of probes.
func (b *Book) Send(ctx context.Context, job Job, messages ...Message) error {
	return b.send(ctx, job.Account, messages...)
}

// PutOff sends a message again that came before its time, or is to come later, for
// whoever shares the queue.
func (b *Book) PutOff(ctx context.Context, account string, m Message) error {
	return b.send(ctx, account, m)
}

// groupOf names the account in words that a queue takes.
func groupOf(account string) string {
	hash := sha256.Sum256([]byte(account))
	return hex.EncodeToString(hash[:16])
}
