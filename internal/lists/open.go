package lists

import (
	"fmt"
	"iter"

	"rcpt/internal/lists/nameset"
)

// Open returns the built-in table with other disposable hosts: those of a
// snapshot, which is what build.Encode writes and refresh publishes. It keeps
// the snapshot and reads all of it, some 20 ms, because data that did not come
// with the program may be anything. The error is nameset.ErrFormat when the
// snapshot is truncated, altered, of another version, or does not add up.
func Open(snapshot string) (*Table, error) {
	set, err := nameset.Open(snapshot)
	if err == nil {
		err = set.Check()
	}
	if err != nil {
		return nil, fmt.Errorf("open snapshot: %w", err)
	}
	f := figures(set)
	tiers := f.Curated + f.Families + f.Family + f.Aggregator
	if f.Hosts != set.Len() || tiers != f.Hosts || f.Rules > f.Hosts || f.Registrable > f.Hosts {
		return nil, fmt.Errorf("open snapshot of %d names with the figures %+v: %w", set.Len(), f, nameset.ErrFormat)
	}
	t := New()
	t.disposable = set
	t.version = t.name()
	return t, nil
}

// Hosts yields every disposable host with the families that name it, those of
// its listed ancestors among them.
func (t *Table) Hosts() iter.Seq2[string, Origins] {
	return func(yield func(string, Origins) bool) {
		for e := range t.disposable.All() {
			if !yield(e.Name, Origins(e.Value)&^Below) {
				return
			}
		}
	}
}

// Known yields every name, or pattern, of which something else is known than
// that it is disposable.
func (t *Table) Known() iter.Seq2[string, Kind] {
	return func(yield func(string, Kind) bool) {
		for e := range t.known.All() {
			if !yield(e.Name, Kind(e.Value)) {
				return
			}
		}
	}
}

// HasHost reports whether a name, in lower case, is itself a disposable host.
// Ancestors do not count.
func (t *Table) HasHost(host string) bool {
	_, ok := t.disposable.Find(host)
	return ok
}
