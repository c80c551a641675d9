package intake

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"rcpt/internal/batch/rows"
)

// addressNames are the names of address columns, letters and digits only, the
// likeliest first. Accents may be missing in a list.
var addressNames = []string{
	"email", "emailaddress", "mail", "emails", "mailaddress", "emailaddr", "emailid", "primaryemail", "workemail",
	"businessemail", "contactemail", "useremail", "customeremail", "subscriberemail", "personalemail", "email1",
	"emailaddress1", "email1value", "emailadresse", "mailadresse", "adresseemail", "adressemail", "adresseélectronique",
	"adressedecourriel", "courriel", "correo", "correoelectrónico", "direccióndecorreoelectrónico",
	"indirizzoemail", "postaelettronica", "indirizzodipostaelettronica", "endereçodeemail", "endereçoeletrônico", "emailadres",
	"epost", "epostadress", "epostadresse", "sähköposti", "sähköpostiosoite", "adresemail", "emailováadresa", "emailcím",
	"adresădeemail", "eposta", "epostaadresi", "почта", "электроннаяпочта", "адресэлектроннойпочты", "електроннапошта",
	"メールアドレス", "メール", "eメール", "邮箱", "电子邮件", "电子邮箱", "邮箱地址", "電子郵件", "電郵", "이메일", "이메일주소",
}

// weakNames name other things, too; they count for a column that holds addresses.
var weakNames = []string{"address", "recipient", "contact", "user", "username", "login", "to", "from"}

// column is what a sample says of one column.
type column struct {
	name      string
	addresses int // cells that look like one
	filled    int // cells that are not blank
}

// rank says how much a name is that of addresses: 0 not at all.
func (c column) rank() int {
	plain := plainName(c.name)
	for i, name := range addressNames {
		if plain == plainName(name) {
			return 1000 - i
		}
	}
	for i, name := range weakNames {
		if plain == name && c.addresses > 0 {
			return 100 - i
		}
	}
	return 0
}

// plainName leaves of a name its letters and digits, in lower case and without
// accents, however those are encoded.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFD.String(name))
}

// looksLikeAddress reports whether a cell has an @ within. Whether it is an
// address is not decided here.
func looksLikeAddress(cell string) bool {
	cell = strings.TrimSpace(cell)
	at := strings.LastIndexByte(cell, '@')
	return at > 0 && at < len(cell)-1
}

// nameColumns finds header and address column of a list that is no JSON.
func (r *Reader) nameColumns(sample [][]string) error {
	if len(sample) == 0 {
		return &Error{Kind: Empty, Problem: "the list is empty", Fix: "send at least one address"}
	}
	width := 0
	for _, cells := range sample {
		width = max(width, len(cells))
	}
	columns := make([]column, width)
	for _, cells := range sample[1:] {
		for i, cell := range cells {
			columns[i].count(cell)
		}
	}
	if r.state.Header = r.isHeader(sample[0], columns); r.state.Header {
		for i, name := range sample[0] {
			columns[i].name = name
		}
	} else {
		for i, cell := range sample[0] {
			columns[i].count(cell)
		}
	}
	for _, c := range columns {
		if err := r.addColumn(c.name); err != nil {
			return err
		}
	}
	var err error
	r.state.Layout.Email, err = r.pick(columns)
	return err
}

func (c *column) count(cell string) {
	if strings.TrimSpace(cell) != "" {
		c.filled++
	}
	if looksLikeAddress(cell) {
		c.addresses++
	}
}

// isHeader decides whether the first row names the columns: it does if it has the
// name given, or, having no address, a known name or a word over a column of
// addresses. rest is the sample without it.
func (r *Reader) isHeader(first []string, rest []column) bool {
	for _, cell := range first {
		if r.opts.EmailColumn != "" && sameName(cell, r.opts.EmailColumn) {
			return true
		}
	}
	known, over := false, false
	for i, cell := range first {
		if looksLikeAddress(cell) {
			return false
		}
		known = known || column{name: cell, addresses: rest[i].addresses}.rank() > 0
		word := strings.TrimSpace(cell)
		over = over || word != "" && !strings.ContainsAny(word, "@.") && rest[i].addresses > 0
	}
	return known || over && r.state.Format == CSV
}

func sameName(a, b string) bool {
	return strings.EqualFold(strings.TrimSpace(a), strings.TrimSpace(b))
}

// pick chooses the address column: the one the user named, else one with a known
// name, else the only one with addresses.
func (r *Reader) pick(columns []column) (int, error) {
	if r.opts.EmailColumn != "" {
		return pickNamed(columns, r.opts.EmailColumn)
	}
	best, rank, most, second := -1, 0, -1, 0
	for i, c := range columns {
		if c.rank() > rank {
			best, rank = i, c.rank()
		}
		switch {
		case most < 0 || c.addresses > columns[most].addresses:
			if most >= 0 {
				second = columns[most].addresses
			}
			most = i
		case c.addresses > second:
			second = c.addresses
		}
	}
	switch {
	case best >= 0 && (columns[best].addresses > 0 || columns[best].filled == 0 || columns[most].addresses == 0):
		return best, nil
	case columns[most].addresses == 0:
		return 0, &Error{Kind: NoEmailColumn, Problem: "no column holds addresses or has a name like email; there are " + namesOf(columns), Fix: "give the name of the column or its number as email_column, or call it email in the list"}
	case second*2 >= columns[most].addresses:
		return 0, &Error{Kind: EmailColumns, Problem: "several columns hold addresses and none is named so; there are " + namesOf(columns), Fix: "give the name of the column or its number as email_column, or call it email in the list; to have all of them checked, put each on a line of its own"}
	}
	return most, nil
}

// pickNamed takes the name as given, then in any case, then as a number.
func pickNamed(columns []column, name string) (int, error) {
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, sameName} {
		for i, c := range columns {
			if same(c.name, name) {
				return i, nil
			}
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= len(columns) {
		return n - 1, nil
	}
	return 0, &Error{Kind: NoEmailColumn, Problem: "no column has the name in email_column; there are " + namesOf(columns), Fix: "give one of these names, or a number from 1"}
}

// namesOf lists columns for people.
func namesOf(columns []column) string {
	var names []string
	for i, c := range columns {
		if i == 20 {
			names = append(names, fmt.Sprintf("%d more", len(columns)-i))
			break
		}
		name := []rune(c.name)
		if len(name) == 0 {
			name = []rune("column " + strconv.Itoa(i+1))
		}
		names = append(names, strconv.Quote(string(name[:min(len(name), 40)])))
	}
	return strings.Join(names, ", ")
}

// column of JSON by its key; a new one is put at the end.
func (r *Reader) columnOf(key string) (int, error) {
	if r.names == nil {
		r.names = make(map[string]int)
		for i, name := range r.state.Layout.Columns {
			r.names[name] = i
		}
	}
	i, known := r.names[key]
	if known {
		return i, nil
	}
	i = len(r.state.Layout.Columns)
	r.names[key] = i
	return i, r.addColumn(key)
}

// setCell puts a cell of the current row in its column.
func (r *Reader) setCell(column int, c rows.Cell) {
	for len(r.cells) <= column {
		r.cells = append(r.cells, rows.Cell{})
	}
	r.cells[column] = c
}
