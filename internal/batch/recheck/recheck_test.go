package recheck_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/recheck"
	"rcpt/internal/embedded"
	"rcpt/internal/lists"
	"rcpt/internal/notify"
	"rcpt/internal/pace"
	"rcpt/internal/sim"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// world is a book of rechecks over embedded storage and the simulated mail
// internet, for a bubble of synctest.
type world struct {
	t        *testing.T
	db       *embedded.DB
	queue    store.Queue
	dead     store.Queue
	faults   *faults
	verifier recheck.Verifier
	mu       sync.Mutex
	asked    []time.Duration // when, since the beginning
	book     *recheck.Book
	hooks    *notify.Book
	meter    *usage.Meter
}

const lease = 18 * time.Minute

func newWorld(t *testing.T) *world {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{
		t: t, db: db, faults: &faults{}, queue: db.Queue("probe", embedded.DeadLetters{Queue: "dead", Receives: 5}),
		dead: db.Queue("dead", embedded.DeadLetters{}), meter: usage.NewMeter(db.Control(), nil, nil), verifier: simulated(t, db.Cache()),
	}
	w.hooks = notify.New(notify.Config{Table: db.Control(), Blob: db.Blob(), Queue: db.Queue("delivery", embedded.DeadLetters{})})
	w.book = recheck.New(recheck.Config{
		Table: faultyTable{db.Control(), w.faults}, Vault: db.Vault(), Queue: faultyQueue{w.queue, w.faults},
		Verifier: asking{w}, TestVerifier: asking{w}, Meter: w.meter,
		Policy: func(_ context.Context, _, name string) (verify.Policy, error) { return verify.PolicyNamed(name) },
		Post: func(ctx context.Context, d notify.Draft) error {
			return w.faults.call(func() error { return w.hooks.Post(ctx, d) })
		},
		Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	return w
}

// asking notes when the verifier is asked.
type asking struct{ w *world }

func (a asking) VerifyAll(ctx context.Context, requests iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict] {
	a.w.mu.Lock()
	a.w.asked = append(a.w.asked, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).Round(time.Minute))
	a.w.mu.Unlock()
	return a.w.verifier.VerifyAll(ctx, requests, f)
}

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

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func draft(email string) recheck.Draft {
	return recheck.Draft{
		Key: "k1", Account: "acme", Email: email, Mode: verify.Full, WebhookURL: "https://hooks.example/rcpt", RetryAt: time.Now().Add(time.Minute),
	}
}

// run deals with messages, each so many times, until there are none for longer
// than a lease.
func (w *world) run(times int) {
	w.t.Helper()
	for idle := time.Duration(0); idle < 2*lease; idle += 20 * time.Second {
		for _, from := range []store.Queue{w.queue, w.dead} {
			deliveries, err := from.Receive(w.t.Context(), 10, 10*time.Second, lease)
			w.must(err)
			for _, d := range deliveries {
				idle = 0
				var m batch.Message
				w.must(json.Unmarshal([]byte(d.Body), &m))
				handle := w.book.Handle
				if from == w.dead {
					handle = w.book.Bury
				}
				for range times {
					ctx, cancel := context.WithTimeout(w.t.Context(), 180*time.Second)
					if handle(ctx, m) == nil {
						_ = from.Delete(ctx, d.Receipt)
					}
					cancel()
				}
			}
		}
	}
}

// done fails unless the recheck has a verdict, counted once under a kind, and
// posted once. One that had to be asked for again may count as cached, too.
func (w *world) done(id, kind string) verdict.Verdict {
	w.t.Helper()
	found, err := w.book.Find(w.t.Context(), "acme", id)
	w.must(err)
	if found.Verdict == nil {
		w.t.Fatalf("no verdict after %v", w.asked)
	}
	days, err := w.meter.Usage(w.t.Context(), "k1", time.Now().AddDate(0, 0, -3), time.Now())
	w.must(err)
	counted := int64(0)
	for _, day := range days {
		counted += day.Counts[kind][string(found.Verdict.Status)]
		if w.faults.n > 0 {
			counted += day.Counts["cached"][string(found.Verdict.Status)]
		}
	}
	if counted != 1 {
		w.t.Errorf("%d checks are counted as %s: %v", counted, kind, days)
	}
	deliveries, _, err := w.hooks.List(w.t.Context(), "acme", id, "", 10)
	w.must(err)
	if len(deliveries) != 1 || deliveries[0].URL != "https://hooks.example/rcpt" || deliveries[0].Key != "k1" {
		w.t.Errorf("deliveries: %+v", deliveries)
	}
	return *found.Verdict
}

func TestAGreylistedAddressIsSettledLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		for v := range w.verifier.VerifyAll(t.Context(), one("alice@greylist.test"), verify.Flow{}) {
			_ = v // first contact
		}
		d := draft("alice@greylist.test")
		id, err := w.book.Later(t.Context(), d)
		w.must(err)
		if !strings.HasPrefix(id, "rv_") || len(id) > 64 || strings.ToLower(id) != id {
			t.Errorf("id %q", id)
		}
		pending, err := w.book.Find(t.Context(), "acme", id)
		if err != nil || pending.Verdict != nil || !pending.RetryAt.Equal(d.RetryAt.Truncate(time.Millisecond)) {
			t.Errorf("pending: %+v, %v", pending, err)
		}
		w.run(1)
		if v := w.done(id, "full"); v.Status != verdict.Valid || v.Email != d.Email || v.Evidence != nil {
			t.Errorf("got %+v", v)
		}
		if len(w.asked) != 1 || w.asked[0] != time.Minute {
			t.Errorf("asked at %v, want once, at the time that was stated", w.asked)
		}
	})
}

func one(email string) iter.Seq[verify.Request] {
	return func(yield func(verify.Request) bool) { yield(verify.Request{Scope: "k1", Email: email}) }
}

// TestFirstContactComesWithTheRecheck: then the recheck waits by itself.
func TestFirstContactComesWithTheRecheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
		w.must(err)
		w.run(1)
		if v := w.done(id, "full"); v.Status != verdict.Valid || len(w.asked) != 2 {
			t.Errorf("%s %s after %v", v.Status, v.Reason, w.asked)
		}
	})
}

func TestWhatDoesNotChangeEndsUnknown(t *testing.T) {
	for _, tt := range []struct {
		email string
		test  bool
		asked int
		kind  string
	}{
		{"alice@busy.test", false, 2, "full"}, {"alice@busy.test", true, 1, "test"}, {"alice@blocked.test", false, 1, "full"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w, d := newWorld(t), draft(tt.email)
			d.Test = tt.test
			id, err := w.book.Later(t.Context(), d)
			w.must(err)
			w.run(1)
			if v := w.done(id, tt.kind); v.Status != verdict.Unknown || len(w.asked) != tt.asked {
				t.Errorf("%s: %s %s after %v", tt.email, v.Status, v.Reason, w.asked)
			}
		})
	}
}

// slow finds nothing but greylisting, for ever.
type slow struct{}

func (slow) VerifyAll(_ context.Context, requests iter.Seq[verify.Request], _ verify.Flow) iter.Seq2[int, verdict.Verdict] {
	return func(yield func(int, verdict.Verdict) bool) {
		for r := range requests {
			e := verify.Evidence{Given: r.Email, Lost: verify.LostDeadline, Gathered: time.Now()}
			v := verify.Decide(e, r.Policy)
			v.Evidence = e
			yield(0, v)
		}
	}
}

func TestARecheckEndsAfterADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verifier = slow{}
		d := draft("alice@ok.test")
		d.RetryAt = time.Now().AddDate(1, 0, 0)
		id, err := w.book.Later(t.Context(), d)
		w.must(err)
		w.run(1)
		if v := w.done(id, "full"); v.Reason != verdict.Deadline || len(w.asked) != 1 || w.asked[0] != 24*time.Hour {
			t.Errorf("%s at %v", v.Reason, w.asked)
		}
		time.Sleep(29 * 24 * time.Hour)
		if _, err := w.book.Find(t.Context(), "acme", id); err != nil {
			t.Errorf("29 days later: %v", err)
		}
		time.Sleep(2 * 24 * time.Hour)
		if _, err := w.book.Find(t.Context(), "acme", id); !errors.Is(err, recheck.ErrNotFound) {
			t.Errorf("31 days later: %v", err)
		}
	})
}

func TestARecheckBelongsToItsAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.book.Later(t.Context(), draft("alice@ok.test"))
		w.must(err)
		for _, c := range []struct{ account, id string }{{"other", id}, {"acme", "rv_0"}, {"acme", "job_0"}, {"acme", "rv_" + strings.Repeat("a", 3000)}} {
			if _, err := w.book.Find(t.Context(), c.account, c.id); !errors.Is(err, recheck.ErrNotFound) {
				t.Errorf("%s, %.10s: %v", c.account, c.id, err)
			}
		}
		w.must(w.book.Handle(t.Context(), batch.Message{Kind: batch.KindRecheck, Recheck: "rv_gone"}))
	})
}

// TestNothingIsReadable: the item is stored in a table that people look into.
func TestNothingIsReadable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.book.Later(t.Context(), draft("alice@ok.test"))
		w.must(err)
		w.run(1)
		item, err := w.db.Control().Get(t.Context(), store.Key{Part: "RVF#" + id})
		w.must(err)
		for name, value := range item.Attrs {
			text, _ := value.(string)
			if octets, ok := value.([]byte); ok {
				text = string(octets)
			}
			if strings.Contains(text, "alice") {
				t.Errorf("%s shows the address", name)
			}
		}
	})
}

// TestTheWebhookIsWhatJavaScriptWouldWrite, so that receivers may re-serialize it.
func TestTheWebhookIsWhatJavaScriptWouldWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.book.Later(t.Context(), draft(`"<a&b>"@ok.test`))
		w.must(err)
		w.run(1)
		v := w.done(id, "full")
		page, err := w.db.Blob().List(t.Context(), "", "", 10)
		w.must(err)
		if len(page.Blobs) != 1 {
			t.Fatalf("%d files", len(page.Blobs))
		}
		file, _, err := w.db.Blob().Open(t.Context(), page.Blobs[0].Name, 0, -1, "")
		w.must(err)
		defer func() { _ = file.Close() }()
		body, err := io.ReadAll(file)
		w.must(err)
		if again, err := jsonjs.Canonical(string(body)); err != nil || again != string(body) {
			t.Errorf("%s is written again as %s, %v", body, again, err)
		}
		head := `{"id":"` + id + `","status":"done","verdict":{"email":"\"<a&b>\"@ok.test","status":"` + string(v.Status) + `","score":`
		if !strings.HasPrefix(string(body), head) {
			t.Errorf("body is %s, want it to begin with %s", body, head)
		}
	})
}

func TestWithoutWebhookTheVerdictIsFound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, d := newWorld(t), draft("alice@ok.test")
		d.WebhookURL = ""
		id, err := w.book.Later(t.Context(), d)
		w.must(err)
		w.run(1)
		found, err := w.book.Find(t.Context(), "acme", id)
		if err != nil || found.Verdict == nil || found.Verdict.Status != verdict.Valid {
			t.Errorf("got %+v, %v", found, err)
		}
		if deliveries, _, _ := w.hooks.List(t.Context(), "acme", id, "", 10); len(deliveries) != 0 {
			t.Errorf("deliveries: %+v", deliveries)
		}
	})
}

func TestMessagesOfARecheckComeMoreThanOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		id, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
		w.must(err)
		w.run(3)
		if v := w.done(id, "full"); v.Status != verdict.Valid || len(w.asked) != 2 {
			t.Errorf("%s after %v", v.Status, w.asked)
		}
	})
}

// late takes a while for what another verifier says.
type late struct{ recheck.Verifier }

func (l late) VerifyAll(ctx context.Context, r iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict] {
	time.Sleep(10 * time.Second)
	return l.Verifier.VerifyAll(ctx, r, f)
}

// TestTwoWorkersMoveARecheckOnOnce: the one that is late sends nothing.
func TestTwoWorkersMoveARecheckOnOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		w.verifier = late{w.verifier}
		id, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
		w.must(err)
		time.Sleep(time.Minute)
		first, err := w.queue.Receive(t.Context(), 10, 0, time.Hour)
		w.must(err)
		var all sync.WaitGroup
		for range 3 {
			all.Go(func() {
				if err := w.book.Handle(t.Context(), batch.Message{Kind: batch.KindRecheck, Recheck: id}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		time.Sleep(10 * time.Minute)
		next, err := w.queue.Receive(t.Context(), 10, 0, time.Second)
		w.must(err)
		if len(first) != 1 || len(next) != 1 {
			t.Errorf("%d messages, then %d", len(first), len(next))
		}
		w.run(1)
		w.done(id, "full")
	})
}

func TestWhoeverDiesTheRecheckGoesOn(t *testing.T) {
	clean := 0
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		_, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
		w.must(err)
		w.faults.calls = 0
		w.run(1)
		clean = w.faults.calls
	})
	for n := 1; n <= clean; n++ {
		for _, after := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				id, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
				w.must(err)
				w.faults.calls, w.faults.n, w.faults.after = 0, n, after
				w.run(1)
				if v := w.done(id, "full"); v.Status != verdict.Valid || t.Failed() {
					t.Errorf("call %d of %d, after %v: %s", n, clean, after, v.Status)
				}
			})
		}
	}
}

// hung never answers within the time of its function.
type hung struct{ recheck.Verifier }

func (h hung) VerifyAll(ctx context.Context, r iter.Seq[verify.Request], f verify.Flow) iter.Seq2[int, verdict.Verdict] {
	time.Sleep(time.Hour)
	return h.Verifier.VerifyAll(ctx, r, f)
}

func TestARecheckThatNobodyCanDealWithEnds(t *testing.T) {
	for good, want := range map[int]verdict.Reason{0: verdict.Internal, 1: verdict.Greylisted} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			id, err := w.book.Later(t.Context(), draft("alice@greylist.test"))
			w.must(err)
			for range good {
				time.Sleep(time.Minute)
				w.must(w.book.Handle(t.Context(), batch.Message{Kind: batch.KindRecheck, Recheck: id}))
			}
			w.verifier = hung{w.verifier}
			w.run(1)
			if v := w.done(id, "full"); v.Status != verdict.Unknown || v.Reason != want {
				t.Errorf("%s %s, want %s", v.Status, v.Reason, want)
			}
		})
	}
}

func TestWhatIsNotAcceptedIsNotPromised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for n := 1; n <= 2; n++ {
			w := newWorld(t)
			w.faults.n = n
			if id, err := w.book.Later(t.Context(), draft("alice@ok.test")); !errors.Is(err, errFault) {
				t.Errorf("call %d fails: %q, %v", n, id, err)
			}
		}
	})
}

// faults makes the nth call fail, before it is carried out or after.
type faults struct {
	mu    sync.Mutex
	calls int
	n     int
	after bool
}

var errFault = errors.New("fault")

func (f *faults) call(do func() error) error {
	f.mu.Lock()
	f.calls++
	hit := f.calls == f.n
	f.mu.Unlock()
	if !hit {
		return do()
	}
	if f.after {
		_ = do()
	}
	return errFault
}

type faultyTable struct {
	store.Table
	*faults
}

func (t faultyTable) Get(ctx context.Context, k store.Key) (i store.Item, err error) {
	err = t.call(func() error { i, err = t.Table.Get(ctx, k); return err })
	return i, err
}

func (t faultyTable) Put(ctx context.Context, i store.Item, c ...store.Cond) error {
	return t.call(func() error { return t.Table.Put(ctx, i, c...) })
}

func (t faultyTable) Transact(ctx context.Context, ops []store.Op) error {
	return t.call(func() error { return t.Table.Transact(ctx, ops) })
}

type faultyQueue struct {
	store.Queue
	*faults
}

func (q faultyQueue) Send(ctx context.Context, m ...store.Message) error {
	return q.call(func() error { return q.Queue.Send(ctx, m...) })
}
