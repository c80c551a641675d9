package prober_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/prober"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/results"
	"rcpt/internal/batch/rows"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/pace"
	"rcpt/internal/sim"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// world is a worker over embedded storage and the simulated mail internet, meant
// for a bubble of synctest: waits of hours and servers that do not answer cost no
// time. Nothing in it opens a socket.
type world struct {
	t        *testing.T
	db       *embedded.DB
	queue    store.Queue // what the worker is fed from
	dead     store.Queue
	faults   *faults
	flow     *flow
	book     *batch.Book
	plain    *batch.Book // without faults, for the test itself
	meter    *usage.Meter
	verifier *verify.Verifier
	worker   *prober.Worker
	ask      prober.Verifier // in place of verifier
	counts   map[string]int  // by metric and outcome
}

const (
	account = "acme"
	key     = "k1"
	receipt = 18 * time.Minute // lease of a delivery, as deployed
)

func newWorld(t *testing.T, change ...func(*world)) *world {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{
		t: t, db: db, faults: &faults{}, flow: &flow{}, counts: make(map[string]int),
		queue: db.Queue("probe", embedded.DeadLetters{Queue: "dead", Receives: 5}), dead: db.Queue("dead", embedded.DeadLetters{}),
	}
	w.flow.faults, w.meter, w.verifier = w.faults, usage.NewMeter(db.Control(), nil, nil), simulated(t, db.Cache())
	config := batch.Config{
		Table: faultyTable{db.Control(), w.faults}, Blob: faultyBlob{db.Blob(), w.faults}, Probes: faultyQueue{w.queue, w.faults},
		Flow: w.flow, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	}
	w.book = batch.NewBook(config)
	config.Table, config.Blob, config.Probes, config.Flow = db.Control(), db.Blob(), w.queue, &flow{}
	w.plain, w.ask = batch.NewBook(config), w.verifier
	for _, c := range change {
		c(w)
	}
	var mu sync.Mutex
	w.worker = prober.New(prober.Config{
		Book: w.book, Meter: w.meter, Verifier: w.ask, TestVerifier: w.ask, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Metric: func(name string, value float64, labels ...string) {
			mu.Lock()
			defer mu.Unlock()
			if len(labels) > 0 {
				name += " " + labels[1]
			}
			w.counts[name] += int(value)
		},
	})
	return w
}

// simulated is a verifier over a mail internet of its own.
func simulated(t *testing.T, cache store.Table) *verify.Verifier {
	t.Helper()
	world := sim.NewOffline(sim.Options{})
	p, err := smtpprobe.New(smtpprobe.Config{
		HELO: "probe.example", MailFrom: "verify@probe.example", Port: 25, Resolver: world,
		Dial: func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
			return world.Dial(ctx, to.Addr())
		},
		Pacer: pace.New(pace.Config{Mode: pace.Off}), Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return verify.New(verify.Config{
		Lists: lists.NewLive(lists.New()), Router: world, Prober: p, Cache: cache, Secret: []byte("secret"),
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
}

// job makes a planned job of addresses, in shards of the given sizes, and sends
// their messages. Row numbers are the places of the addresses; every third address
// stands in a second row, far behind.
func (w *world) job(d batch.Draft, shards ...[]string) batch.Job {
	w.t.Helper()
	ctx := w.t.Context()
	d.Account, d.Key = account, key
	if d.Options.Mode == "" {
		d.Options.Mode = verify.Full
	}
	if d.Options.Policy.Name == "" {
		d.Options.Policy = verify.DefaultPolicy()
	}
	job, err := w.plain.Create(ctx, d)
	w.must(err)
	w.must(w.plain.Read(ctx, job, 1, 1))
	row := int64(0)
	var messages []batch.Message
	for n, emails := range shards {
		var shard plan.Shard
		for _, email := range emails {
			item := &plan.Item{Email: email}
			item.Address, _ = address.Parse(email)
			item.Rows.Add(row)
			if row%3 == 0 {
				item.Rows.Add(row + 100_000)
			}
			shard.Items = append(shard.Items, item)
			row++
		}
		name := batch.FilesOf(job.ID).Shard(int64(n), 0, "planned")
		w.must(w.plain.Write(ctx, name, shard.Write))
		messages = append(messages, batch.Message{Kind: batch.KindShard, Job: job.ID, Shard: int64(n), Items: name})
	}
	w.must(w.plain.Plan(ctx, job, int64(len(shards))))
	w.must(w.plain.Wait(ctx, job.ID, "token-"+job.ID))
	w.must(w.plain.Send(ctx, job, messages...))
	return w.load(job.ID)
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) load(id string) batch.Job {
	w.t.Helper()
	job, err := w.plain.Load(w.t.Context(), id)
	w.must(err)
	return job
}

// run hands messages to the worker, each one times times, and dead letters to
// Bury, until there are none for longer than a lease.
func (w *world) run(times int) {
	w.t.Helper()
	for idle := time.Duration(0); idle < 2*receipt; {
		got := w.pass(w.queue, w.worker.Handle, times)
		got += w.pass(w.dead, w.worker.Bury, times)
		if idle += store.MaxPoll; got > 0 {
			idle = 0
		}
	}
}

func (w *world) pass(from store.Queue, handle func(context.Context, batch.Message) error, times int) int {
	w.t.Helper()
	deliveries, err := from.Receive(w.t.Context(), store.MaxReceive, store.MaxPoll/2, receipt)
	w.must(err)
	var all sync.WaitGroup
	for _, d := range deliveries {
		var m batch.Message
		w.must(json.Unmarshal([]byte(d.Body), &m))
		for range times {
			all.Go(func() {
				ctx, cancel := context.WithTimeout(w.t.Context(), 180*time.Second)
				defer cancel()
				if handle(ctx, m) == nil {
					_ = from.Delete(ctx, d.Receipt)
				}
			})
		}
	}
	all.Wait()
	return len(deliveries)
}

// answers reads what the marks of a job name: answers by row. A row that is
// answered twice is a failure.
func (w *world) answers(id string) map[int64]*results.Answer {
	w.t.Helper()
	found := make(map[int64]*results.Answer)
	marks, next, err := w.plain.Marks(w.t.Context(), id, "", 1000)
	w.must(err)
	if next != "" {
		w.t.Fatal("more marks than expected")
	}
	for _, m := range marks {
		if m.Answers == "" {
			continue
		}
		file, err := w.plain.Open(w.t.Context(), m.Answers)
		w.must(err)
		r, err := results.NewReader(file)
		w.must(err)
		for {
			a, numbers, err := r.Next()
			if err == io.EOF {
				break
			}
			w.must(err)
			for row := range numbers.All() {
				if found[row] != nil {
					w.t.Errorf("row %d is answered twice", row)
				}
				found[row] = a
			}
		}
		_ = file.Close()
	}
	return found
}

// exact fails unless counters and usage are those of the answers, and all rows of
// so many addresses are answered, and the job's task is finished once.
func (w *world) exact(id string, addresses int) map[int64]*results.Answer {
	w.t.Helper()
	answers, job := w.answers(id), w.load(id)
	want, checks := batch.Tally{}, int64(0)
	for _, row := range slices.Sorted(maps.Keys(answers)) {
		a := answers[row]
		want.Add(a.Status, a.Reason, 1)
		if row < 100_000 && a.Reason != verdict.Internal && a.Reason != verdict.Deadline {
			checks++
		}
	}
	if rows := addresses + (addresses+2)/3; len(answers) != rows {
		w.t.Errorf("%d rows are answered, want %d", len(answers), rows)
	}
	if got := fmt.Sprint(job.Done); got != fmt.Sprint(want) {
		w.t.Errorf("the job counts %s, want %s", got, fmt.Sprint(want))
	}
	if !job.Complete() || job.Closed != job.Shards {
		w.t.Errorf("%d of %d shards are closed", job.Closed, job.Shards)
	}
	if got := w.used(); got != checks {
		w.t.Errorf("%d checks are counted, want %d", got, checks)
	}
	if w.flow.succeeded != 1 {
		w.t.Errorf("the task was finished %d times", w.flow.succeeded)
	}
	return answers
}

// used is how many checks of jobs the key's usage shows.
func (w *world) used() (n int64) {
	w.t.Helper()
	days, err := w.meter.Usage(w.t.Context(), key, time.Now().AddDate(0, 0, -5), time.Now())
	w.must(err)
	for _, day := range days {
		for _, outcomes := range day.Counts {
			for _, c := range outcomes {
				n += c
			}
		}
	}
	return n
}

// flow is a workflow whose tokens are alive until they are finished.
type flow struct {
	store.Workflow
	faults    *faults
	mu        sync.Mutex
	finished  map[string]bool
	succeeded int
	ended     time.Time // when the first token was finished
	started   []string
}

func (f *flow) Start(_ context.Context, name string, _ []byte) error {
	return f.faults.write("start", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.started = append(f.started, name)
		return nil
	})
}

func (f *flow) Succeed(_ context.Context, token string, _ []byte) error {
	return f.faults.write("succeed", func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.finished[token] {
			return store.ErrFinished
		}
		if f.finished == nil {
			f.finished, f.ended = make(map[string]bool), time.Now()
		}
		f.finished[token] = true
		f.succeeded++
		return nil
	})
}

// faults makes one call of a store fail: the nth, before it is carried out or
// after. It counts calls.
type faults struct {
	mu    sync.Mutex
	n     int
	after bool
	err   error
	calls []string
}

var errFault = errors.New("fault")

func (f *faults) write(what string, do func() error) error {
	if f == nil {
		return do()
	}
	f.mu.Lock()
	f.calls = append(f.calls, what)
	hit := f.n > 0 && len(f.calls) == f.n
	f.mu.Unlock()
	if !hit {
		return do()
	}
	if f.after {
		_ = do()
	}
	return f.err
}

type faultyTable struct {
	store.Table
	*faults
}

func (t faultyTable) Get(ctx context.Context, k store.Key) (i store.Item, err error) {
	err = t.write("get", func() error { i, err = t.Table.Get(ctx, k); return err })
	return i, err
}

func (t faultyTable) BatchGet(ctx context.Context, k []store.Key) (i []store.Item, err error) {
	err = t.write("get many", func() error { i, err = t.Table.BatchGet(ctx, k); return err })
	return i, err
}

func (t faultyTable) Update(ctx context.Context, u store.Update) (i store.Item, err error) {
	err = t.write("update", func() error { i, err = t.Table.Update(ctx, u); return err })
	return i, err
}

func (t faultyTable) Put(ctx context.Context, i store.Item, c ...store.Cond) error {
	return t.write("put", func() error { return t.Table.Put(ctx, i, c...) })
}

func (t faultyTable) Transact(ctx context.Context, ops []store.Op) error {
	return t.write("transact", func() error { return t.Table.Transact(ctx, ops) })
}

type faultyBlob struct {
	store.Blob
	*faults
}

func (b faultyBlob) Put(ctx context.Context, name string, r io.Reader, o ...store.PutOption) (i store.BlobInfo, err error) {
	octets, err := io.ReadAll(r)
	if err != nil {
		return i, err
	}
	err = b.write("put file", func() error { i, err = b.Blob.Put(ctx, name, bytes.NewReader(octets), o...); return err })
	return i, err
}

func (b faultyBlob) Open(ctx context.Context, name string, offset, length int64, unless string) (r io.ReadCloser, i store.BlobInfo, err error) {
	err = b.write("open file", func() error { r, i, err = b.Blob.Open(ctx, name, offset, length, unless); return err })
	if err != nil && r != nil {
		_ = r.Close()
	}
	return r, i, err
}

type faultyQueue struct {
	store.Queue
	*faults
}

func (q faultyQueue) Send(ctx context.Context, m ...store.Message) error {
	return q.write("send", func() error { return q.Queue.Send(ctx, m...) })
}

// rowsOf is a list of row numbers.
func rowsOf(numbers ...int64) (n rows.Numbers) {
	for _, row := range numbers {
		n.Add(row)
	}
	return n
}

// theirs is the rest that somebody else left: bob, in row 7, at once.
func theirs(to io.Writer) error {
	w := record.NewWriter(to, "left")
	numbers := rowsOf(7)
	entry := append(record.AppendText([]byte{0, 0, 0, 0}, "bob@ok.test"), numbers.Packed()...)
	if err := w.Write(entry); err != nil {
		return err
	}
	return w.Close()
}
