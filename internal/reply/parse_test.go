package reply

import (
	"errors"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		name string
		wire string
		want Reply
	}{
		{"one line", "250 2.1.5 Ok", Reply{Code: 250, Enhanced: Enhanced{2, 1, 5}, Text: "Ok"}},
		{"code alone", "250", Reply{Code: 250}},
		{"code and space", "250 ", Reply{Code: 250}},
		{"code and hyphen", "250-", Reply{Code: 250}},
		{"a stray CR", "250 Ok\r", Reply{Code: 250, Text: "Ok"}},
		{"several lines", "550-5.1.1 one\n550-5.1.1\n550 5.1.1  two", Reply{Code: 550, Enhanced: Enhanced{5, 1, 1}, Text: "one two"}},
		{"enhanced code on the last line only", "550-one\n550 5.1.1 two", Reply{Code: 550, Enhanced: Enhanced{5, 1, 1}, Text: "one two"}},
		{"enhanced codes that differ", "550-5.7.1 one\n550 5.1.1 two", Reply{Code: 550, Text: "one two"}},
		{"codes that differ", "550-one\n554 two", Reply{Code: 554, Text: "one two", Mixed: true}},
		{"long enhanced code", "550 5.7.606 no", Reply{Code: 550, Enhanced: Enhanced{5, 7, 606}, Text: "no"}},
		{"enhanced code alone", "550 5.1.1", Reply{Code: 550, Enhanced: Enhanced{5, 1, 1}}},
		{"class that disagrees", "550 4.1.1 no", Reply{Code: 550, Enhanced: Enhanced{4, 1, 1}, Text: "no"}},
		{"qmail's shape", "550 sorry. (#5.1.1)", Reply{Code: 550, Enhanced: Enhanced{5, 1, 1}, Text: "sorry."}},
		{"Cisco's shape", "550 #5.1.0 Address rejected.", Reply{Code: 550, Enhanced: Enhanced{5, 1, 0}, Text: "Address rejected."}},
		{"not with a colon", "550 5.1.1: no", Reply{Code: 550, Text: "5.1.1: no"}},
		{"not an IP address", "550 5.1.1.1 no", Reply{Code: 550, Text: "5.1.1.1 no"}},
		{"not class 3", "550 3.1.1 no", Reply{Code: 550, Text: "3.1.1 no"}},
		{"not four digits", "550 5.1.1000 no", Reply{Code: 550, Text: "5.1.1000 no"}},
		{"not in the middle", "550 no 5.1.1 no", Reply{Code: 550, Text: "no 5.1.1 no"}},
		{"not in brackets at the start", "550 (#5.1.1) no", Reply{Code: 550, Text: "(#5.1.1) no"}},
		{"UTF-8", "550 Boîte pleine", Reply{Code: 550, Text: "Boîte pleine"}},
		{"Latin-1", "550 Bo\xeete pleine", Reply{Code: 550, Text: "Boîte pleine"}},
		{"Latin-1 and UTF-8 line by line", "550-Bo\xeete\n550 Boîte", Reply{Code: 550, Text: "Boîte Boîte"}},
		{"NUL and control bytes", "550 a\x00b\x1b[31m\tc\x7f\x9bd", Reply{Code: 550, Text: "a b [31m c d"}},
		{"characters that reorder text", "550 a\u202eb\u2028c\u200bd\ufeff", Reply{Code: 550, Text: "a b c d"}},
		{"000", "000 no", Reply{Text: "no"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Parse(lines(c.wire))
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
}

func TestParseMalformed(t *testing.T) {
	for name, in := range map[string][]string{
		"no lines":      nil,
		"empty line":    {""},
		"no code":       {"hello"},
		"two digits":    {"55 no"},
		"four digits":   {"5500 no"},
		"letter behind": {"550x"},
		"Unicode digit": {"٥٥٠ no"},
		"second line":   {"550-one", "two"},
	} {
		got, err := Parse(in)
		if !errors.Is(err, ErrMalformed) || got.Code != 0 {
			t.Errorf("%s: got %+v, %v, want code 0 and ErrMalformed", name, got, err)
		}
		if m := Classify(got, Asked{Stage: Rcpt}); m.Class != ProtocolError {
			t.Errorf("%s: got %+v, want a protocol error", name, m)
		}
	}
}

func TestParseCapsText(t *testing.T) {
	in := make([]string, 1000)
	for i := range in {
		in[i] = "550-" + strings.Repeat("ü", 2000)
	}
	got, err := Parse(in)
	if err != nil || len(got.Text) > maxText || len(got.Text) < maxText-4 {
		t.Errorf("got %d octets, %v, want about %d", len(got.Text), err, maxText)
	}
}

func TestEnhancedString(t *testing.T) {
	for e, want := range map[Enhanced]string{{}: "", {5, 1, 1}: "5.1.1", {4, 7, 650}: "4.7.650"} {
		if got := e.String(); got != want {
			t.Errorf("%+v: got %q, want %q", e, got, want)
		}
	}
}
