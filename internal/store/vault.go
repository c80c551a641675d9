package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"
)

// ErrSealed: a Vault cannot open this: it was sealed under another context or by
// another vault, or is not whole.
var ErrSealed = errors.New("sealed value does not open")

// Vault encrypts secrets and personal data for storage. It is safe for
// concurrent use.
//
// The context is not secret; it says what the value is for (account, purpose) and
// must be the same at Open, so that a value copied elsewhere is of no use. A nil
// context and an empty one are the same. On AWS it is the encryption context of
// KMS and appears in the audit log: it carries no address.
//
// A done ctx stops the work before it starts, with the context's error.
type Vault interface {
	// Seal encrypts plaintext, which may be empty. Every call gives other octets,
	// up to 250 more than went in. ErrValue when the context is malformed, see
	// BindContext.
	Seal(ctx context.Context, plaintext []byte, context map[string]string) ([]byte, error)

	// Open returns what was sealed. ErrSealed when sealed is not, to the last
	// octet, what Seal returned under the same context.
	Open(ctx context.Context, sealed []byte, context map[string]string) ([]byte, error)
}

// BindContext writes a Vault's context as the associated data of an AEAD (RFC
// 5116 §2.1): names in byte order, each name and each value after its length in
// four octets, most significant first. Two contexts that differ give different
// octets. ErrValue when a name is empty, or a name or value is not UTF-8.
func BindContext(context map[string]string) ([]byte, error) {
	var data []byte
	for _, name := range slices.Sorted(maps.Keys(context)) {
		value := context[name]
		if name == "" || !utf8.ValidString(name) || !utf8.ValidString(value) {
			return nil, fmt.Errorf("%w: vault context %q", ErrValue, name)
		}
		for _, text := range []string{name, value} {
			data = binary.BigEndian.AppendUint32(data, uint32(len(text)))
			data = append(data, text...)
		}
	}
	return data, nil
}
