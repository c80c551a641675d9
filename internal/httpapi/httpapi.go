// Package httpapi is the public HTTP interface: routes, JSON in and out, and
// problem documents. It is an ordinary http.Handler, the same under net/http and
// behind a Lambda trigger.
//
// A request goes straight through:
//
//	httpapi.go  receipt, request id, the guard against overload
//	route.go    path and method, then the key, what it may see and its scope; the
//	            table of routes
//	verify.go   decode, ask the verifier, encode; the other routes likewise:
//	            check.go health.go keys.go lists.go audit.go usage.go openapi.go
//	            reports.go deliver.go hooks.go bounces.go traps.go providers.go
//	            jobs.go jobdraft.go jobresults.go
//	            reverify.go vendorcheck.go vendorlog.go catalog.go sequences.go suppressions.go
//	            webhooksecret.go webhooktest.go
//	admit.go    in front of the verifier: the limits of the key
//	problem.go  what went wrong becomes an RFC 9457 document; the only place that
//	            knows both domain errors and HTTP statuses
//	log.go      one line per request, and no more
//	metrics.go  the same in numbers
//
// The key is checked before the body is read, so that only callers with a key
// can make us hold one. A request is counted against the limits of its key after
// it has been found good: a malformed one costs nothing.
//
// To a key, what belongs to another account does not exist: it is answered 404
// whatever is asked of it, unless the key has the scope admin, which is the
// operator's.
//
// An address with bad syntax is no error: it has a verdict, INVALID, and 200.
//
// What the log never holds: addresses, keys, bodies, query strings, and paths
// other than the patterns of the routes, since paths of webhooks carry a token.
package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"sync/atomic"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/batch"
	"rcpt/internal/enroll"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/notify"
	"rcpt/internal/overlay"
	"rcpt/internal/suppress"
	"rcpt/internal/usage"
	"rcpt/internal/vendors"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// Verifier gives verdicts. It never fails and is never later than the request's
// deadline; a caller that hangs up cancels ctx.
type Verifier interface {
	Verify(ctx context.Context, r verify.Request) verdict.Verdict
}

// Authenticator recognizes API keys: keys.ErrUnknown for a secret that opens
// nothing, another error when it cannot tell.
type Authenticator interface {
	Authenticate(ctx context.Context, secret string) (keys.Key, error)
}

// TokenAuthenticator recognizes hook tokens, as Authenticator does API keys.
type TokenAuthenticator interface {
	AuthenticateHook(ctx context.Context, token string) (keys.Key, error)
}

// Meter admits checks under the limits of a key and tells what they came to. See
// usage.Meter, which is one.
type Meter interface {
	Admit(ctx context.Context, key string, limits usage.Limits) (*usage.Ticket, error)
	Usage(ctx context.Context, key string, from, to time.Time) ([]usage.Day, error)
}

// Deps are the parts the handler is made of. Keys is required, Meter but for
// functions/webhooks, and the parts of the functions whose routes are served.
type Deps struct {
	Keys  Authenticator
	Meter Meter

	// functions/verify. Without a TestVerifier keys of the kind Test are refused.
	Verifier     Verifier
	TestVerifier Verifier // simulated verdicts
	Health       func(context.Context) Health
	ListsInfo    func(context.Context) ListsInfo

	// Recheck asks again later. Nil: nothing is. CheckWebhook says in the caller's
	// words what is wrong with a URL. Nil: there are no webhooks.
	Recheck      Rechecker
	CheckWebhook func(url string) error

	// functions/account.
	Book        *keys.Book
	Tenant      *tenant.Book
	Suppression *suppress.Book

	// ForgetVendors drops what an account's vendors said of an address and returns
	// how many verdicts there were. Nil: none are kept.
	ForgetVendors func(ctx context.Context, account string, a address.Address) (int, error)

	// functions/webhooks. Account needs Overlay and Hooks, too.
	Tokens  TokenAuthenticator
	Overlay *overlay.Book
	Hooks   *hooks.Book

	// Certificate returns the certificate at a URL of Amazon SNS that was checked,
	// Confirm fetches such a URL. Nil: neither can be had.
	Certificate func(ctx context.Context, url string) (*x509.Certificate, error)
	Confirm     func(ctx context.Context, url string) error

	// functions/providers.
	Chain      *vendors.Chain
	VendorKeys *vendors.Book
	Ledger     *vendors.Ledger // account shows its costs, too, if given
	Catalogs   *vendors.Catalogs
	Rests      *vendors.Rests // nil: what a request does not reach is not finished
	Notes      *keys.Book     // where changes are recorded
	Gate       *enroll.Gate

	// functions/jobs.
	Jobs       *batch.Book
	Plans      Plans
	Results    Results
	Deliveries *notify.Book

	// PublicURL is how the outside writes our URL, without a final slash, for
	// ESPs that sign it. Empty: as each request was addressed.
	PublicURL string

	Log *slog.Logger // default: slog.Default

	// Metric counts and measures, by names of metrics.go; labels are pairs of name
	// and value from closed sets. Default: nothing is counted.
	Metric func(name string, value float64, labels ...string)

	// Mark returns a context whose log lines carry name and value: the id of the
	// request and that of its key. Default: they do not.
	Mark func(ctx context.Context, name, value string) context.Context

	Now  func() time.Time // default: time.Now
	Rand io.Reader        // for request ids, safe for concurrent use; default: crypto/rand.Reader

	// MaxInFlight is how many requests may be under way at once; one more is
	// answered 503. Default 10,000: at some 20 KB each they fit into the memory
	// of a small machine, and no client of ours waits in a longer queue.
	MaxInFlight int64
}

// New returns the handler of the routes of some functions, whose parts must be
// given. It is safe for concurrent use.
func New(d Deps, parts ...Part) http.Handler {
	if d.Log == nil {
		d.Log = slog.Default()
	}
	if d.Now == nil {
		d.Now = time.Now
	}
	if d.Rand == nil {
		d.Rand = rand.Reader
	}
	if d.Metric == nil {
		d.Metric = func(string, float64, ...string) {}
	}
	if d.Mark == nil {
		d.Mark = func(ctx context.Context, _, _ string) context.Context { return ctx }
	}
	if d.MaxInFlight == 0 {
		d.MaxInFlight = 10_000
	}
	a := &api{Deps: d}
	a.mux = a.paths(parts)
	return a
}

type api struct {
	Deps
	mux      *http.ServeMux
	page     page
	inFlight atomic.Int64
}

// call is what one request gathers on its way.
type call struct {
	id        string          // request id
	received  time.Time       // when the head of the request had arrived
	route     string          // the pattern that matched, or unmatched
	key       keys.Key        // zero until authenticated
	target    keys.Key        // whose things are meant, on routes of one key
	verdict   verdict.Verdict // zero where none was asked for
	err       error           // why there is no regular answer
	unsettled error           // why a check that has ended still holds its slot, or is not counted
	panicked  *panicked
	patient   bool // the caller sends again what is answered 429 and throws away what is answered 5xx
}

// callKey finds the call in the context of its request.
type callKey struct{}

func callOf(r *http.Request) *call { return r.Context().Value(callKey{}).(*call) }

// ServeHTTP answers one request. Whatever happens, finish has the last word.
func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: a.requestID(r), received: a.Now(), route: "unmatched"}
	rec := &recorder{ResponseWriter: w}
	rec.Header().Set("X-Request-Id", c.id)
	rec.Header().Set("Cache-Control", "no-store") // verdicts are personal data
	rec.Header().Set("X-Content-Type-Options", "nosniff")
	defer a.finish(rec, r, c)

	defer a.inFlight.Add(-1)
	if a.inFlight.Add(1) > a.MaxInFlight {
		c.err = errBusy
		return
	}
	// The mux would redirect a path that is not clean; a client that sends one is
	// told so at once.
	if p := r.URL.Path; !strings.HasPrefix(p, "/") || path.Clean(p) != p {
		c.err = errNotFound
		return
	}
	ctx := a.Mark(r.Context(), "request_id", c.id)
	a.mux.ServeHTTP(rec, r.WithContext(context.WithValue(ctx, callKey{}, c)))
}

// finish turns an error or a panic into a problem document and writes the log
// line.
func (a *api) finish(w *recorder, r *http.Request, c *call) {
	if value := recover(); value != nil {
		c.err, c.panicked = errPanic, newPanicked(value)
	}
	if c.patient && c.err != nil && answerFor(c.err).status >= http.StatusInternalServerError {
		c.err = laterError{c.err}
	}
	if c.err != nil && w.status == 0 {
		writeProblem(w, c)
	}
	took := a.Now().Sub(c.received)
	a.log(w, r, c, took)
	a.measure(w, c, took)
}

// requestID takes over the id the request came with, if it is one to put into
// headers and logs; behind a gateway the trigger has set it to the gateway's.
func (a *api) requestID(r *http.Request) string {
	if id := r.Header.Get("X-Request-Id"); id != "" && len(id) <= 64 && !strings.ContainsFunc(id, notInID) {
		return id
	}
	var octets [12]byte
	if _, err := io.ReadFull(a.Rand, octets[:]); err != nil {
		return "none" // an id is not worth an error
	}
	return hex.EncodeToString(octets[:])
}

// notInID allows letters, digits and what UUIDs, trace ids and API Gateway's
// base64 ids have beside them.
func notInID(c rune) bool {
	letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
	return !letter && !strings.ContainsRune("._-=", c)
}

// recorder remembers the status that was written; 0 means none yet.
type recorder struct {
	http.ResponseWriter
	status int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(body)
}

// Unwrap serves http.ResponseController.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
