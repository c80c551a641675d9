package keys

import (
	"crypto/rand"
	"errors"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/store"
)

// works tells which of the secrets open their key now.
func (w *world) works(t *testing.T, secrets ...Secrets) []bool {
	t.Helper()
	var opened []bool
	for _, s := range secrets {
		_, err := w.Authenticate(t.Context(), s.API)
		if err != nil && !errors.Is(err, ErrUnknown) {
			t.Fatal(err)
		}
		opened = append(opened, err == nil)
	}
	return opened
}

func (w *world) rotate(t *testing.T, id string, overlap time.Duration) Secrets {
	t.Helper()
	secrets, until, err := w.Rotate(t.Context(), id, overlap)
	if want := w.clock.Add(overlap).Truncate(time.Millisecond); err != nil || !until.Equal(want) {
		t.Fatalf("old secrets end %v, error %v; want %v", until, err, want)
	}
	return secrets
}

func TestOldSecretWorksUntilTheOverlapEnds(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, whole())
	key, err := w.Change(t.Context(), key.ID, Patch{ExpiresAt: new(time.Time)})
	if err != nil {
		t.Fatal(err)
	}
	fresh := w.rotate(t, key.ID, 24*time.Hour)
	end := noon.Truncate(time.Millisecond).Add(24 * time.Hour)
	for _, step := range []struct {
		at   time.Time
		want []bool
	}{
		{noon, []bool{true, true}},
		{end.Add(-time.Millisecond), []bool{true, true}},
		{end, []bool{false, true}}, // though it was used, and remembered, a millisecond ago
		{end.Add(time.Hour), []bool{false, true}},
	} {
		w.clock = step.at
		if got := w.works(t, old, fresh); !reflect.DeepEqual(got, step.want) {
			t.Errorf("at %v old and new secret work: %v, want %v", step.at, got, step.want)
		}
	}
	if got, err := w.Authenticate(t.Context(), fresh.API); err != nil || !reflect.DeepEqual(got, key) {
		t.Errorf("the key is %+v, error %v; want %+v", got, err, key)
	}
}

func TestRotatedSecretsAreNewAndOfTheSameForm(t *testing.T) {
	w := open(t, rand.Reader)
	for _, test := range []bool{false, true} {
		key, old := w.create(t, Draft{Account: "acme", Test: test})
		fresh := w.rotate(t, key.ID, time.Hour)
		form := "^" + regexp.QuoteMeta(old.API[:17]) + "[a-z2-7]{32}$"
		if !regexp.MustCompile(form).MatchString(fresh.API) || fresh.API == old.API {
			t.Errorf("the API secret is %q, want the form %s", fresh.API, form)
		}
		if !strings.HasPrefix(fresh.Hook, "hk_"+key.ID+"_") || fresh.Hook == old.Hook || fresh.Hook[12:] == fresh.API[17:] {
			t.Errorf("the hook token is %q", fresh.Hook)
		}
		if got, err := w.WebhookSecrets(t.Context(), key.ID); err != nil || !slices.Equal(got, []string{old.Webhook}) || fresh.Webhook != "" {
			t.Errorf("the webhook secret is %q, error %v; want the old one", got, err)
		}
	}
}

func TestNoOverlapEndsTheOldSecretAtOnce(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, Draft{Account: "acme"})
	w.works(t, old) // it is remembered
	fresh := w.rotate(t, key.ID, 0)
	if got, want := w.works(t, old, fresh), []bool{false, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("old and new secret work: %v, want %v", got, want)
	}
}

func TestEarlierSecretsEndWithTheLastOverlapAtTheLatest(t *testing.T) {
	w := open(t, rand.Reader)
	key, a := w.create(t, Draft{Account: "acme"})
	b := w.rotate(t, key.ID, 2*time.Hour)
	w.clock = noon.Add(time.Hour)
	c := w.rotate(t, key.ID, 24*time.Hour)
	if got, want := w.works(t, a, b, c), []bool{true, true, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("after an hour: %v, want %v", got, want)
	}
	w.clock = noon.Add(2 * time.Hour)
	if got, want := w.works(t, a, b, c), []bool{false, true, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("after two hours: %v, want %v", got, want)
	}
	d := w.rotate(t, key.ID, 0)
	if got, want := w.works(t, a, b, c, d), []bool{false, false, false, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("after a rotation without overlap: %v, want %v", got, want)
	}
}

func TestRevocationEndsFormerSecretsToo(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, Draft{Account: "acme"})
	fresh := w.rotate(t, key.ID, time.Hour)
	w.works(t, old, fresh)
	if err := w.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if got, want := w.works(t, old, fresh), []bool{false, false}; !reflect.DeepEqual(got, want) {
		t.Errorf("old and new secret work: %v, want %v", got, want)
	}
}

func TestBoundsOfTheOverlap(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, Draft{Account: "acme"})
	for overlap, good := range map[time.Duration]bool{
		-1: false, -time.Hour: false, 0: true, time.Nanosecond: true, MaxOverlap: true, MaxOverlap + 1: false,
	} {
		if _, _, err := w.Rotate(t.Context(), key.ID, overlap); errors.Is(err, ErrDraft) == good {
			t.Errorf("overlap %v: error %v", overlap, err)
		}
	}
	if got := w.works(t, old); got[0] {
		t.Error("the first secret outlived an overlap of 0")
	}
}

func TestFormerSecretsAreBounded(t *testing.T) {
	w := open(t, rand.Reader)
	key, first := w.create(t, Draft{Account: "acme"})
	all := []Secrets{first}
	for range formerMax {
		all = append(all, w.rotate(t, key.ID, time.Hour))
	}
	if _, _, err := w.Rotate(t.Context(), key.ID, time.Hour); !errors.Is(err, ErrConflict) {
		t.Errorf("one rotation too many: %v, want ErrConflict", err)
	}
	for i, ok := range w.works(t, all...) {
		if !ok {
			t.Errorf("secret %d does not work", i)
		}
	}
	all = append(all, w.rotate(t, key.ID, 0))
	if got := w.works(t, all...); !got[len(got)-1] || got[len(got)-2] {
		t.Errorf("after a rotation without overlap: %v", got)
	}
}

// Whoever is handed a secret can rely on it, however many rotate at once.
func TestRotationsAtTheSameTimeHandOutSecretsThatWork(t *testing.T) {
	w := open(t, rand.Reader)
	key, first := w.create(t, Draft{Account: "acme"})
	w.Book = NewBook(w.table.Table, w.vault, w.now, w.random) // the counter is for one goroutine
	handed := make(chan Secrets, 8)
	var all sync.WaitGroup
	for range cap(handed) {
		all.Go(func() {
			secrets, _, err := w.Rotate(t.Context(), key.ID, time.Hour)
			if err == nil {
				handed <- secrets
			} else if !errors.Is(err, ErrConflict) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(handed)
	secrets := []Secrets{first}
	for s := range handed {
		secrets = append(secrets, s)
	}
	if len(secrets) < 2 {
		t.Error("no rotation succeeded")
	}
	for i, ok := range w.works(t, secrets...) {
		if !ok {
			t.Errorf("secret %d of %d does not work", i, len(secrets))
		}
	}
}

func TestOneOfTwoRotationsWins(t *testing.T) {
	w := open(t, rand.Reader)
	key, first := w.create(t, Draft{Account: "acme"})
	other := NewBook(w.table.Table, w.vault, w.now, w.random)
	var theirs Secrets
	w.table.after = func() {
		w.table.after = nil
		var err error
		if theirs, _, err = other.Rotate(t.Context(), key.ID, time.Hour); err != nil {
			t.Error(err)
		}
	}
	ours, _, err := w.Rotate(t.Context(), key.ID, time.Hour)
	if !errors.Is(err, ErrConflict) || ours.API != "" {
		t.Errorf("secrets of %d octets, error %v; want ErrConflict", len(ours.API), err)
	}
	if got, want := w.works(t, first, theirs), []bool{true, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("the first and the winner's secret work: %v, want %v", got, want)
	}
	// A change of another kind does not stand in the way.
	w.table.after = func() {
		w.table.after = nil
		if _, err := other.Change(t.Context(), key.ID, Patch{Label: new("x")}); err != nil {
			t.Error(err)
		}
	}
	if _, _, err := w.Rotate(t.Context(), key.ID, time.Hour); err != nil {
		t.Errorf("a rotation across a change of the label: %v", err)
	}
}

func TestBrokenRandomnessRotatesNothing(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, Draft{Account: "acme"})
	w.random = brokenSource{}
	if _, _, err := w.Rotate(t.Context(), key.ID, 0); !errors.Is(err, errNoRandomness) {
		t.Errorf("error %v", err)
	}
	if !w.works(t, old)[0] {
		t.Error("the secret ended")
	}
}

func TestFormerHookTokensAreKeptBesideTheirSecrets(t *testing.T) {
	w := open(t, rand.Reader)
	key, old := w.create(t, Draft{Account: "acme"})
	w.rotate(t, key.ID, time.Hour)
	item, err := w.table.Get(t.Context(), store.Key{Part: "KEY#" + key.ID})
	if err != nil {
		t.Fatal(err)
	}
	want := []former{{api: hashOf(old.API[17:]), hook: hashOf(old.Hook[12:]), until: noon.Truncate(time.Millisecond).Add(time.Hour)}}
	if got := formerOf(item.Bytes("former"), noon); !reflect.DeepEqual(got, want) {
		t.Errorf("former are %+v, want %+v", got, want)
	}
}
