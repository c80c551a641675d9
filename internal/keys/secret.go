package keys

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Sizes, in octets and in the letters they become. 20 octets are 160 bits, out
// of reach of any search; five make an id that a million keys share with no
// other by more than a small chance, and Create tries again then.
const (
	idOctets, idLetters         = 5, 8
	randomOctets, randomLetters = 20, 32
	signingOctets               = 32 // the size of the hash that the secret keys
)

// Secrets are the secrets of a key when they are made, to be shown once; Rotate
// leaves Webhook empty. They print as stars; the fields are the texts.
type Secrets struct {
	API     string // rk_live_<id>_<random> or rk_test_<id>_<random>
	Hook    string // hk_<id>_<random>
	Webhook string // whsec_ and the base64 of 32 octets (Standard Webhooks, "Signature scheme")
}

// Format prints stars for every verb.
func (Secrets) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "********") }

// LogValue logs stars.
func (Secrets) LogValue() slog.Value { return slog.StringValue("********") }

// hash is what is stored of a random part.
type hash [sha256.Size]byte

func hashOf(random string) hash { return sha256.Sum256([]byte(random)) }

// credentials are the secrets of one key, made but not yet stored.
type credentials struct {
	id        string
	secrets   Secrets
	api, hook hash
}

// newCredentials draws an id and the secrets that carry it. An error means that
// the source of randomness failed.
func newCredentials(random io.Reader, kind Kind) (credentials, error) {
	raw := make([]byte, idOctets+2*randomOctets+signingOctets)
	if _, err := io.ReadFull(random, raw); err != nil {
		return credentials{}, fmt.Errorf("draw secrets: %w", err)
	}
	take := func(n int) []byte {
		part := raw[:n]
		raw = raw[n:]
		return part
	}
	id, api, hook := letters(take(idOctets)), letters(take(randomOctets)), letters(take(randomOctets))
	made := tokens(kind, id, api, hook)
	made.secrets.Webhook = webhookText(raw)
	return made, nil
}

// renewedCredentials draws a new API secret and a new hook token for a key; the
// webhook secret stays.
func renewedCredentials(random io.Reader, kind Kind, id string) (credentials, error) {
	raw := make([]byte, 2*randomOctets)
	if _, err := io.ReadFull(random, raw); err != nil {
		return credentials{}, fmt.Errorf("draw secrets: %w", err)
	}
	return tokens(kind, id, letters(raw[:randomOctets]), letters(raw[randomOctets:])), nil
}

// tokens writes the secrets that carry the id.
func tokens(kind Kind, id, api, hook string) credentials {
	return credentials{
		id:      id,
		secrets: Secrets{API: "rk_" + string(kind) + "_" + id + "_" + api, Hook: "hk_" + id + "_" + hook},
		api:     hashOf(api), hook: hashOf(hook),
	}
}

// letters writes octets in lower-case base32 (RFC 4648 §6), which has no
// underscore and survives being read aloud.
func letters(octets []byte) string {
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(octets))
}

// parseSecret takes an API secret apart. It accepts exactly what newCredentials
// writes, so that nothing else becomes part of a storage key.
func parseSecret(s string) (kind Kind, id, random string, ok bool) {
	parts := strings.Split(s, "_")
	if len(s) > 64 || len(parts) != 4 || parts[0] != "rk" {
		return "", "", "", false
	}
	kind, id, random = Kind(parts[1]), parts[2], parts[3]
	ok = (kind == Live || kind == Test) &&
		isID(id) && len(random) == randomLetters && !strings.ContainsFunc(random, notLetter)
	return kind, id, random, ok
}

// isID reports whether an id is one that newCredentials can draw. Anything else
// must not become part of a storage key.
func isID(id string) bool { return len(id) == idLetters && !strings.ContainsFunc(id, notLetter) }

func notLetter(c rune) bool { return (c < 'a' || 'z' < c) && (c < '2' || '7' < c) }
