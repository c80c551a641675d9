package nameset

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

var day = time.Date(2026, time.November, 22, 0, 0, 0, 0, time.UTC)

// encoded returns the set of the names, with their lengths as values.
func encoded(t testing.TB, names ...string) string {
	t.Helper()
	var entries []Entry
	for _, name := range names {
		entries = append(entries, Entry{name, byte(len(name))})
	}
	data, err := Encode(entries, day, [Figures]int{7, 6, 5})
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func opened(t testing.TB, data string) Set {
	t.Helper()
	s, err := Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNearest(t *testing.T) {
	s := opened(t, encoded(t, "a.example", "b.a.example", "deep.under.c.example", "test"))
	for _, tt := range []struct{ claim, domain, want string }{
		{"the name itself", "a.example", "a.example"},
		{"a child", "x.a.example", "a.example"},
		{"a grandchild", "x.y.a.example", "a.example"},
		{"the nearest of two", "x.b.a.example", "b.a.example"},
		{"capitals", "X.B.A.EXAMPLE", "b.a.example"},
		{"a final dot", "a.example.", "a.example"},
		{"an ancestor", "under.c.example", ""},
		{"a namesake", "xa.example", ""},
		{"one label, though in the set", "test", ""},
		{"below one label", "x.test", ""},
		{"nothing", "", ""},
		{"dots", "..", ""},
		{"the longest possible", strings.Repeat("x.", 122) + "a.example", "a.example"},
		{"more than that", strings.Repeat("x.", 123) + "a.example", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			got, ok := s.Nearest(tt.domain)
			if got.Name != tt.want || ok != (tt.want != "") || int(got.Value) != len(tt.want) {
				t.Errorf("Nearest(%q) = %+v, %v, want %q", tt.domain, got, ok, tt.want)
			}
		})
	}
	if _, ok := s.Find("x.a.example"); ok {
		t.Error("Find takes a child for the name")
	}
	if e, ok := s.Find("TEST."); !ok || e.Name != "test" {
		t.Errorf("Find(TEST.) = %+v, %v", e, ok)
	}
}

func TestEverythingEncodedIsFound(t *testing.T) {
	var names []string
	for i := range 5000 {
		names = append(names, fmt.Sprintf("n%d.example", i))
	}
	s := opened(t, encoded(t, names...))
	if err := s.Check(); err != nil {
		t.Fatal(err)
	}
	var all []string
	for e := range s.All() {
		all = append(all, e.Name)
	}
	for _, name := range names {
		if e, ok := s.Find(name); !ok || e.Name != name {
			t.Fatalf("Find(%q) = %+v, %v", name, e, ok)
		}
	}
	slices.Sort(all)
	slices.Sort(names)
	if !slices.Equal(all, names) || s.Len() != len(names) || !s.Built().Equal(day) || s.Figure(1) != 6 {
		t.Errorf("%d names, Len %d, Built %v, Figure %d", len(all), s.Len(), s.Built(), s.Figure(1))
	}
}

func TestSameEntriesGiveTheSameOctets(t *testing.T) {
	if encoded(t, "a.example", "b.example", "c.example") != encoded(t, "c.example", "a.example", "b.example") {
		t.Error("the order of the entries shows in the data")
	}
}

func TestEncodeRefuses(t *testing.T) {
	for claim, names := range map[string][]string{
		"capitals": {"A.example"}, "nothing": {""}, "the same name twice": {"a.example", "a.example"},
		"a name too long": {strings.Repeat("x", 254)},
	} {
		var entries []Entry
		for _, name := range names {
			entries = append(entries, Entry{Name: name})
		}
		if _, err := Encode(entries, day, [Figures]int{}); err == nil {
			t.Errorf("Encode takes %s", claim)
		}
	}
}

func TestBadDataIsRefused(t *testing.T) {
	good := encoded(t, "a.example", "b.example", "c.example")
	for claim, data := range map[string]string{
		"nothing":          "",
		"a header alone":   good[:offsetsAt],
		"one octet less":   good[:len(good)-1],
		"one octet more":   good + "x",
		"another version":  "rcptset\x02" + good[8:],
		"another form":     strings.Repeat("x", len(good)),
		"a letter changed": strings.Replace(good, "a.example", "x.example", 1),
		"a figure changed": good[:figuresAt] + "\x08" + good[figuresAt+1:],
		"a date changed":   good[:builtAt] + "\x00" + good[builtAt+1:],
		"too many buckets": good[:bitsAt] + "\xff" + good[bitsAt+1:],
	} {
		s, err := Open(data)
		if err == nil {
			err = s.Check()
		}
		if !errors.Is(err, ErrFormat) {
			t.Errorf("%s: %v, want ErrFormat", claim, err)
		}
	}
}

func TestZeroSetIsEmpty(t *testing.T) {
	var s Set
	_, found := s.Find("a.example")
	_, near := s.Nearest("a.example")
	for e := range s.All() {
		t.Errorf("All yields %+v", e)
	}
	if found || near || s.Len() != 0 || s.Check() != nil || !s.Built().IsZero() || s.Figure(0) != 0 {
		t.Error("the zero Set holds something")
	}
}

// FuzzOpen: whatever passes Open and Check holds exactly what All yields, also
// when the digest was made to agree.
func FuzzOpen(f *testing.F) {
	f.Add([]byte(encoded(f, "a.example", "b.a.example")))
	f.Add([]byte(encoded(f)))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > builtAt {
			sign(data)
		}
		s, err := Open(string(data))
		if err != nil || s.Check() != nil {
			return
		}
		n := 0
		for e := range s.All() {
			n++
			if got, ok := s.Find(e.Name); e.Name[len(e.Name)-1] != '.' && (!ok || got != e) {
				t.Errorf("Find(%q) = %+v, %v, want %+v", e.Name, got, ok, e)
			}
			if _, ok := s.Nearest("x." + e.Name); !ok && strings.Contains(e.Name, ".") && len(e.Name) < 250 && e.Name[len(e.Name)-1] != '.' {
				t.Errorf("nothing is found below %q", e.Name)
			}
		}
		if n != s.Len() {
			t.Errorf("%d names, Len says %d", n, s.Len())
		}
	})
}
