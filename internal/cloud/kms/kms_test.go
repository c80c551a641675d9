package kms_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var about = map[string]string{"account": "a1", "purpose": "test"}

// answering is a KMS with one data key, of which it counts the uses. It looks at
// neither context nor wrapped key.
type answering struct {
	generated, decrypted int
	fault                cloudtest.Fault // if set: instead
}

func (a *answering) choose(operation string) cloudtest.Fault {
	return func(ctx context.Context, send func(context.Context) (any, error)) (any, error) {
		plain := bytes.Repeat([]byte{7}, 32)
		switch operation {
		case "GenerateDataKey":
			a.generated++
			if a.fault == nil {
				return &sdk.GenerateDataKeyOutput{Plaintext: plain, CiphertextBlob: bytes.Repeat([]byte{9}, 184)}, nil
			}
		case "Decrypt":
			a.decrypted++
			if a.fault == nil {
				return &sdk.DecryptOutput{Plaintext: plain}, nil
			}
		}
		return a.fault(ctx, send)
	}
}

func (a *answering) vault(opts kms.Options) *kms.Vault {
	return kms.New(sdk.NewFromConfig(cloudtest.Nowhere(), func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(a.choose))
	}), "alias/rcpt", opts)
}

// The envelope outlives the program. The last part was computed by another
// implementation of AES-GCM, from key, nonce and context.
func TestEnvelopeStaysTheSame(t *testing.T) {
	var service answering
	vault := service.vault(kms.Options{Rand: bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 3))})
	sealed, err := vault.Seal(t.Context(), []byte("secret"), about)
	if err != nil {
		t.Fatal(err)
	}
	want := "0200b8" + hex.EncodeToString(bytes.Repeat([]byte{9}, 184)) +
		"010203040102030401020304" + "1cf1058b2134629f709c096f50a04aef0bfe00f53a0a"
	if got := hex.EncodeToString(sealed); got != want {
		t.Errorf("sealed: got %s, want %s", got, want)
	}
	if more := len(sealed) - len("secret"); more != 215 {
		t.Errorf("sealed value is %d octets longer, want 215", more)
	}
	if got, err := service.vault(kms.Options{}).Open(t.Context(), sealed, about); err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	if _, err := vault.Seal(t.Context(), []byte("secret"), about); err == nil {
		t.Error("Seal without randomness left: got no error")
	}
}

func TestDataKeysAreUsedAgain(t *testing.T) {
	var service answering
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	vault := service.vault(kms.Options{Now: clock.Now})
	turn := func(generated, decrypted int, claim string, contexts ...map[string]string) {
		t.Helper()
		service.generated, service.decrypted = 0, 0
		for range 20 {
			for _, c := range contexts {
				sealed, err := vault.Seal(t.Context(), []byte("secret"), c)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := vault.Open(t.Context(), sealed, c); err != nil {
					t.Fatal(err)
				}
			}
		}
		if service.generated != generated || service.decrypted != decrypted {
			t.Errorf("%s: got %d generated and %d decrypted, want %d and %d",
				claim, service.generated, service.decrypted, generated, decrypted)
		}
	}
	turn(1, 0, "the first time", about)
	turn(0, 0, "soon after", about)
	turn(2, 0, "contexts of their own", about, nil, map[string]string{"account": "a2"})
	clock.Advance(5 * time.Minute)
	turn(1, 0, "five minutes later", about)
	vault.Forget()
	turn(1, 0, "after Forget", about)
}

func TestErrorsOfKMS(t *testing.T) {
	refused := func(code string) error { return &smithy.GenericAPIError{Code: code} }
	for _, c := range []struct {
		claim      string
		err        error
		seal, open error // what they are; nil: neither ErrSealed nor ErrThrottled
	}{
		{"garbled", &types.InvalidCiphertextException{}, store.ErrSealed, store.ErrSealed},
		{"of another key", &types.IncorrectKeyException{}, store.ErrSealed, store.ErrSealed},
		{"key is disabled", &types.DisabledException{}, nil, nil},
		{"key is gone", &types.NotFoundException{}, nil, nil},
		{"not ours to use", refused("AccessDeniedException"), nil, nil},
		{"busy", refused("ThrottlingException"), store.ErrThrottled, store.ErrThrottled},
	} {
		synctest.Test(t, func(t *testing.T) {
			var service answering
			sealed, err := service.vault(kms.Options{}).Seal(t.Context(), []byte("secret"), about)
			if err != nil {
				t.Fatal(err)
			}
			service.fault = cloudtest.Refuse(c.err)
			vault := service.vault(kms.Options{})
			_, err = vault.Seal(t.Context(), nil, about)
			check(t, "Seal, "+c.claim, err, c.seal)
			_, err = vault.Open(t.Context(), sealed, about)
			check(t, "Open, "+c.claim, err, c.open)
		})
	}
}

func check(t *testing.T, call string, got, want error) {
	t.Helper()
	if got == nil || want != nil && !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", call, got, want)
	}
	for _, other := range []error{store.ErrSealed, store.ErrThrottled} {
		if want != other && errors.Is(got, other) {
			t.Errorf("%s: got %v, want %v", call, got, want)
		}
	}
}

func TestFaultsOnTheWay(t *testing.T) {
	for claim, fault := range map[string]cloudtest.Fault{
		"request lost": cloudtest.LoseRequest(),
		"stalled":      cloudtest.Stall(),
	} {
		synctest.Test(t, func(t *testing.T) {
			service := answering{fault: fault}
			_, err := service.vault(kms.Options{}).Seal(t.Context(), nil, about)
			check(t, claim, err, store.ErrThrottled)

			ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
			defer cancel()
			service.fault = cloudtest.Stall()
			if _, err = service.vault(kms.Options{}).Seal(ctx, nil, about); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrThrottled) {
				t.Errorf("%s: got %v, want the context's error", claim, err)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		var service answering
		sealed, err := service.vault(kms.Options{}).Seal(t.Context(), []byte("secret"), about)
		if err != nil {
			t.Fatal(err)
		}
		service.fault = cloudtest.LoseRequest()
		vault := service.vault(kms.Options{})
		_, err = vault.Open(t.Context(), sealed, about)
		check(t, "Open", err, store.ErrThrottled)
		service.fault = nil
		if got, err := vault.Open(t.Context(), sealed, about); err != nil || string(got) != "secret" {
			t.Errorf("Open afterwards = %q, %v", got, err)
		}
	})
}

func TestContractOnMoto(t *testing.T) {
	client, key := moto(t)
	storetest.Vault(t, func(t *testing.T) store.Vault { return kms.New(client, key, kms.Options{}) })
}

func TestAnotherProcessOpens(t *testing.T) {
	client, key := moto(t)
	sealed, err := kms.New(client, key, kms.Options{}).Seal(t.Context(), []byte("secret"), about)
	if err != nil {
		t.Fatal(err)
	}
	vault := kms.New(client, key, kms.Options{})
	if got, err := vault.Open(t.Context(), sealed, about); err != nil || string(got) != "secret" {
		t.Errorf("Open = %q, %v", got, err)
	}
	for _, c := range []map[string]string{nil, {"account": "a2", "purpose": "test"}} {
		if _, err := vault.Open(t.Context(), sealed, c); !errors.Is(err, store.ErrSealed) {
			t.Errorf("Open under %v by a vault that knows the data key: got %v, want ErrSealed", c, err)
		}
	}
	_, other := moto(t)
	if _, err := kms.New(client, other, kms.Options{}).Open(t.Context(), sealed, about); !errors.Is(err, store.ErrSealed) {
		t.Errorf("Open under another key: got %v, want ErrSealed", err)
	}
}

// moto makes a key. It says AccessDenied of a wrapped key that names no key, or
// another one, where KMS says that it is invalid or of another key.
func moto(t *testing.T) (client *sdk.Client, key string) {
	t.Helper()
	named := cloudtest.Alter(func(result any, err error) (any, error) {
		if api := smithy.APIError(nil); errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException" {
			err = &types.InvalidCiphertextException{Message: aws.String(api.ErrorMessage())}
		}
		return result, err
	})
	client = sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto), func(o *sdk.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(func(string) cloudtest.Fault { return named }))
	})
	made, err := client.CreateKey(t.Context(), &sdk.CreateKeyInput{})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	return client, *made.KeyMetadata.KeyId
}
