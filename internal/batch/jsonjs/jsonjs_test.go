package jsonjs

import (
	"encoding/json"
	"errors"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// vectors are texts and what Node 20 makes of them with
// JSON.stringify(JSON.parse(text)), but for numbers that a double does not hold
// and lone surrogates.
var vectors = []struct{ name, text, want string }{
	{"white space", " [ 1 , { \"a\" : null } ]\r\n", `[1,{"a":null}]`},
	{"words", `[true,false,null]`, `[true,false,null]`},
	{"whole numbers", `[0,-0,-0.0,1.0,1e3,100000000000000000000,123456789012345680000]`, `[0,0,0,1,1000,100000000000000000000,123456789012345680000]`},
	{"exponents", `[1e21,1E+21,1.5e300,1e-6,1e-7,0.00000015,-2.5e-10]`, `[1e+21,1e+21,1.5e+300,0.000001,1e-7,1.5e-7,-2.5e-10]`},
	{"fractions", `[0.1,1.50,3.14]`, `[0.1,1.5,3.14]`},
	{"numbers that a double does not hold", `[12345678901234567890,0.12345678901234567890123,1e400,-1e400,1e-400]`,
		`["12345678901234567890","0.12345678901234567890123","1e400","-1e400","1e-400"]`},
	{"zero to any power", `[0e999,0.000]`, `[0,0]`},
	{"escapes", `"\"\\\/\b\f\n\r\t\u0001\u001F\u007f"`, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\""},
	{"no HTML escapes", `"\u003cb\u003e & \u2028\u2029"`, "\"<b> & \u2028\u2029\""},
	{"characters beyond the first plane", `"\ud83d\ude00 😀"`, `"😀 😀"`},
	{"lone surrogates", `["\ud800","\udc00x","\ud800\u0041"]`, "[\"\ufffd\",\"\ufffdx\",\"\ufffdA\"]"},
	{"keys that are numbers", `{"b":1,"10":2,"a":3,"9":4,"01":5,"-1":6,"4294967294":7,"4294967295":8,"1.5":9}`,
		`{"9":4,"10":2,"4294967294":7,"b":1,"a":3,"01":5,"-1":6,"4294967295":8,"1.5":9}`},
	{"keys twice", `{"a":1,"b":2,"a":3}`, `{"a":3,"b":2}`},
	{"a name with a meaning", `{"__proto__":1,"constructor":{}}`, `{"__proto__":1,"constructor":{}}`},
	{"nothing in it", `[{},[],""]`, `[{},[],""]`},
}

func TestCanonicalIsWhatJavaScriptWrites(t *testing.T) {
	for _, v := range vectors {
		if got, err := Canonical(v.text); err != nil || got != v.want {
			t.Errorf("%s: got %s, %v; want %s", v.name, got, err, v.want)
		}
		if again, err := Canonical(v.want); err != nil || again != v.want {
			t.Errorf("%s: again it is %s, %v; want %s", v.name, again, err, v.want)
		}
	}
}

func TestWhatIsNoJSONIsRefused(t *testing.T) {
	for text, pos := range map[string]int{
		``: 0, ` `: 1, `{`: 1, `[1,]`: 3, `[1 2]`: 3, `{"a"}`: 4, `{"a":1,}`: 7, `{a:1}`: 1, `"x`: 2, "\"\n\"": 1, `"\x"`: 1, `"\u12"`: 1,
		`01`: 0, `1.`: 0, `.5`: 0, `1e`: 0, `+1`: 0, `--1`: 0, `nul`: 0, `tru`: 0, `1 2`: 2, `[1]]`: 3, `"a" "b"`: 4, `'a'`: 0, "\"\\": 1,
		strings.Repeat("[", MaxDepth+1): MaxDepth,
	} {
		_, err := Canonical(text)
		var e *SyntaxError
		if !errors.As(err, &e) || e.Pos != pos {
			t.Errorf("%q: %v, want a fault at octet %d", text, err, pos)
		}
	}
}

func TestFloatsReadBackAsTheyWere(t *testing.T) {
	for _, f := range []float64{1, -1.5, 1e20, 1e21, 1e-6, 9.99e-7, 5e-324, math.MaxFloat64, 1 << 53, 123456.789} {
		text := string(AppendFloat(nil, f))
		if back, err := strconv.ParseFloat(text, 64); err != nil || back != f {
			t.Errorf("%v is written %s, which is %v", f, text, back)
		}
	}
}

func TestStringsThatAreNoUTF8AreMended(t *testing.T) {
	if got, want := string(AppendString(nil, "a\xffb\xc3\n")), "\"a\ufffdb\ufffd\\n\""; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// FuzzCanonical: it takes what encoding/json takes, means the same, and is
// itself canonical.
func FuzzCanonical(f *testing.F) {
	for _, v := range vectors {
		f.Add(v.text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		got, err := Canonical(text)
		if valid := json.Valid([]byte(text)); valid != (err == nil) {
			if deep := strings.Count(text, "[")+strings.Count(text, "{") > MaxDepth; !deep {
				t.Fatalf("%q: %v, but encoding/json says %v", text, err, valid)
			}
		}
		if err != nil {
			return
		}
		if again, err := Canonical(got); err != nil || again != got {
			t.Fatalf("%q becomes %q, and that %q, %v", text, got, again, err)
		}
		var a, b any
		if json.Unmarshal([]byte(text), &a) != nil {
			return // a number beyond a double
		}
		if err := json.Unmarshal([]byte(got), &b); err != nil || !reflect.DeepEqual(loose(a), loose(b)) {
			t.Fatalf("%q becomes %q, %v", text, got, err)
		}
	})
}

// loose makes strings of numbers, since some numbers become strings.
func loose(v any) any {
	switch v := v.(type) {
	case float64, string:
		return "text"
	case []any:
		for i := range v {
			v[i] = loose(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = loose(v[key])
		}
	}
	return v
}
