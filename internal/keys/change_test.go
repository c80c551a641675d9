package keys

import (
	"crypto/rand"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// whole is a draft with a value in every property.
func whole() Draft {
	return Draft{
		Account: "acme", Label: "shop", Scopes: []Scope{Verify, Report}, Plan: PlanSoft, Policy: []byte(`"b2b"`), WebhookURL: "https://hook.example/whole",
		Limits:    &Limits{Monthly: 1, Concurrency: 2, ReportsPerDay: 3, RequestsPerSecond: 4},
		ExpiresAt: noon.Add(time.Hour),
	}
}

func TestPatchChangesWhatItNamesAndNothingElse(t *testing.T) {
	later := noon.Add(2 * time.Hour)
	for claim, c := range map[string]struct {
		patch  Patch
		want   func(*Key)
		fields string
	}{
		"nothing":     {Patch{}, func(*Key) {}, ""},
		"the label":   {Patch{Label: new("café")}, func(k *Key) { k.Label = "café" }, "label"},
		"no label":    {Patch{Label: new("")}, func(k *Key) { k.Label = "" }, "label"},
		"the same":    {Patch{Label: new("shop"), Plan: new(PlanSoft)}, func(*Key) {}, ""},
		"scopes":      {Patch{Scopes: []Scope{Admin}}, func(k *Key) { k.Scopes = []Scope{Admin} }, "scopes"},
		"no plan":     {Patch{Plan: new("")}, func(k *Key) { k.Plan = "" }, "plan"},
		"the policy":  {Patch{Policy: []byte(`"default"`)}, func(k *Key) { k.Policy = []byte(`"default"`) }, "policy"},
		"no policy":   {Patch{Policy: []byte{}}, func(k *Key) { k.Policy = []byte{} }, "policy"},
		"a URL":       {Patch{WebhookURL: new("https://hook.example/")}, func(k *Key) { k.WebhookURL = "https://hook.example/" }, "webhook_url"},
		"no URL":      {Patch{WebhookURL: new("")}, func(k *Key) { k.WebhookURL = "" }, "webhook_url"},
		"one limit":   {Patch{Limits: LimitsPatch{Concurrency: new(int64(0))}}, func(k *Key) { k.Limits.Concurrency = 0 }, "limits.concurrency"},
		"two limits":  {Patch{Limits: LimitsPatch{Monthly: new(int64(9)), RequestsPerSecond: new(int64(8))}}, func(k *Key) { k.Limits.Monthly, k.Limits.RequestsPerSecond = 9, 8 }, "limits.monthly limits.requests_per_second"},
		"the end":     {Patch{ExpiresAt: &later}, func(k *Key) { k.ExpiresAt = later.Truncate(time.Millisecond) }, "expires_at"},
		"no end":      {Patch{ExpiresAt: new(time.Time)}, func(k *Key) { k.ExpiresAt = time.Time{} }, "expires_at"},
		"many things": {Patch{Label: new("x"), Plan: new("y"), ExpiresAt: new(time.Time)}, func(k *Key) { k.Label, k.Plan, k.ExpiresAt = "x", "y", time.Time{} }, "expires_at label plan"},
	} {
		t.Run(claim, func(t *testing.T) {
			w := open(t, rand.Reader)
			want, secrets := w.create(t, whole())
			c.want(&want)
			changed, err := w.Change(t.Context(), want.ID, c.patch)
			if err != nil || !reflect.DeepEqual(changed, want) {
				t.Errorf("it becomes %+v, error %v; want %+v", changed, err, want)
			}
			if got, err := w.Find(t.Context(), want.ID); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("found is %+v, error %v; want %+v", got, err, want)
			}
			if got, err := w.Authenticate(t.Context(), secrets.API); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("recognized is %+v, error %v; want %+v", got, err, want)
			}
			if got := w.audited(t, "acme"); c.fields != "" && got[0] != "changed "+c.fields || len(got) != 1+min(1, len(c.fields)) {
				t.Errorf("the audit log says %q, want %q", got, c.fields)
			}
		})
	}
}

func TestPatchesThatMakeNoKey(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, whole())
	past := noon.Add(-time.Second)
	for field, p := range map[string]Patch{
		"label":              {Label: new("\x00")},
		"plan":               {Plan: new(strings.Repeat("p", 65))},
		"scopes":             {Scopes: []Scope{"root"}},
		"policy":             {Policy: make([]byte, 8<<10+1)},
		"limits.monthly":     {Limits: LimitsPatch{Monthly: new(int64(-1))}},
		"limits.concurrency": {Limits: LimitsPatch{Concurrency: new(int64(MaxConcurrency + 1))}},
		"expires_at":         {ExpiresAt: &past},
	} {
		_, err := w.Change(t.Context(), key.ID, p)
		var wrong *DraftError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: error %v", field, err)
		}
	}
	if got, err := w.Find(t.Context(), key.ID); err != nil || !reflect.DeepEqual(got, key) {
		t.Errorf("the key is now %+v, error %v", got, err)
	}
}

func TestExpiredKeyMayBeChangedAndLivesAgain(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme", ExpiresAt: noon.Add(time.Second)})
	w.clock = noon.Add(time.Hour)
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("old")}); err != nil {
		t.Errorf("the label of an expired key: %v", err)
	}
	if _, err := w.Change(t.Context(), key.ID, Patch{ExpiresAt: new(time.Time)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
		t.Errorf("without an end the key answers %v", err)
	}
}

func TestRevokedKeyStaysButChangesNoMore(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		w.clock = noon.Add(time.Duration(i) * time.Second)
		if err := w.Revoke(t.Context(), key.ID); err != nil {
			t.Fatalf("revocation %d: %v", i, err)
		}
		if _, err := w.Authenticate(t.Context(), secrets.API); !errors.Is(err, ErrUnknown) {
			t.Errorf("the revoked key answers %v at once, want ErrUnknown", err)
		}
	}
	got, err := w.Find(t.Context(), key.ID)
	if want := noon.Truncate(time.Millisecond); err != nil || !got.RevokedAt.Equal(want) {
		t.Errorf("revoked at %v, error %v; want the first time, %v", got.RevokedAt, err, want)
	}
	if _, err := w.Change(t.Context(), key.ID, Patch{ExpiresAt: new(time.Time)}); !errors.Is(err, ErrConflict) {
		t.Errorf("change: %v, want ErrConflict", err)
	}
	if _, _, err := w.Rotate(t.Context(), key.ID, 0); !errors.Is(err, ErrConflict) {
		t.Errorf("rotate: %v, want ErrConflict", err)
	}
	if got := w.audited(t, "acme"); !reflect.DeepEqual(got, []string{"revoked", "created"}) {
		t.Errorf("the audit log says %q", got)
	}
}

func TestNoKeyHasNoManagement(t *testing.T) {
	w := open(t, rand.Reader)
	for _, id := range []string{"nosuchid", "", "NOSUCHID", "a#b", "../../..", strings.Repeat("a", 4000), "nosuchi\xff"} {
		_, found := w.Find(t.Context(), id)
		_, changed := w.Change(t.Context(), id, Patch{Label: new("x")})
		_, _, rotated := w.Rotate(t.Context(), id, time.Hour)
		for call, err := range map[string]error{"Find": found, "Change": changed, "Rotate": rotated, "Revoke": w.Revoke(t.Context(), id)} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s of %.20q: %v, want ErrNotFound", call, id, err)
			}
		}
	}
}

func TestOwnProcessNoticesChangesAtOnce(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	other, otherSecrets := w.create(t, Draft{Account: "acme"})
	for i := range 3 {
		if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
			t.Fatal(err)
		}
		label := fmt.Sprint("label ", i)
		if _, err := w.Change(t.Context(), key.ID, Patch{Label: &label}); err != nil {
			t.Fatal(err)
		}
		if got, err := w.Authenticate(t.Context(), secrets.API); err != nil || got.Label != label {
			t.Errorf("label is %q, error %v; want %q", got.Label, err, label)
		}
	}
	if _, err := w.Authenticate(t.Context(), otherSecrets.API); err != nil {
		t.Fatal(err)
	}
	before := w.table.gets
	if err := w.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := w.Authenticate(t.Context(), otherSecrets.API); err != nil || got.ID != other.ID || w.table.gets != before+1 {
		t.Errorf("the other key costs %d reads, error %v; want the one of the revocation alone", w.table.gets-before, err)
	}
}

func TestKeyReadBeforeAChangeIsNotRememberedAfterIt(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	w.table.after = func() {
		w.table.after = nil
		if err := w.Revoke(t.Context(), key.ID); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Authenticate(t.Context(), secrets.API); err != nil {
		t.Errorf("what was read before the change: %v", err)
	}
	if _, err := w.Authenticate(t.Context(), secrets.API); !errors.Is(err, ErrUnknown) {
		t.Errorf("the revoked key answers %v, want ErrUnknown", err)
	}
}

func TestChangesAtTheSameTimeAreAllKept(t *testing.T) {
	const each = 8
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	w.Book = NewBook(w.table.Table, w.vault, w.now, w.random) // the counter is for one goroutine
	patches := []Patch{
		{Label: new("new")}, {Plan: new("gold")}, {Scopes: []Scope{Jobs}},
		{Limits: LimitsPatch{Monthly: new(int64(5))}}, {Limits: LimitsPatch{Concurrency: new(int64(6))}},
	}
	var all sync.WaitGroup
	for range each {
		for _, p := range patches {
			all.Go(func() {
				if _, err := w.Change(t.Context(), key.ID, p); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	want := key
	for _, p := range patches {
		want = p.apply(want)
	}
	got, err := w.Find(t.Context(), key.ID)
	if want.Policy = []byte{}; err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("the key is %+v, error %v; want %+v", got, err, want)
	}
	if n := len(w.audited(t, "acme")); n != 1+len(patches) {
		t.Errorf("%d entries for %d changes that changed something", n, len(patches))
	}
}

func TestWriteInBetweenIsNoticed(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	other := NewBook(w.table.Table, w.vault, w.now, w.random)
	between := func(change func()) {
		w.table.after = func() {
			w.table.after = nil
			change()
		}
	}
	between(func() {
		if _, err := other.Change(t.Context(), key.ID, Patch{Plan: new("gold")}); err != nil {
			t.Error(err)
		}
	})
	if got, err := w.Change(t.Context(), key.ID, Patch{Label: new("x")}); err != nil || got.Plan != "gold" || got.Label != "x" {
		t.Errorf("a change after another one gives %+v, error %v", got, err)
	}
	between(func() {
		if err := other.Revoke(t.Context(), key.ID); err != nil {
			t.Error(err)
		}
	})
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("y")}); !errors.Is(err, ErrConflict) {
		t.Errorf("a change after a revocation: %v, want ErrConflict", err)
	}
}

func TestEndlessInterferenceIsAConflict(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	other := NewBook(w.table.Table, w.vault, w.now, w.random)
	n := 0
	w.table.after = func() {
		n++
		if _, err := other.Change(t.Context(), key.ID, Patch{Plan: new(fmt.Sprint(n))}); err != nil {
			t.Error(err)
		}
	}
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("x")}); !errors.Is(err, ErrConflict) || n > 100 {
		t.Errorf("after %d tries: %v, want ErrConflict", n, err)
	}
}

func TestTroubleWithTheStoreIsPassedOn(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	w.table.fail = store.ErrThrottled
	_, found := w.Find(t.Context(), key.ID)
	_, changed := w.Change(t.Context(), key.ID, Patch{Label: new("x")})
	for call, err := range map[string]error{"Find": found, "Change": changed, "Revoke": w.Revoke(t.Context(), key.ID)} {
		if !errors.Is(err, store.ErrThrottled) {
			t.Errorf("%s: %v, want ErrThrottled", call, err)
		}
	}
}

// Keys of before there were versions have none.
func TestKeyWithoutAVersionCanBeChanged(t *testing.T) {
	w := open(t, rand.Reader)
	key, secrets := w.create(t, Draft{Account: "acme"})
	if _, err := w.table.Update(t.Context(), store.Update{Key: itemKey(key.ID), Remove: []string{"version"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Change(t.Context(), key.ID, Patch{Label: new("x")}); err != nil {
		t.Errorf("change: %v", err)
	}
	if _, _, err := w.Rotate(t.Context(), key.ID, time.Hour); err != nil {
		t.Errorf("rotate: %v", err)
	}
	if got, err := w.Authenticate(t.Context(), secrets.API); err != nil || got.Label != "x" {
		t.Errorf("recognized is %+v, error %v", got, err)
	}
}
