package embedded

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"fmt"
	"io"

	"rcpt/internal/store"
)

// A sealed value is an envelope as with KMS: each has a data key of its own,
// which lies beside the text, wrapped by the master key. AES-256-GCM (NIST SP
// 800-38D) with random nonces of 96 bits; the context is the associated data of
// both layers.
//
//	1 octet   sealedVersion
//	60 octets data key, wrapped: nonce 12, key 32, tag 16
//	the rest  text, under the data key: nonce 12, text, tag 16
const (
	sealedVersion = 1
	nonceSize     = 12
	tagSize       = 16
	wrappedSize   = nonceSize + keySize + tagSize
)

type vault struct {
	master cipher.AEAD
	random io.Reader
}

func newVault(key []byte, random io.Reader) (*vault, error) {
	master, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	return &vault{master: master, random: random}, nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("set up AES: %w", err)
	}
	return cipher.NewGCM(block)
}

func (v *vault) Seal(ctx context.Context, plaintext []byte, context map[string]string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bound, err := store.BindContext(context)
	if err != nil {
		return nil, err
	}
	var fresh struct {
		key                      [keySize]byte
		keyNonce, plaintextNonce [nonceSize]byte
	}
	for _, part := range [][]byte{fresh.key[:], fresh.keyNonce[:], fresh.plaintextNonce[:]} {
		if _, err := io.ReadFull(v.random, part); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
	}
	data, err := newGCM(fresh.key[:])
	if err != nil {
		return nil, err
	}
	sealed := make([]byte, 0, 1+wrappedSize+nonceSize+len(plaintext)+tagSize)
	sealed = append(sealed, sealedVersion)
	sealed = append(sealed, fresh.keyNonce[:]...)
	sealed = v.master.Seal(sealed, fresh.keyNonce[:], fresh.key[:], bound)
	sealed = append(sealed, fresh.plaintextNonce[:]...)
	return data.Seal(sealed, fresh.plaintextNonce[:], plaintext, bound), nil
}

func (v *vault) Open(ctx context.Context, sealed []byte, context map[string]string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	bound, err := store.BindContext(context)
	if err != nil {
		return nil, err
	}
	if len(sealed) < 1+wrappedSize+nonceSize+tagSize || sealed[0] != sealedVersion {
		return nil, fmt.Errorf("read envelope: %w", store.ErrSealed)
	}
	wrapped, text := sealed[1:1+wrappedSize], sealed[1+wrappedSize:]
	key, err := v.master.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], bound)
	if err != nil {
		return nil, fmt.Errorf("unwrap data key: %w", store.ErrSealed)
	}
	data, err := newGCM(key)
	if err != nil {
		return nil, err
	}
	plaintext, err := data.Open(nil, text[:nonceSize], text[nonceSize:], bound)
	if err != nil {
		return nil, fmt.Errorf("open text: %w", store.ErrSealed)
	}
	return plaintext, nil
}
