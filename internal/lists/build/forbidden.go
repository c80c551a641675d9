package build

import (
	"errors"
	"fmt"
	"slices"

	"rcpt/internal/lists"
)

// ErrForbidden is a table with a name that must never be called disposable.
var ErrForbidden = errors.New("a name that must never match")

// CheckNames asks a table for the names that must never match: the well-known
// ones, popular sites, shared zones, relays. rule returns what a domain matches,
// "" if nothing. The error is ErrForbidden and tells name and rule.
func CheckNames(rule func(domain string) string) error {
	for _, name := range slices.Concat(WellKnown(), Popular(), Zones(), lists.Relays()) {
		if r := rule(name); r != "" {
			return fmt.Errorf("%s is listed by %s: %w", name, r, ErrForbidden)
		}
	}
	return nil
}
