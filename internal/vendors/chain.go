package vendors

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// What a caller may test with errors.Is, beside ErrCap.
var (
	// ErrNone: the account has no active vendor key.
	ErrNone = errors.New("no email verification provider is configured")

	// ErrFailed: no vendor gave a verdict. It is a *FailedError.
	ErrFailed = errors.New("every active provider failed")

	// ErrRequest: a vendor found the request malformed, most likely the address;
	// the others were not asked, since they would get the same. Such an error Is
	// ErrFailed, too: who tells them apart tests ErrRequest first.
	ErrRequest = errors.New("a provider does not accept the address")

	// ErrLate: the time of the request was over before the address was begun. The
	// text is that of the contract.
	ErrLate = errors.New("deadline: not attempted")
)

// FailedError says at which keys a verification failed. It Is ErrFailed, and
// ErrRequest when that is why.
type FailedError struct{ Trace []Step }

// Error joins what the vendors said, each in the form of Error.Error.
func (e *FailedError) Error() string {
	var texts []string
	for _, s := range e.Trace {
		texts = append(texts, s.Error)
	}
	return strings.Join(texts, "; ")
}

// Unwrap returns ErrFailed.
func (e *FailedError) Unwrap() error { return ErrFailed }

// Is reports whether the target is ErrRequest and the reason, too.
func (e *FailedError) Is(target error) bool { return target == ErrRequest && e.Refused() }

// Request is what a verification is for. Address is not used by VerifyAll.
type Request struct {
	Account string
	Key     string // id of the API key that asks
	Address address.Address
	Action  Action
	Subject string // id of the sequence or job; ""
	Cap     Cap
	Fresh   bool // known verdicts do not count
}

// Answer is a verdict and how it came about.
type Answer struct {
	Result
	Vendor  Name
	KeyID   int64
	At      time.Time     // when the vendor was asked
	Latency time.Duration // of this request
	Cost    int64         // of this request, micro-dollars by list price; 0 for what the vendor does not charge
	Cached  bool          // known before, or another request was asking just then
	Trace   []Step        // empty when Cached
}

// Config joins a Chain to its surroundings.
type Config struct {
	Cache   store.Table // verdicts and places among the calls at once
	Book    *Book
	Ledger  *Ledger
	Client  *Client
	Catalog *Catalogs
	Secret  []byte // keys the hashes
	Now     func() time.Time
	Log     *slog.Logger // hears of state that could not be written; nil: nothing is logged

	// Observe hears of calls: "vendor_call", its milliseconds, vendor and
	// outcome. Nil: nobody.
	Observe func(name string, value float64, labels ...string)
}

// Chain verifies addresses through an account's vendor keys. It is safe for
// concurrent use.
type Chain struct {
	cfg     Config
	results results
	places  *places
	flights singleflight.Group
}

// New returns a Chain over its parts.
func New(cfg Config) *Chain {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Observe == nil {
		cfg.Observe = func(string, float64, ...string) {}
	}
	c := &Chain{
		cfg: cfg, results: results{table: cfg.Cache, secret: cfg.Secret, now: cfg.Now}, places: newPlaces(cfg.Cache, cfg.Now),
	}
	cfg.Ledger.kept.Store(&c.results)
	cfg.Catalog.tell(cfg.Log)
	return c
}

// Verify returns a known verdict of the last seven days, or asks the account's
// vendors, until the deadline of ctx, which should have one. ErrNone, ErrCap, a
// *FailedError; any other error is the store's. When ctx is canceled while a
// vendor is asked, the call goes on and its verdict is kept.
//
// Requests for one address of an account at the same time share a call; who
// began it pays. Across processes they do not.
func (c *Chain) Verify(ctx context.Context, r Request) (Answer, error) {
	keys, catalog, err := c.keys(ctx, r.Account)
	if err != nil {
		return Answer{}, err
	}
	if r, err = c.within(ctx, r); err != nil {
		return Answer{}, err
	}
	return c.share(ctx, r, keys, catalog, nil)
}

// keys reads the account's keys and the catalog. ErrNone when none is active.
func (c *Chain) keys(ctx context.Context, account string) ([]opened, Catalog, error) {
	catalog, err := c.cfg.Catalog.Load(ctx)
	if err != nil {
		return nil, nil, err
	}
	keys, err := c.cfg.Book.open(ctx, account)
	if err != nil {
		return nil, nil, err
	}
	if len(order(keys, catalog)) == 0 {
		return nil, nil, ErrNone
	}
	return keys, catalog, nil
}

// candidate is a key and the vendor it is for.
type candidate struct {
	opened
	vendor Vendor
}

// order returns the active keys in the order in which they are asked.
func order(keys []opened, catalog Catalog) []candidate {
	var active []candidate
	for _, v := range catalog {
		first := len(active)
		for _, k := range keys {
			if k.Active && k.Vendor == v.Name {
				active = append(active, candidate{opened: k, vendor: v})
			}
		}
		slices.SortFunc(active[first:], func(a, b candidate) int { return cmp.Compare(a.ID, b.ID) })
	}
	return active
}

// share joins requests for one address, or answers with what one that was under
// way came to. That it failed, in less time or under another cap than this one
// has, proves nothing: then this request asks itself.
func (c *Chain) share(ctx context.Context, r Request, keys []opened, catalog Catalog, together *crowd) (Answer, error) {
	began := time.Now()
	answer, led, err := c.join(ctx, r, keys, catalog, together)
	if err != nil && !led && left(ctx) > leastCall+settleShare {
		answer, led, err = c.join(ctx, r, keys, catalog, together)
	}
	if err != nil {
		return Answer{}, err
	}
	if !led {
		answer.Cached, answer.Cost, answer.Trace = true, 0, nil
	}
	answer.Latency = time.Since(began)
	if answer.Cached {
		c.noteCached(ctx, r, []address.Address{r.Address}, []Answer{answer})
	}
	return answer, nil
}

// join waits for a verification of the address until ctx ends, and reports
// whether it was this request's own.
func (c *Chain) join(ctx context.Context, r Request, keys []opened, catalog Catalog, together *crowd) (Answer, bool, error) {
	led := false
	name := r.Account + "\x00" + r.Address.String()
	if r.Fresh {
		name += "\x00fresh" // must not be answered with what is known
	}
	done := c.flights.DoChan(name, func() (any, error) {
		led = true // read only after done gave something
		detached, cancel := detach(ctx)
		defer cancel()
		return c.find(detached, r, keys, catalog, together)
	})
	select {
	case result := <-done:
		if result.Err != nil {
			return Answer{}, led, result.Err
		}
		return result.Val.(Answer), led, nil
	case <-ctx.Done():
		return Answer{}, true, &FailedError{Trace: []Step{{Outcome: stepDeadline, Error: "deadline: no answer in time"}}}
	}
}

// detach returns a context that keeps the deadline of ctx, if it is within
// longestTurn, but not its cancellation: a paid call is brought to its end.
func detach(ctx context.Context) (context.Context, context.CancelFunc) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(maxCall)
	}
	if last := time.Now().Add(longestTurn); deadline.After(last) {
		deadline = last
	}
	return context.WithDeadline(context.WithoutCancel(ctx), deadline)
}

// find is what the request that leads does: the cache, then the vendors. The
// cache is read here, so that what another one has just paid for is found.
func (c *Chain) find(ctx context.Context, r Request, keys []opened, catalog Catalog, together *crowd) (Answer, error) {
	if !r.Fresh {
		known, err := c.results.find(ctx, r.Account, keys, []address.Address{r.Address})
		if err != nil {
			return Answer{}, err
		}
		for _, answer := range known {
			return answer, nil
		}
	}
	return c.ask(ctx, r, order(keys, catalog), together)
}

// noteCached logs verdicts that were known. The verdicts are not worth less when
// that fails.
func (c *Chain) noteCached(ctx context.Context, r Request, addresses []address.Address, answers []Answer) {
	var pages []*page
	for i, a := range addresses {
		p, err := c.cfg.Ledger.start(r, a)
		if err != nil {
			c.cfg.Log.Error("log cached verification", "error", err)
			return
		}
		p.State, p.Vendor, p.KeyID, p.Result, p.Latency = Cached, answers[i].Vendor, answers[i].KeyID, answers[i].Result, answers[i].Latency
		pages = append(pages, p)
	}
	if err := c.cfg.Ledger.note(ctx, pages); err != nil {
		c.cfg.Log.Error("log cached verification", "error", err)
	}
}
