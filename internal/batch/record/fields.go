package record

import "encoding/binary"

// AppendText adds a text with its length to a record.
func AppendText(record []byte, text string) []byte {
	return append(binary.AppendUvarint(record, uint64(len(text))), text...)
}

// AppendNumber adds a number to a record.
func AppendNumber(record []byte, n uint64) []byte { return binary.AppendUvarint(record, n) }

// Fields takes a record apart in the order in which it was put together. Texts
// share the memory of the record. After the first field that is not there all
// others are zero, and Whole says so.
type Fields struct {
	rest string
	bad  bool
}

// FieldsOf begins with the first field of a record.
func FieldsOf(record string) *Fields { return &Fields{rest: record} }

// Number takes a number.
func (f *Fields) Number() uint64 {
	var n uint64
	for i := 0; i < len(f.rest) && i < binary.MaxVarintLen64; i++ {
		c := f.rest[i]
		if i == binary.MaxVarintLen64-1 && c > 1 {
			break // over 64 bits
		}
		n |= uint64(c&0x7f) << (7 * i)
		if c < 0x80 {
			f.rest = f.rest[i+1:]
			return n
		}
	}
	f.rest, f.bad = "", true
	return 0
}

// Text takes a text.
func (f *Fields) Text() string {
	text, _ := f.Take(f.Number())
	return text
}

// Take takes a text of n octets, if there are as many.
func (f *Fields) Take(n uint64) (text string, ok bool) {
	if n > uint64(len(f.rest)) || f.bad {
		f.rest, f.bad = "", true
		return "", false
	}
	text, f.rest = f.rest[:n], f.rest[n:]
	return text, true
}

// Rest takes all that is left.
func (f *Fields) Rest() string {
	rest := f.rest
	f.rest = ""
	return rest
}

// More reports whether something is left.
func (f *Fields) More() bool { return f.rest != "" }

// Whole reports whether every field taken so far was there.
func (f *Fields) Whole() bool { return !f.bad }
