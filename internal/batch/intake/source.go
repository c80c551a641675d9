package intake

import (
	"bufio"
	"compress/flate"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
)

// source is the octets of a list, unpacked and counted.
type source struct {
	file   io.ReadCloser
	packed *counter // what was read of file
	plain  *bufio.Reader
	gzip   bool
	limits Options
	read   int64 // unpacked octets before and read by now
}

const sourceBuffer = 64 << 10

// openSource opens a list at its start and looks whether it is packed.
func openSource(open Source, limits Options) (*source, error) {
	file, err := open(0)
	if err != nil {
		return nil, fmt.Errorf("open list: %w", err)
	}
	s := &source{file: file, limits: limits}
	packed := bufio.NewReaderSize(file, sourceBuffer)
	head, err := packed.Peek(2)
	if err != nil && err != io.EOF {
		return nil, errors.Join(fmt.Errorf("read list: %w", err), file.Close())
	}
	s.gzip = string(head) == "\x1f\x8b"
	if err := s.unpack(packed); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// resumeSource opens a list where it was left.
func resumeSource(open Source, state State, limits Options) (*source, error) {
	from := state.Offset
	if state.Gzip {
		from = 0
	}
	file, err := open(from)
	if err != nil {
		return nil, fmt.Errorf("open list: %w", err)
	}
	s := &source{file: file, limits: limits, gzip: state.Gzip, read: from}
	err = s.unpack(bufio.NewReaderSize(file, sourceBuffer))
	if err == nil && state.Gzip {
		if _, err = io.CopyN(io.Discard, s.plain, state.Offset); err == io.EOF {
			err = fmt.Errorf("resume list: %w", io.ErrUnexpectedEOF)
		}
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return s, nil
}

// unpack sets up the way from the file to s.plain.
func (s *source) unpack(packed *bufio.Reader) error {
	s.packed = &counter{from: packed}
	var plain io.Reader = s.packed
	if s.gzip {
		unpacker, err := gzip.NewReader(s.packed)
		if err != nil {
			return s.gzipError(err)
		}
		plain = unpacker
	}
	s.plain = bufio.NewReaderSize(limited{s, plain}, sourceBuffer)
	return nil
}

// text returns the list from the current place on as UTF-8, or as octets for
// each row to be looked at.
func (s *source) text(e Encoding, offset int64) io.Reader {
	if e == UTF16LE || e == UTF16BE {
		return newUTF16(s.plain, e == UTF16BE, offset)
	}
	return s.plain
}

func (s *source) Close() error { return s.file.Close() }

// counter counts what is read. It is an io.ByteReader, so that gzip reads no
// further than it must.
type counter struct {
	from *bufio.Reader
	n    int64
	err  error // that is no end of the file
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, c.note(err)
}

func (c *counter) ReadByte() (byte, error) {
	b, err := c.from.ReadByte()
	if err == nil {
		c.n++
	}
	return b, c.note(err)
}

func (c *counter) note(err error) error {
	if err != nil && err != io.EOF {
		c.err = err
	}
	return err
}

// limited reads unpacked octets and keeps the limits.
type limited struct {
	*source
	from io.Reader
}

func (l limited) Read(p []byte) (int, error) {
	n, err := l.from.Read(p)
	l.read += int64(n)
	switch {
	case l.read > l.limits.MaxSize:
		return 0, &Error{Kind: TooLarge, Problem: fmt.Sprintf("the list has more than %d octets", l.limits.MaxSize), Fix: "divide it into several jobs"}
	case l.gzip && l.read > l.limits.FreeSize && l.read/l.limits.MaxRatio > l.packed.n:
		return 0, &Error{Kind: TooLarge, Problem: fmt.Sprintf("the list is packed to less than a %dth of its size", l.limits.MaxRatio), Fix: "send it unpacked"}
	case err == nil || err == io.EOF:
		return n, err
	case l.gzip:
		return n, l.gzipError(err)
	}
	return n, fmt.Errorf("read list: %w", err)
}

// gzipError tells a damaged file from one that cannot be read now.
func (s *source) gzipError(err error) error {
	var corrupt flate.CorruptInputError
	switch {
	case s.packed.err != nil: // it could not be read, which says nothing of the file
		return fmt.Errorf("read list: %w", s.packed.err)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return &Error{Kind: BadGzip, Problem: "the gzip file ends too early", Fix: "send it again, whole"}
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum), errors.As(err, &corrupt):
		return &Error{Kind: BadGzip, Problem: "the gzip file is damaged", Fix: "send it again, or unpacked"}
	}
	return fmt.Errorf("read list: %w", err)
}
