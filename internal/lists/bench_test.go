package lists_test

import (
	"testing"

	"rcpt/internal/lists"
)

// Bounds on a two-core machine: 150 ns for two labels, 400 ns for five, no
// allocation, 1 ms for New.

func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		lists.New()
	}
}

// spread is how many names a benchmark goes through, so that the processor's
// caches do not hold the answers.
const spread = 4096

func benchmarkDisposable(b *testing.B, before string, names func(i int) string) {
	table := lists.New()
	domains := make([]string, spread)
	for i := range domains {
		domains[i] = before + names(i)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		table.Disposable(domains[i%spread])
		i++
	}
}

func BenchmarkDisposableHit(b *testing.B)      { benchmarkDisposable(b, "", listed(b)) }
func BenchmarkDisposableMiss(b *testing.B)     { benchmarkDisposable(b, "", unlisted) }
func BenchmarkDisposableHitFive(b *testing.B)  { benchmarkDisposable(b, "a.mail.eu.", listed(b)) }
func BenchmarkDisposableMissFive(b *testing.B) { benchmarkDisposable(b, "a.mail.eu.", unlisted) }

// listed returns names of two labels that are disposable.
func listed(b *testing.B) func(int) string {
	table := lists.New()
	names := table.Sample(spread)
	if len(names) != spread {
		b.Fatalf("%d names", len(names))
	}
	return func(i int) string { return names[i] }
}

// unlisted returns names of two labels that are not.
func unlisted(i int) string {
	const letters = "abcdefghijklmnop"
	name := []byte("company-....com")
	for at := range 4 {
		name[8+at] = letters[i>>(4*at)&15]
	}
	return string(name)
}

func BenchmarkFree(b *testing.B) {
	table := lists.New()
	b.ReportAllocs()
	for b.Loop() {
		table.Free("hotmail.co.uk")
	}
}

func BenchmarkRole(b *testing.B) {
	table := lists.New()
	b.ReportAllocs()
	for b.Loop() {
		table.Role("john.doe")
	}
}

func BenchmarkTypoMiss(b *testing.B) {
	table := lists.New()
	b.ReportAllocs()
	for b.Loop() {
		table.Typo("company.example")
	}
}
