package config

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// templateSettings reads which settings template.yaml gives to which function:
// by name of the function, and under "" those that all have.
func templateSettings(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	resource := regexp.MustCompile(`^  ([A-Za-z]+):`)
	setting := regexp.MustCompile(`^ +(RCPT_[A-Z0-9_]+): `)
	given := make(map[string][]string)
	function, in := "", false
	for line := range strings.Lines(string(text)) {
		if m := resource.FindStringSubmatch(line); m != nil {
			name, isFunction := strings.CutSuffix(m[1], "Function")
			function, in = strings.ToLower(name), isFunction // "Function" alone is that of Globals
		}
		if m := setting.FindStringSubmatch(line); m != nil {
			if !in {
				t.Errorf("%s stands outside of any function", m[1])
			}
			given[function] = append(given[function], m[1])
		}
	}
	return given
}

func TestTemplateKnowsOnlySettings(t *testing.T) {
	given := templateSettings(t)
	if len(given[""]) == 0 {
		t.Error("no function has any setting: has the template another form?")
	}
	for function, names := range given {
		for _, name := range names {
			if !slices.ContainsFunc(Settings(), func(s Setting) bool { return s.Name == name }) {
				t.Errorf("template.yaml gives %q to %q: no such setting", name, function)
			}
		}
	}
}

func TestTemplateGivesEachFunctionWhatItNeeds(t *testing.T) {
	given := templateSettings(t)
	for _, s := range Settings() {
		for function := range strings.FieldsSeq(s.Needed) {
			if !slices.Contains(given[function], s.Name) && !slices.Contains(given[""], s.Name) {
				t.Errorf("template.yaml does not give %s to %s, which does not start without it", s.Name, function)
			}
		}
	}
}
