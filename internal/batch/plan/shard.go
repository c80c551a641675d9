package plan

import (
	"cmp"
	"fmt"
	"io"
	"iter"
	"slices"

	"rcpt/internal/address"
	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
)

// Shard is work for one prober: addresses of one operator.
type Shard struct {
	Operator string
	Items    []*Item // at most PerShard, those of a domain side by side
}

// Cut divides items into shards, those of an operator in the order of their
// domains, those of a domain in that of their first rows. operator is asked once
// for each domain.
func Cut(items []*Item, operator func(domain string) string) iter.Seq[Shard] {
	operators := make(map[string]string)
	for _, i := range items {
		if _, known := operators[i.Domain()]; !known {
			operators[i.Domain()] = operator(i.Domain())
		}
	}
	sorted := slices.Clone(items)
	slices.SortFunc(sorted, func(a, b *Item) int {
		return cmp.Or(
			cmp.Compare(operators[a.Domain()], operators[b.Domain()]),
			cmp.Compare(a.Domain(), b.Domain()),
			cmp.Compare(a.Rows.First(), b.Rows.First()),
		)
	})
	return func(yield func(Shard) bool) {
		for from := 0; from < len(sorted); {
			name, to := operators[sorted[from].Domain()], from+1
			for to < len(sorted) && to < from+PerShard && operators[sorted[to].Domain()] == name {
				to++
			}
			if !yield(Shard{Operator: name, Items: sorted[from:to]}) {
				return
			}
			from = to
		}
	}
}

const kindShard = "shard"

// Write writes a shard: its operator, then each address with its rows.
func (s Shard) Write(to io.Writer) error {
	w := record.NewWriter(to, kindShard)
	if err := w.Write([]byte(s.Operator)); err != nil {
		return err
	}
	var buf []byte
	for _, i := range s.Items {
		buf = append(record.AppendText(buf[:0], i.Email), i.Rows.Packed()...)
		if err := w.Write(buf); err != nil {
			return err
		}
	}
	return w.Close()
}

// ReadShard reads what Write wrote; record.ErrDamaged for anything else.
func ReadShard(from io.Reader) (Shard, error) {
	r, err := record.NewReader(from, kindShard)
	if err != nil {
		return Shard{}, err
	}
	var s Shard
	for n := 0; ; n++ {
		raw, err := r.Next()
		switch {
		case err == io.EOF && n > 0:
			return s, nil
		case err == io.EOF:
			return Shard{}, fmt.Errorf("%w: a shard without operator", record.ErrDamaged)
		case err != nil:
			return Shard{}, err
		case n == 0:
			s.Operator = string(raw)
			continue
		}
		f := record.FieldsOf(string(raw))
		item := &Item{Email: f.Text()}
		numbers, ok := rows.Unpack(f.Rest())
		if !ok || !f.Whole() || numbers.Len() == 0 {
			return Shard{}, fmt.Errorf("%w: item %d of a shard", record.ErrDamaged, n-1)
		}
		item.Rows = numbers
		item.Address, _ = address.Parse(item.Email) // the zero address says it is none
		s.Items = append(s.Items, item)
	}
}
