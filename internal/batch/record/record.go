// Package record keeps short records in a file that proves itself: a line that
// names the kind and version of the file, the records, each behind its length,
// then their number and a checksum. A file that was cut short, mixed up or
// damaged is found out before its reader says that it is read.
//
//	"rcpt-" kind "-1\n"
//	{ length + 1 as uvarint, record }
//	0x00, number of records as uvarint
//	CRC-32C of all octets before, 4 octets, little-endian
//
// There is one way to write given records, so writing them again gives the same
// octets. Nothing is compressed: the files are read within days, close to where
// they lie.
package record

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// ErrDamaged: the file is not what was written.
var ErrDamaged = errors.New("record file damaged")

// Max is the longest record in octets. A row of MaxRow octets of JSON may grow
// fivefold when its numbers are written out.
const Max = 16 << 20

// buffer is what a Writer and a Reader hold, in octets.
const buffer = 64 << 10

// Writer writes one file. It is not safe for concurrent use.
type Writer struct {
	to    *bufio.Writer
	table *crc32.Table
	sum   uint32
	count uint64
	head  []byte
}

// NewWriter begins a file of this kind. Its first error comes from Write or Close.
func NewWriter(to io.Writer, kind string) *Writer { return newWriter(to, kind, buffer) }

func newWriter(to io.Writer, kind string, buffer int) *Writer {
	w := &Writer{to: bufio.NewWriterSize(to, buffer), table: crc32.MakeTable(crc32.Castagnoli)}
	w.put(magic(kind))
	return w
}

func magic(kind string) []byte { return []byte("rcpt-" + kind + "-1\n") }

// put adds octets; bufio keeps the first error for Flush.
func (w *Writer) put(octets []byte) {
	w.sum = crc32.Update(w.sum, w.table, octets)
	_, _ = w.to.Write(octets)
}

// Write adds a record of at most Max octets.
func (w *Writer) Write(record []byte) error {
	if len(record) > Max {
		return fmt.Errorf("record of %d octets, the limit is %d", len(record), Max)
	}
	w.head = binary.AppendUvarint(w.head[:0], uint64(len(record))+1)
	w.put(w.head)
	w.sum = crc32.Update(w.sum, w.table, record)
	w.count++
	_, err := w.to.Write(record)
	return err
}

// Close ends the file; it does not close what it was written to.
func (w *Writer) Close() error {
	w.put(binary.AppendUvarint([]byte{0}, w.count))
	_, _ = w.to.Write(binary.LittleEndian.AppendUint32(nil, w.sum))
	return w.to.Flush()
}

// Reader reads one file. It is not safe for concurrent use.
type Reader struct {
	from   *bufio.Reader
	table  *crc32.Table
	sum    uint32
	count  uint64
	record []byte
	end    error // how the file ended
}

// NewReader begins to read a file of this kind. ErrDamaged when it is of another.
func NewReader(from io.Reader, kind string) (*Reader, error) {
	r := &Reader{from: bufio.NewReaderSize(from, buffer), table: crc32.MakeTable(crc32.Castagnoli)}
	want := magic(kind)
	head := make([]byte, len(want))
	if _, err := io.ReadFull(r.from, head); err != nil {
		return nil, damaged("no first line", err)
	}
	if string(head) != string(want) {
		return nil, fmt.Errorf("%w: it begins with %q, not %q", ErrDamaged, head, want)
	}
	r.sum = crc32.Update(0, r.table, head)
	return r, nil
}

// damaged tells a file that ends too early from one that cannot be read now.
func damaged(what string, err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	return err
}

// Next returns the next record, valid until the next call; io.EOF after the last
// one when the file is whole, else ErrDamaged.
func (r *Reader) Next() ([]byte, error) {
	if r.end != nil {
		return nil, r.end
	}
	record, err := r.next()
	r.end = err
	return record, err
}

func (r *Reader) next() ([]byte, error) {
	length, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	if length == 0 {
		return nil, r.finish()
	}
	if length--; length > Max {
		return nil, fmt.Errorf("%w: record %d of %d octets", ErrDamaged, r.count, length)
	}
	if err := r.fill(int(length)); err != nil {
		return nil, err
	}
	r.sum = crc32.Update(r.sum, r.table, r.record)
	r.count++
	return r.record, nil
}

// fill reads a record piece by piece, so that a false length costs no memory.
func (r *Reader) fill(length int) error {
	r.record = r.record[:0]
	for len(r.record) < length {
		have := len(r.record)
		piece := min(length-have, max(buffer, have))
		if cap(r.record) < have+piece {
			r.record = append(make([]byte, 0, have+piece), r.record...)
		}
		r.record = r.record[:have+piece]
		if _, err := io.ReadFull(r.from, r.record[have:]); err != nil {
			return damaged(fmt.Sprintf("it ends within record %d", r.count), err)
		}
	}
	return nil
}

// finish compares what was read with what the end of the file says.
func (r *Reader) finish() error {
	count, err := r.uvarint()
	if err != nil {
		return err
	}
	var sum [4]byte
	if _, err := io.ReadFull(r.from, sum[:]); err != nil {
		return damaged("it ends within its checksum", err)
	}
	if count != r.count || binary.LittleEndian.Uint32(sum[:]) != r.sum {
		return fmt.Errorf("%w: its checksum is of another content", ErrDamaged)
	}
	if _, err := r.from.ReadByte(); err == nil {
		return fmt.Errorf("%w: it goes on behind its end", ErrDamaged)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	return io.EOF
}

func (r *Reader) uvarint() (uint64, error) {
	var octets [binary.MaxVarintLen64]byte
	for i := range octets {
		c, err := r.from.ReadByte()
		if err != nil {
			return 0, damaged("it has no end", err)
		}
		if octets[i] = c; c < 0x80 {
			r.sum = crc32.Update(r.sum, r.table, octets[:i+1])
			n, size := binary.Uvarint(octets[:i+1])
			if size <= 0 {
				break
			}
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: a length is no number", ErrDamaged)
}
