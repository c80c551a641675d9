package prober

import (
	"fmt"
	"io"
	"time"

	"rcpt/internal/batch/plan"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/retry"
	"rcpt/internal/batch/rows"
)

// item is one address of a shard.
type item struct {
	email string // as given in the first of the rows
	rows  rows.Numbers
	past  retry.Past
	at    time.Time // when it is to be asked; zero: at once
}

// readPlanned reads the shard as it was planned.
func readPlanned(from io.Reader) ([]item, error) {
	shard, err := plan.ReadShard(from)
	if err != nil {
		return nil, err
	}
	items := make([]item, len(shard.Items))
	for i, planned := range shard.Items {
		items[i] = item{email: planned.Email, rows: planned.Rows}
	}
	return items, nil
}

// left names the files of addresses that an attempt left to the next one.
const left = "left"

// writeLeft writes addresses with what was tried for them.
func writeLeft(to io.Writer, items []item) error {
	w := record.NewWriter(to, left)
	var buf []byte
	for _, i := range items {
		buf = record.AppendNumber(buf[:0], uint64(i.at.UnixMilli()))
		for _, n := range []int{i.past.Greylisted, i.past.Failed, i.past.Missed} {
			buf = record.AppendNumber(buf, uint64(n))
		}
		buf = append(record.AppendText(buf, i.email), i.rows.Packed()...)
		if err := w.Write(buf); err != nil {
			return err
		}
	}
	return w.Close()
}

// readLeft reads what writeLeft wrote; record.ErrDamaged for anything else.
func readLeft(from io.Reader) (items []item, err error) {
	r, err := record.NewReader(from, left)
	if err != nil {
		return nil, err
	}
	for {
		raw, err := r.Next()
		switch {
		case err == io.EOF:
			return items, nil
		case err != nil:
			return nil, err
		}
		f := record.FieldsOf(string(raw))
		i := item{at: time.UnixMilli(int64(f.Number())).UTC()}
		i.past = retry.Past{Greylisted: int(f.Number()), Failed: int(f.Number()), Missed: int(f.Number())}
		i.email = f.Text()
		numbers, ok := rows.Unpack(f.Rest())
		if i.rows = numbers; !ok || !f.Whole() || numbers.Len() == 0 {
			return nil, fmt.Errorf("%w: address %d of those left", record.ErrDamaged, len(items))
		}
		items = append(items, i)
	}
}
