package vendors

import (
	"errors"
	"net/http"
	"testing"
	"time"
)

func TestCheapestVendorAnswers(t *testing.T) {
	w := open(t)
	w.key(t, Hunter, "good")
	w.key(t, ZeroBounce, "good")
	w.key(t, MillionVerifier, "good")
	got := w.verify(t, "ok@buyer.example")
	if got.Vendor != MillionVerifier || got.KeyID != 3 || got.Cost != 4900 || got.Cached || path(got.Trace) != "millionverifier:answered" {
		t.Errorf("got %+v", got)
	}
	if words := inWords(got.Result); words != "valid/deliverable no no no 0.9 ok" {
		t.Errorf("got %s", words)
	}
	again := w.verify(t, "ok@buyer.example")
	if !again.Cached || again.Cost != 0 || inWords(again.Result) != "valid/deliverable no no no 0.9 ok free" || again.KeyID != 3 {
		t.Errorf("again: got %+v", again)
	}
	if n := w.checks(MillionVerifier); n != 1 {
		t.Errorf("asked %d times, want once", n)
	}
}

func TestKeysOfOneVendorGoByID(t *testing.T) {
	w := open(t)
	w.key(t, Reoon, "empty")
	w.key(t, Reoon, "good")
	got := w.verify(t, "ok@buyer.example")
	if got.KeyID != 2 || path(got.Trace) != "reoon:quota reoon:answered" {
		t.Errorf("got key %d by %s", got.KeyID, path(got.Trace))
	}
}

func TestInactiveKeysAreNotAsked(t *testing.T) {
	w := open(t)
	if _, err := w.Verify(t.Context(), w.request(t, "ok@buyer.example")); !errors.Is(err, ErrNone) {
		t.Errorf("without a key: %v", err)
	}
	k := w.key(t, Reoon, "good")
	if _, err := w.book().Change(t.Context(), account, k.ID, Patch{Active: new(false)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Verify(t.Context(), w.request(t, "ok@buyer.example")); !errors.Is(err, ErrNone) {
		t.Errorf("with an inactive key: %v", err)
	}
	other := w.request(t, "ok@buyer.example")
	other.Account = "other"
	if _, err := w.Verify(t.Context(), other); !errors.Is(err, ErrNone) {
		t.Errorf("as another account: %v", err)
	}
}

// An unknown is an answer, and so is what makes no sense to the next vendor.
func TestWhatEndsTheChain(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	if got := w.verify(t, "unknown@buyer.example"); got.Vendor != MillionVerifier || got.Status != Unknown || got.Cost != 0 {
		t.Errorf("unknown: got %+v", got)
	}
	if day := w.spent(t); day.All != (Tally{1, 0}) {
		t.Errorf("unknown is free at this vendor: got %+v", day)
	}
}

func TestHunterBesideVerdicts(t *testing.T) {
	w := open(t)
	w.key(t, Hunter, "good")
	if got := w.verify(t, "refused@buyer.example"); got.Raw != "451" || got.Status != Unknown || got.Cost != 0 {
		t.Errorf("451: got %+v", got)
	}
	if got := w.verify(t, "odd@buyer.example"); got.Raw != "222" || got.Status != Unknown || got.Cost != 0 || path(got.Trace) != "hunter:server" {
		t.Errorf("222 of the last vendor: got %+v, %s", got, path(got.Trace))
	}
	if got := w.verify(t, "odd@buyer.example"); got.Cached {
		t.Error("222 was kept")
	}
	if got, err := w.Verify(within(t, 1500*time.Millisecond), w.request(t, "pending@buyer.example")); err != nil || got.Raw != "pending" || got.Cost != 0 {
		t.Errorf("202 to the end of the time: got %+v, %v", got, err)
	}
	if got := w.verify(t, "pending@buyer.example"); got.Status != Valid || got.Cached || got.Cost != 9800 {
		t.Errorf("202 and then 200: got %+v", got)
	}
}

func TestVerdictsDieWithTheirKey(t *testing.T) {
	w := open(t)
	k := w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	w.verify(t, "ok@buyer.example")
	if _, err := w.book().Change(t.Context(), account, k.ID, Patch{Active: new(false)}, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.verify(t, "ok@buyer.example"); !got.Cached {
		t.Error("an inactive key lost its verdicts")
	}
	if err := w.book().Delete(t.Context(), account, k.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.verify(t, "ok@buyer.example"); got.Cached || got.Vendor != Hunter {
		t.Errorf("a verdict outlived its key: %+v", got)
	}
	k = w.key(t, MillionVerifier, "good")
	if k.ID != 3 {
		t.Errorf("id %d was given out again", k.ID)
	}
	w.clock.Advance(resultLife + time.Second)
	if got := w.verify(t, "ok@buyer.example"); got.Cached || got.KeyID != 3 {
		t.Errorf("a verdict outlived seven days: %+v", got)
	}
}

// Another process knows of it within a moment.
func TestVerdictsDieInTheFleet(t *testing.T) {
	w := open(t)
	k := w.key(t, MillionVerifier, "good")
	w.key(t, Hunter, "good")
	w.verify(t, "ok@buyer.example")
	other := w.another()
	if got, err := other.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example")); err != nil || !got.Cached {
		t.Errorf("before: got %+v, %v", got, err)
	}
	if err := w.book().Delete(t.Context(), account, k.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(memoryLife)
	if got, err := other.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example")); err != nil || got.Cached || got.Vendor != Hunter {
		t.Errorf("after: got %+v, %v", got, err)
	}
}

func TestVerdictsAreTheAccountsOwn(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	if _, err := w.book().Add(t.Context(), Draft{Account: "other", Vendor: MillionVerifier, Secret: "good-of-the-other"}, nil); err != nil {
		t.Fatal(err)
	}
	w.verify(t, "ok@buyer.example")
	r := w.request(t, "ok@buyer.example")
	r.Account = "other"
	if got, err := w.Verify(within(t, 10*time.Second), r); err != nil || got.Cached {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestAddressArrivesAsWritten(t *testing.T) {
	w := open(t)
	for _, v := range Defaults() {
		k := w.key(t, v.Name, "good")
		want := "Ok+News@buyer.example"
		w.verify(t, want)
		if got := w.double.Emails(string(v.Name)); len(got) != 1 || got[0] != want {
			t.Errorf("%s was asked about %q", v.Name, got)
		}
		if err := w.book().Delete(t.Context(), account, k.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestZeroBounceIsAskedOnceWhatItMeant(t *testing.T) {
	for mood, want := range map[string]Class{"empty": Quota, "bad": Auth} {
		w := open(t)
		v, _ := w.catalog.Find(ZeroBounce)
		for range 3 {
			var problem *Error
			if _, err := w.cfg.Client.Verify(within(t, 5*time.Second), v, newSecret(mood+"-0123456789"), "ok@buyer.example"); !errors.As(err, &problem) || problem.Class != want {
				t.Errorf("%s: got %v, want class %s", mood, err, want)
			}
		}
		if n := w.double.Counts("zerobounce").Balances; n != 1 {
			t.Errorf("%s: balance asked %d times, want once", mood, n)
		}
	}
}

func TestOddAnswersAreTransient(t *testing.T) {
	for _, mood := range []string{"html", "cut", "huge", "redirect", "down", "outage", "hang"} {
		w := open(t)
		for _, v := range Defaults() {
			w.key(t, v.Name, mood)
			v, _ = w.catalog.Find(v.Name)
			if mood == "outage" && v.Name == ZeroBounce {
				continue // its 500 is plain text, as under down
			}
			var problem *Error
			_, err := w.cfg.Client.Verify(within(t, time.Second/2), v, newSecret(mood+"-0123456789"), "ok@buyer.example")
			if !errors.As(err, &problem) || problem.Class != Server || !problem.Next() {
				t.Errorf("%s %s: got %v", v.Name, mood, err)
			}
		}
	}
}

func TestFreshIsNotAnsweredWithWhatIsKnown(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	w.verify(t, "ok@buyer.example")
	r := w.request(t, "ok@buyer.example")
	r.Fresh = true
	if got, err := w.Verify(within(t, 5*time.Second), r); err != nil || got.Cached || w.checks(MillionVerifier) != 2 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What a vendor finds malformed is not offered to the next one.
func TestMalformedRequestEndsTheChain(t *testing.T) {
	w := open(t)
	w.key(t, Reoon, "good")
	w.key(t, Hunter, "good")
	w.cfg.Client.http.Transport = answering("/api/v1/verify", http.StatusUnprocessableEntity)
	_, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example"))
	if !errors.Is(err, ErrRequest) || !errors.Is(err, ErrFailed) || err.Error() != "reoon: HTTP 422: Unprocessable Entity" || w.double.Counts("hunter").Requests != 1 {
		t.Errorf("got %v", err)
	}
	if k, _ := w.book().Find(t.Context(), account, 1); k.LastError != "" {
		t.Errorf("the key is blamed: %+v", k)
	}
}
