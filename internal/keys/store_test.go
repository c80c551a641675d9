package keys

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

// noon is when tests begin.
var noon = time.Date(2026, 11, 13, 12, 0, 0, 123456789, time.UTC)

// world is a Book over an empty folder, with a clock that is set by hand and a
// count of reads.
type world struct {
	*Book
	table *countingTable
	clock time.Time
}

type countingTable struct {
	store.Table
	gets  int
	fail  error  // what every Get answers, if set
	after func() // what happens after each Get, if set
}

func (c *countingTable) Get(ctx context.Context, key store.Key) (store.Item, error) {
	c.gets++
	if c.fail != nil {
		return store.Item{}, c.fail
	}
	item, err := c.Table.Get(ctx, key)
	if c.after != nil {
		c.after()
	}
	return item, err
}

func open(t *testing.T, random io.Reader) *world {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{table: &countingTable{Table: db.Control()}, clock: noon}
	w.Book = NewBook(w.table, db.Vault(), func() time.Time { return w.clock }, random)
	return w
}

func (w *world) create(t *testing.T, d Draft) (Key, Secrets) {
	t.Helper()
	key, secrets, err := w.Create(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	return key, secrets
}

func TestCreatedKeyIsRecognized(t *testing.T) {
	w := open(t, rand.Reader)
	for claim, d := range map[string]Draft{
		"the least": {Account: "acme"},
		"everything": {
			Account: "Müller & Söhne", Label: "Anmeldung", Scopes: []Scope{Verify, Admin}, Test: true, Plan: PlanSoft,
			Policy: []byte(`{"extends":"b2b"}`), Limits: &Limits{Monthly: 1, Concurrency: 2, ReportsPerDay: 3, RequestsPerSecond: 4},
			ExpiresAt: noon.Add(time.Hour),
		},
	} {
		key, secrets := w.create(t, d)
		got, err := w.Authenticate(t.Context(), secrets.API)
		if err != nil {
			t.Fatalf("%s: %v", claim, err)
		}
		if len(got.Policy) == 0 && len(key.Policy) == 0 {
			got.Policy, key.Policy = nil, nil // a Table keeps no nil
		}
		if !reflect.DeepEqual(got, key) {
			t.Errorf("%s\n is read as %+v\n created as %+v", claim, got, key)
		}
		if key.Account != d.Account || key.CreatedAt != noon.Truncate(time.Millisecond) {
			t.Errorf("%s: created as %+v", claim, key)
		}
	}
}

func TestDefaultsOfAKey(t *testing.T) {
	key, _ := open(t, rand.Reader).create(t, Draft{Account: "acme"})
	if !reflect.DeepEqual(key.Scopes, []Scope{Verify, Report, Jobs, Providers}) || key.May(Admin) || !key.May(Jobs) {
		t.Errorf("scopes are %v", key.Scopes)
	}
	if want := (Limits{Concurrency: 10, ReportsPerDay: 1000}); key.Limits != want {
		t.Errorf("limits are %+v, want %+v", key.Limits, want)
	}
	key, _ = open(t, rand.Reader).create(t, Draft{Account: "acme", Limits: &Limits{}})
	if key.Limits != (Limits{}) {
		t.Errorf("a key without limits has %+v", key.Limits)
	}
}

func TestNothingButTheSecretOpensAKey(t *testing.T) {
	w := open(t, rand.Reader)
	_, one := w.create(t, Draft{Account: "acme"})
	_, two := w.create(t, Draft{Account: "acme"})
	last := byte('a')
	if one.API[len(one.API)-1] == 'a' {
		last = 'b'
	}
	for claim, secret := range map[string]string{
		"nothing":                         "",
		"the hook token":                  one.Hook,
		"the hook token's random part":    one.API[:17] + one.Hook[len(one.Hook)-32:],
		"the webhook secret":              one.Webhook,
		"a last letter changed":           one.API[:len(one.API)-1] + string(last),
		"another key's random part":       one.API[:17] + two.API[17:],
		"the other kind":                  strings.Replace(one.API, "rk_live", "rk_test", 1),
		"the secret of no key":            sample,
		"the secret in a longer text":     one.API + " ",
		"the secret in upper case":        strings.ToUpper(one.API),
		"the hash of nothing: no key yet": "rk_live_aaaaaaaa_" + strings.Repeat("a", 32),
	} {
		if key, err := w.Authenticate(t.Context(), secret); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: key %q, error %v; want ErrUnknown", claim, key.ID, err)
		}
	}
}

func TestExpiredKeyIsUnknown(t *testing.T) {
	w := open(t, rand.Reader)
	_, secrets := w.create(t, Draft{Account: "acme", ExpiresAt: noon.Add(10 * time.Second)})
	if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
		t.Fatal(err)
	}
	w.clock = noon.Add(10 * time.Second) // the key is remembered still
	if _, err := w.Authenticate(t.Context(), secrets.API); !errors.Is(err, ErrUnknown) {
		t.Errorf("at its end the key answers %v, want ErrUnknown", err)
	}
}

func TestKeyRevokedElsewhereIsUnknownAfterHalfAMinute(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
		t.Fatal(err)
	}
	_, err := w.table.Update(t.Context(), store.Update{Key: itemKey(key.ID), Set: store.Attrs{"revoked_at": noon.UnixMilli()}})
	if err != nil {
		t.Fatal(err)
	}
	w.clock = noon.Add(30 * time.Second)
	if _, err := w.Authenticate(t.Context(), secrets.API); !errors.Is(err, ErrUnknown) {
		t.Errorf("a revoked key answers %v, want ErrUnknown", err)
	}
}

func TestWarmSecretCostsNoRead(t *testing.T) {
	w := open(t, rand.Reader)
	_, secrets := w.create(t, Draft{Account: "acme"})
	for _, step := range []struct {
		after time.Duration
		gets  int
	}{{0, 1}, {time.Second, 1}, {29 * time.Second, 1}, {30 * time.Second, 2}, {31 * time.Second, 2}} {
		w.clock = noon.Add(step.after)
		if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
			t.Fatal(err)
		}
		if w.table.gets != step.gets {
			t.Errorf("after %v there were %d reads, want %d", step.after, w.table.gets, step.gets)
		}
	}
}

func TestWrongSecretsAreNotRemembered(t *testing.T) {
	w := open(t, rand.Reader)
	for range 3 {
		if _, err := w.Authenticate(t.Context(), sample); !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
	}
	if w.table.gets != 3 || len(w.recent.seen) != 0 {
		t.Errorf("%d reads for three guesses, %d remembered", w.table.gets, len(w.recent.seen))
	}
	if _, err := w.Authenticate(t.Context(), "rk_live_x"); !errors.Is(err, ErrUnknown) || w.table.gets != 3 {
		t.Errorf("a malformed secret: error %v, %d reads", err, w.table.gets)
	}
}

func TestRememberedKeysAreBounded(t *testing.T) {
	var r recent
	for i := range 3 * recentMax {
		r.keep(hashOf(fmt.Sprint(i)), sighting{}, 0, noon)
		if len(r.seen) > recentMax {
			t.Fatalf("%d keys are remembered", len(r.seen))
		}
	}
	newest := hashOf(fmt.Sprint(3*recentMax - 1))
	if _, _, ok := r.find(newest, noon); !ok {
		t.Error("the key seen last is forgotten")
	}
	r.keep(hashOf("later"), sighting{}, 0, noon.Add(time.Minute))
	if _, _, ok := r.find(newest, noon.Add(time.Minute)); ok {
		t.Error("an outdated key is found")
	}
}

func TestStoreTroubleIsNotAnUnknownKey(t *testing.T) {
	w := open(t, rand.Reader)
	_, secrets := w.create(t, Draft{Account: "acme"})
	w.table.fail = store.ErrThrottled
	_, err := w.Authenticate(t.Context(), secrets.API)
	if errors.Is(err, ErrUnknown) || !errors.Is(err, store.ErrThrottled) {
		t.Errorf("error %v, want ErrThrottled", err)
	}
}

func TestWebhookSecretComesBack(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	got, err := w.WebhookSecrets(t.Context(), key.ID)
	if err != nil || !reflect.DeepEqual(got, []string{secrets.Webhook}) {
		t.Errorf("got %q, error %v; want %q", got, err, secrets.Webhook)
	}
	if _, err := w.WebhookSecrets(t.Context(), "nosuchid"); !errors.Is(err, ErrNotFound) {
		t.Errorf("of no key: %v, want ErrNotFound", err)
	}
}

func TestWebhookSecretOpensForItsKeyOnly(t *testing.T) {
	w := open(t, rand.Reader)
	one, _ := w.create(t, Draft{Account: "acme"})
	two, _ := w.create(t, Draft{Account: "acme"})
	item, err := w.table.Get(t.Context(), itemKey(one.ID))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.table.Update(t.Context(), store.Update{
		Key: itemKey(two.ID), Set: store.Attrs{"webhook_secret": item.Bytes("webhook_secret")},
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.WebhookSecrets(t.Context(), two.ID); !errors.Is(err, store.ErrSealed) {
		t.Errorf("a secret copied from another key: %v, want ErrSealed", err)
	}
}

func TestNoSecretIsStored(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	item, err := w.table.Get(t.Context(), itemKey(key.ID))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range item.Attrs {
		text := fmt.Sprintf("%s", value)
		for _, secret := range []string{secrets.API[17:], secrets.Hook[12:], secrets.Webhook[6:]} {
			if strings.Contains(text, secret) {
				t.Errorf("attribute %s holds a secret", name)
			}
		}
	}
}

func TestKeysOfAnAccountAreListedBesideThem(t *testing.T) {
	w := open(t, rand.Reader)
	one, _ := w.create(t, Draft{Account: "acme"})
	two, _ := w.create(t, Draft{Account: "acme"})
	w.create(t, Draft{Account: "acme2"})
	page, err := w.table.Query(t.Context(), store.Query{Part: "ACC#acme", Prefix: "KEY#"})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	for _, item := range page.Items {
		got[item.Key.Sort] = true
	}
	if want := map[string]bool{"KEY#" + one.ID: true, "KEY#" + two.ID: true}; !reflect.DeepEqual(got, want) {
		t.Errorf("listed are %v, want %v", got, want)
	}
}

func TestIDInUseIsDrawnAgain(t *testing.T) {
	same := bytes.Repeat([]byte{1}, idOctets+2*randomOctets+signingOctets)
	other := bytes.Repeat([]byte{2}, len(same))
	w := open(t, io.MultiReader(bytes.NewReader(same), bytes.NewReader(same), bytes.NewReader(other)))
	one, _ := w.create(t, Draft{Account: "acme"})
	two, secrets := w.create(t, Draft{Account: "other"})
	if one.ID == two.ID {
		t.Fatalf("two keys have the id %s", one.ID)
	}
	if got, err := w.Authenticate(t.Context(), secrets.API); err != nil || got.Account != "other" {
		t.Errorf("the second key is %+v, error %v", got, err)
	}
}

func TestBrokenRandomnessMakesNoKey(t *testing.T) {
	if _, _, err := open(t, brokenSource{}).Create(t.Context(), Draft{Account: "acme"}); !errors.Is(err, errNoRandomness) {
		t.Errorf("error %v", err)
	}
	ones := io.LimitReader(oneForEver{}, 1<<20)
	w := open(t, ones)
	w.create(t, Draft{Account: "acme"})
	if _, _, err := w.Create(t.Context(), Draft{Account: "acme"}); !errors.Is(err, store.ErrCondition) {
		t.Errorf("randomness that repeats itself: error %v", err)
	}
}

type oneForEver struct{}

func (oneForEver) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 1
	}
	return len(p), nil
}

func TestEmptyAccountIsToldAsSuch(t *testing.T) {
	if _, _, err := open(t, rand.Reader).Create(t.Context(), Draft{}); err == nil || err.Error() != "account is empty; name the customer" {
		t.Errorf("error %v", err)
	}
}

func TestDraftsThatMakeNoKey(t *testing.T) {
	w := open(t, rand.Reader)
	for claim, c := range map[string]struct {
		draft Draft
		field string
	}{
		"no account":                        {Draft{}, "account"},
		"a separator in the account":        {Draft{Account: "a#b"}, "account"},
		"a line end in the account":         {Draft{Account: "a\nb"}, "account"},
		"an account that is too long":       {Draft{Account: strings.Repeat("a", 129)}, "account"},
		"an account that is not UTF-8":      {Draft{Account: "a\xff"}, "account"},
		"a label that is too long":          {Draft{Account: "a", Label: strings.Repeat("a", 201)}, "label"},
		"an escape sequence in the label":   {Draft{Account: "a", Label: "\x1b[2J"}, "label"},
		"a line end in the plan":            {Draft{Account: "a", Plan: "soft\n"}, "plan"},
		"a scope that is none":              {Draft{Account: "a", Scopes: []Scope{Verify, "root"}}, "scopes"},
		"a scope named twice":               {Draft{Account: "a", Scopes: []Scope{Verify, Verify}}, "scopes"},
		"a limit below zero":                {Draft{Account: "a", Limits: &Limits{Monthly: -1}}, "limits.monthly"},
		"more at once than there are slots": {Draft{Account: "a", Limits: &Limits{Concurrency: MaxConcurrency + 1}}, "limits.concurrency"},
		"a limit beyond all bounds":         {Draft{Account: "a", Limits: &Limits{RequestsPerSecond: MaxLimit + 1}}, "limits.requests_per_second"},
		"a policy that is too long":         {Draft{Account: "a", Policy: json.RawMessage(strings.Repeat("x", 8<<10+1))}, "policy"},
		"an expiry that has already been":   {Draft{Account: "a", ExpiresAt: noon}, "expires_at"},
		"an expiry from a zero-like clock":  {Draft{Account: "a", ExpiresAt: time.Unix(0, 0)}, "expires_at"},
	} {
		_, _, err := w.Create(t.Context(), c.draft)
		var wrong *DraftError
		if !errors.Is(err, ErrDraft) || !errors.As(err, &wrong) || wrong.Field != c.field {
			t.Errorf("%s: error %v, want ErrDraft about %s", claim, err, c.field)
		}
	}
}

func TestBookServesManyAtOnce(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	w.Book = NewBook(w.table.Table, w.vault, w.now, w.random) // the counter is for one goroutine
	var all sync.WaitGroup
	for range 100 {
		all.Go(func() {
			if got, err := w.Authenticate(t.Context(), secrets.API); err != nil || got.ID != key.ID {
				t.Errorf("key %q, error %v", got.ID, err)
			}
		})
	}
	all.Wait()
}
