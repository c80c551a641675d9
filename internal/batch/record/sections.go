package record

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
)

// Sections are several files of records in one, so that what belongs to one of
// many destinations can be read without the others: where each begins, and the
// end of the last, then the sections, each as a Writer writes it or empty. They
// are kept in memory until they are written.
type Sections struct {
	kind  string
	files []bytes.Buffer
	heads []*Writer // nil: the section is empty
	size  int
}

const sectionsMagic = "rcpt-sections-1\n"

// sectionBuffer is what each section holds besides its content, in octets.
const sectionBuffer = 256

// NewSections begins n sections of records of this kind.
func NewSections(n int, kind string) *Sections {
	return &Sections{kind: kind, files: make([]bytes.Buffer, n), heads: make([]*Writer, n)}
}

// Write adds a record to a section.
func (s *Sections) Write(section int, record []byte) error {
	if s.heads[section] == nil {
		s.heads[section] = newWriter(&s.files[section], s.kind, sectionBuffer)
	}
	s.size += len(record)
	return s.heads[section].Write(record)
}

// Size is how many octets all records have.
func (s *Sections) Size() int { return s.size }

// Close ends the sections and writes them.
func (s *Sections) Close(to io.Writer) error {
	at := uint64(len(sectionsMagic) + 8*(len(s.files)+1))
	head := binary.LittleEndian.AppendUint64([]byte(sectionsMagic), at)
	for i, w := range s.heads {
		if w != nil {
			if err := w.Close(); err != nil {
				return err
			}
		}
		at += uint64(s.files[i].Len())
		head = binary.LittleEndian.AppendUint64(head, at)
	}
	if _, err := to.Write(head); err != nil {
		return err
	}
	for i := range s.files {
		if _, err := s.files[i].WriteTo(to); err != nil {
			return err
		}
	}
	return nil
}

// Opener opens a part of a file: length octets from offset on.
type Opener func(offset, length int64) (io.ReadCloser, error)

// OpenSection opens one section of a file, for a Reader of its kind. It is nil
// when the section is empty. The caller closes it.
func OpenSection(open Opener, section int) (io.ReadCloser, error) {
	index, err := open(int64(len(sectionsMagic)+8*section), 16)
	if err != nil {
		return nil, err
	}
	var ends [16]byte
	_, err = io.ReadFull(index, ends[:])
	if closed := index.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return nil, damaged(fmt.Sprintf("no section %d", section), err)
	}
	from, to := int64(binary.LittleEndian.Uint64(ends[:8])), int64(binary.LittleEndian.Uint64(ends[8:]))
	switch {
	case from < int64(len(sectionsMagic)) || to < from:
		return nil, fmt.Errorf("%w: section %d lies from %d to %d", ErrDamaged, section, from, to)
	case from == to:
		return nil, nil
	}
	return open(from, to-from)
}
