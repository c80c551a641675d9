package reply

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Opening bytes of a segment in folded text.
const (
	segment      = '|' // a stretch of words without punctuation between them
	segmentNamed = '@' // the same, and the recipient stood in it
)

// fold turns a masked text into lower-case words, one space between two, cut
// into segments at punctuation, so that "user unknown" is found in "User
// <alice@x> unknown" but not in "From unknown user: unknown. User ...":
//
//	"<alice@x>: Recipient address rejected: User doesn't exist"
//	"@ recipient address rejected | user doesnt exist |"
//
// Marks are no words and leave no gap. Host names, addresses and version
// numbers stay one word with their dots, so that the words inside
// "mx.spam-filter.example" match nothing. Accents are folded away ("boîte" to
// "boite", "Empfänger" to "empfaenger"), apostrophes and articles dropped. What
// is written without spaces, Chinese and Japanese, is one word a character.
func fold(masked string) text {
	f := folder{out: make([]byte, 0, len(masked)+len(masked)/4+8)}
	f.out = append(f.out, segment)
	for i := 0; i < len(masked); {
		c, size := rune(masked[i]), 1
		if c >= utf8.RuneSelf {
			c, size = utf8.DecodeRuneInString(masked[i:])
		}
		switch {
		case wordRune(c):
			size = f.token(masked[i:])
		case c == markRecipient:
			f.enter()
			f.out[f.open] = segmentNamed
		case strings.ContainsRune("([{", c):
			if n := emptyBrackets(masked[i:]); n > 0 {
				f.name(masked[i : i+n])
				size = n
				break
			}
			f.gap = true
		case c == ':' && i > 0 && wordByte(masked[i-1]) && wordAfter(masked, i+1):
			// "HL:REP", "00:05:00"
		case strings.ContainsRune(")]},;:!?.|–—…。，；：！？", c):
			f.gap = true
		case c == '-' && (i+1 == len(masked) || masked[i+1] == ' ' || masked[i+1] == '-'):
			f.gap = f.gap || i == 0 || masked[i-1] == ' ' || masked[i-1] == '-'
		}
		i += size
	}
	f.out = append(f.out, ' ', segment)
	return newText(string(f.out))
}

// folder writes folded text.
type folder struct {
	out   []byte
	open  int  // index of the byte that opens the current segment
	words bool // the current segment has words
	gap   bool // punctuation was seen: the next word opens a segment
}

// enter begins a new segment if one is due. A segment without words goes on:
// "<alice@x>: does not exist" is one statement.
func (f *folder) enter() {
	if f.gap && f.words {
		f.out = append(f.out, ' ', segment)
		f.open = len(f.out) - 1
		f.words = false
	}
	f.gap = false
}

// name notes the recipient if its mark stands in s.
func (f *folder) name(s string) {
	if strings.IndexByte(s, markRecipient) >= 0 {
		f.enter()
		f.out[f.open] = segmentNamed
	}
}

// token writes the word or words at the start of s and returns their length
// in s.
func (f *folder) token(s string) int {
	end, dotted, join := scanToken(s)
	if article(s[:end]) {
		return end
	}
	f.enter()
	f.words = true
	f.out = append(f.out, ' ')
	for i, c := range s[:end] {
		switch {
		case c == '\'' || c == '’' || c == '´':
			if elided(s[i+utf8.RuneLen(c) : end]) {
				f.out = append(f.out, ' ')
			}
		case i == 1 && c == '-' && email(s[:end]):
		case !dotted && (c == '-' || c == '_' || c == '+'):
			if i > 0 && f.out[len(f.out)-1] != ' ' {
				f.out = append(f.out, ' ')
			}
		case c < utf8.RuneSelf:
			if 'A' <= c && c <= 'Z' {
				c |= 0x20
			}
			f.out = append(f.out, byte(c))
		default:
			f.out = appendFolded(f.out, c)
		}
	}
	for f.out[len(f.out)-1] == ' ' {
		f.out = f.out[:len(f.out)-1]
	}
	if join {
		f.gap = true
	}
	return end
}

// elided reports whether what follows an apostrophe is a word of its own, as in
// "l'adresse n'existe pas", and not the rest of "doesn't" or "we've".
func elided(rest string) bool {
	n := 0
	for _, c := range rest {
		if !unicode.IsLetter(c) {
			break
		}
		n++
	}
	return n > 2
}

// email reports whether a word begins as "e-mail" does, which is one word.
func email(word string) bool { return len(word) >= 6 && strings.EqualFold(word[:6], "e-mail") }

// article reports whether a word is an English article: it adds nothing, and a
// local part "a" must not look like a word of the server's.
func article(word string) bool {
	return len(word) < 4 && (strings.EqualFold(word, "a") || strings.EqualFold(word, "an") || strings.EqualFold(word, "the"))
}

// scanToken measures the token at the start of s: word characters, joined by
// single dots, hyphens, plus signs and apostrophes. dotted tells that it is a
// host name or the like. join tells that it ends at the full stop of a sentence
// whose successor follows without a space, "unknown.Check".
func scanToken(s string) (end int, dotted, join bool) {
	for i := 0; i < len(s); {
		c, size := utf8.DecodeRuneInString(s[i:])
		next := i + size
		if unspaced(c) {
			if i == 0 {
				end = next
			}
			break
		}
		if wordRune(c) {
			i, end = next, next
			continue
		}
		if !strings.ContainsRune(".-+'’´", c) || !wordAfter(s, next) {
			break
		}
		if c == '.' {
			if sentenceEnd(s, i) {
				return end, dotted, true
			}
			dotted = true
		}
		i = next
	}
	return end, dotted, false
}

// sentenceEnd reports whether the dot at s[i] ends a sentence: a small letter
// before it, a capital and a small letter after it.
func sentenceEnd(s string, i int) bool {
	lower := func(k int) bool { return k >= 0 && k < len(s) && 'a' <= s[k] && s[k] <= 'z' }
	return lower(i-1) && !lower(i+1) && lower(i+2) && s[i+1]|0x20 >= 'a' && s[i+1]|0x20 <= 'z'
}

// emptyBrackets returns the length of the brackets at the start of s if no
// words stand between them, else 0.
func emptyBrackets(s string) int {
	for i := 1; i < len(s); i++ {
		if strings.IndexByte(")]}", s[i]) >= 0 {
			return i + 1
		}
		if s[i] > markOther && strings.IndexByte(" <>\"'", s[i]) < 0 {
			return 0
		}
	}
	return 0
}

// wordRune is wordByte for characters.
func wordRune(c rune) bool {
	if c < utf8.RuneSelf {
		return wordByte(byte(c))
	}
	return unicode.IsLetter(c)
}

// unspaced reports whether a character is of a script that puts no spaces
// between words.
func unspaced(c rune) bool {
	return c >= 0x3000 && (unicode.In(c, unicode.Han, unicode.Hiragana, unicode.Katakana) || c == 'ー')
}

// appendFolded appends a letter in lower case without its accent. German
// umlauts become two letters, as their speakers write them in ASCII.
func appendFolded(out []byte, c rune) []byte {
	c = unicode.ToLower(c)
	switch c {
	case 'ä', 'æ':
		return append(out, "ae"...)
	case 'ö', 'œ':
		return append(out, "oe"...)
	case 'ü':
		return append(out, "ue"...)
	case 'ß':
		return append(out, "ss"...)
	case 'ё':
		return append(out, "е"...)
	}
	const accented = "àáâãåąăāçćčďđèéêëęěēėğģìíîïıīįķłľļñńňņòóôõøőřśšşșťțţùúûůűūųýźżž"
	const plain = "aaaaaaaacccddeeeeeeeeggiiiiiiiklllnnnnoooooorsssstttuuuuuuuyzzz"
	n := 0
	for _, a := range accented {
		if a == c {
			return append(out, plain[n])
		}
		n++
	}
	return utf8.AppendRune(out, c)
}
