package lists

import (
	"fmt"
	"strings"
	"testing"
)

func TestTypo(t *testing.T) {
	table := New()
	tests := []struct {
		claim, domain string
		want          Typo
	}{
		{"a well-known slip", "gmal.com", Typo{Meant: "gmail.com", Certain: true}},
		{"capitals and a final dot", "GMIAL.com.", Typo{Meant: "gmail.com", Certain: true}},
		{"no such top-level domain", "gmail.con", Typo{Meant: "gmail.com", Certain: true}},
		{"digits where the @ is missing", "59gmail.com", Typo{Meant: "gmail.com", Digits: "59", Certain: true}},
		{"digits no list has", "424242gmail.com", Typo{Meant: "gmail.com", Digits: "424242"}},
		{"no dot", "gmailcom", Typo{Meant: "gmail.com", Certain: true}},
		{"a comma for the dot", "gmail,com", Typo{Meant: "gmail.com", Certain: true}},
		{"its end twice", "gmail.com.com", Typo{Meant: "gmail.com", Certain: true}},
		{"no dots in a name of three labels", "hotmailcouk", Typo{Meant: "hotmail.co.uk", Certain: true}},
		{"two edits", "hotmsil.cim", Typo{Meant: "hotmail.com"}},
		{"one letter more, DNS must say", "icloudy.com", Typo{Meant: "icloud.com"}},
		{"a provider with a name like another's", "hanmail.net", Typo{}},
		{"another", "foxmail.com", Typo{}},
		{"another", "gmx.net", Typo{}},
		{"a provider in another country", "yahoo.dk", Typo{}},
		{"a country with a longer suffix", "hotmail.com.tr", Typo{}},
		{"a company", "github.com", Typo{}},
		{"a subdomain", "mail.gmal.com", Typo{}},
		{"a relay", "someone.duck.com", Typo{}},
		{"another name altogether", "company.example", Typo{}},
		{"nothing", "", Typo{}},
		{"more than any slip has", strings.Repeat("gmail", 30) + ".com", Typo{}},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			if got := table.Typo(tt.domain); got != tt.want {
				t.Errorf("Typo(%q) = %+v, want %+v", tt.domain, got, tt.want)
			}
		})
	}
}

// TestTyposAreUnderstood makes slips of every target: a letter left out, typed
// twice, swapped with the next or replaced by its neighbor on the keyboard.
func TestTyposAreUnderstood(t *testing.T) {
	table := New()
	made, right, wrong := 0, 0, 0
	for _, target := range targets {
		if target.bonus == 0 || len(target.label()) < 5 {
			continue
		}
		slips := append(slipsOf(target.domain, len(target.label())), target.domain+".com",
			strings.ReplaceAll(target.domain, ".", ""), strings.ReplaceAll(target.domain, ".", ","),
			strings.TrimSuffix(target.domain, target.domain[len(target.domain)-1:]))
		for _, slip := range slips {
			if e, _ := table.known.Find(slip); e.Value != 0 {
				continue
			}
			made++
			switch got := table.Typo(slip).Meant; got {
			case target.domain:
				right++
			case "":
			default:
				wrong++
				t.Logf("%s is %s, not %s", slip, got, target.domain)
			}
		}
	}
	t.Logf("%d slips: %d right, %d wrong", made, right, wrong)
	if made < 457 || float64(right) < 0.963*float64(made) || wrong > 0 {
		t.Errorf("of %d slips %d are right, %d wrong, want at least 457, 96.3 %% and 0", made, right, wrong)
	}
}

// slipsOf returns slips in the first n letters of a domain.
func slipsOf(domain string, n int) (slips []string) {
	for i := range n {
		before, after := domain[:i], domain[i+1:]
		slips = append(slips, before+after, before+domain[i:i+1]+domain[i:])
		if i+1 < n && domain[i] != domain[i+1] {
			slips = append(slips, fmt.Sprintf("%s%c%c%s", before, domain[i+1], domain[i], domain[i+2:]))
		}
		for c := byte('a'); c <= 'z'; c++ {
			if adjacent(c, domain[i]) {
				slips = append(slips, fmt.Sprintf("%s%c%s", before, c, after))
				break
			}
		}
	}
	return slips
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		claim, typed, meant string
		want                int
	}{
		{"the same", "gmail", "gmail", 0},
		{"a letter less", "gmal", "gmail", whole},
		{"a letter more", "gmaxil", "gmail", whole},
		{"another letter", "gmxil", "gmail", whole},
		{"a neighbor on the keyboard", "gmsil", "gmail", neighbor},
		{"a neighbor a row below", "gmaul", "gmail", neighbor},
		{"two swapped", "gmial", "gmail", neighbor},
		{"a letter twice", "gmaill", "gmail", doubled},
		{"one of two", "yaho", "yahoo", doubled},
		{"two slips", "gmsill", "gmail", neighbor + doubled},
		{"beyond the bound", "email", "gmx", unlimited},
		{"too long", strings.Repeat("a", 41), "gmail", unlimited},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			if got := distance(tt.typed, tt.meant, far); got != tt.want {
				t.Errorf("distance(%q, %q) = %d, want %d", tt.typed, tt.meant, got, tt.want)
			}
		})
	}
}
