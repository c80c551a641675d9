package lists

// Costs of a slip, in hundredths, so that sums are exact: a letter more, less
// or other costs a whole one, and less where fingers slip.
const (
	whole     = 100
	neighbor  = 70 // a key beside the right one, or two letters swapped
	doubled   = 60 // a letter once too often or too few in a row
	unlimited = 1 << 20
)

// longestSlip is the longest name compared, in octets; all targets are shorter
// than half of it.
const longestSlip = 40

// distance is the optimal string alignment of two lower-case names under the
// costs above: insertions, deletions, substitutions and swaps, no part of the
// name edited twice. Names beyond longestSlip, or beyond bound, are unlimited
// apart.
func distance(typed, meant string, bound int) int {
	if longer := len(typed) - len(meant); max(longer, -longer)*doubled > bound || len(typed) > longestSlip {
		return unlimited
	}
	var rows [3][longestSlip + 1]int
	before, above, row := &rows[0], &rows[1], &rows[2]
	for j := range len(meant) + 1 {
		row[j] = j * whole
	}
	for i := 1; i <= len(typed); i++ {
		before, above, row = above, row, before
		row[0] = i * whole
		c, least := typed[i-1], row[0]
		for j := 1; j <= len(meant); j++ {
			d := meant[j-1]
			best := above[j-1] + substitution(c, d)
			best = min(best, above[j]+gap(typed, i-1), row[j-1]+gap(meant, j-1))
			if i > 1 && j > 1 && c == meant[j-2] && typed[i-2] == d && c != d {
				best = min(best, before[j-2]+neighbor)
			}
			row[j] = best
			least = min(least, best)
		}
		if least > bound+neighbor { // a swap looks two rows back
			return unlimited
		}
	}
	if row[len(meant)] > bound {
		return unlimited
	}
	return row[len(meant)]
}

// gap is the cost of the letter at i that the other name lacks.
func gap(s string, i int) int {
	if i > 0 && s[i] == s[i-1] {
		return doubled
	}
	return whole
}

func substitution(a, b byte) int {
	switch {
	case a == b:
		return 0
	case adjacent(a, b):
		return neighbor
	}
	return whole
}

// place is where a key lies: rows from 1, columns from the left.
type place struct{ row, column int8 }

// keyboard is QWERTY, whose rows are shifted by half a key to the right each: a
// lies below q and w.
var keyboard = [128]place{
	'1': {1, 0}, '2': {1, 1}, '3': {1, 2}, '4': {1, 3}, '5': {1, 4}, '6': {1, 5}, '7': {1, 6}, '8': {1, 7}, '9': {1, 8}, '0': {1, 9},
	'q': {2, 0}, 'w': {2, 1}, 'e': {2, 2}, 'r': {2, 3}, 't': {2, 4}, 'y': {2, 5}, 'u': {2, 6}, 'i': {2, 7}, 'o': {2, 8}, 'p': {2, 9},
	'a': {3, 0}, 's': {3, 1}, 'd': {3, 2}, 'f': {3, 3}, 'g': {3, 4}, 'h': {3, 5}, 'j': {3, 6}, 'k': {3, 7}, 'l': {3, 8},
	'z': {4, 0}, 'x': {4, 1}, 'c': {4, 2}, 'v': {4, 3}, 'b': {4, 4}, 'n': {4, 5}, 'm': {4, 6}, ',': {4, 7}, '.': {4, 8},
}

// adjacent reports whether two keys touch.
func adjacent(a, b byte) bool {
	if a >= 128 || b >= 128 {
		return false
	}
	p, q := keyboard[a], keyboard[b]
	if p.row == 0 || q.row == 0 {
		return false
	}
	across := q.column - p.column
	switch q.row - p.row {
	case 0:
		return across == 1 || across == -1
	case 1:
		return across == 0 || across == -1
	case -1:
		return across == 0 || across == 1
	}
	return false
}
