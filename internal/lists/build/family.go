package build

import "rcpt/internal/lists"

// Families are the families of lists by the words that name them: in the lock
// of the packages, and in the setting of the sources to refresh from.
func Families() map[string]lists.Origins {
	return map[string]lists.Origins{
		"reviewed": lists.Reviewed, "fakefilter": lists.FakeFilter, "castle": lists.Castle,
		"community": lists.Community, "mailchecker": lists.Mailchecker, "wesbos": lists.Wesbos,
		"aggregates": lists.Aggregates,
	}
}
