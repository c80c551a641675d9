package vendors

import (
	"encoding/json"
	"errors"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// Vendors write numbers as strings, booleans as strings or 0 and 1, and null or
// nothing where they promise a value. These types take all of it; what they
// cannot read counts as not said, so that an odd field beside the verdict does
// not cost the verdict.

// number is a JSON number or a string with one.
type number struct {
	value float64
	said  bool
}

func (n *number) UnmarshalJSON(data []byte) error {
	text := strings.TrimSpace(strings.Trim(string(data), `"`))
	value, err := strconv.ParseFloat(text, 64)
	ok := err == nil && !math.IsInf(value, 0) && !math.IsNaN(value)
	*n = number{}
	if ok {
		*n = number{value: value, said: true}
	}
	return nil
}

// count is the number rounded down; nil when there is none or it is no count.
func (n number) count() *int64 {
	if !n.said || n.value < 0 || n.value > 1<<53 {
		return nil
	}
	return new(int64(math.Floor(n.value)))
}

// share is the number, of a hundred, as 0 to 1; nil when there is none.
func (n number) share() *float64 {
	if !n.said {
		return nil
	}
	return new(min(max(n.value, 0), 100) / 100)
}

// flag is a JSON boolean, 0 or 1, or a string with one of them.
type flag struct{ is *bool }

func (f *flag) UnmarshalJSON(data []byte) error {
	f.is = nil
	switch strings.ToLower(strings.Trim(string(data), `"`)) {
	case "true", "1":
		f.is = new(true)
	case "false", "0":
		f.is = new(false)
	}
	return nil
}

// yes reports that the flag was said and is true.
func (f flag) yes() bool { return f.is != nil && *f.is }

// no reports that the flag was said and is false.
func (f flag) no() bool { return f.is != nil && !*f.is }

// orTrue is true if the flag is, else not said: for flags whose absence proves
// nothing.
func orTrue(is bool) *bool {
	if is {
		return new(true)
	}
	return nil
}

// word is a JSON string; anything else is "".
type word string

func (w *word) UnmarshalJSON(data []byte) error {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = ""
	}
	*w = word(strings.TrimSpace(text))
	return nil
}

// list is an array of strings; said tells one that is empty from one that is
// missing.
type list struct {
	words []string
	said  bool
}

func (l *list) UnmarshalJSON(data []byte) error {
	var words []word
	*l = list{}
	if json.Unmarshal(data, &words) != nil || words == nil {
		return nil
	}
	l.said = true
	for _, w := range words {
		l.words = append(l.words, string(w))
	}
	return nil
}

// parse reads a JSON object. Anything else is the fault of the server, also
// under a status of success.
func parse(code int, body []byte, into any) *Error {
	if len(body) == 0 {
		return fault(Server, code, "empty answer")
	}
	var odd *json.UnmarshalTypeError
	err := json.Unmarshal(body, into)
	if errors.As(err, &odd) && odd.Field != "" {
		return nil // one field is of another type, and stays empty
	}
	if err != nil {
		return fault(Server, code, "answer is not the JSON expected")
	}
	return nil
}

// says reports whether a text contains one of the words: each must begin a word
// of the text, in any case. A "rate" does not sit in "generate".
func says(text string, words ...string) bool {
	text = " " + strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return ' '
		}
		return unicode.ToLower(r)
	}, text)
	for _, w := range words {
		if strings.Contains(text, " "+w) {
			return true
		}
	}
	return false
}
