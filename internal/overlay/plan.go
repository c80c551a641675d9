package overlay

import (
	"context"
	"fmt"

	"rcpt/internal/store"
)

// writing is a transaction in the making: what it writes, and what that comes
// to.
type writing struct {
	ops     []store.Op
	outcome Outcome
}

// plan reads what a group of reports touches, with one call, and works out what
// they change. No operations: there is nothing to record.
func (p *post) plan(ctx context.Context, group []report) (w writing, err error) {
	found, err := p.book.read(ctx, p.touched(group))
	if err != nil {
		return w, err
	}
	var fresh []report
	for _, r := range group {
		if found[markerKey(p.key.ID, r.ID)].Present() {
			w.outcome.Duplicates++
			continue
		}
		fresh = append(fresh, r)
	}
	budget := newBucket(found[budgetKey(p.key.ID)], p.key, p.received)
	granted := fresh
	if left := budget.left(); !p.terms.ChargeLater && int64(len(fresh)) > left {
		granted = fresh[:left]
		w.outcome.Refused = len(fresh) - len(granted)
		w.outcome.RetryAfter = budget.after(left).wait()
	}
	if len(granted) == 0 {
		return w, nil
	}
	w.outcome.Recorded = len(granted)
	for _, r := range granted {
		marker := store.Item{Key: markerKey(p.key.ID, r.ID), Attrs: store.Attrs{}, Expires: p.received.Add(markerLife)}
		w.ops = append(w.ops, store.PutOp(marker, store.Absent()))
	}
	if err := p.addEntries(ctx, &w, granted, found); err != nil {
		return writing{}, err
	}
	p.addDomains(&w, granted, found)
	if !budget.unlimited() {
		w.ops = append(w.ops, budget.charge(int64(len(granted)), p.terms.ChargeLater))
	}
	return w, nil
}

// touched names what a group may change.
func (p *post) touched(group []report) []store.Key {
	keys := []store.Key{budgetKey(p.key.ID)}
	for _, r := range group {
		keys = append(keys, markerKey(p.key.ID, r.ID), entryKey(p.key.ID, r.entry))
		if r.domain != "" {
			keys = append(keys, domainKey(r.domain))
		}
	}
	return keys
}

// addEntries merges the reports into their entries, one write for each.
func (p *post) addEntries(ctx context.Context, w *writing, reports []report, found map[store.Key]store.Item) error {
	var order []string
	records := make(map[string]*record)
	for _, r := range reports {
		rec := records[r.entry]
		if rec == nil {
			read := recordOf(found[entryKey(p.key.ID, r.entry)])
			rec = &read
			records[r.entry], order = rec, append(order, r.entry)
		}
		if rec.sealed == nil {
			var err error
			if rec.sealed, err = p.seal(ctx, r); err != nil {
				return err
			}
		}
		rec.add(r.Event, r.at)
	}
	for _, id := range order {
		key := entryKey(p.key.ID, id)
		w.ops = append(w.ops, records[id].op(key, found[key]))
	}
	return nil
}

// seal hides the address of a new entry. It is the Identity, so that it is the
// same whichever event comes first. A transaction that begins again uses it
// again.
func (p *post) seal(ctx context.Context, r report) ([]byte, error) {
	if sealed := p.sealed[r.entry]; sealed != nil {
		return sealed, nil
	}
	sealed, err := p.book.cfg.Vault.Seal(ctx, []byte(r.address.Identity()), sealContext(p.key))
	if err != nil {
		return nil, fmt.Errorf("seal address: %w", err)
	}
	p.sealed[r.entry] = sealed
	return sealed, nil
}

// addDomains counts the reports that are votes, one write for each domain.
func (p *post) addDomains(w *writing, reports []report, found map[store.Key]store.Item) {
	seen := make(map[string]bool)
	for _, r := range reports {
		if r.domain == "" || seen[r.domain] {
			continue
		}
		seen[r.domain] = true
		before := found[domainKey(r.domain)]
		d := domainOf(r.domain, before)
		if d.add(p.book.account(r.domain, p.key.Account), p.received) {
			w.ops = append(w.ops, d.ops(before)...)
		}
	}
}
