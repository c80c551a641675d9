package keys

import (
	"crypto/rand"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestHookTokensOpenTheirKeyAndNothingElse(t *testing.T) {
	w := open(t, rand.Reader)
	key, made := w.create(t, Draft{Account: "acme"})
	_, readOnly := w.create(t, Draft{Account: "acme", Scopes: []Scope{Verify}})
	got, err := w.AuthenticateHook(t.Context(), made.Hook)
	if err != nil || got.ID != key.ID || got.Account != "acme" {
		t.Fatalf("got %+v, %v", got, err)
	}
	for claim, token := range map[string]string{
		"an API secret": made.API, "nothing": "", "another random part": made.Hook[:len(made.Hook)-1] + "a", "a longer one": made.Hook + "a",
		"upper case": strings.ToUpper(made.Hook), "of no key": "hk_aaaaaaaa_" + made.Hook[12:], "of a key without the scope report": readOnly.Hook,
		"the API secret's random part": "hk_" + key.ID + "_" + made.API[len(made.API)-32:],
	} {
		if token == made.Hook {
			continue // the last letter was an a
		}
		if _, err := w.AuthenticateHook(t.Context(), token); !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", claim, err)
		}
	}
	if _, err := w.Authenticate(t.Context(), made.Hook); !errors.Is(err, ErrUnknown) {
		t.Errorf("a hook token as API secret: %v, want ErrUnknown", err)
	}

	renewed, until, err := w.Rotate(t.Context(), key.ID, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, token := range []string{made.Hook, renewed.Hook} {
		if _, err := w.AuthenticateHook(t.Context(), token); err != nil {
			t.Errorf("in the grace: %v", err)
		}
	}
	w.clock = until
	if _, err := w.AuthenticateHook(t.Context(), made.Hook); !errors.Is(err, ErrUnknown) {
		t.Errorf("after the grace: %v, want ErrUnknown", err)
	}
	if _, err := w.AuthenticateHook(t.Context(), renewed.Hook); err != nil {
		t.Errorf("the new one after the grace: %v", err)
	}
	if err := w.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := w.AuthenticateHook(t.Context(), renewed.Hook); !errors.Is(err, ErrUnknown) {
		t.Errorf("of a revoked key: %v, want ErrUnknown", err)
	}
}

func TestEntriesOfTheLogWithinOneMillisecond(t *testing.T) {
	w := open(t, rand.Reader)
	key, _ := w.create(t, Draft{Account: "acme"})
	for range 5 {
		if err := w.Log(ActingAs(t.Context(), key.ID), key, "addresses"); err != nil {
			t.Fatal(err)
		}
	}
	entries, _, err := w.Audit(t.Context(), "acme", "", 50)
	if err != nil || len(entries) != 6 || entries[0].Fields[0] != "addresses" || entries[0].By != key.ID {
		t.Errorf("%+v, %v", entries, err)
	}
}
