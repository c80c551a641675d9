package lists

// Counts are the numbers of names in the tables beside that of disposable hosts.
type Counts struct {
	Free       int // mailbox providers where anyone gets an address
	Guarded    int // names that no list can make disposable
	Relays     int // domains of privacy relays
	Roles      int // local parts that name a role
	Typos      int // slips of the keyboard
	Exchangers int // suffixes of MX hosts
}

// Counts counts the names of the tables. It reads all of the known names, which
// takes some hundred microseconds.
func (t *Table) Counts() Counts {
	c := Counts{Relays: len(t.relays), Roles: t.roles.Len(), Typos: t.slips.Len(), Exchangers: len(t.exchangers)}
	for e := range t.known.All() {
		if Kind(e.Value)&(FreeFirm|FreeWeak) != 0 {
			c.Free++
		}
		if Kind(e.Value)&Guarded != 0 {
			c.Guarded++
		}
	}
	return c
}
