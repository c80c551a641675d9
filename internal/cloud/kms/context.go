package kms

import (
	"fmt"
	"strings"
)

// encryptionContext writes a vault's context for KMS, which documents which
// characters it takes only by example ("Encryption context", AWS KMS Developer
// Guide) and wants neither empty names nor empty values. What is not among those
// is written as % and two hexadecimal digits, an empty value as %; all else, and
// so every context that rcpt uses, stays as it is and can be named in the
// conditions of a policy. Contexts that differ stay different.
func encryptionContext(context map[string]string) map[string]string {
	escaped := make(map[string]string, len(context))
	for name, value := range context {
		escaped[escape(name)] = escape(value)
	}
	return escaped
}

func escape(text string) string {
	if text == "" {
		return "%"
	}
	var b strings.Builder
	for _, c := range []byte(text) {
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("_-/:.=+@ ", c) >= 0
		if plain {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02x", c)
	}
	return b.String()
}
