package httpapi

import "net/http"

// Health is what GET /v1/health tells. It is public: it names no customer and
// no address of ours.
type Health struct {
	Version string `json:"version"`
	Lists   Lists  `json:"lists"`
	Egress  string `json:"egress"` // whether probes can leave: what the egress check last saw
}

// Lists describes the domain lists in use.
type Lists struct {
	Version string `json:"version"`
	Built   string `json:"built"` // the day the data was gathered, YYYY-MM-DD
	Hosts   int    `json:"hosts"` // disposable hosts listed
}

// health answers GET /v1/health. That it answers at all is the news: what is
// wrong with mail or lists does not make us unfit to serve.
func (a *api) health(w http.ResponseWriter, r *http.Request, _ *call) error {
	return writeJSON(w, http.StatusOK, struct {
		Status string `json:"status"`
		Health
	}{"ok", a.Health(r.Context())})
}
