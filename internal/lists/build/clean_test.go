package build

import "testing"

func TestClean(t *testing.T) {
	tests := []struct {
		claim, line, host string
		reject            Reject
	}{
		{"a host", "mailinator.com", "mailinator.com", ""},
		{"capitals and a final dot", "MAILINATOR.com.", "mailinator.com", ""},
		{"a wildcard", "*.33mail.com", "33mail.com", ""},
		{"a leading dot", ".33mail.com", "33mail.com", ""},
		{"a comment behind it", "mailinator.com # seen", "mailinator.com", ""},
		{"an address", "someone@mailinator.com", "mailinator.com", ""},
		{"a byte order mark", "\ufeffmailinator.com", "mailinator.com", ""},
		{"a carriage return", "mailinator.com\r", "mailinator.com", ""},
		{"a U-label", "Bücher.com", "xn--bcher-kva.com", ""},
		{"its A-label", "xn--bcher-kva.com", "xn--bcher-kva.com", ""},
		{"hyphens where A-labels have them", "r3---sn.mailinator.com", "r3---sn.mailinator.com", ""},
		{"a child of a public suffix", "throwaway.ddns.net", "throwaway.ddns.net", ""},
		{"a comment", "# mailinator.com", "", Empty},
		{"a blank", "  ", "", Empty},
		{"an A-label that is none", "xn--zzzzzz999.com", "", BadIDN},
		{"an A-label of ASCII", "xn--mailinator-.com", "", BadIDN},
		{"an underscore", "temp_mail.com", "", BadName},
		{"a label too long", "a123456789012345678901234567890123456789012345678901234567890123.com", "", BadName},
		{"an empty label", "mail..com", "", BadName},
		{"a hyphen at the edge", "-mail.com", "", BadName},
		{"one label", "localhost", "", BadName},
		{"an IP address", "192.0.2.1", "", Numeric},
		{"a slip in the top-level domain", "gmail.comg", "", UnknownTLD},
		{"a special-use name", "disposable.test", "", UnknownTLD},
		{"a public suffix", "com.ar", "", PublicSuffix},
		{"a private public suffix", "ddns.net", "", PublicSuffix},
		{"a suffix of a wildcard rule", "foo.ck", "", PublicSuffix},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			host, reject := Clean(tt.line)
			if host != tt.host || reject != tt.reject {
				t.Errorf("Clean(%q) = %q, %q, want %q, %q", tt.line, host, reject, tt.host, tt.reject)
			}
		})
	}
}

// FuzzClean: what comes out is in the form that look-ups have, and cleaning it
// again changes nothing.
func FuzzClean(f *testing.F) {
	for _, line := range []string{"mailinator.com", "*.Bücher.com.", "a@b@c.co.uk;x", "xn--bcher-kva.com", "ⓜail。com", "\ufeff#"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		host, reject := Clean(line)
		if (host == "") != (reject != "") {
			t.Fatalf("Clean(%q) = %q, %q", line, host, reject)
		}
		if host == "" {
			return
		}
		if again, reject := Clean(host); again != host || reject != "" {
			t.Errorf("Clean(%q) = %q, then %q, %q", line, host, again, reject)
		}
	})
}
