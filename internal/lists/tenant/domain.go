package tenant

import (
	"fmt"
	"net/netip"
	"strings"

	"rcpt/internal/address"
)

// EntryError says why no entry can be made of what was given, in words that may
// be shown to the caller. It Is ErrEntry, and does not repeat what was given:
// that may be an address.
type EntryError struct {
	Field   string // list, domains, or the one of them at fault: domains[3]
	Problem string // what is wrong and what to do
}

// Error names the field and the problem.
func (e *EntryError) Error() string { return e.Field + " " + e.Problem }

// Unwrap returns ErrEntry.
func (e *EntryError) Unwrap() error { return ErrEntry }

// checkList refuses a list that there is not.
func checkList(list string) error {
	if list != Allow && list != Deny {
		return &EntryError{"list", "must be allow or deny"}
	}
	return nil
}

// domainsOf brings domains to the form of entries, each once.
func domainsOf(given []string) ([]string, error) {
	if len(given) == 0 || len(given) > MaxDomains {
		return nil, &EntryError{"domains", fmt.Sprintf("must name 1 to %d domains", MaxDomains)}
	}
	domains, seen := make([]string, 0, len(given)), make(map[string]bool, len(given))
	for i, text := range given {
		domain, problem := domainOf(text)
		if problem != "" {
			return nil, &EntryError{fmt.Sprintf("domains[%d]", i), problem}
		}
		if !seen[domain] {
			seen[domain] = true
			domains = append(domains, domain)
		}
	}
	return domains, nil
}

// domainOf is a domain in lower-case A-labels, or what is wrong with it.
func domainOf(text string) (domain, problem string) {
	text = strings.TrimSpace(text)
	_, err := netip.ParseAddr(strings.Trim(text, "[]"))
	switch {
	case text == "":
		return "", "is empty: give a domain such as mail.example"
	case strings.Contains(text, "@"):
		return "", "is an address: give the domain alone, what follows the @"
	case strings.HasPrefix(text, "*"):
		return "", "begins with *: leave that out, an entry covers everything below its domain"
	case err == nil || strings.HasPrefix(text, "["):
		return "", "is an IP address: give a domain such as mail.example"
	}
	if domain, err = address.ParseDomain(text); err != nil {
		return "", "is no domain: " + err.Error()
	}
	if !strings.Contains(domain, ".") {
		return "", "is a whole top-level domain: give a domain below it, such as mail.example"
	}
	return domain, ""
}

// listable reports whether a text is a domain as entries have it.
func listable(text string) bool {
	domain, problem := domainOf(text)
	return problem == "" && domain == text
}
