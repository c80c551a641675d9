package config

import (
	"fmt"
	"io"
	"log/slog"
)

// Secret is a text that must not be printed. Every way of formatting, logging
// or encoding it gives stars; Reveal alone gives the text. The zero value is
// the absent secret and prints as nothing.
//
// The text sits behind a pointer because fmt prints the fields of a struct it
// may not call methods on, an unexported Secret in a printed struct among them.
type Secret struct{ text *string }

// NewSecret wraps a text; the empty text is the absent secret.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{text: &text}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// Set says whether there is a text.
func (s Secret) Set() bool { return s.text != nil }

// String returns stars; their number says nothing about the text.
func (s Secret) String() string {
	if !s.Set() {
		return ""
	}
	return "********"
}

// GoString returns what String returns.
func (s Secret) GoString() string { return s.String() }

// Format prints stars for every verb; fmt asks String for some verbs only.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue logs stars.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalJSON encodes stars.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }
