// Package vendordouble stands in for the five verification vendors: one HTTP
// handler that answers as their APIs do, errors included, which four of five
// send with status 200. It is what tests ask instead of a vendor, and what
// RCPT_VENDOR_BASE_<VENDOR>=sim serves. It imports nothing of ours: what it says
// is written down from the vendors' documentation (mid 2026), not from the code
// it tests.
//
// The API key says how the vendor feels. Its name is what stands before the
// first hyphen or underscore, as in "good-key-1":
//
//	good       answers; 10,000 credits      few3       3 credits are left
//	bad        is no key                    empty      no credits are left
//	slow       answers after Options.Slow   delay100   answers after 100 ms
//	hang       never answers                down       500; outage: what the vendor says itself
//	throttled  too fast                     retry7     429 with Retry-After: 7
//	html       200 with a page of HTML      cut        200 with half an answer
//	huge       200 with 10 MB               blocked    our address is blocked
//	plan       the plan is used up, in the vendor's second way of saying so
//	metered    an account that has no number of credits
//	echo       is no key, and the error quotes it together with the address
//	redirect   302 to another host          forbidden  403
//	doubt      ZeroBounce's text for a wrong key or no credits, with credits left
//
// Every other name is no key. The local part of an address says what becomes of
// it: ok, invalid, catchall, disposable, role, unknown, spamtrap, full, disabled,
// greylisted, newword (a status that is in no table), for Hunter also pending,
// odd and refused; what follows a hyphen, a plus or digits does not matter. With
// "as.STATUS" or "as.STATUS.SUB" the vendor says just that. Every other local
// part is ok.
package vendordouble

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options adjusts a Double. The zero value is ready to use.
type Options struct {
	Slow    time.Duration // how long slow keys take; 0: 3 s
	Pending int           // how often Hunter answers 202 for one address; 0: twice
	BadKeys int           // requests with a wrong key that ZeroBounce takes in an hour; 0: 200
	Now     func() time.Time
}

// Double is the five vendors. It is an http.Handler, safe for concurrent use.
type Double struct {
	options Options

	mu      sync.Mutex
	vendors map[string]*vendor
	credits map[string]int64 // by vendor and key
	loads   map[string]*load // likewise
	pending map[string]int   // by address
	emails  map[string][]string
	server  *http.Server
}

// Counts is what a vendor has seen.
type Counts struct {
	Requests int // of any kind
	Checks   int // verdicts given
	Charged  int // of those, the ones that cost a credit
	Balances int // questions for credits
	Refused  int // requests with a wrong key
	AtOnce   int // most checks at one time
}

type vendor struct {
	Counts
	now    int         // checks being answered
	guilty []time.Time // when wrong keys came in the last hour, to ZeroBounce
	banned time.Time   // when there were too many
}

// New returns a Double that nobody has asked yet.
func New(o Options) *Double {
	if o.Slow == 0 {
		o.Slow = 3 * time.Second
	}
	if o.Pending == 0 {
		o.Pending = 2
	}
	if o.BadKeys == 0 {
		o.BadKeys = defaultBads
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Double{
		options: o, vendors: map[string]*vendor{}, credits: map[string]int64{}, loads: map[string]*load{}, pending: map[string]int{}, emails: map[string][]string{},
	}
}

// Start serves the double on a loopback port until Close, and returns its base
// URL, the same for all vendors: their paths tell them apart.
func (d *Double) Start() (base string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for vendor double: %w", err)
	}
	d.server = &http.Server{Handler: d, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = d.server.Serve(listener) }()
	return "http://" + listener.Addr().String(), nil
}

// Close ends what Start began, calls that hang included.
func (d *Double) Close() error {
	if d.server == nil {
		return nil
	}
	return d.server.Close()
}

// Counts returns what a vendor has seen so far.
func (d *Double) Counts(name string) Counts {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.vendor(name).Counts
}

// Emails returns the addresses a vendor was asked about, as they arrived.
func (d *Double) Emails(name string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.emails[name]...)
}

func (d *Double) vendor(name string) *vendor {
	v := d.vendors[name]
	if v == nil {
		v = &vendor{}
		d.vendors[name] = v
	}
	return v
}

// question is a request as the vendor reads it.
type question struct {
	vendor, key, email string
	balance            bool
	mood               string // the name of the key, without its number
	number             int    // of the name of the key
	known              bool   // the request had a key at all
	quick              bool   // Reoon's mode without a mailbox check, which is what it does unless told
	credits            bool   // NeverBounce shall say what is left
}

// route says whose path this is. Trailing slashes matter to nobody but Reoon's
// balance.
func route(path string) (name string, balance, ok bool) {
	switch strings.TrimSuffix(path, "/") {
	case "/api/v3":
		return "millionverifier", false, true
	case "/api/v3/credits":
		return "millionverifier", true, true
	case "/api/v1/verify":
		return "reoon", false, true
	case "/api/v1/check-account-balance":
		return "reoon", true, strings.HasSuffix(path, "/")
	case "/v4.2/single/check":
		return "neverbounce", false, true
	case "/v4.2/account/info":
		return "neverbounce", true, true
	case "/v2/validate":
		return "zerobounce", false, true
	case "/v2/getcredits":
		return "zerobounce", true, true
	case "/v2/email-verifier":
		return "hunter", false, true
	case "/v2/account":
		return "hunter", true, true
	}
	return "", false, false
}

// ServeHTTP answers as the vendor whose path it is.
func (d *Double) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, balance, ok := route(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	if r.Method != http.MethodGet && (name != "neverbounce" || r.Method != http.MethodPost) {
		reply(w, http.StatusMethodNotAllowed, map[string]any{"error": "method not allowed"})
		return
	}
	q := read(r, name)
	q.balance = balance
	d.mu.Lock()
	v := d.vendor(name)
	v.Requests++
	if balance {
		v.Balances++
	} else {
		v.now++
		v.AtOnce = max(v.AtOnce, v.now)
		d.emails[name] = append(d.emails[name], q.email)
	}
	busy, banned := d.enter(q), d.banned(v, q)
	d.mu.Unlock()
	if !balance {
		defer func() {
			d.mu.Lock()
			v.now--
			d.load(q).now--
			d.mu.Unlock()
		}()
	}
	if banned {
		reply(w, http.StatusForbidden, nil)
		return
	}
	if d.broken(w, r, q) {
		return
	}
	code, body := d.answer(q, busy)
	reply(w, code, body)
}

func read(r *http.Request, name string) question {
	q := question{vendor: name}
	values := r.URL.Query()
	q.email = values.Get("email")
	switch name {
	case "millionverifier":
		q.key, q.known = values.Get("api"), values.Has("api")
	case "reoon":
		q.key, q.known = values.Get("key"), values.Has("key")
		q.quick = values.Get("mode") != "power"
	case "zerobounce":
		q.key, q.known = values.Get("api_key"), values.Has("api_key")
	case "hunter":
		q.key = r.Header.Get("X-API-KEY")
		q.known = q.key != ""
	case "neverbounce":
		var body struct {
			Key, Email string
			Credits    any `json:"credits_info"`
		}
		data, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
		if json.Unmarshal(data, &body) == nil {
			q.key, q.email = body.Key, body.Email
		}
		q.credits = values.Get("credits_info") == "1" || body.Credits == true || body.Credits == 1.0
		if q.key == "" {
			q.key = values.Get("key")
		}
		q.known = q.key != ""
	}
	q.mood, _, _ = strings.Cut(strings.ReplaceAll(q.key, "_", "-"), "-")
	digits := strings.TrimLeft(q.mood, "abcdefghijklmnopqrstuvwxyz")
	q.mood = strings.TrimSuffix(q.mood, digits)
	q.number, _ = strconv.Atoi(digits)
	return q
}
