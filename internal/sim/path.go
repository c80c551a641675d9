package sim

import "strings"

// cutPath takes apart what follows MAIL or RCPT: the keyword, such as "TO:",
// a path in angle brackets, which is returned without them, and parameters.
// Spaces before the path are forgiven; source routes are not (RFC 5321 §4.1.1.3
// lets a server refuse them).
func cutPath(arg, keyword string) (path, params string, ok bool) {
	if len(arg) < len(keyword) || !strings.EqualFold(arg[:len(keyword)], keyword) {
		return "", "", false
	}
	rest, ok := strings.CutPrefix(strings.TrimLeft(arg[len(keyword):], " "), "<")
	if !ok {
		return "", "", false
	}
	end := unquotedIndex(rest, '>')
	if end < 0 {
		return "", "", false
	}
	path, params = rest[:end], rest[end+1:]
	if params != "" && params[0] != ' ' || !pathAllowed(path) {
		return "", "", false
	}
	return path, strings.TrimSpace(params), true
}

// pathAllowed reports whether the path is empty, a bare local part, or a local
// part and a domain, without control characters.
func pathAllowed(path string) bool {
	for _, c := range []byte(path) {
		if c < ' ' || c == 0x7f {
			return false
		}
	}
	return path == "" || unquotedIndex(path, '@') != 0 && unquotedIndex(path, ' ') < 0 && !strings.HasSuffix(path, "@")
}

// splitPath returns the mailbox of a path: its local part as it is meant,
// without quotes (RFC 5321 §4.1.2), and the domain as given.
func splitPath(path string) (local, domain string) {
	local = path
	if at := unquotedIndex(path, '@'); at >= 0 {
		local, domain = path[:at], path[at+1:]
	}
	if len(local) < 2 || local[0] != '"' || local[len(local)-1] != '"' {
		return local, domain
	}
	var plain strings.Builder
	quoted := local[1 : len(local)-1]
	for i := 0; i < len(quoted); i++ {
		if quoted[i] == '\\' && i+1 < len(quoted) {
			i++
		}
		plain.WriteByte(quoted[i])
	}
	return plain.String(), domain
}

// unquotedIndex returns where c first stands outside a quoted string, or -1.
func unquotedIndex(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return -1
}

func isASCII(s string) bool {
	for _, c := range []byte(s) {
		if c > 0x7f {
			return false
		}
	}
	return true
}
