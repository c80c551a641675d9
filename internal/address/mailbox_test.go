package address

import "testing"

func TestMailboxForms(t *testing.T) {
	tests := []struct {
		claim, in, identity, canonical, tag string
	}{
		{"Gmail ignores dots, tags and case", "J.Doe+News@GMail.com",
			"j.doe+news@gmail.com", "jdoe@gmail.com", "News"},
		{"googlemail.com is gmail.com", "j.doe@googlemail.com",
			"j.doe@googlemail.com", "jdoe@gmail.com", ""},
		{"Outlook.com keeps dots", "j.doe+news@outlook.com",
			"j.doe+news@outlook.com", "j.doe@outlook.com", "news"},
		{"iCloud has tags", "jdoe+a+b@icloud.com", "jdoe+a+b@icloud.com", "jdoe@icloud.com", "a+b"},
		{"an unknown operator's + may be part of the name", "jdoe+news@mail.example",
			"jdoe+news@mail.example", "jdoe+news@mail.example", "news"},
		{"Yahoo's hyphen is no tag", "base-shop@yahoo.com",
			"base-shop@yahoo.com", "base-shop@yahoo.com", ""},
		{"a subdomain of Gmail is not Gmail", "j.doe+x@mail.gmail.com",
			"j.doe+x@mail.gmail.com", "j.doe+x@mail.gmail.com", "x"},
		{"nothing before the + is no tag", "+news@gmail.com", "+news@gmail.com", "+news@gmail.com", ""},
		{"an empty tag", "jdoe+@gmail.com", "jdoe+@gmail.com", "jdoe@gmail.com", ""},
		{"what is left must be a local part", "jdoe.+x@outlook.com",
			"jdoe.+x@outlook.com", "jdoe.+x@outlook.com", "x"},
		{"a quoted + is no tag", `"J+x"@gmail.com`, `"j+x"@gmail.com`, `"j+x"@gmail.com`, ""},
		{"other scripts are folded and composed", "J\u030c\u00c9@example.com",
			"\u01f0\u00e9@example.com", "\u01f0\u00e9@example.com", ""},
		{"a dotted capital I is not a plain i", "\u0130@example.com",
			"i\u0307@example.com", "i\u0307@example.com", ""},
		{"a domain in A-labels", "J@bücher.example", "j@xn--bcher-kva.example", "j@xn--bcher-kva.example", ""},
		{"a literal", "J@[IPv6:2001:db8::1]", "j@[ipv6:2001:db8::1]", "j@[ipv6:2001:db8::1]", ""},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			a := mustParse(t, tt.in)
			if got := a.Identity(); got != tt.identity {
				t.Errorf("Identity() = %q, want %q", got, tt.identity)
			}
			if got := a.Canonical(); got != tt.canonical {
				t.Errorf("Canonical() = %q, want %q", got, tt.canonical)
			}
			if got := a.Tag(); got != tt.tag {
				t.Errorf("Tag() = %q, want %q", got, tt.tag)
			}
		})
	}
}

func TestSharpSIsAnotherDomain(t *testing.T) {
	if a, b := mustParse(t, "u@faß.example"), mustParse(t, "u@fass.example"); a == b || a.Identity() == b.Identity() {
		t.Errorf("%q and %q are one address, want two", a, b)
	}
}
