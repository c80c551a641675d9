package plan

import (
	"encoding/binary"
	"fmt"
	"io"
	"iter"

	"rcpt/internal/address"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
)

// Item is one address of a job and the rows in which it stands.
type Item struct {
	Email   string          // as given in the first of the rows, or within what is given
	Address address.Address // zero: Email is no address
	Rows    rows.Numbers
}

// Domain is where the address belongs; "" if it is none.
func (i *Item) Domain() string { return i.Address.Domain() }

// Entry is one row of a partition.
type Entry struct {
	Row   int64
	Email string // as given, clipped if it is longer than an address can be
}

// Pass says which part of a partition is read: Number, from 0, of as many as
// Passes gives.
type Pass struct{ Number, Of int }

// Passes is in how many passes a partition of this many rows is folded.
func Passes(n int64) int { return int(max(1, (n+PerPass-1)/PerPass)) }

// Partition reads one pass of a partition of what Split made of every chunk,
// given in order. An error is the last that comes.
func Partition(chunks []record.Opener, partition int, p Pass) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		for i, open := range chunks {
			for e, err := range section(open, partition, p) {
				if err != nil {
					err = fmt.Errorf("read partition %d of chunk %d: %w", partition, i, err)
				}
				if !yield(e, err) || err != nil {
					return
				}
			}
		}
	}
}

// section reads a partition of one chunk.
func section(open record.Opener, partition int, p Pass) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		file, err := record.OpenSection(open, partition)
		if err != nil {
			yield(Entry{}, err)
			return
		}
		if file == nil {
			return
		}
		defer func() { _ = file.Close() }() // it was only read
		if err := entries(file, p, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

// entries reads a section until its end or until yield wants no more.
func entries(file io.Reader, p Pass, yield func(Entry, error) bool) error {
	r, err := record.NewReader(file, kindRows)
	if err != nil {
		return err
	}
	for last := int64(0); ; {
		raw, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(raw) < 4 {
			return fmt.Errorf("%w: a row of a partition", record.ErrDamaged)
		}
		step, size := binary.Uvarint(raw[4:])
		if last += int64(step); size <= 0 || last < 0 {
			return fmt.Errorf("%w: the number of a row of a partition", record.ErrDamaged)
		}
		if int(binary.LittleEndian.Uint32(raw))%p.Of != p.Number {
			continue
		}
		if !yield(Entry{Row: last, Email: string(raw[4+size:])}, nil) {
			return nil
		}
	}
}

// Distinct folds entries of one address and returns the addresses in the order of
// their first rows.
func Distinct(entries iter.Seq2[Entry, error]) ([]*Item, error) {
	var items []*Item
	known := make(map[string]*Item)
	for e, err := range entries {
		if err != nil {
			return nil, err
		}
		email, a, identity := identify(e.Email)
		item := known[identity]
		if item == nil {
			item = &Item{Email: email, Address: a}
			known[identity] = item
			items = append(items, item)
		}
		item.Rows.Add(e.Row)
	}
	return items, nil
}
