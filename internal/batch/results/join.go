package results

import (
	"bytes"
	"fmt"
	"io"

	"rcpt/internal/batch/record"
	"rcpt/internal/batch/rows"
)

// Scatter divides answers by the chunk of their rows. It holds up to its limit in
// memory and hands on a file of record.Sections, one section a chunk, whenever
// that is reached.
type Scatter struct {
	chunks, limit int
	put           func(part int, file []byte) error

	part     int
	sections *record.Sections
	buf      []byte
}

// NewScatter begins to divide answers among chunks. limit is in octets; put takes
// the files, numbered from 0.
func NewScatter(chunks, limit int, put func(part int, file []byte) error) *Scatter {
	return &Scatter{chunks: chunks, limit: limit, put: put, sections: record.NewSections(chunks, kind)}
}

// Add adds an answer to these rows.
func (s *Scatter) Add(a *Answer, numbers rows.Numbers) error {
	chunk := int64(-1)
	var here rows.Numbers
	for n := range numbers.All() {
		if n/rows.PerChunk != chunk {
			if err := s.write(a, chunk, here); err != nil {
				return err
			}
			chunk, here = n/rows.PerChunk, rows.Numbers{}
		}
		here.Add(n)
	}
	return s.write(a, chunk, here)
}

func (s *Scatter) write(a *Answer, chunk int64, numbers rows.Numbers) error {
	if chunk < 0 {
		return nil
	}
	if chunk >= int64(s.chunks) {
		return fmt.Errorf("answer for row %d of a list with %d chunks", numbers.First(), s.chunks)
	}
	s.buf = append(a.append(s.buf[:0]), numbers.Packed()...)
	if err := s.sections.Write(int(chunk), s.buf); err != nil {
		return err
	}
	if s.sections.Size() < s.limit {
		return nil
	}
	return s.Flush()
}

// Flush hands on what is held, if there is something. It is called at the end.
func (s *Scatter) Flush() error {
	if s.sections.Size() == 0 {
		return nil
	}
	var file bytes.Buffer
	if err := s.sections.Close(&file); err != nil {
		return err
	}
	s.sections = record.NewSections(s.chunks, kind)
	s.part++
	return s.put(s.part-1, file.Bytes())
}

// Range holds the answers to the rows of one chunk: some 15 MB.
type Range struct {
	first   int64
	answers []*Answer
}

// NewRange begins with no answers to n rows from the first on.
func NewRange(first int64, n int) *Range {
	return &Range{first: first, answers: make([]*Answer, n)}
}

// Read takes the answers of a file that are for rows of the range. Of two for one
// row the decided one counts, then the later.
func (g *Range) Read(from *Reader) error {
	for {
		a, numbers, err := from.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for n := range numbers.All() {
			if n < g.first || n >= g.first+int64(len(g.answers)) {
				continue
			}
			if known := &g.answers[n-g.first]; *known == nil || a.replaces(*known) {
				*known = a
			}
		}
	}
}

// At returns the answer to a row, nil if there is none.
func (g *Range) At(row int64) *Answer {
	if row < g.first || row >= g.first+int64(len(g.answers)) {
		return nil
	}
	return g.answers[row-g.first]
}

// Join calls each for every row of a chunk, in order, with its answer; missing
// stands for those that are not there.
func Join(chunk *rows.Reader, answers *Range, missing Answer, each func(rows.Row, *Answer) error) error {
	for {
		row, err := chunk.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		a := answers.At(row.Number)
		if a == nil {
			a = &missing
		}
		if err := each(row, a); err != nil {
			return err
		}
	}
}
