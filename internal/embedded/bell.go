package embedded

import "sync"

// bells wake those who wait for a queue or an execution, by name, and remember
// whose turn it was last at a queue. The zero value is ready.
type bells struct {
	mu    sync.Mutex
	named map[string]*bell
}

type bell struct {
	rung chan struct{} // closed when something changes
	last string        // group of the last message delivered
}

func (b *bells) of(name string) *bell {
	if b.named == nil {
		b.named = make(map[string]*bell)
	}
	if b.named[name] == nil {
		b.named[name] = &bell{rung: make(chan struct{})}
	}
	return b.named[name]
}

// listen returns a channel that is closed at the next ring.
func (b *bells) listen(name string) <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(name).rung
}

// ring wakes those who listen.
func (b *bells) ring(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if one := b.named[name]; one != nil {
		close(one.rung)
		one.rung = make(chan struct{})
	}
}

// forget is for a name that nobody will use again.
func (b *bells) forget(name string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.named, name)
}

func (b *bells) turn(name string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(name).last
}

func (b *bells) passTurn(name, group string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.of(name).last = group
}
