package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// edges decides whether text[i:j] stands free.
type edges func(text string, i, j int) bool

// addressEdges: no character before or after could belong to the address.
func addressEdges(text string, i, j int) bool {
	return !wordBefore(text, i) && (i == 0 || strings.IndexByte(".-+", text[i-1]) < 0) && freeEnd(text, j)
}

// wordEdges: the word is not a part of a longer word, number, host name or
// address.
func wordEdges(text string, i, j int) bool {
	if wordBefore(text, i) || i > 0 && strings.IndexByte(".-+@", text[i-1]) >= 0 {
		return false
	}
	return freeEnd(text, j) && (j == len(text) || text[j] != '@' && text[j] != '+')
}

// hostEdges: the domain is not a part of a longer one, but may end one.
func hostEdges(text string, i, j int) bool {
	return !wordBefore(text, i) && (i == 0 || text[i-1] != '-') && freeEnd(text, j)
}

// delimited: angle brackets or quotes on both sides.
func delimited(text string, i, j int) bool {
	before, _ := utf8.DecodeLastRuneInString(text[:i])
	after, _ := utf8.DecodeRuneInString(text[j:])
	return strings.ContainsRune("<\"'`‘“«„", before) && strings.ContainsRune(">\"'`´’”»“", after)
}

// freeEnd: text[j:] does not go on with the same name. A dot or a hyphen ends
// it unless a word follows at once.
func freeEnd(text string, j int) bool {
	if j < len(text) && (text[j] == '.' || text[j] == '-') {
		j++
	}
	return !wordAfter(text, j)
}

// wordBefore reports whether text[:i] ends within a word.
func wordBefore(text string, i int) bool {
	if i == 0 || text[i-1] < utf8.RuneSelf {
		return i > 0 && wordByte(text[i-1])
	}
	c, _ := utf8.DecodeLastRuneInString(text[:i])
	return unicode.IsLetter(c)
}

// wordAfter reports whether text[j:] begins within a word.
func wordAfter(text string, j int) bool {
	if j == len(text) || text[j] < utf8.RuneSelf {
		return j < len(text) && wordByte(text[j])
	}
	c, _ := utf8.DecodeRuneInString(text[j:])
	return unicode.IsLetter(c)
}

// replace puts mark in place of every word that stands free.
func replace(text, word string, mark byte, free edges) (string, bool) {
	i := find(text, word, 0, free)
	if i < 0 {
		return text, false
	}
	out := make([]byte, 0, len(text))
	done := 0
	for i >= 0 {
		out = append(append(out, text[done:i]...), mark)
		done = i + len(word)
		i = find(text, word, done, free)
	}
	return string(append(out, text[done:]...)), true
}

// find returns where word stands free in text[from:], in whatever case, or -1.
func find(text, word string, from int, free edges) int {
	if word == "" {
		return -1
	}
	first := word[0] | 0x20
	for i := from; i+len(word) <= len(text); i++ {
		// The first byte, case aside, rules out nearly every place.
		if text[i]|0x20 != first && first < utf8.RuneSelf {
			continue
		}
		if strings.EqualFold(text[i:i+len(word)], word) && free(text, i, i+len(word)) {
			return i
		}
	}
	return -1
}

// wordByte reports whether c can be part of a word: letters, digits, underscore
// and all of non-ASCII.
func wordByte(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_' || c >= utf8.RuneSelf
}

// letters reports whether s is ASCII letters only.
func letters(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i]|0x20 < 'a' || s[i]|0x20 > 'z' {
			return false
		}
	}
	return s != ""
}
