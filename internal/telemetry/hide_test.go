package telemetry

import (
	"strings"
	"testing"
)

func TestHide(t *testing.T) {
	for _, c := range []struct{ claim, text, want string }{
		{"an address alone", "victim@example.com", "v***@example.com"},
		{"one in a sentence", "read victim@example.com: no such item", "read v***@example.com: no such item"},
		{"one in brackets", "RCPT TO:<victim@example.com>", "RCPT TO:<v***@example.com>"},
		{"two of them", "a.b@example.com,victim+tag@example.org", "a***@example.com,v***@example.org"},
		{"one in JSON", `{"email":"victim@example.com"}`, `{"email":"v***@example.com"}`},
		{"one in a query", "https://api.example/?email=victim%40example.com&x=1", "https:/***%40example.com&x=1"},
		{"a quoted local part", `"the victim"@example.com`, `***@example.com`},
		{"a quoted local part in JSON", `{"email":"\"the victim\"@example.com"}`, `{"email":"\***@example.com"}`},
		{"quotes in a quoted local part", `to "the \"very\" victim"@example.com`, `to ***@example.com`},
		{"quotes in a quoted local part in JSON", `{"email":"\"the \\\"very\\\" victim\"@example.com"}`, `{"email":"\***@example.com"}`},
		{"a backslash before the closing quote", `"victim\\"@example.com`, `***@example.com`},
		{"letters beyond ASCII", "zoë.victim@example.com", "z***@example.com"},
		{"a space beyond ASCII before it", "to\u00a0victim@example.com", "to\u00a0v***@example.com"},
		{"hidden already", "v***@example.com", "v***@example.com"},
		{"an at sign without a local part", "look @example", "look @example"},
		{"a path with a version in a stack", "github.com/aws/aws-lambda-go@v1.55.1/lambda/entry.go:20", "github.com/aws/aws-lambda-go@v1.55.1/lambda/entry.go:20"},
		{"a domain that looks like a version", "victim@v1.example.com", "v***@v1.example.com"},
		{"an API key", "Bearer rk_live_k7m2abcd_q5fhyz22", "Bearer rk_live_***"},
		{"a test key", "rk_test_k7m2abcd_q5fhyz22.", "rk_test_***."},
		{"a hook token in a path", "/v1/hooks/ses/hk_k7m2abcd_q5fhyz22?x", "/v1/hooks/ses/hk_***?x"},
		{"a webhook secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw==", "whsec_***"},
		{"nothing to hide", "GET /v1/health 200", "GET /v1/health 200"},
		{"nothing", "", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := Hide(c.text); got != c.want {
				t.Errorf("Hide(%q) is %q, want %q", c.text, got, c.want)
			}
		})
	}
}

// FuzzHide puts an address and a secret into any text: neither may come out.
func FuzzHide(f *testing.F) {
	f.Add("", "")
	f.Add("read item of ", ": broken")
	f.Add(`{"a":"`, `","b":"c@d"}`)
	f.Add("%40 @ hk_", "@v1.2/x")
	f.Add("\"", "\\")
	f.Fuzz(func(t *testing.T, before, after string) {
		const local, random = "qzvictimqz", "qzsecretqz"
		if strings.Contains(before+after, local) || strings.Contains(before+after, random) {
			t.Skip()
		}
		for _, text := range []string{
			before + local + "@example.com" + after,
			before + local + "%40example.com" + after,
			before + " rk_live_" + random + after,
		} {
			got := Hide(text)
			if strings.Contains(got, local) || strings.Contains(got, random) {
				t.Errorf("Hide(%q) is %q", text, got)
			}
		}
	})
}
