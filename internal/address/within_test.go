package address

import "testing"

func TestWithinFindsTheAddressThatWasMeant(t *testing.T) {
	for text, want := range map[string]string{
		"Alice <alice@ok.test>":            "alice@ok.test",
		`"Liddell, A." <alice@ok.test>`:    "", // a comma may divide two addresses
		"<alice@ok.test>":                  "alice@ok.test",
		" Alice Liddell <alice@ok.test>  ": "alice@ok.test",
		"'bob@ok.test'":                    "bob@ok.test",
		`"bob@ok.test"`:                    "bob@ok.test",
		"mailto:bob@ok.test":               "bob@ok.test",
		"MAILTO:bob@ok.test":               "bob@ok.test",
		"a@ok.test <b@ok.test>":            "", // which of them?
		"a@ok.test, Bob <b@ok.test>":       "",
		"bob@ok,test":                      "bob@ok.test",
		"bob@yahoo,co,uk":                  "bob@yahoo.co.uk",
		"bob@ok..test":                     "bob@ok.test",
		"bob＠ok.test":                      "bob@ok.test",
		"bob @ ok.test":                    "bob@ok.test",
		"bob@ok.test,carol":                "", // two of them, or one?
		"bob@ok,carol@ok.test":             "",
		"bob smith@ok,test":                "",
		"bob@ok.test;":                     "bob@ok.test",
		"alice@ok.test":                    "", // nothing stands around it
		"Alice <alice>":                    "",
		"Alice <>":                         "",
		"<":                                "",
		"":                                 "",
	} {
		got, ok := Within(text)
		if ok != (want != "") || ok && got.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, got, ok, want)
		}
	}
}
