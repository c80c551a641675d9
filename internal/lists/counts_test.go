package lists

import "testing"

func TestCountsAreThoseOfTheTables(t *testing.T) {
	table := New()
	var free, guarded int
	for e := range table.known.All() {
		if table.Free(e.Name).Listed {
			free++
		}
		if table.Guarded(e.Name) {
			guarded++
		}
	}
	want := Counts{
		Free: free, Guarded: guarded, Relays: len(Relays()), Roles: table.roles.Len(), Typos: table.slips.Len(), Exchangers: len(exchangers()),
	}
	if got := table.Counts(); got != want || free < 5000 || guarded < 5000 || want.Roles < 500 || want.Typos < 500 {
		t.Errorf("counts are %+v, want %+v", got, want)
	}
}
