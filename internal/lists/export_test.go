package lists

import "strings"

// Sample returns n disposable hosts of two labels from all over the table.
func (t *Table) Sample(n int) (names []string) {
	step, i := t.disposable.Len()/n/2, 0
	for e := range t.disposable.All() {
		if i++; i >= step && strings.Count(e.Name, ".") == 1 && len(names) < n {
			names, i = append(names, e.Name), 0
		}
	}
	return names
}
