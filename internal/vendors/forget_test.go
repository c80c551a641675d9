package vendors

import "testing"

func TestForgetDropsWhatVendorsSaidOfAnAddress(t *testing.T) {
	w := open(t)
	w.key(t, MillionVerifier, "good")
	for _, email := range []string{"Ok-1@ok.example", "ok-1@ok.example", "ok-2@ok.example"} {
		w.verify(t, email)
	}
	f := NewForgetter(w.cache, []byte("secret"))

	if n, err := f.Forget(t.Context(), "other", mustParse(t, "ok-1@ok.example")); n != 0 || err != nil {
		t.Errorf("another account forgets %d verdicts, %v, want none", n, err)
	}
	if n, err := f.Forget(t.Context(), account, mustParse(t, "Ok-1@ok.example")); n != 2 || err != nil {
		t.Errorf("forgot %d verdicts, %v, want that of the spelling and of lower case", n, err)
	}
	for email, known := range map[string]bool{"Ok-1@ok.example": false, "ok-1@ok.example": false, "ok-2@ok.example": true} {
		if got := w.verify(t, email).Cached; got != known {
			t.Errorf("%s is known: %v, want %v", email, got, known)
		}
	}
	if n, err := f.Forget(t.Context(), account, mustParse(t, "nobody@ok.example")); n != 0 || err != nil {
		t.Errorf("forgot %d verdicts of an address nobody asked about, %v", n, err)
	}
}
