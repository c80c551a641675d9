package intake

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encoding is how characters are written.
type Encoding string

// The encodings. A list that is no UTF-16 is UTF-8, row by row, and the rows that
// are not are Windows-1252.
const (
	UTF8    Encoding = "utf-8"
	UTF16LE Encoding = "utf-16le"
	UTF16BE Encoding = "utf-16be"
)

// encodingOf looks at the beginning of a list. mark is the length of the byte
// order mark.
func encodingOf(head []byte) (e Encoding, mark int, err error) {
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return "", 0, &Error{Kind: BadEncoding, Problem: "the list is UTF-32", Fix: "save it as UTF-8"}
	case bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		return UTF8, 3, nil
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		return UTF16LE, 2, nil
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		return UTF16BE, 2, nil
	}
	if name := fileType(head); name != "" {
		return "", 0, &Error{Kind: Binary, Problem: "this is " + name, Fix: "send the list as text: CSV, JSON, or an address a line"}
	}
	even, odd := 0, 0 // zeros at each
	for i, c := range head {
		if c == 0 && i%2 == 0 {
			even++
		} else if c == 0 {
			odd++
		}
	}
	pairs := len(head) / 2
	switch {
	case pairs > 0 && even == 0 && odd*10 >= pairs*7:
		return UTF16LE, 0, nil
	case pairs > 0 && odd == 0 && even*10 >= pairs*7:
		return UTF16BE, 0, nil
	}
	return UTF8, 0, binaryText(head)
}

// fileType names what a list was meant to be and is not.
func fileType(head []byte) string {
	for _, t := range []struct{ magic, name string }{
		{"PK\x03\x04", "a ZIP file or an Excel workbook"},
		{"\xd0\xcf\x11\xe0", "an old Excel workbook"},
		{"%PDF-", "a PDF file"},
		{"\x1f\x8b", "gzip within gzip"},
		{"BZh", "a bzip2 file"},
		{"\xfd7zXZ\x00", "an xz file"},
		{"\x28\xb5\x2f\xfd", "a Zstandard file"},
		{"7z\xbc\xaf", "a 7-Zip file"},
		{"\x89PNG", "a picture"},
		{"\xff\xd8\xff", "a picture"},
		{"PAR1", "a Parquet file"},
		{"\x7fELF", "a program"},
	} {
		if strings.HasPrefix(string(head[:min(len(head), 8)]), t.magic) {
			return t.name
		}
	}
	return ""
}

// binaryText refuses what has a zero, or one control character in ten.
func binaryText(head []byte) error {
	if err := holdsZero(head); err != nil {
		return err
	}
	controls := 0
	for _, c := range head {
		if c < ' ' && c != '\t' && c != '\n' && c != '\r' {
			controls++
		}
	}
	if controls*10 > len(head) {
		return &Error{Kind: Binary, Problem: "this is no text", Fix: "send the list as text: CSV, JSON, or an address a line"}
	}
	return nil
}

// decode returns a row as UTF-8, and whether it was not. buf is memory to use.
func decode(row, buf []byte) (text []byte, decoded bool) {
	if utf8.Valid(row) {
		return row, false
	}
	buf = buf[:0]
	for _, c := range row {
		r := charmap.Windows1252.DecodeByte(c)
		if r == utf8.RuneError {
			r = rune(c) // five octets have no character
		}
		buf = utf8.AppendRune(buf, r)
	}
	return buf, true
}

// utf16Reader turns UTF-16 into UTF-8. Surrogates without partner become U+FFFD.
type utf16Reader struct {
	from   io.Reader
	order  binary.ByteOrder
	read   int64 // octets up to here
	octets []byte
	have   int    // octets of them
	out    []byte // not fetched yet
	err    error
}

func newUTF16(from io.Reader, big bool, offset int64) *utf16Reader {
	u := &utf16Reader{from: from, order: binary.LittleEndian, read: offset, octets: make([]byte, 16<<10)}
	if big {
		u.order = binary.BigEndian
	}
	return u
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

// fill decodes what comes next; half a character is left for the next time.
func (u *utf16Reader) fill() {
	n, err := u.from.Read(u.octets[u.have:])
	u.have += n
	u.err = err
	text, used := u.octets[:u.have], 0
	u.out = u.out[:0]
	for len(text)-used >= 2 {
		r, size := rune(u.order.Uint16(text[used:])), 2
		if utf16.IsSurrogate(r) {
			if len(text)-used < 4 && err == nil {
				break
			}
			r, size = u.pair(r, text[used+2:])
		}
		u.out = utf8.AppendRune(u.out, r)
		used += size
	}
	u.have = copy(u.octets, text[used:])
	if errors.Is(err, io.EOF) && u.have == 1 {
		u.err = &Error{Kind: BadEncoding, Problem: fmt.Sprintf("the list is UTF-16 and ends with half a character, after %d octets", u.read+int64(used)), Fix: "send it whole"}
	}
	u.read += int64(used)
}

func (u *utf16Reader) pair(high rune, behind []byte) (r rune, size int) {
	if len(behind) >= 2 {
		if r := utf16.DecodeRune(high, rune(u.order.Uint16(behind))); r != utf8.RuneError {
			return r, 4
		}
	}
	return utf8.RuneError, 2
}

// unit is how long an ASCII character is in the list.
func (e Encoding) unit() int64 { return e.octetsIn([]byte{' '}) }

// octetsIn is how long text was in the list.
func (e Encoding) octetsIn(text []byte) int64 {
	if e != UTF16LE && e != UTF16BE {
		return int64(len(text))
	}
	var n int64
	for _, c := range text {
		switch {
		case c < 0x80, c >= 0xc0 && c < 0xf0: // first octet of a character
			n += 2
		case c >= 0xf0:
			n += 4
		}
	}
	return n
}
