package address

import "strings"

// Within finds the one address that a text was meant to be, where Parse refuses
// the text for what stands around it: the name and brackets of a mail program
// (RFC 5322 §3.4, name-addr), quotes, the scheme of a link (RFC 6068), the comma
// behind an entry of a list; or for a slip around the @ and the dots, as in
// bob@gmail,com. It is for people to confirm; ok is false when there is none, or
// more than one.
func Within(text string) (a Address, ok bool) {
	inner := strings.TrimSpace(text)
	if scheme := "mailto:"; len(inner) > len(scheme) && strings.EqualFold(inner[:len(scheme)], scheme) {
		inner = inner[len(scheme):]
	}
	if from := strings.LastIndexByte(inner, '<'); from >= 0 && strings.HasSuffix(inner, ">") {
		if strings.Contains(inner[:from], "@") || strings.Contains(inner[:from], ",") {
			return Address{}, false // it may be a list of them
		}
		inner = inner[from+1 : len(inner)-1]
	}
	inner = straight(strings.TrimSpace(strings.Trim(strings.TrimRight(inner, ",;"), `'"`)))
	if inner == text {
		return Address{}, false
	}
	a, err := Parse(inner)
	return a, err == nil
}

// straight undoes slips of the keyboard around the @ and the dots of a domain: a
// wide @, blanks beside it, commas for the dots if there are no dots, two dots
// in a row.
func straight(text string) string {
	text = strings.NewReplacer("\uff20", "@", "\ufe6b", "@").Replace(text)
	local, domain, ok := strings.Cut(text, "@")
	if !ok {
		return text
	}
	if !strings.Contains(domain, ".") {
		domain = strings.ReplaceAll(domain, ",", ".")
	}
	return strings.TrimRight(local, " ") + "@" + strings.ReplaceAll(strings.TrimLeft(domain, " "), "..", ".")
}
