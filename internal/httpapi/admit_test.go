package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// ledger is a Table in memory, as far as admission needs one. It counts what is
// written and fails when told to.
type ledger struct {
	store.Table
	mu     sync.Mutex
	item   store.Item
	writes int
	fail   error
}

func (l *ledger) Update(ctx context.Context, u store.Update) (store.Item, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writes++
	if err := errors.Join(ctx.Err(), l.fail); err != nil {
		return store.Item{}, err
	}
	current := l.item
	if current.Key != u.Key {
		current = store.Item{}
	}
	if !store.AllHold(u.If, current) {
		return current, store.ErrCondition
	}
	next, err := u.Apply(current)
	if err == nil {
		l.item = next
	}
	return store.Item{Key: next.Key, Attrs: maps.Clone(next.Attrs)}, err
}

// counted is a service with a ledger, whose only key has these limits.
func counted(t testing.TB, limits keys.Limits, change func(*Deps)) (*service, *ledger) {
	l := &ledger{}
	return serve(t, func(d *Deps) {
		d.Keys = only{keys.Key{ID: "livekey2", Scopes: []keys.Scope{keys.Verify}, Limits: limits}}
		d.Meter = usage.NewMeter(l, func() time.Time { return noon }, nil)
		if change != nil {
			change(d)
		}
	}), l
}

// only knows one key, whatever the secret.
type only struct{ key keys.Key }

func (o only) Authenticate(context.Context, string) (keys.Key, error) { return o.key, nil }

const goodQuestion = `{"email":"a@b.test"}`

func TestAdmissionIsOneWriteEachWay(t *testing.T) {
	s, l := counted(t, keys.Limits{Monthly: 100, Concurrency: 10, RequestsPerSecond: 100}, nil)
	for i := range 5 {
		if w := s.do(post(goodQuestion)); w.Code != 200 || l.writes != 2*(i+1) {
			t.Errorf("request %d: status %d, %d writes in all", i, w.Code, l.writes)
		}
	}
}

func TestSlotIsFreeBeforeTheAnswerIsWritten(t *testing.T) {
	s, _ := counted(t, keys.Limits{Concurrency: 1}, nil)
	w := &asking{ResponseRecorder: httptest.NewRecorder(), next: s}
	s.ServeHTTP(w, post(goodQuestion))
	if w.status != 200 {
		t.Errorf("a request sent at the first octet of an answer is answered %d", w.status)
	}
}

// asking asks again as soon as it is answered.
type asking struct {
	*httptest.ResponseRecorder
	next   http.Handler
	status int
}

func (a *asking) Write(body []byte) (int, error) {
	again := httptest.NewRecorder()
	a.next.ServeHTTP(again, post(goodQuestion))
	a.status = again.Code
	return a.ResponseRecorder.Write(body)
}

func TestStandingOfTheTightestLimitIsInTheHeaders(t *testing.T) {
	for claim, c := range map[string]struct {
		limits keys.Limits
		want   [3]string // limit, remaining, reset
	}{
		"no limits":       {keys.Limits{}, [3]string{}},
		"reports alone":   {keys.Limits{ReportsPerDay: 5}, [3]string{}},
		"slots":           {keys.Limits{Concurrency: 10}, [3]string{"10", "9", "1"}},
		"a rate":          {keys.Limits{Concurrency: 10, RequestsPerSecond: 3}, [3]string{"3", "2", "1"}},
		"a month's quota": {keys.Limits{Concurrency: 10, Monthly: 2}, [3]string{"2", "1", "1512000"}}, // to the end of 30 November: 17.5 days
	} {
		s, _ := counted(t, c.limits, nil)
		h := s.do(post(goodQuestion)).Header()
		got := [3]string{h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset")}
		if got != c.want {
			t.Errorf("%s: limit, remaining and reset are %q, want %q", claim, got, c.want)
		}
	}
}

func TestUsedUpLimitsRefuse(t *testing.T) {
	for claim, c := range map[string]struct {
		limits     keys.Limits
		status     int
		retryAfter string
		reset      string
	}{
		"the month":  {keys.Limits{Monthly: 3}, 402, "", "1512000"},
		"the second": {keys.Limits{RequestsPerSecond: 3}, 429, "1", "1"},
	} {
		s, _ := counted(t, c.limits, nil)
		for range 3 {
			if w := s.do(post(goodQuestion)); w.Code != 200 {
				t.Fatalf("%s: a request within the limit answers %d", claim, w.Code)
			}
		}
		for range 2 {
			w := s.do(post(goodQuestion))
			h := w.Header()
			problemOf(t, w)
			got := []string{h.Get("Retry-After"), h.Get("RateLimit-Limit"), h.Get("RateLimit-Remaining"), h.Get("RateLimit-Reset")}
			if want := []string{c.retryAfter, "3", "0", c.reset}; w.Code != c.status || !reflect.DeepEqual(got, want) {
				t.Errorf("%s: %d with %q; want %d with %q", claim, w.Code, got, c.status, want)
			}
		}
		if len(s.oracle.asked) != 3 {
			t.Errorf("%s: the verifier was asked %d times", claim, len(s.oracle.asked))
		}
	}
}

func TestRefusedAndMalformedRequestsCostNothing(t *testing.T) {
	s, l := counted(t, keys.Limits{Monthly: 1, Concurrency: 1, RequestsPerSecond: 1}, nil)
	for _, body := range []string{"", "{", `{"email":5}`, `{"email":"a@b.test","timeout_ms":1}`, `{"email":"a@b.test","policy":"lax"}`} {
		if w := s.do(post(body)); w.Code != 400 || w.Header().Get("RateLimit-Limit") != "" {
			t.Errorf("%s answers %d", body, w.Code)
		}
	}
	if l.writes != 0 {
		t.Errorf("%d writes for malformed requests", l.writes)
	}
	if w := s.do(post(goodQuestion)); w.Code != 200 {
		t.Errorf("a good request after them answers %d", w.Code)
	}
}

func TestPanicGivesSlotAndCheckBack(t *testing.T) {
	s, _ := counted(t, keys.Limits{Monthly: 1, Concurrency: 1}, nil)
	s.oracle.answer = func(context.Context, verify.Request) verdict.Verdict { panic("oops") }
	for range 3 {
		if w := s.do(post(goodQuestion)); w.Code != 500 {
			t.Errorf("a panic answers %d", w.Code)
		}
	}
	s.oracle.answer = nil
	if w := s.do(post(goodQuestion)); w.Code != 200 {
		t.Errorf("after panics a request answers %d", w.Code)
	}
}

func TestCallerWhoHangsUpHoldsNoSlot(t *testing.T) {
	s, _ := counted(t, keys.Limits{Concurrency: 1}, nil)
	for range 3 {
		ctx, hangUp := context.WithCancel(t.Context())
		s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
			hangUp()
			return concluded(r, verdict.Unknown, verdict.Cancelled)
		}
		if w := s.do(post(goodQuestion).WithContext(ctx)); w.Code != 200 {
			t.Errorf("status %d", w.Code)
		}
	}
	if strings.Contains(s.log.String(), "unsettled") {
		t.Errorf("the log says %s", s.log)
	}
}

func TestStoreTroubleAtAdmissionIsA503(t *testing.T) {
	for _, err := range []error{errors.New("disk on fire"), store.ErrThrottled, context.DeadlineExceeded} {
		s, l := counted(t, keys.Limits{Concurrency: 1}, nil)
		l.fail = err
		w := s.do(post(goodQuestion))
		if p := problemOf(t, w); w.Code != 503 || w.Header().Get("Retry-After") != "1" || strings.Contains(p.Detail, "fire") {
			t.Errorf("%v: %d, Retry-After %q, %s", err, w.Code, w.Header().Get("Retry-After"), p.Detail)
		}
		if len(s.oracle.asked) != 0 || !strings.Contains(s.log.String(), err.Error()) {
			t.Errorf("%v: the verifier was asked %d times, the log says %s", err, len(s.oracle.asked), s.log)
		}
	}
}

func TestStoreTroubleAfterwardsLeavesTheVerdict(t *testing.T) {
	s, l := counted(t, keys.Limits{Concurrency: 1}, nil)
	s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
		l.fail = errors.New("disk on fire")
		return concluded(r, verdict.Valid, verdict.SMTPVerified)
	}
	w := s.do(post(goodQuestion))
	got := line(t, s)
	if w.Code != 200 || got["level"] != "WARN" || !strings.Contains(fmt.Sprint(got["unsettled"]), "disk on fire") {
		t.Errorf("status %d, logged %v", w.Code, got)
	}
}

// hanging is a table that stops answering once stuck is closed, until the caller
// gives up.
type hanging struct {
	store.Table
	stuck chan struct{}
}

func (h hanging) Update(ctx context.Context, u store.Update) (store.Item, error) {
	select {
	case <-h.stuck:
		<-ctx.Done()
		return store.Item{}, ctx.Err()
	default:
		return h.Table.Update(ctx, u)
	}
}

// A table that hangs may cost an answer or a count, but never time.
func TestHangingStoreDoesNotMakeAnAnswerLate(t *testing.T) {
	for _, c := range []struct {
		name   string
		before bool
		status int
	}{{"at admission", true, 503}, {"afterwards", false, 200}} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := hanging{&ledger{}, make(chan struct{})}
				if c.before {
					close(table.stuck)
				}
				s, _ := counted(t, keys.Limits{Concurrency: 1}, func(d *Deps) {
					d.Now = time.Now
					d.Meter = usage.NewMeter(table, time.Now, nil)
				})
				s.oracle.answer = func(_ context.Context, r verify.Request) verdict.Verdict {
					close(table.stuck)
					time.Sleep(400 * time.Millisecond)
					return concluded(r, verdict.Valid, verdict.SMTPVerified)
				}
				began := time.Now()
				w := s.do(post(`{"email":"a@b.test","timeout_ms":500}`))
				if took := time.Since(began); w.Code != c.status || took > 500*time.Millisecond {
					t.Errorf("status %d after %s, want %d within 500 ms", w.Code, took, c.status)
				}
				time.Sleep(settleWithin) // the settling that nobody waits for ends by itself
			})
		})
	}
}

// gate lets requests into the verifier and holds them there.
type gate struct {
	inside, most atomic.Int64
	open         chan struct{}
}

func (g *gate) Verify(_ context.Context, r verify.Request) verdict.Verdict {
	n := g.inside.Add(1)
	defer g.inside.Add(-1)
	for most := g.most.Load(); n > most && !g.most.CompareAndSwap(most, n); most = g.most.Load() {
	}
	<-g.open
	return concluded(r, verdict.Valid, verdict.SMTPVerified)
}

func TestTenOfFortyAtOnceAreAnswered(t *testing.T) {
	g := &gate{open: make(chan struct{})}
	d := newDesk(t, func(d *Deps) { d.Verifier = g })
	answers := make(chan *httptest.ResponseRecorder, 40)
	for range cap(answers) {
		go func() { answers <- d.ask("POST", "/v1/verify", d.acme, goodQuestion) }()
	}
	for range 30 {
		w := <-answers // the ten are held in the verifier
		if p := problemOf(t, w); w.Code != 429 || p.Type != "/problems/too-many-requests" || w.Header().Get("Retry-After") != "1" ||
			w.Header().Get("RateLimit-Limit") != "10" || w.Header().Get("RateLimit-Remaining") != "0" {
			t.Errorf("one too many answers %d, headers %v", w.Code, w.Header())
		}
	}
	// Another key has slots of its own.
	other := make(chan int)
	go func() { other <- d.ask("POST", "/v1/verify", d.acmeReader, goodQuestion).Code }()
	close(g.open)
	for range 10 {
		if w := <-answers; w.Code != 200 {
			t.Errorf("one of the ten answers %d", w.Code)
		}
	}
	if status := <-other; status != 200 {
		t.Errorf("another key is answered %d", status)
	}
	for range 10 {
		if w := d.ask("POST", "/v1/verify", d.acme, goodQuestion); w.Code != 200 {
			t.Errorf("after they have ended: %d", w.Code)
		}
	}
	if got := d.total(t, d.acme); got != 20 {
		t.Errorf("%d checks are counted, want 20", got)
	}
}

func TestTenThousandAtOnceAreAllAnswered(t *testing.T) {
	const (
		many    = 10_000
		patient = `{"email":"alice@example.com","timeout_ms":25000}` // for machines that are busy with other things
	)
	g := &gate{open: make(chan struct{})}
	close(g.open)
	d := newDesk(t, func(d *Deps) { d.Verifier = g })
	var all sync.WaitGroup
	var answered, refused atomic.Int64
	for range many {
		all.Go(func() {
			switch w := d.ask("POST", "/v1/verify", d.acme, patient); w.Code {
			case 200:
				answered.Add(1)
			case 429:
				refused.Add(1)
			default:
				t.Errorf("status %d: %s", w.Code, w.Body)
			}
		})
	}
	all.Wait()
	if answered.Load() < 10 || answered.Load()+refused.Load() != many || g.most.Load() > 10 {
		t.Errorf("%d answered, %d refused, %d in the verifier at once", answered.Load(), refused.Load(), g.most.Load())
	}
	// What could not be settled in time, on a machine too busy for that, is told,
	// and may be counted a moment later.
	unsettled := int64(strings.Count(d.log.String(), `"unsettled"`))
	if got := d.total(t, d.acme); got > answered.Load() || got+unsettled < answered.Load() {
		t.Errorf("%d checks are counted, %d settled late, %d were answered", got, unsettled, answered.Load())
	}
}

func TestChecksAreCountedByKindAndOutcome(t *testing.T) {
	o := &oracle{answer: func(_ context.Context, r verify.Request) verdict.Verdict {
		v := concluded(r, verdict.Valid, verdict.SMTPVerified)
		if r.Explain {
			v = concluded(r, verdict.Unknown, verdict.Timeout)
		}
		v.Cached = r.Fresh // as good as any mark
		return v
	}}
	d := newDesk(t, func(d *Deps) { d.Verifier, d.TestVerifier = o, o })
	for _, body := range []string{
		`{"email":"a@b.test"}`, `{"email":"a@b.test","explain":true}`, `{"email":"a@b.test","mode":"soft"}`,
		`{"email":"a@b.test","fresh":true}`, `{"email":"a@b.test","fresh":true,"mode":"soft","explain":true}`,
	} {
		for _, secret := range []string{d.acme, d.acmeTest} {
			if w := d.ask("POST", "/v1/check", secret, body); w.Code != 200 {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
		}
	}
	for secret, want := range map[string]string{
		d.acme:     `"total":5,"by_kind":{"cached":2,"full":2,"soft":1},"by_outcome":{"UNKNOWN":2,"VALID":3}`,
		d.acmeTest: `"total":5,"by_kind":{"test":5},"by_outcome":{"UNKNOWN":2,"VALID":3}`,
	} {
		body := d.ask("GET", "/v1/usage?days=1", secret, "").Body.String()
		if strings.Count(body, want) != 2 { // for the day and for all days
			t.Errorf("usage is %s, want %s", body, want)
		}
	}
}

func TestTestKeysAskTheSimulatorAndUseUpNoQuota(t *testing.T) {
	simulator := &oracle{}
	d := newDesk(t, func(d *Deps) { d.TestVerifier = simulator })
	secret := d.create(t, `{"account":"acme","test":true,"limits":{"monthly":2,"concurrency":1}}`)
	for range 5 {
		w := d.ask("POST", "/v1/verify", secret, goodQuestion)
		if w.Code != 200 || w.Header().Get("RateLimit-Limit") != "1" {
			t.Errorf("status %d, RateLimit-Limit %q", w.Code, w.Header().Get("RateLimit-Limit"))
		}
	}
	if len(simulator.asked) != 5 || len(d.oracle.asked) != 0 {
		t.Errorf("the simulator was asked %d times, the verifier %d times", len(simulator.asked), len(d.oracle.asked))
	}
	if w := d.ask("POST", "/v1/verify", d.acme, goodQuestion); w.Code != 200 || len(d.oracle.asked) != 1 {
		t.Errorf("a live key: %d, the verifier was asked %d times", w.Code, len(d.oracle.asked))
	}
}
