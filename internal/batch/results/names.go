package results

import (
	"cmp"
	"slices"
	"strconv"

	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/rows"
)

// The columns that follow the user's.
const email = "email"

func ours() []string {
	return []string{
		email, "status", "score", "reason", "action",
		"disposable", "catch_all", "free_provider", "role", "relay", "spam_trap", "closed_provider", "mx_found",
		"role_class", "tag", "canonical", "suggestion", "mx_host", "mx_provider", "checked_at",
	}
}

// Columns are the user's columns as the outputs name them.
type Columns struct {
	names   []string
	address int   // the column that is email itself; -1: email follows the user's columns
	order   []int // of the columns in JSON
}

// NewColumns names the columns of a list. Each has a name of its own:
//
//   - The address column keeps its name and place, and email follows with the
//     verdict; if it is called email, or has no name, it is email and does not follow.
//   - Columns without name are column_1, column_2 ... by their place.
//   - One that is called as a column of ours becomes input_status and so on.
//   - Of those with one name the second becomes name_2, the third name_3.
//
// In JSON the columns whose names are array indices come first, as JavaScript
// has it.
func NewColumns(l rows.Layout) Columns {
	c := Columns{names: make([]string, len(l.Columns)), address: -1}
	taken := make(map[string]bool)
	for _, name := range ours() {
		taken[name] = true
	}
	for i, name := range l.Columns {
		if i == l.Email && (name == email || name == "") {
			c.names[i], c.address = email, i
			continue
		}
		c.names[i] = unique(name, i, taken)
		taken[c.names[i]] = true
	}
	c.order = make([]int, len(c.names))
	for i := range c.order {
		c.order[i] = i
	}
	slices.SortStableFunc(c.order, func(a, b int) int { return cmp.Compare(place(c.names[a]), place(c.names[b])) })
	return c
}

// unique returns a name that nothing before has.
func unique(name string, column int, taken map[string]bool) string {
	if name == "" {
		name = "column_" + strconv.Itoa(column+1)
	}
	if slices.Contains(ours(), name) {
		name = "input_" + name
	}
	free := name
	for n := 2; taken[free]; n++ {
		free = name + "_" + strconv.Itoa(n)
	}
	return free
}

// place orders keys as JavaScript does.
func place(name string) int64 {
	if n, ok := jsonjs.Index(name); ok {
		return int64(n)
	}
	return 1 << 32
}
