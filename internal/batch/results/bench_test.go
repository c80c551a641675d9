package results

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"rcpt/internal/batch/rows"
)

// BenchmarkCollect joins a chunk with its answers, one per row, and writes the
// three outputs.
func BenchmarkCollect(b *testing.B) {
	var chunk, answers bytes.Buffer
	w, err := rows.NewWriter(&chunk, 0, 0)
	a := NewWriter(&answers)
	for i := range int64(rows.PerChunk) {
		var n rows.Numbers
		n.Add(i)
		err = errors.Join(err, a.Write(valid, n), w.Write(rows.Row{Number: i, Cells: []rows.Cell{text("user@x.test"), text("Doe, Ann")}}))
	}
	if err = errors.Join(err, w.Close(), a.Close()); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(answers.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		g := NewRange(0, rows.PerChunk)
		if err := g.Read(r); err != nil {
			b.Fatal(err)
		}
		c, err := rows.NewReader(bytes.NewReader(chunk.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		outputs := []*Output{NewOutput(io.Discard, JSON, "job_1", columns), NewOutput(io.Discard, JSONL, "", columns), NewOutput(io.Discard, CSV, "", columns)}
		err = Join(c, g, unknown, func(row rows.Row, a *Answer) error {
			return errors.Join(outputs[0].Write(row, a), outputs[1].Write(row, a), outputs[2].Write(row, a))
		})
		for _, o := range outputs {
			err = errors.Join(err, o.Close())
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows.PerChunk, "ns/row")
}
