package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"

	"rcpt/internal/store"
)

// Vault runs the contract of store.Vault. open returns a vault; it is called
// once for each case and cleans up by t.Cleanup.
func Vault(t *testing.T, open func(t *testing.T) store.Vault) {
	for _, c := range []struct {
		claim string
		run   func(*vaultTest)
	}{
		{"opens what it sealed", opensWhatItSealed},
		{"hides the plaintext and never seals alike", sealsAreUnlike},
		{"refuses another context", refusesContext},
		{"refuses every changed octet", refusesChange},
		{"refuses every other length", refusesLength},
		{"refuses the halves of two values put together", refusesHalves},
		{"refuses a malformed context", refusesMalformedContext},
		{"serves many at once", servesMany},
		{"a cancelled context stops the work", vaultCancelled},
	} {
		t.Run(c.claim, func(t *testing.T) { c.run(&vaultTest{T: t, Vault: open(t)}) })
	}
}

type vaultTest struct {
	*testing.T
	store.Vault
}

// purpose is the context most cases seal under.
var purpose = map[string]string{"account": "a1", "purpose": "vendor:hunter"}

func (t *vaultTest) seal(plaintext string) []byte {
	t.Helper()
	sealed, err := t.Seal(t.Context(), []byte(plaintext), purpose)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	return sealed
}

func (t *vaultTest) wantSealed(what string, sealed []byte, context map[string]string) {
	t.Helper()
	if got, err := t.Open(t.Context(), sealed, context); !errors.Is(err, store.ErrSealed) || got != nil {
		t.Errorf("%s: got %q, %v, want ErrSealed", what, got, err)
	}
}

func opensWhatItSealed(t *vaultTest) {
	for _, plaintext := range [][]byte{{}, nil, []byte("k"), []byte("mv_0123456789"), bytes.Repeat([]byte{0, 0xff}, 50_000)} {
		for _, c := range []map[string]string{purpose, {}, nil, {"empty": ""}, {"Grüße": "ß\x00"}} {
			given := bytes.Clone(plaintext)
			sealed, err := t.Seal(t.Context(), given, c)
			if err != nil {
				t.Fatalf("Seal under %q: %v", c, err)
			}
			if !bytes.Equal(given, plaintext) {
				t.Error("Seal changed its plaintext")
			}
			got, err := t.Open(t.Context(), sealed, c)
			if err != nil || !bytes.Equal(got, plaintext) {
				t.Errorf("Open under %q = %d octets, %v, want the %d sealed", c, len(got), err, len(plaintext))
			}
		}
	}
	sealed, err := t.Seal(t.Context(), []byte("k"), nil)
	if err != nil {
		t.Fatalf("Seal: %v", err)
	}
	if got, err := t.Open(t.Context(), sealed, map[string]string{}); err != nil || string(got) != "k" {
		t.Errorf("Open under an empty context of what was sealed under none = %q, %v", got, err)
	}
}

func sealsAreUnlike(t *vaultTest) {
	const secret = "a secret that is long enough to be found"
	seen := map[string]bool{}
	for range 100 {
		sealed := t.seal(secret)
		if bytes.Contains(sealed, []byte(secret)) {
			t.Fatal("sealed value holds the plaintext")
		}
		if seen[string(sealed)] {
			t.Fatal("two seals are alike")
		}
		seen[string(sealed)] = true
		if more := len(sealed) - len(secret); more > 250 {
			t.Fatalf("sealed value is %d octets longer, want at most 250", more)
		}
	}
}

func refusesContext(t *vaultTest) {
	sealed := t.seal("k")
	for _, c := range []map[string]string{
		nil,
		{"account": "a1"},
		{"account": "a2", "purpose": "vendor:hunter"},
		{"account": "a1", "purpose": "vendor:hunter", "more": ""},
		{"account": "vendor:hunter", "purpose": "a1"},
		{"accoun": "ta1", "purpose": "vendor:hunter"},
		{"account": "a1\x00purpose\x00vendor:hunter"},
		{"Account": "a1", "purpose": "vendor:hunter"},
	} {
		t.wantSealed(fmt.Sprintf("Open under %q", c), sealed, c)
	}
}

func refusesChange(t *vaultTest) {
	sealed := t.seal("some key")
	for i := range sealed {
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			changed := bytes.Clone(sealed)
			changed[i] ^= flip
			t.wantSealed(fmt.Sprintf("octet %d with %#x flipped", i, flip), changed, purpose)
		}
	}
}

func refusesLength(t *vaultTest) {
	sealed := t.seal("some key")
	for n := range sealed {
		t.wantSealed(fmt.Sprintf("the first %d octets", n), sealed[:n], purpose)
		t.wantSealed(fmt.Sprintf("without the first %d octets", n+1), sealed[n+1:], purpose)
	}
	t.wantSealed("one octet more", append(bytes.Clone(sealed), 0), purpose)
	t.wantSealed("nil", nil, purpose)
	t.wantSealed("zeros", make([]byte, len(sealed)), purpose)
	t.wantSealed("plain text", bytes.Repeat([]byte("plain text "), 50), purpose)
}

func refusesHalves(t *vaultTest) {
	one, two := t.seal("some key"), t.seal("another!")
	if len(one) != len(two) {
		t.Skip("sealed values of equal plaintext length differ in length")
	}
	for n := 1; n < len(one); n++ {
		mixed := append(bytes.Clone(one[:n]), two[n:]...)
		if bytes.Equal(mixed, one) || bytes.Equal(mixed, two) {
			continue
		}
		t.wantSealed(fmt.Sprintf("%d octets of one, the rest of another", n), mixed, purpose)
	}
}

func refusesMalformedContext(t *vaultTest) {
	for _, c := range []map[string]string{{"": "x"}, {"\xff": "x"}, {"x": "\xff"}} {
		_, err := t.Seal(t.Context(), []byte("k"), c)
		if !errors.Is(err, store.ErrValue) {
			t.Errorf("Seal under %q: got %v, want ErrValue", c, err)
		}
		if _, err := t.Open(t.Context(), t.seal("k"), c); !errors.Is(err, store.ErrValue) {
			t.Errorf("Open under %q: got %v, want ErrValue", c, err)
		}
	}
}

func servesMany(t *vaultTest) {
	together(32, func(i int) {
		want := fmt.Sprint("secret ", i)
		sealed, err := t.Seal(t.Context(), []byte(want), purpose)
		if err != nil {
			t.Errorf("Seal: %v", err)
			return
		}
		if got, err := t.Open(t.Context(), sealed, purpose); err != nil || string(got) != want {
			t.Errorf("Open = %q, %v, want %q", got, err, want)
		}
	})
}

func vaultCancelled(t *vaultTest) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := t.Seal(ctx, []byte("k"), purpose); !errors.Is(err, context.Canceled) {
		t.Errorf("Seal: got %v, want context.Canceled", err)
	}
	if _, err := t.Open(ctx, t.seal("k"), purpose); !errors.Is(err, context.Canceled) {
		t.Errorf("Open: got %v, want context.Canceled", err)
	}
}
