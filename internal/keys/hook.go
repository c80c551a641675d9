package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"rcpt/internal/store"
)

// AuthenticateHook returns the key that a hook token belongs to, as Authenticate
// does for an API secret. A token says nothing but that its bearer may report
// bounces for the key: a key without the scope Report has none that works, and
// is ErrUnknown like any other.
func (b *Book) AuthenticateHook(ctx context.Context, token string) (Key, error) {
	id, random, ok := parseToken(token)
	if !ok {
		return Key{}, ErrUnknown
	}
	key, err := b.recognize(ctx, hookToken, token, id, random)
	if err == nil && !key.May(Report) {
		return Key{}, ErrUnknown
	}
	return key, err
}

// parseToken takes a hook token apart. It accepts exactly what newCredentials
// writes, so that nothing else becomes part of a storage key.
func parseToken(s string) (id, random string, ok bool) {
	rest, ok := strings.CutPrefix(s, "hk_")
	id, random, _ = strings.Cut(rest, "_")
	return id, random, ok && isID(id) && len(random) == randomLetters && !strings.ContainsFunc(random, notLetter)
}

// Log writes an entry of the audit log on its own, for changes to what is a
// key's that no transaction carries. See Note.
func (b *Book) Log(ctx context.Context, k Key, fields ...string) error {
	// Several within one millisecond need a number each.
	for number := range int64(20) {
		err := b.table.Transact(ctx, []store.Op{b.Note(ctx, k, fields...)(logNumbers + number)})
		if err == nil || !errors.Is(err, store.ErrCondition) {
			return err
		}
	}
	return fmt.Errorf("write audit entry of key %s: %w", k.ID, ErrConflict)
}

// logNumbers keep entries of Log apart from those that a transaction carries.
const logNumbers = 1_000_000
