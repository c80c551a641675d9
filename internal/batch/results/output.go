package results

import (
	"bufio"
	"fmt"
	"io"

	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/rows"
)

// Format is what an output is written in.
type Format string

// The formats.
const (
	JSONL Format = "jsonl" // an object a line
	JSON  Format = "json"  // {"job_id":...,"results":[...]}, without any white space
	CSV   Format = "csv"
)

// Output writes rows with their answers. It is not safe for concurrent use.
//
// A document can be written in parts that are put one behind the other: only the
// one with First writes the beginning and only the one with Last the end. Of JSON
// every part but the last must have a row then.
type Output struct {
	Format      Format
	Job         string // its id, for JSON
	Columns     Columns
	First, Last bool

	to    *bufio.Writer
	buf   []byte
	begun bool
}

// NewOutput begins a whole document.
func NewOutput(to io.Writer, f Format, job string, c Columns) *Output {
	return NewPart(to, Output{Format: f, Job: job, Columns: c, First: true, Last: true})
}

// NewPart begins a part of a document.
func NewPart(to io.Writer, o Output) *Output {
	o.to = bufio.NewWriterSize(to, 64<<10)
	return &o
}

// Write adds a row.
func (o *Output) Write(row rows.Row, a *Answer) error {
	o.buf = o.buf[:0]
	if !o.begun {
		if err := o.begin(); err != nil {
			return err
		}
	} else if o.Format == JSON {
		o.buf = append(o.buf, ',')
	}
	switch o.Format {
	case JSONL:
		o.buf = append(o.Columns.AppendJSON(o.buf, row, a), '\n')
	case JSON:
		o.buf = o.Columns.AppendJSON(o.buf, row, a)
	case CSV:
		o.buf = o.Columns.AppendCSV(o.buf, row, a)
	}
	_, err := o.to.Write(o.buf)
	return err
}

// begin puts into o.buf what comes before the first row of the part.
func (o *Output) begin() error {
	o.begun = true
	switch {
	case o.Format == JSON && o.First:
		o.buf = append(jsonjs.AppendString(append(o.buf, `{"job_id":`...), o.Job), `,"results":[`...)
	case o.Format == JSON:
		o.buf = append(o.buf, ',')
	case o.Format == CSV && o.First:
		o.buf = o.Columns.AppendHeader(o.buf)
	case o.Format != CSV && o.Format != JSONL:
		return fmt.Errorf("no output format %q", o.Format)
	}
	return nil
}

// Close ends the part; it does not close what it was written to.
func (o *Output) Close() error {
	o.buf = o.buf[:0]
	if !o.begun && (o.First || o.Format != JSON) {
		if err := o.begin(); err != nil {
			return err
		}
	}
	if o.Format == JSON && o.Last {
		o.buf = append(o.buf, "]}"...)
	}
	_, _ = o.to.Write(o.buf) // Flush tells
	return o.to.Flush()
}
