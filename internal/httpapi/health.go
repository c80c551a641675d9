package httpapi

import (
	"net/http"
	"time"
)

// Health is what GET /v1/health tells. It is public: it names no customer and
// no address of ours.
type Health struct {
	Version string `json:"version"`
	Lists   Lists  `json:"lists"`
	Egress  string `json:"egress"` // whether probes can leave: what the egress check last saw
}

// Lists describes the domain lists in use.
type Lists struct {
	Version  string    `json:"version"`
	Built    time.Time `json:"built"`     // when the data was gathered, UTC; midnight of the day if it is built in
	AgeHours int       `json:"age_hours"` // whole hours since then
	Hosts    int       `json:"hosts"`     // disposable hosts listed
}

// health answers GET /v1/health. That it answers at all is the news: what is
// wrong with mail or lists does not make us unfit to serve.
func (a *api) health(w http.ResponseWriter, r *http.Request, _ *call) error {
	return writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
		Health
	}{"ok", a.Health(r.Context())})
}

// ListsInfo is what GET /v1/lists/info tells: counts of the very tables that the
// next verdict goes by.
type ListsInfo struct {
	Lists
	Source      string `json:"source"`      // embedded, refreshed
	Rules       int    `json:"rules"`       // disposable hosts without a listed ancestor
	Registrable int    `json:"registrable"` // domains below a public suffix that have a disposable host
	Tiers       Tiers  `json:"tiers"`
	Tables      Tables `json:"tables"`
}

// Tiers are disposable hosts by how sure their listing is; they add up to Hosts.
type Tiers struct {
	Curated    int `json:"curated"`
	Families   int `json:"several_families"`
	Family     int `json:"one_family"`
	Aggregator int `json:"aggregator"`
}

// Tables are the numbers of names in the other tables.
type Tables struct {
	Free       int `json:"free"`       // mailbox providers where anyone gets an address
	Relays     int `json:"relays"`     // domains of privacy relays
	Roles      int `json:"roles"`      // local parts that are functions
	Typos      int `json:"typos"`      // mistyped domains
	Guarded    int `json:"guarded"`    // domains that no list can make disposable
	Exchangers int `json:"exchangers"` // suffixes of mail exchangers whose operator is known
}

// listsInfo answers GET /v1/lists/info.
func (a *api) listsInfo(w http.ResponseWriter, r *http.Request, _ *call) error {
	return writeJSON(w, http.StatusOK, a.ListsInfo(r.Context()))
}
