package enroll

import (
	"fmt"
	"testing"
)

// BenchmarkEnroll is one request for 500 addresses, beside what vendors take, on
// tables that are not synced.
func BenchmarkEnroll(b *testing.B) {
	w := open(b)
	var emails []string
	for n := range MaxEmails {
		emails = append(emails, fmt.Sprintf("user%d@domain%d.example", n, n%50))
	}
	for i := 0; b.Loop(); i++ {
		r := request(emails...)
		r.Sequence = fmt.Sprint("seq-", i)
		if result := w.enroll(b, r); len(result.Enrolled) != MaxEmails {
			b.Fatal(lines(result))
		}
	}
}
