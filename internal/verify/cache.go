package verify

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
)

// Lives of evidence. Bad news expires sooner than good news, and nothing
// undecided is kept for long (smtp-probing.md §6: both Exim's and Postfix's
// caches are built so).
const (
	acceptedLife  = 7 * 24 * time.Hour
	notFoundLife  = 3 * time.Hour
	refusedLife   = 24 * time.Hour // full, disabled
	noMailLife    = time.Hour      // NXDOMAIN, null MX, no MX
	undecidedLife = 5 * time.Minute

	takesAnyLife = 24 * time.Hour     // a directory outage can make a gateway take anyone for a while
	checksLife   = 7 * 24 * time.Hour // a domain that checks its recipients seldom stops
	tlsLife      = 30 * 24 * time.Hour
)

// cache keeps evidence per key and facts per domain in the table that may be
// dropped. Addresses appear as keyed hashes only; domains are public.
type cache struct {
	table  store.Table
	secret []byte
}

// entry is cached evidence. Verdicts are not cached: Decide runs on every
// request, so that a changed policy, list or report shows at once.
type entry struct {
	Route    Route     `json:"route"`
	Probe    *Probe    `json:"probe,omitempty"`
	Gathered time.Time `json:"gathered"`
}

// domainFacts is what a domain showed to anyone; it is shared by all keys.
type domainFacts struct {
	CatchAll      CatchAll  `json:"catch_all,omitempty"`
	CatchAllUntil time.Time `json:"catch_all_until,omitzero"`
	TLSUntil      time.Time `json:"tls_until,omitzero"`
	Operator      string    `json:"operator,omitempty"` // who runs the exchanger that last answered to RCPT
}

func (f domainFacts) catchAll(now time.Time) CatchAll {
	if f.CatchAllUntil.After(now) {
		return f.CatchAll
	}
	return CatchAllUnknown
}

// hash is the keyed hash of a text, 160 bits, safe in keys and logs.
func (c cache) hash(purpose, text string) string {
	mac := hmac.New(sha256.New, c.secret)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(text))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(mac.Sum(nil)[:20])
}

// The local part is hashed as given: probe and cache treat it so, because
// RFC 5321 §2.4 leaves its case to the receiving host.
func (c cache) evidenceKey(scope string, a address.Address) store.Key {
	return store.Key{Part: "EVI#" + scope + "#" + c.hash("evidence", a.String())}
}

func domainKey(domain string) store.Key { return store.Key{Part: "DOM#" + domain} }

// load reads the evidence of one address and the facts of its domain in one
// call.
func (c cache) load(ctx context.Context, scope string, a address.Address) (*entry, domainFacts, error) {
	key := c.evidenceKey(scope, a)
	entries, facts, err := c.read(ctx, []store.Key{key, domainKey(a.Domain())})
	return entries[key], facts[a.Domain()], err
}

// read reads entries and facts in one call. Damaged or missing ones are absent.
func (c cache) read(ctx context.Context, keys []store.Key) (map[store.Key]*entry, map[string]domainFacts, error) {
	items, err := c.table.BatchGet(ctx, keys)
	if err != nil {
		return nil, nil, fmt.Errorf("read evidence: %w", err)
	}
	entries, domains := make(map[store.Key]*entry), make(map[string]domainFacts)
	for _, item := range items {
		if domain, ok := strings.CutPrefix(item.Key.Part, "DOM#"); ok {
			var facts domainFacts
			if json.Unmarshal(item.Bytes("facts"), &facts) == nil {
				domains[domain] = facts
			}
			continue
		}
		var kept entry
		if json.Unmarshal(item.Bytes("entry"), &kept) == nil {
			entries[item.Key] = &kept
		}
	}
	return entries, domains, nil
}

// answers reports whether kept evidence may answer a request with so much time
// left; 0 means no limit. What a probe had no time for answers only a request
// that has no more.
func (e *entry) answers(mode Mode, left time.Duration) bool {
	switch {
	case e == nil:
		return false
	case e.Probe == nil:
		return mode == Soft || !e.Route.TakesMail()
	case !e.Probe.cutShort() || e.Probe.Budget == 0:
		return true
	}
	had := e.Probe.Budget + e.Probe.Budget/10 + 2*tidyUp // two requests alike differ by what came before us
	return left != 0 && left <= had
}

// save keeps evidence for as long as it is worth, and what the domain showed.
func (c cache) save(ctx context.Context, scope string, a address.Address, e Evidence, facts domainFacts, now time.Time) error {
	var items []store.Item
	items, err := c.addEntry(items, c.evidenceKey(scope, a), e, now)
	if err != nil {
		return err
	}
	if items, err = c.addFacts(items, a.Domain(), facts, now); err != nil {
		return err
	}
	return c.write(ctx, items)
}

// addEntry adds the evidence on an address, if it is worth keeping.
func (c cache) addEntry(items []store.Item, key store.Key, e Evidence, now time.Time) ([]store.Item, error) {
	life := lifeOf(e)
	if life == 0 {
		return items, nil
	}
	text, err := json.Marshal(entry{Route: e.Route, Probe: e.Probe, Gathered: e.Gathered})
	if err != nil {
		return nil, fmt.Errorf("encode evidence: %w", err)
	}
	return append(items, store.Item{Key: key, Attrs: store.Attrs{"entry": text}, Expires: now.Add(life)}), nil
}

// addFacts adds what a domain showed, if anything.
func (c cache) addFacts(items []store.Item, domain string, facts domainFacts, now time.Time) ([]store.Item, error) {
	if facts == (domainFacts{}) {
		return items, nil
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return nil, fmt.Errorf("encode facts of domain: %w", err)
	}
	return append(items, store.Item{Key: domainKey(domain), Attrs: store.Attrs{"facts": text}, Expires: now.Add(tlsLife)}), nil
}

func (c cache) write(ctx context.Context, items []store.Item) error {
	if len(items) == 0 {
		return nil
	}
	if err := c.table.BatchPut(ctx, items); err != nil {
		return fmt.Errorf("keep evidence: %w", err)
	}
	return nil
}

// lifeOf is how long evidence answers; 0 means that it is not kept.
func lifeOf(e Evidence) time.Duration {
	if e.Lost != "" {
		return 0
	}
	if e.Probe == nil {
		if _, gone := noMail(e.Route); gone {
			return noMailLife
		}
		return 0
	}
	switch e.Probe.Answer.Class {
	case "", smtpprobe.Held, smtpprobe.NotAsked, smtpprobe.Fault, smtpprobe.EgressClosed:
		return 0 // about the domain or about ourselves, which have memories of their own
	}
	life := undecidedLife
	switch status, reason := probed(*e.Probe); {
	case status == verdict.Valid:
		return acceptedLife
	case status == verdict.CatchAll:
		return takesAnyLife
	case reason == verdict.MailboxDisabled:
		return refusedLife
	case status == verdict.Invalid:
		return notFoundLife
	case reason == verdict.MailboxFull:
		life = refusedLife
	}
	// Without the margin of retry_at: who comes back at the stated time is asked
	// for anew.
	if wait := e.Probe.undecided().Retry; wait > 0 {
		life = min(life, wait)
	}
	return life
}

// learn adds what a probe showed about the domain. It reports whether that is
// worth a write: something new, or something known that would end soon.
func (f *domainFacts) learn(p Probe, tlsDemanded bool, now time.Time) bool {
	before := *f
	switch shown := p.shows(); {
	case shown == TakesAny && (f.catchAll(now) != TakesAny || f.CatchAllUntil.Sub(now) < takesAnyLife/2):
		f.CatchAll, f.CatchAllUntil = TakesAny, now.Add(takesAnyLife)
	case shown == Checks && (f.catchAll(now) != Checks || f.CatchAllUntil.Sub(now) < checksLife/2):
		f.CatchAll, f.CatchAllUntil = Checks, now.Add(checksLife)
	}
	if tlsDemanded && f.TLSUntil.Sub(now) < tlsLife/2 {
		f.TLSUntil = now.Add(tlsLife)
	}
	if p.Answer.Stage == reply.Rcpt && p.Answer.Host != "" {
		f.Operator = pace.Operator(p.Answer.Host, netip.Addr{})
	}
	return *f != before
}

// shows is what this probe itself learned of the domain. A mailbox that is
// surely absent shows as much as a canary: the domain checks.
func (p Probe) shows() CatchAll {
	a := p.Answer
	switch {
	case p.Canary.Class != "" && p.Of() != CatchAllUnknown:
		return p.Of()
	case a.Class == reply.MailboxNotFound && !a.Weak && !p.HoldNotFound:
		return Checks
	}
	return CatchAllUnknown
}

// canary is a local part of the domain that cannot exist: 16 lower-case
// letters and digits, beginning with a letter. It is derived, not drawn: a
// greylisting server must meet the same one again, from every process, and a
// derived one needs no memory. It changes every thirty days.
func (c cache) canary(a address.Address, now time.Time) address.Address {
	mac := hmac.New(sha256.New, c.secret)
	mac.Write([]byte("canary\x00" + a.Domain()))
	_ = binary.Write(mac, binary.BigEndian, now.Unix()/(30*24*3600))
	sum := mac.Sum(nil)
	const letters, alphabet = 26, "abcdefghijklmnopqrstuvwxyz0123456789"
	local := []byte{alphabet[int(sum[0])%letters]}
	for _, b := range sum[1:16] {
		local = append(local, alphabet[int(b)%len(alphabet)])
	}
	canary, err := a.WithLocal(string(local))
	if err != nil {
		panic("canary is no local part: " + err.Error()) // letters and digits always are
	}
	return canary
}
