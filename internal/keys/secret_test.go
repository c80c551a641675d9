package keys

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"testing"
)

// sample has the form of an API secret.
const sample = "rk_live_sampleid_abcdefghijklmnopqrstuvwxyz234567"

func TestSecretsHaveTheFormOfTheContract(t *testing.T) {
	for _, kind := range []Kind{Live, Test} {
		made, err := newCredentials(rand.Reader, kind)
		if err != nil {
			t.Fatal(err)
		}
		for text, form := range map[string]string{
			made.secrets.API:     `^rk_` + string(kind) + `_` + made.id + `_[a-z2-7]{32}$`,
			made.secrets.Hook:    `^hk_` + made.id + `_[a-z2-7]{32}$`,
			made.secrets.Webhook: `^whsec_[A-Za-z0-9+/]{43}=$`,
		} {
			if !regexp.MustCompile(form).MatchString(text) {
				t.Errorf("%q does not match %s", text, form)
			}
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(made.secrets.Webhook, "whsec_"))
		if err != nil || len(key) != 32 {
			t.Errorf("webhook secret decodes to %d octets, error %v; want 32", len(key), err)
		}
	}
}

func TestSecretsOfOneKeyShareNoRandomness(t *testing.T) {
	// A source that counts shows which of its octets became which secret.
	source := make([]byte, 256)
	for i := range source {
		source[i] = byte(i)
	}
	made, err := newCredentials(bytes.NewReader(source), Live)
	if err != nil {
		t.Fatal(err)
	}
	if made.api == made.hook || made.secrets.API[len(made.secrets.API)-32:] == made.secrets.Hook[len(made.secrets.Hook)-32:] {
		t.Error("API secret and hook token have the same random part")
	}
	if want := "whsec_" + base64.StdEncoding.EncodeToString(source[45:77]); made.secrets.Webhook != want {
		t.Errorf("webhook secret %s, want the last 32 octets drawn, %s", made.secrets.Webhook, want)
	}
}

func TestRandomnessThatEndsIsAnError(t *testing.T) {
	if _, err := newCredentials(strings.NewReader("too short"), Live); err == nil {
		t.Error("secrets were made of nine octets")
	}
}

func TestOnlyWholeSecretsParse(t *testing.T) {
	kind, id, random, ok := parseSecret(sample)
	if !ok || kind != Live || id != "sampleid" || random != "abcdefghijklmnopqrstuvwxyz234567" {
		t.Errorf("parse of the sample: %q %q %q %t", kind, id, random, ok)
	}
	for claim, s := range map[string]string{
		"empty":                      "",
		"a hook token":               strings.Replace(sample, "rk_live", "hk", 1),
		"an unknown kind":            strings.Replace(sample, "live", "prod", 1),
		"upper case":                 strings.ToUpper(sample),
		"upper case in the id":       strings.Replace(sample, "sampleid", "SampleId", 1),
		"a short id":                 strings.Replace(sample, "sampleid", "sample", 1),
		"a separator of storage":     strings.Replace(sample, "sampleid", "samp#eid", 1),
		"a letter outside of base32": strings.Replace(sample, "sampleid", "samp1eid", 1),
		"no id":                      strings.Replace(sample, "sampleid", "", 1),
		"a short random part":        sample[:len(sample)-1],
		"a long random part":         sample + "a",
		"a line end":                 sample[:len(sample)-1] + "\n",
		"a fifth part":               sample + "_a",
		"very long":                  "rk_live_" + strings.Repeat("a", 1<<20),
		"not UTF-8":                  strings.Replace(sample, "sampleid", "samplei\xff", 1),
	} {
		if _, _, _, ok := parseSecret(s); ok {
			t.Errorf("%s parses", claim)
		}
	}
}

func FuzzParsedSecretIsRebuilt(f *testing.F) {
	f.Add(sample)
	f.Add("rk_test_aaaaaaaa_" + strings.Repeat("2", 32))
	f.Add("hk_sampleid_abcdefghijklmnopqrstuvwxyz234567")
	f.Fuzz(func(t *testing.T, s string) {
		kind, id, random, ok := parseSecret(s)
		if rebuilt := "rk_" + string(kind) + "_" + id + "_" + random; ok && rebuilt != s {
			t.Errorf("%q is read as %q", s, rebuilt)
		}
	})
}

func TestSecretsArePrintedAsStars(t *testing.T) {
	made, err := newCredentials(rand.Reader, Live)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("created", "secrets", made.secrets)
	out := []string{log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		out = append(out, fmt.Sprintf(verb, made.secrets), fmt.Sprintf(verb, struct{ S Secrets }{made.secrets}))
	}
	for _, text := range out {
		if strings.Contains(text, made.id) || !strings.Contains(text, "****") {
			t.Errorf("printed as %s", text)
		}
	}
}

// errNoRandomness is what a broken source answers.
var errNoRandomness = errors.New("no randomness")

type brokenSource struct{}

func (brokenSource) Read([]byte) (int, error) { return 0, errNoRandomness }

func TestKeyItselfHoldsNoSecret(t *testing.T) {
	// What is listed and cached is the Key; its JSON would show a field added by
	// mistake.
	text, err := json.Marshal(Key{ID: "sampleid", Account: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	if regexp.MustCompile(`(?i)secret|hash|token`).Match(text) {
		t.Errorf("a key has the fields %s", text)
	}
}
