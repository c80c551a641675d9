package pace

import (
	"context"
	"errors"
	"maps"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// memTable is a store.Table in memory, as far as the package calls one: what it
// does not call is nil and panics.
type memTable struct {
	store.Table

	mu    sync.Mutex
	items map[store.Key]store.Item
	calls int

	fail      func(put bool) error // what a call answers instead of its work; nil or a nil error: none
	meanwhile func()               // runs once before the next Put, as another writer would
}

func newTable() *memTable { return &memTable{items: map[store.Key]store.Item{}} }

func (m *memTable) Get(ctx context.Context, key store.Key) (store.Item, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if err := m.refusal(ctx, false, key.Check()); err != nil {
		return store.Item{}, err
	}
	item := m.read(key)
	if !item.Present() {
		return store.Item{}, store.ErrNotFound
	}
	return item, nil
}

func (m *memTable) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	if f := m.other(); f != nil {
		f()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if err := m.refusal(ctx, true, errors.Join(item.Check(), store.CheckConds(conds))); err != nil {
		return err
	}
	if !store.AllHold(conds, m.read(item.Key)) {
		return store.ErrCondition
	}
	item.Attrs = maps.Clone(item.Attrs)
	m.items[item.Key] = item
	return nil
}

func (m *memTable) read(key store.Key) store.Item {
	item := m.items[key]
	if item.Expired(time.Now()) {
		return store.Item{}
	}
	item.Attrs = maps.Clone(item.Attrs)
	return item
}

func (m *memTable) refusal(ctx context.Context, put bool, malformed error) error {
	if err := errors.Join(ctx.Err(), malformed); err != nil {
		return err
	}
	if m.fail == nil {
		return nil
	}
	return m.fail(put)
}

func (m *memTable) other() func() {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.meanwhile
	m.meanwhile = nil
	return f
}

// stateOf reads what is kept about the operator of a small host.
func stateOf(t *testing.T, p *Pacer) state {
	t.Helper()
	s, _, err := p.load(t.Context(), "small.example")
	if err != nil {
		t.Fatal(err)
	}
	return s
}
