package jobs

import (
	"fmt"
	"io"
	"strings"
)

// Behaviors are those of the simulated mail internet, and "gone", of which there
// is no domain.
func Behaviors() []string {
	return []string{
		"ok", "catchall", "full", "disabled", "greylist", "blocked", "busy", "relay", "slow", "tarpit", "drop", "tls",
		"nullmx", "nomx", "implicit", "disposable", "gone",
	}
}

// List is a list whose rows are computed. Its domains are <behavior>-<name><n>.test,
// with the behaviors in turn; every fifth mailbox of a domain is absent. Neighbors
// are at other domains.
type List struct {
	Name      string // in domains, so that two lists share none
	Rows      int
	Domains   int
	Behaviors []string
}

// stride walks through a list out of order.
const stride = 617 // a prime that divides no length in use

// Address is that of a row.
func (l List) Address(row int) string {
	k := row * stride % l.Rows
	domain, user := k%l.Domains, k/l.Domains
	local := "user"
	if user%5 == 4 {
		local = "nobody"
	}
	return fmt.Sprintf("%s%d@%s-%s%d.test", local, user, l.Behaviors[domain%len(l.Behaviors)], l.Name, domain)
}

// Behavior is that of an address of a List.
func Behavior(email string) string {
	_, domain, _ := strings.Cut(email, "@")
	name, _, _ := strings.Cut(domain, "-")
	return name
}

// WriteCSV writes the list as people have it: with a header, a column before the
// address and one behind it.
func (l List) WriteCSV(to io.Writer) error {
	return WriteCSV(to, l.Rows, l.Address)
}

// WriteCSV writes rows whose addresses are computed.
func WriteCSV(to io.Writer, rows int, address func(row int) string) error {
	if _, err := fmt.Fprintln(to, "id,email,name"); err != nil {
		return err
	}
	for row := range rows {
		if _, err := fmt.Fprintf(to, "%d,%s,\"Customer, number %d\"\n", row, address(row), row); err != nil {
			return err
		}
	}
	return nil
}

// Mixed is the address of a row of a list as companies have them: half of all are
// at five large providers, the others at domains of twenty, and two rows in a
// hundred repeat an earlier one.
func Mixed(row, rows int) string {
	if row%50 == 49 {
		row -= 37
	}
	if row%2 == 0 {
		return fmt.Sprintf("user%d@ok-large%d.test", row, row/2%5)
	}
	return fmt.Sprintf("user%d@ok-small%d.test", row, row/2%max(1, rows/40))
}
