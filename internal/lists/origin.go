package lists

import "math/bits"

// Origins are the families of lists that name a domain, one bit each. Lists
// of one family copy each other, so their agreement proves nothing.
type Origins byte

// The families of disposable lists.
const (
	Reviewed   Origins = 1 << iota // the CC0 list, reviewed by hand
	FakeFilter                     // fakefilter, collected at the services themselves
	Castle                         // what Castle saw in abuse, day by day
	Community                      // user reports: ivolo, its forks and successors
	Mailchecker
	Wesbos
	Aggregates // collections of other lists

	// Below marks a host with a listed ancestor. It needs no rule of its own,
	// but it is one of the hosts that a table counts; its other bits include
	// those of its ancestors.
	Below
)

// curated are the families whose names people have reviewed.
const curated = Reviewed | FakeFilter | Castle

// Tier says how firm the listing is; "" if no family is set.
func (f Origins) Tier() Tier {
	switch f &^= Below; {
	case f == 0:
		return ""
	case f&curated != 0:
		return Curated
	case f == Aggregates:
		return Aggregator
	case bits.OnesCount8(uint8(f)) > 1:
		return Families
	}
	return Family
}

// Count returns the number of families.
func (f Origins) Count() int { return bits.OnesCount8(uint8(f &^ Below)) }

// Kind says what is known of a name that is not disposable, one bit each.
type Kind byte

// The kinds. A name of any kind is right as it is: it is no slip of another.
const (
	FreeFirm   Kind = 1 << iota // free mailboxes, by several lists
	FreeWeak                    // free mailboxes, by one list
	WellKnown                   // never to be called disposable, by hand
	Freemail                    // mailbox providers: SpamAssassin's and email-providers' common ones
	University                  // academic-email-verifier
	Brand                       // simple-icons
)

// Guarded are the kinds whose names, children and ancestors no list can make
// disposable.
const Guarded = WellKnown | Freemail | University | Brand
