package sim

import (
	"strings"
	"testing"
)

func TestCutPath(t *testing.T) {
	type result struct {
		path, params string
		ok           bool
	}
	for _, test := range []struct {
		claim, arg string
		want       result
	}{
		{"plain", "TO:<a@ok.test>", result{"a@ok.test", "", true}},
		{"lower case and a space", "to: <a@ok.test>", result{"a@ok.test", "", true}},
		{"parameters", "TO:<a@ok.test>  X=1 Y", result{"a@ok.test", "X=1 Y", true}},
		{"empty", "TO:<>", result{"", "", true}},
		{"quoted bracket and at", `TO:<"a>@"@ok.test>`, result{`"a>@"@ok.test`, "", true}},
		{"escaped quote", `TO:<"a\">"@ok.test>`, result{`"a\">"@ok.test`, "", true}},
		{"no brackets", "TO:a@ok.test", result{}},
		{"never closed", "TO:<a@ok.test", result{}},
		{"closed inside quotes only", `TO:<"a>@ok.test`, result{}},
		{"text behind the path", "TO:<a@ok.test>x", result{}},
		{"a space in the path", "TO:<a b@ok.test>", result{}},
		{"a control character", "TO:<a\x00@ok.test>", result{}},
		{"a source route", "TO:<@b.test:a@ok.test>", result{}},
		{"no domain behind the at", "TO:<a@>", result{}},
		{"another keyword", "FROM:<a@ok.test>", result{}},
	} {
		t.Run(test.claim, func(t *testing.T) {
			var got result
			got.path, got.params, got.ok = cutPath(test.arg, "TO:")
			if got != test.want {
				t.Errorf("got %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestSplitPath(t *testing.T) {
	for path, want := range map[string][2]string{
		"a@ok.test":            {"a", "ok.test"},
		`"a@b"@ok.test`:        {"a@b", "ok.test"},
		`"a\"\\b"@ok.test`:     {`a"\b`, "ok.test"},
		"postmaster":           {"postmaster", ""},
		`"`:                    {`"`, ""},
		"a@[IPv6:2001:db8::1]": {"a", "[IPv6:2001:db8::1]"},
	} {
		if local, domain := splitPath(path); local != want[0] || domain != want[1] {
			t.Errorf("splitPath(%s) = %q, %q, want %q", path, local, domain, want)
		}
	}
}

// FuzzCutPath: what was accepted can be written down and read again.
func FuzzCutPath(f *testing.F) {
	for _, seed := range []string{"TO:<a@ok.test> X=1", `TO:<"a>\""@ok.test>`, "TO:<>", "TO:<<>>"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, arg string) {
		path, params, ok := cutPath(arg, "TO:")
		if !ok {
			return
		}
		again := strings.TrimSpace("TO:<" + path + "> " + params)
		if p, q, ok := cutPath(again, "TO:"); p != path || q != params || !ok {
			t.Errorf("%q: path %q, params %q; again %q, %q, %t", arg, path, params, p, q, ok)
		}
		splitPath(path)
	})
}
