package plan

import (
	"fmt"
	"runtime"
	"testing"
)

// BenchmarkPlan splits, folds and cuts 1,000,000 rows, half of them at one
// domain, a tenth of them duplicates. What it splits lies in memory.
func BenchmarkPlan(b *testing.B) {
	const perChunk, chunks = 50_000, 20
	var lists [][]string
	for c := range chunks {
		emails := make([]string, perChunk)
		for i := range emails {
			n := (c*perChunk + i) * 9 / 10
			emails[i] = fmt.Sprintf("some.user%d@large.test", n)
			if n%2 == 0 {
				emails[i] = fmt.Sprintf("some.user%d@domain%d.test", n, n%20_000)
			}
		}
		lists = append(lists, emails)
	}
	b.ReportAllocs()
	var peak uint64
	for b.Loop() {
		n := Partitions(perChunk * chunks)
		open, counts := deal(b, n, lists...)
		before := live()
		addresses := 0
		for p := range n {
			passes := Passes(counts[p])
			for pass := range passes {
				items, err := Distinct(Partition(open, p, Pass{pass, passes}))
				if err != nil {
					b.Fatal(err)
				}
				for s := range Cut(items, func(domain string) string { return domain }) {
					addresses += len(s.Items)
				}
				peak = max(peak, live()-before)
				runtime.KeepAlive(items)
			}
		}
		if addresses != 900_000 {
			b.Fatalf("%d addresses", addresses)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/perChunk/chunks, "ns/row")
	b.ReportMetric(float64(peak)/(1<<20), "MB-live")
}

func live() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
