package verify

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
)

// memory is a table in memory: what the cache needs of one, and its failures.
type memory struct {
	store.Table // nil: any other operation would panic
	mu          sync.Mutex
	items       map[store.Key]store.Item
	reads       error
	writes      error
	readCalls   int
	readsHang   bool // until the context ends
	writesHang  bool
}

func newMemory() *memory { return &memory{items: make(map[store.Key]store.Item)} }

func (m *memory) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	if m.readsHang {
		<-ctx.Done()
	}
	if err := errors.Join(m.reads, ctx.Err()); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.readCalls++
	var found []store.Item
	for _, key := range keys {
		if item, ok := m.items[key]; ok {
			found = append(found, item)
		}
	}
	return found, nil
}

func (m *memory) BatchPut(ctx context.Context, items []store.Item) error {
	if m.writesHang {
		<-ctx.Done()
	}
	if err := errors.Join(m.writes, ctx.Err()); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, item := range items {
		m.items[item.Key] = item
	}
	return nil
}

// kept returns the items whose partition begins so.
func (m *memory) kept(prefix string) (found []store.Item) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key, item := range m.items {
		if strings.HasPrefix(key.Part, prefix) {
			found = append(found, item)
		}
	}
	return found
}

// keptFacts is the item of a domain's facts.
func keptFacts(t *testing.T, f domainFacts) store.Item {
	t.Helper()
	text, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return store.Item{Key: domainKey("ok.example"), Attrs: store.Attrs{"facts": text}, Expires: f.CatchAllUntil}
}

func TestLivesOfEvidence(t *testing.T) {
	accepted, absent := answer(reply.Accepted), answer(reply.MailboxNotFound)
	stated := func(c reply.Class, wait time.Duration) smtpprobe.Answer {
		a := answer(c)
		a.Retry = wait
		return a
	}
	found := Route{Status: mx.Found}
	for _, tt := range []struct {
		claim string
		e     Evidence
		want  time.Duration
	}{
		{"accepted at a domain that checks", Evidence{Route: found, Probe: &Probe{Answer: accepted, Canary: absent}}, 7 * 24 * time.Hour},
		{"accepted at a domain known to check", Evidence{Route: found, Probe: &Probe{Answer: accepted, CatchAll: Checks}}, 7 * 24 * time.Hour},
		{"accepted like everyone", Evidence{Route: found, Probe: &Probe{Answer: accepted, Canary: accepted}}, 24 * time.Hour},
		{"accepted, canary greylisted", Evidence{Route: found, Probe: &Probe{Answer: accepted, Canary: answer(reply.Greylisted)}}, 5 * time.Minute},
		{"accepted, canary back in a minute",
			Evidence{Route: found, Probe: &Probe{Answer: accepted, Canary: stated(reply.Greylisted, time.Minute)}}, time.Minute},
		{"accepted, canary not asked", Evidence{Route: found, Probe: &Probe{Answer: accepted}}, 5 * time.Minute},
		{"absent", Evidence{Route: found, Probe: &Probe{Answer: absent}}, 3 * time.Hour},
		{"absent, and not believed today", Evidence{Route: found, Probe: &Probe{Answer: absent, HoldNotFound: true}}, 5 * time.Minute},
		{"weakly absent, confirmed", Evidence{Route: found, Probe: &Probe{Answer: weak(reply.MailboxNotFound), Control: accepted}}, 3 * time.Hour},
		{"weakly absent, not confirmed", Evidence{Route: found, Probe: &Probe{Answer: weak(reply.MailboxNotFound)}}, 5 * time.Minute},
		{"the domain takes no mail", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.DomainTakesNoMail)}}, 3 * time.Hour},
		{"full", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.MailboxFull)}}, 24 * time.Hour},
		{"full for an hour", Evidence{Route: found, Probe: &Probe{Answer: stated(reply.MailboxFull, time.Hour)}}, time.Hour},
		{"disabled", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.MailboxDisabled)}}, 24 * time.Hour},
		{"greylisted", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.Greylisted)}}, 5 * time.Minute},
		{"greylisted for 20 s", Evidence{Route: found, Probe: &Probe{Answer: stated(reply.Greylisted, 20*time.Second)}}, 20 * time.Second},
		{"greylisted for an hour", Evidence{Route: found, Probe: &Probe{Answer: stated(reply.Greylisted, time.Hour)}}, 5 * time.Minute},
		{"too fast for 30 s", Evidence{Route: found, Probe: &Probe{Answer: stated(reply.RateLimited, 30*time.Second)}}, 30 * time.Second},
		{"a time-out", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.Timeout)}}, 5 * time.Minute},
		{"blocked", Evidence{Route: found, Probe: &Probe{Answer: answer(reply.BlockedByPolicy)}}, 5 * time.Minute},
		{"no such domain", Evidence{Route: Route{Status: mx.NXDomain}}, time.Hour},
		{"null MX", Evidence{Route: Route{Status: mx.NullMX}}, time.Hour},
		{"no MX", Evidence{Route: Route{Status: mx.NoMail}}, time.Hour},

		{"not asked: the domain takes anyone", Evidence{Route: found, Probe: &Probe{CatchAll: TakesAny}}, 0},
		{"held back by ourselves", Evidence{Route: found, Probe: &Probe{Answer: answer(smtpprobe.Held)}}, 0},
		{"our time ended first", Evidence{Route: found, Probe: &Probe{Answer: answer(smtpprobe.NotAsked)}}, 0},
		{"our fault", Evidence{Route: found, Probe: &Probe{Answer: answer(smtpprobe.Fault)}}, 0},
		{"our way out is closed", Evidence{Route: found, Probe: &Probe{Answer: answer(smtpprobe.EgressClosed)}}, 0},
		{"lost to the deadline", Evidence{Route: Route{Status: mx.NXDomain}, Lost: LostDeadline}, 0},
		{"lost to a fault", Evidence{Route: found, Probe: &Probe{Answer: absent}, Lost: LostInternal}, 0},
		{"soft mode", Evidence{Route: found, Mode: Soft}, 0},
		{"DNS failed", Evidence{Route: Route{Status: mx.Failed}}, 0},
		{"DNS timed out", Evidence{Route: Route{Status: mx.Timeout}}, 0},
		{"MX names that are none", Evidence{Route: Route{Status: mx.Unresolvable}}, 0},
		{"nothing", Evidence{}, 0},
	} {
		if got := lifeOf(tt.e); got != tt.want {
			t.Errorf("%s: kept for %v, want %v", tt.claim, got, tt.want)
		}
	}
}

func TestWhatTheCacheAnswers(t *testing.T) {
	const had = 4 * time.Second
	short := func(p Probe) *entry {
		p.Budget = had
		return &entry{Route: Route{Status: mx.Found}, Probe: &p}
	}
	accepted, timeout := answer(reply.Accepted), answer(reply.Timeout)
	busy := answer(smtpprobe.Held)
	busy.Why = pace.Busy
	for _, tt := range []struct {
		claim string
		e     *entry
		mode  Mode
		left  time.Duration
		want  bool
	}{
		{"nothing kept", nil, Full, had, false},
		{"no such domain", &entry{Route: Route{Status: mx.NXDomain}}, Full, had, true},
		{"no such domain, in soft mode", &entry{Route: Route{Status: mx.NXDomain}}, Soft, had, true},
		{"soft evidence, in full mode", &entry{Route: Route{Status: mx.Found}}, Full, had, false},
		{"soft evidence, in soft mode", &entry{Route: Route{Status: mx.Found}}, Soft, had, true},
		{"an answer, with more time", short(Probe{Answer: accepted, Canary: accepted}), Full, time.Hour, true},
		{"an answer, without limit", short(Probe{Answer: accepted, Canary: accepted}), Full, 0, true},
		{"a refusal, with more time", short(Probe{Answer: answer(reply.Greylisted)}), Full, time.Hour, true},

		{"a time-out, with as much time", short(Probe{Answer: timeout}), Full, had, true},
		{"a time-out, with hardly more", short(Probe{Answer: timeout}), Full, had + had/20, true},
		{"a time-out, with less", short(Probe{Answer: timeout}), Full, had / 2, true},
		{"a time-out, with more", short(Probe{Answer: timeout}), Full, had + time.Second, false},
		{"a time-out, without limit", short(Probe{Answer: timeout}), Full, 0, false},
		{"a time-out that had no limit", &entry{Route: Route{Status: mx.Found}, Probe: &Probe{Answer: timeout}}, Full, 0, true},
		{"an exchanger's DNS, with more time", short(Probe{Answer: answer(smtpprobe.DNSFailure)}), Full, 2 * had, false},
		{"accepted, canary timed out, with more", short(Probe{Answer: accepted, Canary: timeout}), Full, 2 * had, false},
		{"accepted, canary not asked, with more", short(Probe{Answer: accepted}), Full, 2 * had, false},
		{"accepted, canary greylisted, with more", short(Probe{Answer: accepted, Canary: answer(reply.Greylisted)}), Full, 2 * had, true},
		{"accepted at a domain known to check", short(Probe{Answer: accepted, CatchAll: Checks}), Full, 2 * had, true},
		{"weakly refused, control timed out, with more", short(Probe{Answer: weak(reply.MailboxNotFound), Control: timeout}), Full, 2 * had, false},
		{"weakly refused, control too", short(Probe{Answer: weak(reply.MailboxNotFound), Control: weak(reply.MailboxNotFound)}), Full, 2 * had, true},
		{"no slot free in time, with more", short(Probe{Answer: busy}), Full, 2 * had, false},
	} {
		if got := tt.e.answers(tt.mode, tt.left); got != tt.want {
			t.Errorf("%s: answers %v, want %v", tt.claim, got, tt.want)
		}
	}
}

func TestWhatADomainShows(t *testing.T) {
	now := gathered
	accepted, absent := answer(reply.Accepted), answer(reply.MailboxNotFound)
	takesAny := domainFacts{CatchAll: TakesAny, CatchAllUntil: now.Add(24 * time.Hour)}
	checks := domainFacts{CatchAll: Checks, CatchAllUntil: now.Add(7 * 24 * time.Hour)}
	fading := domainFacts{CatchAll: Checks, CatchAllUntil: now.Add(24 * time.Hour)}
	stale := domainFacts{CatchAll: Checks, CatchAllUntil: now.Add(-time.Hour)}
	tls := domainFacts{TLSUntil: now.Add(30 * 24 * time.Hour)}
	for _, tt := range []struct {
		claim string
		knew  domainFacts
		p     Probe
		tls   bool
		want  domainFacts
	}{
		{"the canary is accepted", domainFacts{}, Probe{Answer: accepted, Canary: accepted}, false, takesAny},
		{"the canary gets 252", domainFacts{}, Probe{Answer: accepted, Canary: answer(reply.AcceptedUnverified)}, false, takesAny},
		{"the canary is refused", domainFacts{}, Probe{Answer: accepted, Canary: absent}, false, checks},
		{"the canary is refused while the mailbox is greylisted", domainFacts{}, Probe{Answer: answer(reply.Greylisted), Canary: absent}, false, checks},
		{"the canary is weakly refused beside an accepted mailbox", domainFacts{},
			Probe{Answer: accepted, Canary: weak(reply.MailboxNotFound)}, false, checks},
		{"the canary is weakly refused beside a block", domainFacts{},
			Probe{Answer: answer(reply.BlockedByPolicy), Canary: weak(reply.MailboxNotFound)}, false, domainFacts{}},
		{"the canary is greylisted", domainFacts{}, Probe{Answer: accepted, Canary: answer(reply.Greylisted)}, false, domainFacts{}},
		{"the canary is blocked", domainFacts{}, Probe{Answer: accepted, Canary: answer(reply.BlockedByPolicy)}, false, domainFacts{}},
		{"the canary is lost", domainFacts{}, Probe{Answer: accepted, Canary: answer(reply.Timeout)}, false, domainFacts{}},
		{"accepted, no canary", domainFacts{}, Probe{Answer: accepted}, false, domainFacts{}},
		{"a mailbox is absent", domainFacts{}, Probe{Answer: absent}, false, checks},
		{"a mailbox is absent, the canary lost", domainFacts{}, Probe{Answer: absent, Canary: answer(reply.Timeout)}, false, checks},
		{"a mailbox is absent, the canary accepted", domainFacts{}, Probe{Answer: absent, Canary: accepted}, false, takesAny},
		{"a mailbox is absent, and not believed today", domainFacts{}, Probe{Answer: absent, HoldNotFound: true}, false, domainFacts{}},
		{"a mailbox is weakly absent", domainFacts{}, Probe{Answer: weak(reply.MailboxNotFound)}, false, domainFacts{}},
		{"a mailbox is absent where everyone was taken", takesAny, Probe{Answer: absent}, false, checks},
		{"everyone is taken where it checked", checks, Probe{Answer: accepted, Canary: accepted}, false, takesAny},
		{"nothing new where it is known", checks, Probe{Answer: absent}, false, checks},
		{"what fades is renewed", fading, Probe{Answer: absent}, false, checks},
		{"what is stale is renewed", stale, Probe{Answer: absent}, false, checks},
		{"nothing said leaves what was known", takesAny, Probe{Answer: answer(reply.Timeout)}, false, takesAny},
		{"TLS is demanded", domainFacts{}, Probe{Answer: answer(reply.Timeout)}, true, tls},
		{"TLS is demanded again", tls, Probe{Answer: answer(reply.Timeout)}, true, tls},
	} {
		tt.knew.Operator, tt.want.Operator = "ok.example", "ok.example" // see TestADomainShowsWhoRunsItsExchanger
		got := tt.knew
		changed := got.learn(tt.p, tt.tls, now)
		if got != tt.want || changed != (tt.want != tt.knew) {
			t.Errorf("%s: %+v, changed %v, want %+v", tt.claim, got, changed, tt.want)
		}
	}
}

func TestADomainShowsWhoRunsItsExchanger(t *testing.T) {
	at := func(host string, stage reply.Stage) Probe {
		return Probe{Answer: smtpprobe.Answer{Class: reply.Greylisted, Host: host, Stage: stage}}
	}
	for _, tt := range []struct {
		claim, knew string
		p           Probe
		want        string
	}{
		{"the one that answered to RCPT", "", at("aspmx.l.google.com", reply.Rcpt), "google.com"},
		{"another one by now", "google.com", at("ok-example.mail.protection.outlook.com", reply.Rcpt), "outlook.com"},
		{"not one that only greeted", "google.com", at("backup.other.example", reply.Greeting), "google.com"},
		{"nobody was reached", "google.com", Probe{}, "google.com"},
	} {
		f := domainFacts{Operator: tt.knew}
		if changed := f.learn(tt.p, false, gathered); f.Operator != tt.want || changed != (tt.want != tt.knew) {
			t.Errorf("%s: %q, changed %v, want %q", tt.claim, f.Operator, changed, tt.want)
		}
	}
}

func TestFactsOfADomainEnd(t *testing.T) {
	f := domainFacts{CatchAll: TakesAny, CatchAllUntil: gathered.Add(time.Hour)}
	if got := f.catchAll(gathered); got != TakesAny {
		t.Errorf("before their end: %q", got)
	}
	if got := f.catchAll(gathered.Add(time.Hour)); got != CatchAllUnknown {
		t.Errorf("at their end: %q", got)
	}
}

func TestCanaryIsKeptForAPeriodAndADomain(t *testing.T) {
	c, other := cache{secret: []byte("one")}, cache{secret: []byte("two")}
	alice, bob, far := parse(t, "alice@ok.example"), parse(t, "Bob+tag@OK.example"), parse(t, "alice@other.example")
	const period = 30 * 24 * 3600
	start := time.Unix(690*period, 0) // the first moment of one
	end := start.Add(30*24*time.Hour - time.Second)
	first := c.canary(alice, start)
	for claim, same := range map[string]bool{
		"for another mailbox of the domain": c.canary(bob, start) == first,
		"at the end of the period":          c.canary(alice, end) == first,
		"in another time zone":              c.canary(alice, end.In(time.FixedZone("east", 14*3600))) == first,
		"asked again":                       c.canary(alice, start) == first,
	} {
		if !same {
			t.Errorf("%s it is another one", claim)
		}
	}
	for claim, same := range map[string]bool{
		"for another domain":    c.canary(far, start).Local() == first.Local(),
		"in the next period":    c.canary(alice, end.Add(time.Second)) == first,
		"under another secret":  other.canary(alice, start) == first,
		"in the period before":  c.canary(alice, start.Add(-time.Second)) == first,
		"and is not the prefix": strings.HasPrefix(c.canary(far, start).Local(), first.Local()[:4]),
	} {
		if same {
			t.Errorf("%s it is the same", claim)
		}
	}
	if first.Domain() != "ok.example" {
		t.Errorf("its domain is %s", first.Domain())
	}
	shape := regexp.MustCompile(`^[a-z][a-z0-9]{13,17}$`)
	for i := range 200 {
		local := c.canary(alice, start.AddDate(0, i, 0)).Local()
		if !shape.MatchString(local) {
			t.Errorf("canary %q", local)
		}
	}
}

func TestCacheKeysHideAddressesAndTellMailboxesApart(t *testing.T) {
	c, other := cache{secret: []byte("one")}, cache{secret: []byte("two")}
	alice := parse(t, "alice@ok.example")
	key := c.evidenceKey("key", alice)
	if strings.Contains(key.Part, "alice") || strings.Contains(key.Part, "ok.example") {
		t.Errorf("the key shows the address: %s", key.Part)
	}
	for claim, another := range map[string]store.Key{
		"capitals in the local part": c.evidenceKey("key", parse(t, "Alice@ok.example")),
		"another domain":             c.evidenceKey("key", parse(t, "alice@ok.test")),
		"another API key":            c.evidenceKey("other", alice),
		"another secret":             other.evidenceKey("key", alice),
	} {
		if another == key {
			t.Errorf("%s: the same key", claim)
		}
	}
	if same := c.evidenceKey("key", parse(t, "alice@OK.Example.")); same != key {
		t.Errorf("capitals in the domain make another key: %v", same)
	}
}

func TestDamagedEntriesCountAsAbsent(t *testing.T) {
	table := newMemory()
	c, alice := cache{table: table, secret: []byte("one")}, parse(t, "alice@ok.example")
	for _, item := range []store.Item{
		{Key: c.evidenceKey("key", alice), Attrs: store.Attrs{"entry": []byte(`{"route":`)}},
		{Key: domainKey("ok.example"), Attrs: store.Attrs{"facts": []byte(`[]`)}},
	} {
		table.items[item.Key] = item
	}
	e, facts, err := c.load(t.Context(), "key", alice)
	if e != nil || facts != (domainFacts{}) || err != nil {
		t.Errorf("load = %+v, %+v, %v, want nothing", e, facts, err)
	}
}

func TestEntriesComeBackAsTheyWere(t *testing.T) {
	table := newMemory()
	c := cache{table: table, secret: []byte("one")}
	e := probedEvidence(t, Probe{
		Answer: weak(reply.MailboxNotFound), Canary: answer(reply.MailboxNotFound), Control: answer(reply.Accepted), Budget: time.Second,
	})
	facts := domainFacts{CatchAll: Checks, CatchAllUntil: gathered.Add(time.Hour)}
	if err := c.save(t.Context(), "key", e.Address, e, facts, gathered); err != nil {
		t.Fatal(err)
	}
	kept, known, err := c.load(t.Context(), "key", e.Address)
	if err != nil || known != facts {
		t.Fatalf("facts %+v, %v, want %+v", known, err, facts)
	}
	again := e
	again.Route, again.Probe, again.Gathered = kept.Route, kept.Probe, kept.Gathered
	if got, want := Decide(again, DefaultPolicy()), Decide(e, DefaultPolicy()); !reflect.DeepEqual(got, want) {
		t.Errorf("verdict from the cache\n%+v, want\n%+v", got, want)
	}
	if items := table.kept("EVI#"); len(items) != 1 || !items[0].Expires.Equal(gathered.Add(notFoundLife)) {
		t.Errorf("kept %+v, want one item until %v", items, gathered.Add(notFoundLife))
	}
}
