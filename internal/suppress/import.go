package suppress

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/address"
	"rcpt/internal/batch/intake"
)

const (
	// maxRows is more than fits into the body of a request at 20 octets each.
	maxRows = 300_000

	// maxUnpacked bounds a list that comes gzipped, in octets.
	maxUnpacked = 64 << 20

	// maxFaults is how many rows without an address an Outcome names: enough to
	// see what is wrong with the list.
	maxFaults = 20

	// perWrite and writesAtOnce bound what is sealed and under way at a time. On
	// AWS a write of so many is ten calls of some ten milliseconds.
	perWrite     = 250
	writesAtOnce = 8
)

// Origin says where the addresses of a list come from.
type Origin struct {
	Reason      Reason
	Note        string
	EmailColumn string // name or number, from 1, of the column; "": it is found
}

// Fault is a row without an address that can be read.
type Fault struct {
	Row     int64 // from 1, a header not counted
	Problem string
}

// Outcome is what became of the rows of a list. Added, Unchanged, Duplicates and
// Invalid add up to Rows.
type Outcome struct {
	Rows       int64
	Added      int
	Unchanged  int // suppressed already
	Duplicates int // named by an earlier row
	Invalid    int64
	Faults     []Fault // the first of the invalid
}

// Import suppresses the addresses of a list in any format that package intake
// reads. Rows without an address are counted and left out. ErrList when the list
// cannot be read to its end. After an error some may have been added; the same
// call may be repeated, and goes faster over what is there.
func (b *Book) Import(ctx context.Context, key Key, list intake.Source, from Origin) (Outcome, error) {
	reader, err := intake.Open(list, intake.Options{EmailColumn: from.EmailColumn, MaxRows: maxRows, MaxSize: maxUnpacked})
	if err != nil {
		return Outcome{}, unreadable(err)
	}
	defer func() { _ = reader.Close() }()

	o, addresses, err := readList(reader)
	if err != nil {
		return Outcome{}, err
	}
	counts := make([]Change, (len(addresses)+perWrite-1)/perWrite)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(writesAtOnce)
	for i := range counts {
		part := addresses[i*perWrite : min((i+1)*perWrite, len(addresses))]
		work.Go(func() (err error) {
			if err := ctx.Err(); err != nil {
				return err
			}
			counts[i], err = b.Add(ctx, key, from.Reason, from.Note, part...)
			return err
		})
	}
	err = work.Wait()
	var sum Change
	for _, c := range counts {
		sum.add(c)
	}
	o.Added, o.Unchanged = sum.Added, sum.Unchanged
	return o, err
}

// readList reads a list before anything of it is written: one that breaks off in
// the middle changes nothing.
func readList(reader *intake.Reader) (o Outcome, addresses []address.Address, err error) {
	seen := make(map[string]bool)
	for {
		row, err := reader.Next()
		if err == io.EOF {
			return o, addresses, nil
		}
		if err != nil {
			return Outcome{}, nil, unreadable(err)
		}
		o.Rows++
		a, err := address.Parse(row.Email)
		if err != nil {
			o.Invalid++
			if len(o.Faults) < maxFaults {
				o.Faults = append(o.Faults, Fault{Row: row.Number + 1, Problem: err.Error()})
			}
			continue
		}
		if seen[a.Identity()] {
			o.Duplicates++
			continue
		}
		seen[a.Identity()] = true
		addresses = append(addresses, a)
	}
}

// unreadable makes an ErrList of what is wrong with a list.
func unreadable(err error) error {
	var fault *intake.Error
	if errors.As(err, &fault) {
		return fmt.Errorf("%w: %w", ErrList, fault)
	}
	return fmt.Errorf("read list: %w", err)
}
