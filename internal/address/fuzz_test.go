package address

import (
	"errors"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"user@example.com", " User.Name+tag@EXAMPLE.com. ", `"a b\"c"@example.com`, `"<\>"@example.com`, `""@example.com`, "a@b@c",
		"müller@bücher.example", "user@[192.0.2.1]", "user@[IPv6:2001:db8::1]", "a..b@example.com",
		"Name <a@b.example>", "mailto:a@b.example", "a\u037e@example.com", "\"\\a\u0301\"@example.com",
		"user@xn--bcher-kva.example", "user@例え。テスト", "user@דוגמה.קום", "J\u030c\u0130@example.com", "α\u200c\u0130@example.com",
		"J\u030c\u200cα@example.com", "\"\\J\u030c\"@example.com",
		"a\r\nRSET@example.com", "\xff@example.com", "**@example.com", "a.+b@fastmail.com", "u@ß.1.x--y",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a, err := Parse(s)
		if err != nil {
			checkSyntaxError(t, s, err)
			return
		}
		for name, out := range map[string]string{
			"String": a.String(), "Local": a.Local(), "Domain": a.Domain(), "Unicode": a.Unicode(),
			"Identity": a.Identity(), "Canonical": a.Canonical(), "Tag": a.Tag(), "Masked": a.Masked(),
		} {
			bare := a.Local()[0] != '"' && strings.ContainsAny(out, "<>")
			if bare || strings.ContainsFunc(out, unicode.IsControl) || !utf8.ValidString(out) {
				t.Errorf("%s() = %q, which no SMTP command may carry", name, out)
			}
		}
		if b, err := Parse(a.String()); err != nil || b != a {
			t.Errorf("Parse(%q) = %q, %v, want the same address", a.String(), b, err)
		}
		if b, err := a.WithLocal(a.Local()); err != nil || b != a {
			t.Errorf("WithLocal(%q) = %q, %v, want the same address", a.Local(), b, err)
		}
		checkForms(t, a)
		checkMasked(t, a)
	})
}

// checkForms checks that forms which fit the limit again are addresses and
// lead to themselves. Folding and U-labels can be longer than what was given.
func checkForms(t *testing.T, a Address) {
	if u := a.Unicode(); len(u) <= maxText {
		if b, err := Parse(u); err != nil || b != a {
			t.Errorf("Parse(%q) = %q, %v, want %q", u, b, err, a)
		}
	}
	if id := a.Identity(); len(id) <= maxText {
		if b, err := Parse(id); err != nil || b.Identity() != id {
			t.Errorf("identity of %q = %q, %v, want it unchanged", id, b.Identity(), err)
		}
	}
	if c := a.Canonical(); len(c) <= maxText {
		if b, err := Parse(c); err != nil || b.Canonical() != c {
			t.Errorf("canonical form of %q = %q, %v, want it unchanged", c, b.Canonical(), err)
		}
	}
}

// checkMasked checks that all but the first character is a constant.
func checkMasked(t *testing.T, a Address) {
	shown, ok := strings.CutSuffix(a.Masked(), "***@"+a.Domain())
	if !ok || utf8.RuneCountInString(shown) != 1 || !strings.HasPrefix(a.Local(), shown) {
		t.Errorf("Masked() = %q for %q, want one character shown", a.Masked(), a)
	}
}

func FuzzParseDomain(f *testing.F) {
	for _, seed := range []string{
		"example.com", "EXAMPLE.com.", "bücher.example", "xn--bcher-kva.example", "faß.example",
		"例え。テスト", "ｅｘａｍｐｌｅ．ｃｏｍ", "a..b", "-a.b", "a_b.example", "[192.0.2.1]", "192.0.2.1",
		"xn--xn---3ra", "xn--3ba", "a\u00adb.example", "\u0646\u200c\u0645.example", "ab--cd.example", "a\u2024b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		d, err := ParseDomain(s)
		if err != nil {
			checkSyntaxError(t, s, err)
			return
		}
		if d == "" || len(d) > maxDomain || strings.Trim(d, "abcdefghijklmnopqrstuvwxyz0123456789-.") != "" {
			t.Errorf("ParseDomain(%q) = %q, want a host name", s, d)
		}
		for label := range strings.SplitSeq(d, ".") {
			if label == "" || len(label) > maxLabel || label[0] == '-' || label[len(label)-1] == '-' {
				t.Errorf("ParseDomain(%q) = %q with the label %q", s, d, label)
			}
		}
		if again, err := ParseDomain(d); err != nil || again != d {
			t.Errorf("ParseDomain(%q) = %q, %v, want it unchanged", d, again, err)
		}
		if a, err := Parse("user@" + d); err != nil || a.Domain() != d {
			t.Errorf("Parse(user@%s) = %q, %v, want that domain", d, a, err)
		}
	})
}

func checkSyntaxError(t *testing.T, s string, err error) {
	var e *SyntaxError
	if !errors.As(err, &e) {
		t.Fatalf("error %v of %q is no *SyntaxError", err, s)
	}
	if e.Pos < 0 || e.Pos > len(s) || e.Problem == "" || e.Fix == "" {
		t.Errorf("error %+v of %q lacks a position in it, a problem or a fix", e, s)
	}
}
