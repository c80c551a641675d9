package app

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/overlay"
	"rcpt/internal/pace"
	"rcpt/internal/sim"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

// testInFlight is how many sessions of test keys run at once. They cost memory
// (some 20 KB each) and no descriptors, so no request has to wait for another
// that sits in the tarpit.
const testInFlight = 10_000

// How the prober of test keys introduces itself. The settings have no say:
// greylisting knows a client by its sender, which must be one across the fleet.
const (
	testHELO = "probe.rcpt.test"
	testFrom = "verify@probe.rcpt.test"
)

// testVerifier joins the pipeline for test keys: the real one over a mail
// internet inside the process, the same wherever it runs and whatever the
// settings say, RCPT_SIM among them. It opens no socket. Of names outside .test
// it says nothing beyond the lists: UNKNOWN with a failure of DNS.
//
// Pacing and the check of our way out do not apply, also where RCPT_PACING
// forces them: there is nobody to be kept welcome with.
func testVerifier(p Ports) (*verify.Verifier, error) {
	world := sim.NewOffline(sim.Options{Now: p.Now, Log: p.Log, FirstContact: firstContact(p.Cache, p.Secret)})
	prober, err := smtpprobe.New(smtpprobe.Config{
		HELO: testHELO, MailFrom: testFrom, Port: 25, Resolver: world,
		Dial: func(ctx context.Context, _ string, to netip.AddrPort) (net.Conn, error) {
			return world.Dial(ctx, to.Addr())
		},
		Pacer:    pace.New(pace.Config{Mode: pace.Off}),
		InFlight: testInFlight, Log: p.Log,
	})
	if err != nil {
		return nil, err
	}
	return verify.New(verify.Config{
		Lists: p.Lists, Tenant: p.Tenant, Overlay: ownReports{Overlay(p)}, Router: world, Prober: prober,
		Vendors: noVendors{}, Cache: apart{p.Cache}, Secret: p.Secret, Now: p.Now, Log: p.Log,
	}), nil
}

// firstContactLife outlasts a job that waits for greylisting.
const firstContactLife = 24 * time.Hour

// firstContact is the memory of simulated greylisting, shared by the fleet: the
// second attempt may come to another process than the first. Triplets hold
// addresses and are kept as keyed hashes.
func firstContact(table store.Table, secret []byte) func(context.Context, string, time.Time) (time.Time, error) {
	return func(ctx context.Context, triplet string, now time.Time) (time.Time, error) {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte("first contact\x00" + triplet))
		item, err := table.Update(ctx, store.Update{
			Key:     store.Key{Part: "SIMGREY#" + hex.EncodeToString(mac.Sum(nil))},
			Set:     store.Attrs{"first": now.UnixMilli()},
			Expires: now.Add(firstContactLife),
			If:      []store.Cond{store.Absent()},
		})
		if err != nil && !errors.Is(err, store.ErrCondition) {
			return time.Time{}, fmt.Errorf("remember first contact: %w", err)
		}
		return time.UnixMilli(item.Int("first")), nil
	}
}

// apart is the cache as test keys see it. Evidence is kept per key anyway; the
// facts about domains, which all keys share, are moved away from those that live
// keys learned: with RCPT_SIM=off the same name may be a real domain to them.
type apart struct{ store.Table }

func (a apart) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	moved, asked := make([]store.Key, len(keys)), make(map[store.Key]store.Key, len(keys))
	for i, key := range keys {
		moved[i] = simulatedKey(key)
		asked[moved[i]] = key
	}
	items, err := a.Table.BatchGet(ctx, moved)
	for i := range items {
		items[i].Key = asked[items[i].Key] // who reads them goes by the key asked for
	}
	return items, err
}

func (a apart) BatchPut(ctx context.Context, items []store.Item) error {
	moved := make([]store.Item, len(items))
	for i, item := range items {
		item.Key = simulatedKey(item.Key)
		moved[i] = item
	}
	return a.Table.BatchPut(ctx, moved)
}

// simulatedKey keeps the prefix by which package verify knows the facts of a
// domain; no domain contains the second '#'.
func simulatedKey(key store.Key) store.Key {
	if domain, ok := strings.CutPrefix(key.Part, "DOM#"); ok {
		key.Part = "DOM#SIM#" + domain
	}
	return key
}

// ownReports is the overlay as test keys see it: what they reported themselves.
// What live keys agree on about a domain is no simulated verdict.
type ownReports struct{ verify.Overlay }

func (o ownReports) Look(ctx context.Context, key string, addresses ...address.Address) ([]overlay.Sight, error) {
	sights, err := o.Overlay.Look(ctx, key, addresses...)
	for i := range sights {
		sights[i].Trap = false
	}
	return sights, err
}
