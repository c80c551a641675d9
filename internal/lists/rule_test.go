package lists

import "testing"

func TestRulesAreTheNamesThatMatched(t *testing.T) {
	table := New()
	for _, tt := range []struct{ claim, got, want string }{
		{"a relay", second(table.RelayRule("mozmail.com")), "mozmail.com"},
		{"below a relay", second(table.RelayRule("someone.mozmail.com")), "mozmail.com"},
		{"a relay in capitals", second(table.RelayRule("Duck.COM.")), "duck.com"},
		{"no relay", second(table.RelayRule("gmail.com")), ""},
		{"a role", table.Role("sales").Rule, "sales"},
		{"a role with tag and capitals", table.Role("Sales+eu").Rule, "sales"},
		{"a role of several words", table.Role("do-not-reply").Rule, "donotreply"},
		{"a person", table.Role("john.doe").Rule, ""},
	} {
		if tt.got != tt.want {
			t.Errorf("%s: rule %q, want %q", tt.claim, tt.got, tt.want)
		}
	}
}

func second(_, rule string) string { return rule }

func TestGuarded(t *testing.T) {
	table := New()
	for domain, want := range map[string]bool{
		"gmail.com": true, "STARBUCKS.com.": true, "harvard.edu": true, "mail.gmail.com": false,
		"mailinator.com": false, "company.example": false, "": false,
	} {
		if got := table.Guarded(domain); got != want {
			t.Errorf("Guarded(%q) = %v, want %v", domain, got, want)
		}
	}
}

func TestExchangersOfNobodyAreNoProvider(t *testing.T) {
	for kind, want := range map[ExchangerKind]string{
		Mailboxes: "name", Gateway: "name", Forwarder: "name", Inboxes: "name", Throwaway: "", Parked: "",
	} {
		if got := (Exchanger{Name: "name", Kind: kind}).Provider(); got != want {
			t.Errorf("%s: provider %q, want %q", kind, got, want)
		}
	}
}

func TestRulesDoNotAllocate(t *testing.T) {
	table := New()
	for claim, look := range map[string]func(){
		"below a relay":      func() { table.RelayRule("someone.mozmail.com") },
		"a guarded name":     func() { table.Guarded("gmail.com") },
		"a closed provider":  func() { table.Closed("attbi.com") },
		"version and age":    func() { table.Info() },
		"an exchanger":       func() { table.Exchanger("mx1.mailinator.com") },
		"a role of one rule": func() { _ = table.Role("do-not-reply").Rule },
	} {
		if got := testing.AllocsPerRun(100, look); got != 0 {
			t.Errorf("%s: %v allocations, want none", claim, got)
		}
	}
}
