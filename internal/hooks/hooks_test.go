package hooks

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/overlay"
	"rcpt/internal/store"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a Book over an empty folder, with a clock that is set by hand.
type world struct {
	*Book
	clock time.Time
	notes int64
}

func open(t *testing.T) *world {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{clock: noon}
	w.Book = New(db.Control(), db.Vault(), func() time.Time { return w.clock })
	return w
}

var mu sync.Mutex

// note stands for the entry of the audit log.
func (w *world) note(number int64) store.Op {
	mu.Lock()
	defer mu.Unlock()
	w.notes++
	return store.PutOp(store.Item{Key: store.Key{Part: "NOTE", Sort: fmt.Sprint(w.notes, number)}, Attrs: store.Attrs{}}, store.Absent())
}

var acme = Key{"k1", "acme"}

func (w *world) secretsOf(t *testing.T, slug string) []string {
	t.Helper()
	h, err := w.Open(t.Context(), acme, slug)
	if err != nil {
		t.Fatal(err)
	}
	return h.Secrets
}

func (w *world) set(t *testing.T, slug, secret string, overlap time.Duration) Hook {
	t.Helper()
	h, err := w.Declare(t.Context(), acme, slug, Patch{Secret: &secret, Overlap: overlap}, w.note)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestSecretsAreRotatedWithAGrace(t *testing.T) {
	w := open(t)
	if got := w.secretsOf(t, "postmark"); got != nil {
		t.Errorf("nothing declared: %q", got)
	}
	h := w.set(t, "postmark", "first-secret", time.Hour)
	if !h.Signed() || !h.SecretSetAt.Equal(noon) || !h.FormerUntil.IsZero() {
		t.Errorf("after the first: %+v", h)
	}
	h = w.set(t, "postmark", "second-secret", time.Hour)
	if got := w.secretsOf(t, "postmark"); !reflect.DeepEqual(got, []string{"second-secret", "first-secret"}) || !h.FormerUntil.Equal(noon.Add(time.Hour)) {
		t.Errorf("in the grace: %q, %+v", got, h)
	}
	if w.set(t, "postmark", "second-secret", 0); len(w.secretsOf(t, "postmark")) != 2 {
		t.Error("the same secret again ends the grace of the one before")
	}
	w.clock = noon.Add(time.Hour)
	if got := w.secretsOf(t, "postmark"); !reflect.DeepEqual(got, []string{"second-secret"}) {
		t.Errorf("after the grace: %q", got)
	}
	if h, err := w.Find(t.Context(), acme, "postmark"); err != nil || !h.FormerUntil.IsZero() {
		t.Errorf("after the grace: %+v, %v", h, err)
	}
	for i := range formerMax + 1 {
		secret := fmt.Sprint("another-", i)
		_, err := w.Declare(t.Context(), acme, "postmark", Patch{Secret: &secret, Overlap: time.Hour}, w.note)
		if full := i == formerMax; errors.Is(err, ErrConflict) != full || err != nil && !full {
			t.Errorf("rotation %d: %v", i, err)
		}
	}
	w.set(t, "postmark", "at-once-alone", 0)
	if got := w.secretsOf(t, "postmark"); !reflect.DeepEqual(got, []string{"at-once-alone"}) {
		t.Errorf("without overlap: %q", got)
	}
	if h := w.set(t, "postmark", "", time.Hour); h.Signed() || w.secretsOf(t, "postmark") != nil {
		t.Errorf("removed: %+v", h)
	}
}

func TestHooksAreTheKeysOwn(t *testing.T) {
	w := open(t)
	w.set(t, "resend", "whsec_CYBtyLrlSTCaPM2z4n2XmEvcbFKC6JjE", 0)
	other := Key{"k2", "acme"}
	if h, err := w.Open(t.Context(), other, "resend"); err != nil || h.Secrets != nil {
		t.Errorf("another key opens %+v, %v", h, err)
	}
	if all, err := w.List(t.Context(), other); err != nil || all != nil {
		t.Errorf("another key lists %+v, %v", all, err)
	}
	if err := w.Remove(t.Context(), other, "resend", w.note); !errors.Is(err, ErrNotFound) {
		t.Errorf("another key removes: %v", err)
	}
	if all, err := w.List(t.Context(), acme); err != nil || len(all) != 1 || all[0].ESP != "resend" {
		t.Errorf("%+v, %v", all, err)
	}
	if err := w.Remove(t.Context(), acme, "resend", w.note); err != nil || w.secretsOf(t, "resend") != nil {
		t.Errorf("remove: %v", err)
	}
}

func TestBadDeclarationsAreRefused(t *testing.T) {
	w := open(t)
	text := func(s string) *string { return &s }
	for _, c := range []struct {
		slug  string
		patch Patch
		field string
	}{
		{"resend", Patch{Secret: text("short")}, "secret"},
		{"ses", Patch{Secret: text("long-enough-for-others")}, "secret"},
		{"ses", Patch{TopicARN: text("arn:aws:sqs:eu-central-1:123456789012:x")}, "topic_arn"},
		{"resend", Patch{TopicARN: text("arn:aws:sns:eu-central-1:123456789012:x")}, "topic_arn"},
		{"resend", Patch{Mapping: []byte(`{}`)}, "mapping"},
		{"generic", Patch{Mapping: []byte(`{"email":"$.to","event":"$.event","values":{"x":"y"}}`)}, "mapping.values.x"},
		{"generic", Patch{Secret: text("long-enough")}, "mapping"},
		{"postmark", Patch{Secret: text("long-enough"), Overlap: -1}, "overlap"},
		{"postmark", Patch{Secret: text("long-enough"), Overlap: MaxOverlap + 1}, "overlap"},
	} {
		_, err := w.Declare(t.Context(), acme, c.slug, c.patch, w.note)
		var wrong *FieldError
		if !errors.As(err, &wrong) || !errors.Is(err, ErrField) || wrong.Field != c.field {
			t.Errorf("%s %+v: %v, want a fault of %s", c.slug, c.patch, err, c.field)
		}
	}
	if _, err := w.Declare(t.Context(), acme, "pigeon", Patch{}, w.note); !errors.Is(err, ErrNotFound) {
		t.Errorf("a pigeon: %v", err)
	}
	if all, err := w.List(t.Context(), acme); err != nil || all != nil {
		t.Errorf("refused and kept: %+v, %v", all, err)
	}
}

func TestChangesAtOnceAreAllMade(t *testing.T) {
	w := open(t)
	var all sync.WaitGroup
	for i := range formerMax {
		secret := fmt.Sprint("secret-number-", i)
		all.Go(func() {
			if _, err := w.Declare(t.Context(), acme, "brevo", Patch{Secret: &secret, Overlap: time.Hour}, w.note); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if got := w.secretsOf(t, "brevo"); len(got) != formerMax {
		t.Errorf("%q work", got)
	}
}

func TestATokenIsBoundToItsEvents(t *testing.T) {
	w := open(t)
	one, two := []overlay.Event{{ID: "mailgun:a"}}, []overlay.Event{{ID: "mailgun:b"}}
	for _, c := range []struct {
		claim  string
		key    Key
		token  string
		events []overlay.Event
		want   error
	}{
		{"first", acme, "token", one, nil},
		{"delivered again", acme, "token", one, nil},
		{"with other events", acme, "token", two, ErrReplay},
		{"with more events", acme, "token", append(two, one...), ErrReplay},
		{"another token", acme, "token2", two, nil},
		{"of another key", Key{"k2", "acme"}, "token", two, nil},
	} {
		if err := w.Claim(t.Context(), c.key, "mailgun", c.token, c.events); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.claim, err, c.want)
		}
	}
}
