package vendors

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// fuzzVendor asserts of any answer: either a verdict of our words, said only
// under a status that may carry one, or an error of a class and with a text.
func fuzzVendor(f *testing.F, name Name, seeds ...string) {
	for _, seed := range seeds {
		f.Add(200, []byte(seed))
	}
	f.Add(429, []byte(`{"error":"x"}`))
	f.Add(202, []byte(nil))
	f.Add(451, []byte(nil))
	p, _ := protocols(name)
	f.Fuzz(func(t *testing.T, code int, body []byte) {
		r, err := p.read(code, body)
		if err == nil {
			if code != 200 && (name != Hunter || code != 451) {
				t.Errorf("verdict under %d", code)
			}
			checkVerdict(t, r)
		} else {
			checkTrouble(t, err)
		}
		left, err := p.left(code, body)
		switch {
		case err != nil:
			checkTrouble(t, err)
		case code != 200:
			t.Errorf("balance under %d", code)
		case left != nil && *left < 0:
			t.Errorf("balance of %d", *left)
		}
	})
}

func checkVerdict(t *testing.T, r Result) {
	t.Helper()
	ok := map[Status][]Deliverability{
		Valid: {Deliverable}, Invalid: {Undeliverable, Uncertain}, Risky: {Uncertain, Deliverable, Undeliverable}, Unknown: {Undecided},
	}
	fits := false
	for _, d := range ok[r.Status] {
		fits = fits || d == r.Deliverability
	}
	if !fits || r.Raw == "" || r.Confidence != nil && (*r.Confidence < 0 || *r.Confidence > 1) || r.Credits != nil && *r.Credits < 0 {
		t.Errorf("got %+v", r)
	}
}

func checkTrouble(t *testing.T, err *Error) {
	t.Helper()
	switch err.Class {
	case Auth, Quota, Rate, Server, Bad:
	default:
		t.Errorf("class %q", err.Class)
	}
	if err.Text == "" {
		t.Errorf("error without a text: %+v", err)
	}
}

func FuzzMillionVerifier(f *testing.F) {
	fuzzVendor(f, MillionVerifier, `{"result":"ok","role":false,"credits":1}`, `{"result":"error","error":"apikey_not_found"}`, `{"credits":"12"}`)
}

func FuzzReoon(f *testing.F) {
	fuzzVendor(f, Reoon, `{"status":"safe","overall_score":98}`, `{"status":"error","reason":"x"}`, `{"status":"success","remaining_daily_credits":1}`)
}

func FuzzNeverBounce(f *testing.F) {
	fuzzVendor(f, NeverBounce, `{"status":"success","result":"valid","flags":["accepts_all"]}`, `{"status":"general_failure","message":"x"}`)
}

func FuzzZeroBounce(f *testing.F) {
	fuzzVendor(f, ZeroBounce, `{"status":"do_not_mail","sub_status":"toxic","catchall_domain":null}`, `{"error":"Invalid API Key or your account ran out of credits"}`, `{"Credits":"-1"}`)
}

func FuzzHunter(f *testing.F) {
	fuzzVendor(f, Hunter, `{"data":{"status":"valid","score":96}}`, `{"errors":[{"id":"x","details":"y"}]}`, `{"data":{"requests":{"credits":{"used":1.5,"available":3}}}}`)
}

// FuzzCatalog: what is accepted is a catalog of the five, each within its bounds.
func FuzzCatalog(f *testing.F) {
	f.Add(`[{"provider":"hunter","list_price_usd":0.0029,"at_once":2,"per_second":0,"timeout_ms":9000,"base_url":"https://x.example"}]`)
	f.Add(`[{"provider":"reoon"},{"provider":"hunter"}]`)
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Defaults().With([]byte(text))
		if err != nil {
			if !errors.Is(err, ErrCatalog) {
				t.Errorf("got %v", err)
			}
			return
		}
		seen := map[Name]bool{}
		for _, v := range got {
			if seen[v.Name] = true; v.check() != nil {
				t.Errorf("accepted %+v", v)
			}
		}
		if len(got) != 5 || len(seen) != 5 {
			t.Errorf("got %+v", got)
		}
	})
}

// FuzzScrub: no text shows eight characters of the key in a row.
func FuzzScrub(f *testing.F) {
	f.Add("key Abcdefgh-12345678 is wrong", "Abcdefgh-12345678")
	f.Add("Abcdefgh", "Abcdefghh")
	f.Fuzz(func(t *testing.T, text, key string) {
		if !sound(key) || strings.Contains(key, "***") {
			return
		}
		got := scrub(text, newSecret(key), "")
		if utf8.RuneCountInString(got) > maxText || !utf8.ValidString(got) {
			t.Fatalf("%d runes", utf8.RuneCountInString(got))
		}
		for i := 0; i+shown <= len(key); i++ {
			if part := key[i : i+shown]; strings.Contains(got, part) && !strings.Contains(part, "*") {
				t.Fatalf("%q shows %q", got, part)
			}
		}
	})
}
