package intake

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"rcpt/internal/batch/rows"
)

// source opens a list that lies in memory.
func sourceOf(list string) Source {
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(strings.NewReader(list[min(offset, int64(len(list))):])), nil
	}
}

// readAll returns the rows of a list: each as its address and its cells.
func readAll(list string, o Options) (found []string, l rows.Layout, err error) {
	r, err := Open(sourceOf(list), o)
	if err != nil {
		return nil, l, err
	}
	for {
		row, err := r.Next()
		if err == io.EOF {
			return found, r.Layout(), r.Close()
		}
		if err != nil {
			return found, r.Layout(), err
		}
		found = append(found, show(row))
	}
}

func show(row rows.Row) string {
	text := fmt.Sprintf("%d %q", row.Number, row.Email)
	for _, c := range row.Cells {
		text += fmt.Sprintf(" %d%q", c.Kind, c.Text)
	}
	return text
}

func zip(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.String()
}

func wide(order binary.ByteOrder, text string) string {
	var out []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		var two [2]byte
		order.PutUint16(two[:], unit)
		out = append(out, two[:]...)
	}
	return string(out)
}

var formats = []struct {
	name    string
	list    string
	options Options
	columns []string
	email   int
	rows    []string
}{
	{"plain text", "a@x.test\nb@x.test\r\n\n c@x.test", Options{}, []string{""}, 0,
		[]string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test"`, `2 " c@x.test" 1" c@x.test"`}},
	{"plain text under a name", "E-Mail\na@x.test\n", Options{}, []string{"E-Mail"}, 0, []string{`0 "a@x.test" 1"a@x.test"`}},
	{"plain text: a broken first line is a row", "alice\na@x.test\n", Options{}, []string{""}, 0,
		[]string{`0 "alice" 1"alice"`, `1 "a@x.test" 1"a@x.test"`}},
	{"plain text: quotes around all of it, and of a local part", "\"a@x.test\"\n\"John Doe\"@x.test\nb@x.test", Options{}, []string{""}, 0,
		[]string{`0 "a@x.test" 1"a@x.test"`, `1 "\"John Doe\"@x.test" 1"\"John Doe\"@x.test"`, `2 "b@x.test" 1"b@x.test"`}},
	{"line ends of old", "a@x.test\rb@x.test\r", Options{}, []string{""}, 0, []string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test"`}},
	{"the end of file of DOS", "a@x.test\r\n\x1a", Options{}, []string{""}, 0, []string{`0 "a@x.test" 1"a@x.test"`}},
	{"commas", "name,email\nAnn,a@x.test\n\"Doe, \"\"Bob\"\"\nB.\",b@x.test\n", Options{}, []string{"name", "email"}, 1,
		[]string{`0 "a@x.test" 1"Ann" 1"a@x.test"`, `1 "b@x.test" 1"Doe, \"Bob\"\nB." 1"b@x.test"`}},
	{"semicolons, with commas within", "email;name\na@x.test;Ann, Dr.\nb@x.test;Bob, Dr.\n", Options{}, []string{"email", "name"}, 0,
		[]string{`0 "a@x.test" 1"a@x.test" 1"Ann, Dr."`, `1 "b@x.test" 1"b@x.test" 1"Bob, Dr."`}},
	{"tabs", "id\tmail\n1\ta@x.test\n\t\n", Options{}, []string{"id", "mail"}, 1, []string{`0 "a@x.test" 1"1" 1"a@x.test"`, `1 "" 1"" 1""`}},
	{"bars", "id|Mail\n1|a@x.test", Options{}, []string{"id", "Mail"}, 1, []string{`0 "a@x.test" 1"1" 1"a@x.test"`}},
	{"the delimiter said as Excel does", "sep=;\r\nemail;x\r\na@x.test;1\r\n", Options{}, []string{"email", "x"}, 0, []string{`0 "a@x.test" 1"a@x.test" 1"1"`}},
	{"no header", "1,a@x.test\n2,b@x.test", Options{}, []string{"", ""}, 1, []string{`0 "a@x.test" 1"1" 1"a@x.test"`, `1 "b@x.test" 1"2" 1"b@x.test"`}},
	{"a header of unknown words", "Nr,Kontakt\n1,a@x.test\n2,b@x.test", Options{}, []string{"Nr", "Kontakt"}, 1,
		[]string{`0 "a@x.test" 1"1" 1"a@x.test"`, `1 "b@x.test" 1"2" 1"b@x.test"`}},
	{"the column named", "home,work\na@x.test,b@x.test", Options{EmailColumn: "WORK"}, []string{"home", "work"}, 1, []string{`0 "b@x.test" 1"a@x.test" 1"b@x.test"`}},
	{"the column numbered", "a@x.test,b@x.test", Options{EmailColumn: "2"}, []string{"", ""}, 1, []string{`0 "b@x.test" 1"a@x.test" 1"b@x.test"`}},
	{"an address column beside one with a weak name", "address,e_mail\n1 Main St,a@x.test", Options{}, []string{"address", "e_mail"}, 1,
		[]string{`0 "a@x.test" 1"1 Main St" 1"a@x.test"`}},
	{"a name that lies", "email,contact info\nyes,a@x.test\nno,b@x.test", Options{}, []string{"email", "contact info"}, 1,
		[]string{`0 "a@x.test" 1"yes" 1"a@x.test"`, `1 "b@x.test" 1"no" 1"b@x.test"`}},
	{"rows longer and shorter than the header", "email,name\na@x.test\nb@x.test,Bob,tall\nc@x.test,C", Options{}, []string{"email", "name", ""}, 0,
		[]string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test" 1"Bob" 1"tall"`, `2 "c@x.test" 1"c@x.test" 1"C"`}},
	{"blanks around quotes", "email,name\n \"a@x.test\" , Ann\n", Options{}, []string{"email", "name"}, 0, []string{`0 "a@x.test" 1"a@x.test" 1" Ann"`}},
	{"quotes that are characters", "email,size\n\"J D\"@x.test,5\" wide\nb@x.test,6\n", Options{}, []string{"email", "size"}, 0,
		[]string{`0 "\"J D\"@x.test" 1"\"J D\"@x.test" 1"5\" wide"`, `1 "b@x.test" 1"b@x.test" 1"6"`}},
	{"byte order mark", "\ufeffemail,name\na@x.test,Zoë", Options{}, []string{"email", "name"}, 0, []string{`0 "a@x.test" 1"a@x.test" 1"Zoë"`}},
	{"Latin-1", "email,name\na@x.test,Zo\xeb\nb@x.test,\x80uro \x81\n", Options{}, []string{"email", "name"}, 0,
		[]string{`0 "a@x.test" 1"a@x.test" 1"Zoë"`, `1 "b@x.test" 1"b@x.test" 1"€uro \u0081"`}},
	{"UTF-16 with mark", wide(binary.LittleEndian, "\ufeffemail;name\r\na@x.test;Zoë 😀\r\n"), Options{}, []string{"email", "name"}, 0,
		[]string{`0 "a@x.test" 1"a@x.test" 1"Zoë 😀"`}},
	{"UTF-16 big end first", wide(binary.BigEndian, "\ufeffa@x.test\nb@x.test"), Options{}, []string{""}, 0, []string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test"`}},
	{"UTF-16 without mark", wide(binary.LittleEndian, "a@x.test\nb@x.test"), Options{}, []string{""}, 0, []string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test"`}},
	{"JSON strings", ` [ "a@x.test" , "\u0062@x.test", null ] `, Options{}, []string{"email"}, 0, []string{`0 "a@x.test" 1"a@x.test"`, `1 "b@x.test" 1"b@x.test"`, `2 ""`}},
	{"JSON strings that are no addresses", `["alice","bob"]`, Options{}, []string{"email"}, 0, []string{`0 "alice" 1"alice"`, `1 "bob" 1"bob"`}},
	{"JSON objects", `[{"id":1.0,"mail":"a@x.test"},{"mail":"b@x.test","more":{"b":1,"7":2}},"c@x.test",{"mail":null}]`, Options{},
		[]string{"id", "mail", "more"}, 1,
		[]string{`0 "a@x.test" 2"1" 1"a@x.test"`, `1 "b@x.test" 0"" 1"b@x.test" 2"{\"7\":2,\"b\":1}"`, `2 "c@x.test" 0"" 1"c@x.test"`, `3 "" 0"" 2"null"`}},
	{"JSON lines", "{\"to\":\"a@x.test\",\"n\":12345678901234567890}\n\n{\"to\":\"b@x.test\"}\n", Options{}, []string{"to", "n"}, 0,
		[]string{`0 "a@x.test" 1"a@x.test" 2"\"12345678901234567890\""`, `1 "b@x.test" 1"b@x.test"`}},
	{"JSON with keys twice", `[{"email":"no","x":1,"email":"a@x.test"}]`, Options{}, []string{"email", "x"}, 0, []string{`0 "a@x.test" 1"a@x.test" 2"1"`}},
	{"JSON in UTF-16", wide(binary.LittleEndian, `["a@x.test","Zoë@x.test"]`), Options{}, []string{"email"}, 0, []string{`0 "a@x.test" 1"a@x.test"`, `1 "Zoë@x.test" 1"Zoë@x.test"`}},
}

func TestEveryFormatGivesItsRows(t *testing.T) {
	for _, f := range formats {
		t.Run(f.name, func(t *testing.T) {
			for _, list := range []string{f.list, zip(f.list), zip(f.list[:5]) + zip(f.list[5:])} {
				got, layout, err := readAll(list, f.options)
				if err != nil || !reflect.DeepEqual(got, f.rows) {
					t.Errorf("got %q, %v; want %q", got, err, f.rows)
				}
				if want := (rows.Layout{Columns: f.columns, Email: f.email}); !reflect.DeepEqual(layout, want) {
					t.Errorf("layout is %+v, want %+v", layout, want)
				}
			}
		})
	}
}

// TestTheAddressColumnIsKnownInManyLanguages, beside another one that holds
// addresses, too.
func TestTheAddressColumnIsKnownInManyLanguages(t *testing.T) {
	for _, name := range []string{
		"Email", "E-MAIL ADDRESS", "E-Mail-Adresse", "Adresse e-mail", "Adresse électronique", "Courriel", "Correo electrónico", "correo electronico",
		"Correo electro\u0301nico", "Dirección de correo electrónico", "Endereço de e-mail", "endereco de email", "Indirizzo e-mail",
		"Indirizzo di posta elettronica", "E-mailadres", "Sähköposti", "E-postadress", "Adres e-mail", "E-posta", "Электронная почта",
		"メールアドレス", "电子邮件", "電子郵件", "이메일",
	} {
		list := "Owner;" + name + "\nme@x.test;a@x.test\nme@x.test;b@x.test\n"
		got, layout, err := readAll(list, Options{})
		if want := []string{`0 "a@x.test" 1"me@x.test" 1"a@x.test"`, `1 "b@x.test" 1"me@x.test" 1"b@x.test"`}; err != nil || layout.Email != 1 || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: column %d, %q, %v", name, layout.Email, got, err)
		}
	}
}

func TestShortReadsChangeNothing(t *testing.T) {
	for _, f := range formats {
		r, err := Open(func(int64) (io.ReadCloser, error) {
			return io.NopCloser(iotest.OneByteReader(strings.NewReader(f.list))), nil
		}, f.options)
		if err != nil {
			t.Errorf("%s: %v", f.name, err)
			continue
		}
		for _, want := range f.rows {
			if row, err := r.Next(); err != nil || show(row) != want {
				t.Errorf("%s: got %s, %v, want %s", f.name, show(row), err, want)
			}
		}
	}
}

func TestReadingGoesOnBehindAnyRow(t *testing.T) {
	for _, f := range formats {
		for _, list := range []string{f.list, zip(f.list)} {
			for stop := range len(f.rows) + 1 {
				got, err := readInTwo(list, stop, f.options)
				if err != nil || !reflect.DeepEqual(got, f.rows) {
					t.Errorf("%s, stopped behind row %d: got %q, %v", f.name, stop, got, err)
				}
			}
		}
	}
}

// readInTwo reads some rows with one Reader and the others with a second one.
func readInTwo(list string, stop int, o Options) ([]string, error) {
	first, err := Open(sourceOf(list), o)
	if err != nil {
		return nil, err
	}
	var found []string
	for range stop {
		row, err := first.Next()
		if err != nil {
			return found, err
		}
		found = append(found, show(row))
	}
	second, err := Resume(sourceOf(list), first.State(), o)
	if err != nil {
		return found, err
	}
	for {
		row, err := second.Next()
		if err == io.EOF {
			return found, nil
		}
		if err != nil {
			return found, err
		}
		found = append(found, show(row))
	}
}

func TestBadListsSayWhatAndWhere(t *testing.T) {
	long := strings.Repeat("x", 10<<20)
	small := Options{MaxRows: 2, MaxSize: 1 << 20, FreeSize: 100 << 10, MaxRatio: 100}
	for _, c := range []struct {
		name    string
		list    string
		options Options
		kind    Kind
		row, at int64
	}{
		{"nothing", "", Options{}, Empty, 0, 0},
		{"nothing, packed", zip(""), Options{}, Empty, 0, 0},
		{"only blanks", strings.Repeat(" \t \n", 100_000), Options{}, Empty, 0, -1},
		{"only a mark", "\ufeff", Options{}, Empty, 0, 3},
		{"only a header", "email,name\n", Options{}, Empty, 0, 11},
		{"an empty array", "[ ]", Options{}, Empty, 0, 2},
		{"a line of 10 MB", long, Options{}, RowTooLong, 0, 0},
		{"a line of 10 MB later", "email,x\na@x.test,1\nb@x.test," + long, Options{}, RowTooLong, 1, 19},
		{"a string of 10 MB", `["a@x.test","` + long + `"]`, Options{}, RowTooLong, 1, 12},
		{"an open quote", "email,x\na@x.test,1\nb@x.test,\"2\nc@x.test,3\n", Options{}, OpenQuote, 1, 28},
		{"an open quote before 10 MB", "email,x\na@x.test,1\nb@x.test,\"2\n" + long, Options{}, OpenQuote, 1, 28},
		{"an open quote at once", "email,\"x\na@x.test,1\nb@x.test,1\n", Options{}, OpenQuote, 0, 6},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00", Options{}, Binary, 0, 0},
		{"a workbook", "PK\x03\x04rest", Options{}, Binary, 0, 0},
		{"zeros later", "a@x.test\nb@x.test\nc\x00@x.test\n" + strings.Repeat("b@x.test\n", 10), Options{}, Binary, 0, 19},
		{"zeros much later", strings.Repeat("b@x.test\n", 10_000) + "c\x00@x.test\n", Options{}, Binary, 10_000, 90_001},
		{"control characters", strings.Repeat("\x01\x02ab", 100), Options{}, Binary, 0, 0},
		{"no addresses", "once upon a time\nthere was no list\n", Options{}, NoEmailColumn, 0, 0},
		{"no address column", "name,age\nAnn,5\n", Options{}, NoEmailColumn, 0, 0},
		{"no address key", `[{"name":"Ann"}]`, Options{}, NoEmailColumn, 0, 1},
		{"no column of this name", "email,x\na@x.test,1\n", Options{EmailColumn: "mail"}, NoEmailColumn, 0, 0},
		{"addresses side by side", "a@x.test,b@x.test,c@x.test", Options{}, EmailColumns, 0, 0},
		{"gzip cut short", zip(strings.Repeat("a@x.test\n", 100_000))[:1000], Options{}, BadGzip, -1, -1},
		{"gzip damaged", zip("a@x.test\n")[:20] + "damaged!", Options{}, BadGzip, -1, -1},
		{"gzip with something behind", zip("a@x.test\n") + "behind the end", Options{}, BadGzip, -1, -1},
		{"gzip within gzip", zip(zip("a@x.test\n")), Options{}, Binary, 0, 0},
		{"a bomb", zip(strings.Repeat("a@x.test\n", 100_000)), Options{MaxRatio: 100, FreeSize: 100 << 10}, TooLarge, -1, -1},
		{"a bomb without lines", zip(strings.Repeat("x", 20<<20)), small, TooLarge, -1, -1},
		{"too much", strings.Repeat("a@x.test\n", 200_000), Options{MaxSize: 1 << 20}, TooLarge, -1, -1},
		{"too many rows", "a@x.test\nb@x.test\nc@x.test", small, TooManyRows, 2, 26},
		{"too many columns", "email" + strings.Repeat(",x", 2000) + "\na@x.test", Options{}, TooManyColumns, 0, 0},
		{"UTF-16 cut short", wide(binary.LittleEndian, "\ufeffa@x.test\nb@x.test") + "\n", Options{}, BadEncoding, -1, -1},
		{"UTF-32", "\xff\xfe\x00\x00a\x00\x00\x00", Options{}, BadEncoding, 0, 0},
		{"an array that does not end", `["a@x.test","b@x.test"`, Options{}, BadJSON, 2, 22},
		{"an array that ends within a value", `["a@x.test","b@x`, Options{}, BadJSON, 1, 16},
		{"no comma", `["a@x.test" "b@x.test"]`, Options{}, BadJSON, 1, 12},
		{"two commas", `["a@x.test",,"b@x.test"]`, Options{}, BadJSON, 1, 12},
		{"a comma too many", `["a@x.test",]`, Options{}, BadJSON, 1, 12},
		{"text behind the array", `["a@x.test"] x`, Options{}, BadJSON, 1, 13},
		{"a job's body", `{"emails":["a@x.test","b@x.test"]}`, Options{}, BadJSON, 0, 0},
		{"addresses within addresses", `[{"id":1,"email":["a@x.test"]}]`, Options{}, BadJSON, 0, 1},
		{"a number for an address", `["a@x.test", 5]`, Options{}, BadJSON, 1, 13},
		{"an object that is none", `[{"email":"a@x.test"},{"email" "b@x.test"}]`, Options{}, BadJSON, 1, 31},
		{"JSON within JSON without end", `["a@x.test",{"x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}]`, Options{}, BadJSON, 1, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := readAll(c.list, c.options)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("the error is %v", err)
			}
			if e.Kind != c.kind || c.row >= 0 && e.Row != c.row || c.at >= 0 && e.Byte != c.at || e.Problem == "" || e.Fix == "" {
				t.Errorf("got %s, %v; want %s at row %d, octet %d", e.Kind, e, c.kind, c.row, c.at)
			}
		})
	}
}

// Errors are read by people, who count from 1 and look for no row where the list
// has none.
func TestErrorsAreForPeople(t *testing.T) {
	for list, want := range map[string]string{
		"":                                  "the list is empty: send at least one address",
		"email,x\n":                         "the list has no rows: send at least one address",
		"name,age\nAnn,5\n":                 `no column holds addresses or has a name like email; there are "column 1", "column 2": give the name of the column or its number as email_column, or call it email in the list`,
		`["a@x.test", 5]`:                   "row 2, octet 13: this is neither a string nor an object: send an array of strings or objects, or one of them on each line",
		"email,x\na@x.test,1\nb@x.test,\"2": "row 2, octet 28: a quote opens here and is not closed before the list ends or 1048576 octets have passed: close the quote, or double it where it is a character",
	} {
		if _, _, err := readAll(list, Options{}); err == nil || err.Error() != want {
			t.Errorf("%q: %v; want %s", list, err, want)
		}
	}
}
