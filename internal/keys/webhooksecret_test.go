package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

// renew rotates the webhook secret of a key.
func (w *world) renewWebhook(t *testing.T, id string, overlap time.Duration) string {
	t.Helper()
	secret, until, err := w.RotateWebhookSecret(t.Context(), id, overlap)
	if err != nil || !until.Equal(w.clock.Add(overlap).Truncate(time.Millisecond)) {
		t.Fatalf("until %v, error %v", until, err)
	}
	return secret
}

// signing are the secrets that sign for a key.
func (w *world) signing(t *testing.T, id string) []string {
	t.Helper()
	secrets, err := w.WebhookSecrets(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return secrets
}

func (w *world) expectSigning(t *testing.T, claim, id string, want ...string) {
	t.Helper()
	if got := w.signing(t, id); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: %d secrets sign\n%v\nwant\n%v", claim, len(got), got, want)
	}
}

func TestBothWebhookSecretsSignDuringTheOverlap(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	fresh := w.renewWebhook(t, key.ID, 24*time.Hour)
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(fresh, "whsec_"))
	if err != nil || len(raw) != 32 || fresh == made.Webhook || !strings.HasPrefix(fresh, "whsec_") {
		t.Errorf("the new secret has %d octets, %v", len(raw), err)
	}
	w.expectSigning(t, "at once", key.ID, fresh, made.Webhook)
	w.clock = w.clock.Add(24*time.Hour - 2*time.Millisecond)
	w.expectSigning(t, "at the end of the overlap", key.ID, fresh, made.Webhook)
	w.clock = w.clock.Add(2 * time.Millisecond)
	w.expectSigning(t, "after it", key.ID, fresh)
	if !reflect.DeepEqual(w.works(t, made), []bool{true}) {
		t.Error("the API secret has changed, too")
	}
}

func TestNoOverlapEndsTheOldWebhookSecretAtOnce(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	w.renewWebhook(t, key.ID, time.Hour)
	w.expectSigning(t, "after an overlap of none", key.ID, w.renewWebhook(t, key.ID, 0))
}

func TestEarlierWebhookSecretsEndWithTheLastOverlap(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	second := w.renewWebhook(t, key.ID, 3*time.Hour)
	third := w.renewWebhook(t, key.ID, time.Hour)
	w.expectSigning(t, "at once", key.ID, third, second, made.Webhook)
	w.clock = w.clock.Add(time.Hour)
	w.expectSigning(t, "after the shorter overlap", key.ID, third)
}

func TestFormerWebhookSecretsAreBounded(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	for range webhookFormerMax {
		w.renewWebhook(t, key.ID, time.Hour)
	}
	before := w.signing(t, key.ID)
	if _, _, err := w.RotateWebhookSecret(t.Context(), key.ID, time.Hour); !errors.Is(err, ErrConflict) {
		t.Errorf("one too many: %v, want ErrConflict", err)
	}
	w.expectSigning(t, "after the refusal", key.ID, before...)
	w.clock = w.clock.Add(time.Hour)
	w.renewWebhook(t, key.ID, time.Hour)
}

func TestWebhookRotationsThatAreRefused(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	for _, overlap := range []time.Duration{-1, MaxWebhookOverlap + 1} {
		var wrong *DraftError
		if _, _, err := w.RotateWebhookSecret(t.Context(), key.ID, overlap); !errors.As(err, &wrong) || wrong.Field != "overlap" {
			t.Errorf("overlap %v: %v", overlap, err)
		}
	}
	if _, _, err := w.RotateWebhookSecret(t.Context(), "nosuchid", 0); !errors.Is(err, ErrNotFound) {
		t.Errorf("no key: %v", err)
	}
	broken := NewBook(w.table, w.vault, w.now, io.LimitReader(rand.Reader, 31))
	if _, _, err := broken.RotateWebhookSecret(t.Context(), key.ID, 0); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("broken randomness: %v", err)
	}
	w.expectSigning(t, "after what was refused", key.ID, made.Webhook)
	if err := w.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.RotateWebhookSecret(t.Context(), key.ID, 0); !errors.Is(err, ErrConflict) {
		t.Errorf("a revoked key: %v", err)
	}
	// Jobs that were under way are still told of.
	w.expectSigning(t, "of a revoked key", key.ID, made.Webhook)
}

// Who comes second must not replace the secret that was just handed out.
func TestOneOfTwoWebhookRotationsWins(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	other := NewBook(w.table.Table, w.vault, w.now, rand.Reader)
	var theirs string
	w.table.after = func() {
		w.table.after = nil
		var err error
		if theirs, _, err = other.RotateWebhookSecret(context.WithoutCancel(t.Context()), key.ID, time.Hour); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := w.RotateWebhookSecret(t.Context(), key.ID, time.Hour); !errors.Is(err, ErrConflict) {
		t.Errorf("the second one: %v, want ErrConflict", err)
	}
	w.expectSigning(t, "after both", key.ID, theirs, made.Webhook)
}

func TestWebhookRotationIsLoggedWithoutTheSecret(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	fresh := w.renewWebhook(t, key.ID, time.Hour)
	if got := w.audited(t, "acme"); got[0] != "changed webhook_secret" || len(got) != 2 {
		t.Errorf("the audit log says %q", got)
	}
	item, err := w.table.Get(t.Context(), itemKey(key.ID))
	if err != nil {
		t.Fatal(err)
	}
	page, err := w.table.Query(t.Context(), store.Query{Part: "AUD#acme"})
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range []string{fresh[6:], made.Webhook[6:]} {
		for name, value := range item.Attrs {
			if text, is := value.([]byte); is && bytes.Contains(text, []byte(secret)) {
				t.Errorf("attribute %s holds a secret", name)
			}
		}
		if strings.Contains(fmt.Sprint(page), secret) {
			t.Error("the audit log holds a secret")
		}
	}
}

func TestWebhookURLsAreBounded(t *testing.T) {
	w := open(t, rand.Reader)
	for _, url := range []string{strings.Repeat("a", maxWebhookURL+1), "https://hook.example/\n", "\xff"} {
		var wrong *DraftError
		if _, _, err := w.Create(t.Context(), Draft{Account: "acme", WebhookURL: url}); !errors.As(err, &wrong) || wrong.Field != "webhook_url" {
			t.Errorf("%.30q: %v", url, err)
		}
	}
}
