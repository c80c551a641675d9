package refresh

import (
	"net/url"
	"strings"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// Source is a list on the web, one host a line; gzip is understood. A list of
// popular sites may have more columns, and only its head is read.
type Source struct {
	Name    string        // for reports and metrics
	URL     string        // https; http only where NewClient's second dialer reaches
	Family  string        // one of build.Families, or Popular
	origin  lists.Origins // of the family; 0: popular sites
	curated bool
}

// Popular is the family of the lists of popular sites: what they name is held
// back when another list suddenly calls it disposable.
const Popular = "popular"

// popularSites is how much of a list of popular sites is read: the head, where
// a mistake would be noticed by many.
const popularSites = 50_000

// NewSource returns the source of a family at a URL; ok is false when there is
// no such family.
func NewSource(family, address string) (s Source, ok bool) {
	origin := build.Families()[family]
	s = Source{Name: nameOf(address), URL: address, Family: family, origin: origin, curated: origin.Tier() == lists.Curated}
	return s, origin != 0 || family == Popular
}

// nameOf is the repository of a file on GitHub, else host and path.
func nameOf(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	path := strings.Split(strings.Trim(u.Path, "/"), "/")
	if u.Host == "raw.githubusercontent.com" && len(path) > 2 {
		return path[0] + "/" + path[1]
	}
	return strings.TrimSuffix(u.Host+u.Path, "/")
}

// DefaultSources returns the lists that are fetched unless RCPT_LISTS_URLS says
// otherwise: those under MIT or CC0 that were worth it in a comparison of
// November 2026, and a list of popular sites (Majestic Million, CC BY 3.0). In
// the order of what they add: the first three alone bring the table from 202,000
// to 238,000 hosts. The curated ones are small and fresh.
//
// Left out, for they are not free to use: doodad-labs/disposable-email-domains
// (GPL-3) and jonasfroeller's list (no license). Who may use them adds them to
// RCPT_LISTS_URLS.
func DefaultSources() []Source {
	const github = "https://raw.githubusercontent.com/" // HEAD is the default branch, whatever its name
	var sources []Source
	for _, s := range []struct{ family, url string }{
		{"aggregates", github + "amieiro/disposable-email-domains/HEAD/denyDomains.txt"},
		{"aggregates", github + "StellarSand/temp-mails/HEAD/final_list.txt"},
		{"aggregates", github + "fnando/email_data/HEAD/data/disposable_domains.txt"},
		{"aggregates", github + "mydearniko/disposable-email-domains/HEAD/data/domains.txt"},
		{"aggregates", github + "mehrtat/disposable-email-domain/HEAD/domains.txt"},
		{"aggregates", github + "AfterShip/email-verifier/HEAD/cmd/build_metadata/disposable.txt"},
		{"aggregates", github + "micke/valid_email2/HEAD/config/disposable_email_domains.txt"},
		{"aggregates", github + "beeyev/disposable-email-filter-php/HEAD/disposable_email_domains.txt"},
		{"aggregates", github + "sublime-security/static-files/HEAD/disposable_email_providers.txt"},
		{"castle", github + "castle/disposable-email-domains/HEAD/disposable-email-domains.txt"},
		{"reviewed", github + "disposable-email-domains/disposable-email-domains/HEAD/disposable_email_blocklist.conf"},
		{Popular, "https://downloads.majestic.com/majestic_million.csv"},
	} {
		source, _ := NewSource(s.family, s.url)
		sources = append(sources, source)
	}
	return sources
}
