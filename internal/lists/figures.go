package lists

import "rcpt/internal/lists/nameset"

// Figures are what a table of disposable hosts says of itself. Hosts are all
// its names, the tiers add up to them.
type Figures struct {
	Hosts       int // distinct names
	Rules       int // those without a listed ancestor: what suffix matching needs
	Registrable int // distinct domains below a public suffix

	Curated, Families, Family, Aggregator int // hosts, by tier
}

// Array returns the figures in the order in which a set of names carries them.
func (f Figures) Array() [nameset.Figures]int {
	return [nameset.Figures]int{f.Hosts, f.Rules, f.Registrable, f.Curated, f.Families, f.Family, f.Aggregator}
}

// figures is the inverse of Array.
func figures(s nameset.Set) Figures {
	return Figures{
		Hosts: s.Figure(0), Rules: s.Figure(1), Registrable: s.Figure(2),
		Curated: s.Figure(3), Families: s.Figure(4), Family: s.Figure(5), Aggregator: s.Figure(6),
	}
}
