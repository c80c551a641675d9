// Package hooks keeps what an API key declared about the webhooks of its ESPs:
// the secrets they sign with, the mapping of the generic one, the topic of
// Amazon SES.
//
//	HOOK#<key> / <esp>   the declaration; its secrets are one sealed text
//	HOOKTOK#<key> / <esp>:<hash>  a signed token of one use, bound to the events it came with
//
// A hook without a declaration works, too: the token in its URL alone admits.
// Secrets are rotated with a grace: the one before goes on working for it.
//
// Left out: the token in the URL (package keys), what a request means (package
// esp), the status that is answered (package httpapi).
package hooks

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"rcpt/internal/esp"
)

// What a caller may test with errors.Is. The texts may be shown to the caller.
var (
	// ErrNotFound: nothing is declared for this ESP, or there is no such ESP.
	ErrNotFound = errors.New("there is no such hook")

	// ErrField: the declaration is not acceptable. It always comes as a
	// *FieldError.
	ErrField = errors.New("hook not acceptable")

	// ErrConflict: others change the hook without pause, or too many secrets are
	// in their grace.
	ErrConflict = errors.New("not possible as the hook stands")

	// ErrReplay: a signed token came before, with other events.
	ErrReplay = errors.New("the signed token was used before, for other events")
)

// FieldError says what is wrong with a declaration. It Is ErrField.
type FieldError struct {
	Field   string // secret, overlap, topic_arn, mapping or a field within it
	Problem string
}

// Error names the field and the problem.
func (e *FieldError) Error() string { return e.Field + " " + e.Problem }

// Unwrap returns ErrField.
func (e *FieldError) Unwrap() error { return ErrField }

// Key is the API key whose hooks they are.
type Key struct{ ID, Account string }

// Hook is a declaration, without its secrets.
type Hook struct {
	ESP      string          // its slug
	Mapping  json.RawMessage // of the generic ESP
	TopicARN string          // of Amazon SES

	SecretSetAt time.Time // when the secret was set, UTC, as the next two; zero: there is none
	FormerUntil time.Time // the secret before works until then; zero: there is none in its grace
	ChangedAt   time.Time
}

// Signed reports whether a request must prove that it comes from the ESP, or
// rather from whoever holds the secret.
func (h Hook) Signed() bool { return !h.SecretSetAt.IsZero() || h.TopicARN != "" }

// Patch says what of a declaration becomes new. What is nil stays; an empty
// value removes.
type Patch struct {
	Secret   *string
	Mapping  json.RawMessage // nil: stays; empty: is removed
	TopicARN *string

	// Overlap is for how long the secret before goes on working, 0 to MaxOverlap.
	Overlap time.Duration
}

// MaxOverlap is the longest grace of a secret that was replaced.
const MaxOverlap = 30 * 24 * time.Hour

// check judges a patch by itself.
func (p Patch) check(slug string) error {
	if _, known := esp.Find(slug); !known {
		return ErrNotFound
	}
	if p.Overlap < 0 || p.Overlap > MaxOverlap {
		return &FieldError{"overlap", fmt.Sprintf("must be from 0s to %.0fh", MaxOverlap.Hours())}
	}
	if p.Secret != nil && *p.Secret != "" {
		if err := esp.CheckSecret(slug, *p.Secret); err != nil {
			return &FieldError{"secret", "is not taken: " + err.Error()}
		}
	}
	if p.TopicARN != nil && *p.TopicARN != "" {
		if slug != "ses" {
			return &FieldError{"topic_arn", "is for ses alone"}
		}
		if err := esp.CheckTopic(*p.TopicARN); err != nil {
			return &FieldError{"topic_arn", "is not taken: " + err.Error()}
		}
	}
	return p.checkMapping(slug)
}

func (p Patch) checkMapping(slug string) error {
	if len(p.Mapping) == 0 {
		return nil
	}
	if slug != "generic" {
		return &FieldError{"mapping", "is for generic alone"}
	}
	err := esp.CheckMapping(p.Mapping)
	var wrong *esp.MappingError
	switch {
	case errors.As(err, &wrong) && wrong.Field != "":
		return &FieldError{"mapping." + wrong.Field, "is not taken: " + wrong.Problem}
	case err != nil:
		return &FieldError{"mapping", "is not taken: " + err.Error()}
	}
	return nil
}
