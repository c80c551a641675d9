package address

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestParseAccepts(t *testing.T) {
	long := strings.Repeat("a", 65)
	tests := []struct {
		claim, in, want, unicode string
	}{
		{"a plain address", "user@example.com", "user@example.com", ""},
		{"the local part keeps its case, the domain does not", "User.Name@EXAMPLE.Com", "User.Name@example.com", "User.Name@example.com"},
		{"every atext character", "!#$%&'*+-/=?^_`{|}~@example.com", "!#$%&'*+-/=?^_`{|}~@example.com", ""},
		{"a one-letter local part", "a@example.com", "a@example.com", ""},
		{"white space around", " \t\r\nuser@example.com\r\n", "user@example.com", "user@example.com"},
		{"invisible blanks around", "\ufeff\u200b\u00a0user@example.com\u00a0\u200b", "user@example.com", "user@example.com"},
		{"ideographic spaces around", "\u3000user@example.com\u3000", "user@example.com", "user@example.com"},
		{"marks of direction around", "\u202auser@example.com\u202c", "user@example.com", "user@example.com"},
		{"one final dot", "user@example.com.", "user@example.com", "user@example.com"},
		{"a single label", "user@localhost", "user@localhost", ""},
		{"a special-use name", "user@printer.local", "user@printer.local", ""},
		{"a numeric top label that is no IP address", "user@1.2.3", "user@1.2.3", ""},
		{"hyphens in the third and fourth place", "user@r3---sn-a.example", "user@r3---sn-a.example", ""},
		{"an outlying local part", long + "@example.com", long + "@example.com", ""},

		{"a quoted local part", `"john doe"@example.com`, `"john doe"@example.com`, ""},
		{"quotes that are not needed stay", `"john"@example.com`, `"john"@example.com`, ""},
		{"quoted pairs stay", `"a\"b\\c\d"@example.com`, `"a\"b\\c\d"@example.com`, ""},
		{"an escaped backslash before a letter of another script", `"a\\é"@example.com`, `"a\\é"@example.com`, ""},
		{"a quoted @", `"a@b"@example.com`, `"a@b"@example.com`, ""},
		{"quoted specials", `"(),:;<>[]"@example.com`, `"(),:;<>[]"@example.com`, ""},
		{"an escaped angle bracket", `"jo\>hn"@example.com`, `"jo\>hn"@example.com`, ""},
		{"quotes and escapes between specials", `"very.(),:;<>[]\".VERY.\"very@\\ \"very\".unusual"@strange.example.com`, `"very.(),:;<>[]\".VERY.\"very@\\ \"very\".unusual"@strange.example.com`, ""},
		{"nothing in the quotes", `""@example.com`, `""@example.com`, ""},
		{"quoted dots", `"a..b."@example.com`, `"a..b."@example.com`, ""},

		{"a UTF-8 local part", "müller@example.com", "müller@example.com", ""},
		{"a local part is composed", "mu\u0308ller@example.com", "müller@example.com", "müller@example.com"},
		{"a joiner that belongs to the spelling", "\u0646\u200c\u0645@example.com", "\u0646\u200c\u0645@example.com", ""},
		{"an emoji", "\U0001f600@example.com", "\U0001f600@example.com", ""},

		{"a U-label becomes an A-label", "user@bücher.example", "user@xn--bcher-kva.example", "user@bücher.example"},
		{"an A-label is kept", "user@XN--Bcher-KVA.example", "user@xn--bcher-kva.example", "user@bücher.example"},
		{"a decomposed domain", "user@bu\u0308cher.example", "user@xn--bcher-kva.example", "user@bücher.example"},
		{"sharp s is not ss", "user@faß.example", "user@xn--fa-hia.example", "user@faß.example"},
		{"ss is not sharp s", "user@fass.example", "user@fass.example", ""},
		{"final sigma stays", "user@λόγος.example", "user@xn--oxapnm1c.example", "user@λόγος.example"},
		{"an ideographic full stop", "user@例え。テスト", "user@xn--r8jz45g.xn--zckzah", "user@例え.テスト"},
		{"a final ideographic full stop", "user@例え。テスト。", "user@xn--r8jz45g.xn--zckzah", "user@例え.テスト"},
		{"full-width forms", "user@ｅｘａｍｐｌｅ．ｃｏｍ", "user@example.com", "user@example.com"},
		{"right-to-left labels", "user@דוגמה.קום", "user@xn--6dbbec0c.xn--9dbq2a", "user@דוגמה.קום"},
		{"a digit label below a right-to-left one", "user@3com.קום", "user@3com.xn--9dbq2a", "user@3com.קום"},
		{"an emoji domain", "user@i❤.example", "user@xn--i-7iq.example", "user@i❤.example"},

		{"an IPv4 literal", "user@[192.0.2.1]", "user@[192.0.2.1]", ""},
		{"an IPv6 literal", "user@[ipv6:2001:DB8:0:0::1]", "user@[IPv6:2001:db8::1]", "user@[IPv6:2001:db8::1]"},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			a, err := Parse(tt.in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.in, err)
			}
			if got := a.String(); got != tt.want {
				t.Errorf("String() = %q, want %q", got, tt.want)
			}
			unicode := tt.unicode
			if unicode == "" {
				unicode = tt.in
			}
			if got := a.Unicode(); got != unicode {
				t.Errorf("Unicode() = %q, want %q", got, unicode)
			}
			if got := a.Local() + "@" + a.Domain(); got != tt.want {
				t.Errorf("Local()@Domain() = %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	tests := []struct {
		claim, in string
		pos       int
		problem   string // part of it
	}{
		{"nothing", "", 0, "no text"},
		{"blanks alone", " \u00a0\r\n", 0, "no text"},
		{"no @", "user.example.com", 16, "no @"},
		{"no @, positions as given", "  user ", 6, "no @"},
		{"a full-width @", "user＠example.com", 4, "wide @"},
		{"no local part", " @example.com", 1, "nothing before"},
		{"no domain", "user@", 5, "nothing after"},
		{"a domain of one dot", "user@.", 5, "dots alone"},
		{"an @ alone", "@", 0, "nothing before"},
		{"two @", "a@b@example.com", 1, "more than one @"},
		{"a list of addresses", "a@example.com, b@example.com", 1, "more than one @"},
		{"an @ after quotes", `"a"@b@example.com`, 3, "more than one @"},
		{"too much text", strings.Repeat("a", 310) + "@example.com", 320, "322 octets"},
		{"too much text after blanks", "  " + strings.Repeat("a", 310) + "@example.com", 322, "322 octets"},
		{"too much text once mapped", strings.Repeat("a", 150) + "@" + strings.Repeat("ü.", 25) + "example", 0, "octets"},
		{"invalid UTF-8", "us\xffer@example.com", 2, "UTF-8"},
		{"invalid UTF-8 in the domain", "  user@ex\xc3", 9, "UTF-8"},

		{"a mailto link", " MailTo:user@example.com", 1, "mailto"},
		{"a display name", "User Name <user@example.com>", 10, "angle brackets"},
		{"angle brackets", "<user@example.com>", 0, "angle brackets"},
		{"a quoted display name", `"User" <user@example.com>`, 7, "angle brackets"},

		{"two dots in a row", "john..doe@example.com", 5, "two dots in a row"},
		{"a leading dot", " .john@example.com", 1, "dot at the start"},
		{"a trailing dot", "john.@example.com", 4, "dot at the end"},
		{"a dot alone", ".@example.com", 0, "dot at the start"},
		{"a space", "john doe@example.com", 4, "space"},
		{"a space before the @", "john @example.com", 4, "space"},
		{"a tab", "john\tdoe@example.com", 4, "control character (U+0009)"},
		{"a line break", "john\r\nRSET@example.com", 4, "line break"},
		{"NUL", "john\x00@example.com", 4, "U+0000"},
		{"DEL", "john\x7f@example.com", 4, "U+007F"},
		{"a C1 control", "john\u0085@example.com", 4, "U+0085"},
		{"an opening bracket", "jo<hn@example.com", 2, "angle bracket"},
		{"a closing bracket", "jo>hn@example.com", 2, "angle bracket"},
		{"a backslash", `jo\hn@example.com`, 2, "backslash outside quotes"},
		{"a comment", "john(work)@example.com", 4, "parenthesis"},
		{"a comma", "john,doe@example.com", 4, "','"},
		{"a no-break space", "john\u00a0doe@example.com", 4, "U+00A0"},
		{"a zero-width space", "jo\u200bhn@example.com", 2, "U+200B"},
		{"a right-to-left override", "jo\u202ehn@example.com", 2, "U+202E"},
		{"an isolate", "é\u2066hn@example.com", 2, "U+2066"},
		{"a joiner between ASCII letters", "jo\u200dhn@example.com", 2, "U+200D"},
		{"a soft hyphen", "jo\u00adhn@example.com", 2, "U+00AD"},
		{"a Hangul filler", "jo\u3164hn@example.com", 2, "U+3164"},
		{"a replacement character", "jo\ufffdhn@example.com", 2, "damaged"},
		{"what normalization makes a semicolon", "é\u037e@example.com", 2, "';'"},
		{"positions count octets before composition", " mu\u0308e\u0301 x@example.com", 8, "space"},

		{"a quote never closed", ` "john@example.com`, 1, "never closed"},
		{"a quote closed by an escape", `"john\"@example.com`, 0, "never closed"},
		{"a quote inside", `jo"hn"@example.com`, 2, "quote inside"},
		{"text after the quotes", `"jo"hn@example.com`, 4, "closing quote"},
		{"no @ outside the quotes", `"john@example.com"`, 18, "outside the quotes"},
		{"a quoted line break", "\"jo\nhn\"@example.com", 3, "line break"},
		{"an escaped carriage return", "\"jo\\\rhn\"@example.com", 4, "line break"},
		{"a quoted NUL", "\"jo\x00hn\"@example.com", 3, "U+0000"},
		{"a quoted tab", "\"jo\thn\"@example.com", 3, "U+0009"},
		{"an escaped letter of another script", `"jo\é"@example.com`, 4, "needs none"},
		{"an escape that composition moves", "\"\\a\u0301\"@example.com", 2, "needs none"},

		{"an underscore in the domain", "user@my_host.example", 7, "underscore"},
		{"a space in the domain", "user@exam ple.com", 9, "space"},
		{"a comma in the domain", "user@example,com", 12, "','"},
		{"a bracket at the end", "user@example.com>", 16, "'>'"},
		{"a comment after the domain", "user@example.com (work)", 16, "space"},
		{"a line break in the domain", "user@example\r\n.com", 12, "line break"},
		{"a link", "user@https://example.com", 10, "':'"},
		{"a leading dot in the domain", "user@.example.com", 5, "without a name"},
		{"two dots in the domain", "user@example..com", 13, "without a name"},
		{"two final dots", "user@example.com..", 17, "without a name"},
		{"two ideographic full stops", "user@例。。com", 11, "without a name"},
		{"a leading hyphen", "user@-example.com", 5, "hyphen at the start"},
		{"a trailing hyphen", "user@example-.com", 12, "hyphen at the end"},
		{"a hyphen at the start of a U-label", "user@-bücher.example", 5, "hyphen at the start"},
		{"a label of 64 octets", "user@a." + strings.Repeat("b", 64), 7, "64 octets"},
		{"a domain of 254 octets", "u@" + strings.Repeat("abcdefg.", 31) + "abcdef", 2, "254 octets"},
		{"an IP address without brackets", "user@192.0.2.1", 5, "IP address"},
		{"a full-width IP address", "user@１92.0.2.1", 5, "IP address"},
		{"an override in the domain", "user@exam\u202eple.com", 9, "U+202E"},
		{"a character no domain holds", "user@bü\u2024cher.com", 8, "U+2024"},
		{"a full-width underscore", "user@ü＿b.com", 7, "U+FF3F"},
		{"a label against the Bidi rule", "user@xא.example", 5, "rules of its script"},
		{"an A-label that encodes ASCII", "user@xn--abc-.example", 5, "xn--"},
		{"an A-label that does not decode", "user@xn--\u0061999999b.example", 5, "xn--"},
		{"an A-label of what mapping changes", "user@xn--3ba.example", 5, "xn--"},
		{"an A-label of an A-label's look", "user@xn--xn---3ra.example", 5, "xn--"},
		{"no IP address in brackets", "user@[example.com]", 6, "no IP address"},
		{"an IPv4 address out of range", "user@[192.0.2.256]", 6, "no IP address"},
		{"an IPv6 literal with a zone", "user@[IPv6:fe80::1%eth0]", 6, "no IP address"},
		{"an IPv6 literal without its tag", "user@[2001:db8::1]", 6, "without its tag"},
		{"a literal never closed", "user@[192.0.2.1", 5, "never closed"},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			a, err := Parse(tt.in)
			var e *SyntaxError
			if !errors.As(err, &e) {
				t.Fatalf("Parse(%q) = %q, %v, want a *SyntaxError", tt.in, a, err)
			}
			if e.Pos != tt.pos || !strings.Contains(e.Problem, tt.problem) {
				t.Errorf("Parse(%q): %d, %q, want %d, %q", tt.in, e.Pos, e.Problem, tt.pos, tt.problem)
			}
			if e.Fix == "" || !a.IsEmpty() {
				t.Errorf("Parse(%q): fix %q, address %q, want a fix and no address", tt.in, e.Fix, a)
			}
		})
	}
}

func TestSyntaxErrorReadsAsOneLine(t *testing.T) {
	err := &SyntaxError{Pos: 5, Problem: "two dots in a row", Fix: "remove one"}
	if got, want := err.Error(), "position 5: two dots in a row: remove one"; got != want {
		t.Errorf("Error() = %q, want %q", got, want)
	}
}

func TestLimits(t *testing.T) {
	label := strings.Repeat("a", 63) + "."
	host := label + label + label[:61] + ".example" // 197 octets
	tests := []struct {
		claim, in string
		tooLong   bool
	}{
		{"64 octets of local part fit", strings.Repeat("a", 64) + "@example.com", false},
		{"65 octets of local part do not", strings.Repeat("a", 65) + "@example.com", true},
		{"octets count, not characters", strings.Repeat("é", 33) + "@example.com", true},
		{"quotes count", `"` + strings.Repeat("a", 63) + `"@example.com`, true},
		{"a path of 254 octets fits", strings.Repeat("a", 254-1-len(host)) + "@" + host, false},
		{"a path of 255 octets does not", strings.Repeat("a", 255-1-len(host)) + "@" + host, true},
		{"a domain of 253 octets parses", "u@" + strings.Repeat("abcdefg.", 31) + "abcde", true},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			a, err := Parse(tt.in)
			if err != nil {
				t.Fatalf("Parse(%q): %v", tt.in, err)
			}
			if got := a.TooLong(); got != tt.tooLong {
				t.Errorf("TooLong() = %v with %d octets, want %v", got, len(a.String()), tt.tooLong)
			}
		})
	}
}

func TestZeroAddressIsQuiet(t *testing.T) {
	var a Address
	got := fmt.Sprint(a.String(), a.Local(), a.Domain(), a.Unicode(), a.Identity(), a.Canonical(), a.Tag(), a.Masked(), a.LogValue())
	if got != "" {
		t.Errorf("the zero value says %q, want nothing", got)
	}
	if a.Literal() || a.NeedsSMTPUTF8() || a.TooLong() || !a.IsEmpty() {
		t.Error("the zero value claims a property")
	}
	if _, err := a.WithLocal("postmaster"); err == nil {
		t.Error("WithLocal on the zero value: no error")
	}
}

func TestWithLocal(t *testing.T) {
	a := mustParse(t, "user+tag@bücher.example")
	b, err := a.WithLocal("postmaster")
	if want := "postmaster@xn--bcher-kva.example"; err != nil || b.String() != want {
		t.Errorf("WithLocal = %q, %v, want %q", b, err, want)
	}
	c, err := mustParse(t, "user@[192.0.2.1]").WithLocal("postmaster")
	if err != nil || !c.Literal() {
		t.Errorf("WithLocal at a literal = %q, %v, want a literal", c, err)
	}
	for _, bad := range []string{"", "a b", "a@b", "a\r\nRSET", "a>", `"a`, "\xff", strings.Repeat("a", 320)} {
		var e *SyntaxError
		if got, err := a.WithLocal(bad); !errors.As(err, &e) || !got.IsEmpty() {
			t.Errorf("WithLocal(%q) = %q, %v, want a *SyntaxError", bad, got, err)
		}
	}
}

func TestLogsAreMasked(t *testing.T) {
	tests := []struct{ claim, in, want string }{
		{"one character is shown", "user@example.com", "u***@example.com"},
		{"one character, not one octet", "émile@example.com", "é***@example.com"},
		{"a short name is as long as another", "a@example.com", "a***@example.com"},
		{"quotes tell nothing", `"john doe"@example.com`, `"***@example.com`},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			a := mustParse(t, tt.in)
			if got := a.Masked(); got != tt.want {
				t.Errorf("Masked() = %q, want %q", got, tt.want)
			}
			var b strings.Builder
			slog.New(slog.NewTextHandler(&b, nil)).Info("seen", "address", a)
			if strings.Contains(b.String(), a.Local()+"@") {
				t.Errorf("logged %q, want it masked", b.String())
			}
		})
	}
}

func mustParse(t *testing.T, s string) Address {
	t.Helper()
	a, err := Parse(s)
	if err != nil {
		t.Fatalf("Parse(%q): %v", s, err)
	}
	return a
}
