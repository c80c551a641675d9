package config

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestSecretIsNeverPrinted(t *testing.T) {
	const text = "correct-horse"
	c := Config{Secret: NewSecret(text)}
	hidden := struct{ secret Secret }{c.Secret}
	printed := map[string]string{"String": c.Secret.String(), "GoString": c.Secret.GoString()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%t"} {
		printed[verb] = fmt.Sprintf(verb, c.Secret)
		printed["config "+verb] = fmt.Sprintf(verb, c)
		printed["unexported field "+verb] = fmt.Sprintf(verb, hidden)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	printed["JSON"] = string(encoded)
	var asText, asJSON strings.Builder
	slog.New(slog.NewTextHandler(&asText, nil)).Info("start", "secret", c.Secret, "config", c)
	slog.New(slog.NewJSONHandler(&asJSON, nil)).Info("start", "secret", c.Secret, "config", c)
	printed["slog text"], printed["slog JSON"] = asText.String(), asJSON.String()

	hexed := fmt.Sprintf("%x", text)
	for how, out := range printed {
		if strings.Contains(out, text) || strings.Contains(out, hexed) {
			t.Errorf("%s prints the secret: %s", how, out)
		}
		if !strings.Contains(out, "****") && !strings.HasPrefix(how, "unexported") {
			t.Errorf("%s hides that a secret is set: %s", how, out)
		}
	}
	if c.Secret.Reveal() != text || !c.Secret.Set() {
		t.Errorf("Reveal gives %q", c.Secret.Reveal())
	}
}

func TestAbsentSecretPrintsAsNothing(t *testing.T) {
	var s Secret
	if s.Set() || s.String() != "" || fmt.Sprint(s) != "" {
		t.Errorf("an absent secret prints as %q", fmt.Sprint(s))
	}
}
