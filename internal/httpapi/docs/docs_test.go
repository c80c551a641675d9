package docs

import (
	"crypto/sha256"
	"encoding/base64"
	"html"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ours is the page of our own description, and its policy.
func ours(t *testing.T) (text, policy string) {
	t.Helper()
	description, err := os.ReadFile("../openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	text, policy, err = Page(string(description))
	if err != nil {
		t.Fatal(err)
	}
	return text, policy
}

func TestPageNeedsNoOtherHostAndNoScript(t *testing.T) {
	text, _ := ours(t)
	for _, match := range regexp.MustCompile(`(?i)<[^>]*\s(href|src|action|data|srcset|poster)="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if to := match[2]; !strings.HasPrefix(to, "#") && to != "/v1/openapi.json" && to != "data:," {
			t.Errorf("the page refers to %s", to)
		}
	}
	for _, foreign := range []string{"<script", "<iframe", "<img", "<object", "<embed", "@import", "url(", " style=", " on"} {
		if at := strings.Index(regexp.MustCompile(`>[^<]*<`).ReplaceAllString(text, "><"), foreign); at >= 0 {
			t.Errorf("the page holds %q", foreign)
		}
	}
}

func TestPolicyAllowsTheStyleAndNothingElse(t *testing.T) {
	text, policy := ours(t)
	_, rest, _ := strings.Cut(text, "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	hash := sha256.Sum256([]byte(style))
	want := "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
		"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
	if policy != want || len(style) < 1000 {
		t.Errorf("the policy is\n%s, want\n%s for a style of %d octets", policy, want, len(style))
	}
}

func TestLinksLeadToPlacesOfThePage(t *testing.T) {
	text, _ := ours(t)
	places := make(map[string]bool)
	for _, match := range regexp.MustCompile(`\sid="([^"]*)"`).FindAllStringSubmatch(text, -1) {
		if places[match[1]] {
			t.Errorf("two places are called %s", match[1])
		}
		places[match[1]] = true
	}
	links := regexp.MustCompile(`href="#([^"]*)"`).FindAllStringSubmatch(text, -1)
	for _, match := range links {
		if !places[match[1]] {
			t.Errorf("a link leads to %s, which there is not", match[1])
		}
	}
	if len(links) < 100 {
		t.Errorf("%d links were found", len(links))
	}
}

// What a reader copies from the page is what the file says, and every file is on
// the page and says what it prints.
func TestProgramsStandAsTheyAre(t *testing.T) {
	text, _ := ours(t)
	shown := make(map[string]bool)
	for _, match := range regexp.MustCompile(`(?s)<pre class="program" data-language="(\w+)"><code>(.*?)</code>`).FindAllStringSubmatch(text, -1) {
		shown[match[1]+"\n"+html.UnescapeString(match[2])] = true
	}
	files, err := filepath.Glob("examples/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		program, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !shown[strings.TrimPrefix(filepath.Ext(file), ".")+"\n"+string(program)] {
			t.Errorf("%s is not on the page", file)
		}
		if !regexp.MustCompile(`\n(#|//) prints .+\n$`).Match(program) {
			t.Errorf("%s does not say what it prints", file)
		}
	}
	if len(shown) != len(files) || len(files) != 21 {
		t.Errorf("%d files, %d programs on the page", len(files), len(shown))
	}
}

func TestPageTellsEveryWord(t *testing.T) {
	text, _ := ours(t)
	for _, told := range []string{
		"<code>smtp_verified</code></td><td>The mail server accepts this address and refuses one that does not exist.</td>",
		"integer or null, 500 to 25000", `<span class="note">default 4500</span>`, "a key with the scope admin", "a key with the scope verify or admin", "any key", "no key",
		"string, 1 to 128 characters", "string, at most 64 characters or null", `array of <a href="#Scope">Scope</a> or null`, "<code>null</code>",
		`"email": "alice@ok.test",`, `<code>Retry-After</code>`, "object by <a href=\"#Status\">Status</a>",
	} {
		if plain := html.UnescapeString(text); !strings.Contains(plain, told) {
			t.Errorf("the page does not say %s", told)
		}
	}
}

func TestTextsAreNoMarkup(t *testing.T) {
	text, _, err := Page(`{
		"info": {"title": "<script>", "description": "a <b> & ` + "`<i>`" + `\n\nsecond"},
		"tags": [{"name": "T"}],
		"paths": {"/<u>": {"get": {"operationId": "x", "tags": ["T"], "summary": "\"quoted\" onclick=", "responses": {"200": {"description": "<hr>"}}}}}
	}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, markup := range []string{"<script", "<b>", "<i>", "<u>", "<hr>"} {
		if strings.Contains(text, markup) {
			t.Errorf("%s became markup", markup)
		}
	}
	if want := "<p>a &lt;b&gt; &amp; <code>&lt;i&gt;</code></p><p>second</p>"; !strings.Contains(text, want) {
		t.Errorf("the page does not hold %s", want)
	}
}

func TestDescriptionsThatCannotBeReadAreErrors(t *testing.T) {
	for _, description := range []string{
		"", "[]", `{"paths": []}`, `{"paths": {"/": 5}}`, `{"paths": {"/": {"parameters": 5}}}`, `{"paths": {"/": {"get": 5}}}`,
		`{"tags": [{"name": "T"}], "paths": {"/": {"get": {"tags": ["T"], "requestBody": {"$ref": "#/components/requestBodies/None"}}}}}`,
		`{"components": {"headers": {"X": {"schema": {"$ref": "#/components/schemas/None"}}}}}`, `{"components": {"headers": {"X": null}}}`,
		`{"components": {"schemas": {"X": {"oneOf": [null]}}}}`, `{"components": {"schemas": {"X": {"properties": {"x": null}}}}}`,
		`{"x-any-request": {"responses": {"500": null}}}`, `{"x-any-request": {"responses": {"500": {"content": {"text/plain": null}}}}}`,
	} {
		if _, _, err := Page(description); err == nil {
			t.Errorf("%s is taken", description)
		}
	}
}
