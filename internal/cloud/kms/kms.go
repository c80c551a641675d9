// Package kms keeps a store.Vault under a key of AWS KMS.
//
// A sealed value is an envelope: a data key of KMS encrypts the text, and lies
// beside it wrapped by the KMS key, which never leaves KMS ("GenerateDataKey",
// AWS KMS API Reference). AES-256-GCM (NIST SP 800-38D) with random nonces of 96
// bits; the port's context is the encryption context of the wrapped key, and, as
// store.BindContext writes it, the associated data of the text.
//
//	1 octet   sealedVersion; package embedded has another
//	2 octets  length of the wrapped key, most significant first
//	          the wrapped key: 184 octets for a symmetric KMS key (seen November
//	          2026; AWS documents only that it is at most 6,144)
//	12 octets nonce
//	the rest  text and, in 16 octets, its tag
//
// So a value grows by 215 octets of the 250 that the port allows.
//
// # What one call costs
//
// KMS takes some milliseconds and is paid by the request. Data keys therefore
// stay in the process for five minutes and a thousand uses: values sealed under
// one context meanwhile share one. A process then asks KMS about twice per context
// and five minutes, whatever it seals, and once per data key of what it opens.
// Sharing costs no security: a thousand random nonces are far from the 2^32 that
// SP 800-38D §8.3 allows a key.
//
// A data key is wiped when it leaves the cache. What the cipher made of it while
// it was used is the garbage collector's.
package kms

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"

	"rcpt/internal/store"
)

const (
	sealedVersion = 2
	headerSize    = 1 + 2
	keySize       = 32
	nonceSize     = 12
	tagSize       = 16
)

// Options of a Vault. The zero value is ready for use.
type Options struct {
	Now  func() time.Time // default time.Now; decides how old a data key is
	Rand io.Reader        // default crypto/rand.Reader; safe for concurrent use; nonces

	// Timeout bounds a call of KMS, the SDK's retries included. Default 5 s: KMS
	// answers within tens of milliseconds.
	Timeout time.Duration
}

// Vault is a store.Vault. It is safe for concurrent use. Besides the port's its
// errors may be store.ErrThrottled: KMS is too busy or out of reach.
type Vault struct {
	client  *kms.Client
	key     string
	random  io.Reader
	timeout time.Duration

	sealing *cache // by context
	opening *cache // by context and wrapped key
}

var _ store.Vault = (*Vault)(nil)

// Open returns the Vault of the key with this id, ARN or alias.
func Open(config aws.Config, key string) *Vault {
	return New(kms.NewFromConfig(config), key, Options{})
}

// New returns the Vault under the KMS key of this id, ARN or alias. It makes no
// call.
func New(client *kms.Client, key string, opts Options) *Vault {
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Rand == nil {
		opts.Rand = rand.Reader
	}
	if opts.Timeout == 0 {
		opts.Timeout = 5 * time.Second
	}
	return &Vault{
		client: client, key: key, random: opts.Rand, timeout: opts.Timeout,
		sealing: newCache(opts.Now), opening: newCache(opts.Now),
	}
}

// Forget wipes the data keys. It is for the end of a process; the Vault goes on
// working.
func (v *Vault) Forget() {
	v.sealing.forget()
	v.opening.forget()
}

// Seal asks KMS for a data key unless there is one for this context.
func (v *Vault) Seal(ctx context.Context, plaintext []byte, context map[string]string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bound, err := store.BindContext(context)
	if err != nil {
		return nil, err
	}
	key, cached := v.sealing.use(string(bound))
	if !cached {
		if key, err = v.generate(ctx, context); err != nil {
			return nil, err
		}
		v.sealing.keep(string(bound), key)
		v.opening.keep(string(bound)+string(key.wrapped), key)
	}
	defer clear(key.plain[:])
	aead, err := newGCM(key.plain[:])
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, headerSize+len(key.wrapped)+nonceSize+len(plaintext)+tagSize)
	sealed = append(sealed, sealedVersion)
	sealed = binary.BigEndian.AppendUint16(sealed, uint16(len(key.wrapped)))
	sealed = append(sealed, key.wrapped...)
	nonce := sealed[len(sealed) : len(sealed)+nonceSize]
	if _, err := io.ReadFull(v.random, nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return aead.Seal(sealed[:len(sealed)+nonceSize], nonce, plaintext, bound), nil
}

// Open asks KMS for the data key unless it is known.
func (v *Vault) Open(ctx context.Context, sealed []byte, context map[string]string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bound, err := store.BindContext(context)
	if err != nil {
		return nil, err
	}
	wrapped, nonce, text, err := split(sealed)
	if err != nil {
		return nil, err
	}
	key, cached := v.opening.use(string(bound) + string(wrapped))
	if !cached {
		if key, err = v.unwrap(ctx, wrapped, context); err != nil {
			return nil, err
		}
		v.opening.keep(string(bound)+string(wrapped), key)
	}
	defer clear(key.plain[:])
	aead, err := newGCM(key.plain[:])
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, text, bound)
	if err != nil {
		return nil, fmt.Errorf("open text: %w", store.ErrSealed)
	}
	return plaintext, nil
}

func split(sealed []byte) (wrapped, nonce, text []byte, err error) {
	if len(sealed) < headerSize || sealed[0] != sealedVersion {
		return nil, nil, nil, fmt.Errorf("read envelope: %w", store.ErrSealed)
	}
	size, rest := int(binary.BigEndian.Uint16(sealed[1:])), sealed[headerSize:]
	if size == 0 || len(rest) < size+nonceSize+tagSize {
		return nil, nil, nil, fmt.Errorf("read envelope: %w", store.ErrSealed)
	}
	return rest[:size], rest[size : size+nonceSize], rest[size+nonceSize:], nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return cipher.NewGCM(block)
}

func (v *Vault) generate(ctx context.Context, context map[string]string) (dataKey, error) {
	out, err := call(ctx, v, v.client.GenerateDataKey, &kms.GenerateDataKeyInput{
		KeyId: &v.key, KeySpec: types.DataKeySpecAes256, EncryptionContext: encryptionContext(context),
	})
	if err != nil {
		return dataKey{}, fmt.Errorf("generate data key: %w", err)
	}
	if n := len(out.CiphertextBlob); n == 0 || n > math.MaxUint16 {
		return dataKey{}, fmt.Errorf("generate data key: wrapped in %d octets", n)
	}
	key, err := newDataKey(out.Plaintext)
	key.wrapped = out.CiphertextBlob
	return key, err
}

// unwrap names our key, so that KMS opens nothing another key has wrapped, even
// where we may use that one, too.
func (v *Vault) unwrap(ctx context.Context, wrapped []byte, context map[string]string) (dataKey, error) {
	out, err := call(ctx, v, v.client.Decrypt, &kms.DecryptInput{
		KeyId: &v.key, CiphertextBlob: wrapped, EncryptionContext: encryptionContext(context),
		EncryptionAlgorithm: types.EncryptionAlgorithmSpecSymmetricDefault,
	})
	if err != nil {
		return dataKey{}, fmt.Errorf("unwrap data key: %w", err)
	}
	return newDataKey(out.Plaintext)
}

// newDataKey takes the key out of an answer, where it is wiped.
func newDataKey(plain []byte) (dataKey, error) {
	defer clear(plain)
	if len(plain) != keySize {
		return dataKey{}, fmt.Errorf("data key of %d octets", len(plain))
	}
	return dataKey{plain: [keySize]byte(plain)}, nil
}
