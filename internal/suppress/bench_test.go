package suppress

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkImport is a list of 100,000 addresses, on a table that is not synced.
func BenchmarkImport(b *testing.B) {
	const rows = 100_000
	for i := 0; b.Loop(); i++ {
		w := open(b)
		var text strings.Builder
		for n := range rows {
			fmt.Fprintf(&text, "user%d@domain%d.example\n", n, n%50)
		}
		if o, err := w.Import(b.Context(), acme, list(text.String()), Origin{Reason: Imported}); err != nil || o.Added != rows {
			b.Fatal(o.Added, err)
		}
	}
}
