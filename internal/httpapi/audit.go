package httpapi

import (
	"net/http"
	"time"

	"rcpt/internal/keys"
)

// entryShape is one line of the audit log.
type entryShape struct {
	At      time.Time `json:"at"`
	Account string    `json:"account"`
	Key     string    `json:"key"`
	By      *string   `json:"by"`     // id of the key that asked for it; null: nobody did over HTTP
	Act     keys.Act  `json:"act"`    // created, changed, rotated, revoked
	Fields  []string  `json:"fields"` // of changed
}

// audit answers GET /v1/audit with what was done to the keys of an account, the
// latest first. The account is that of the asking key unless one is named.
func (a *api) audit(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "account", "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	account, err := q.accountFor(c, c.key.Account)
	if err != nil {
		return err
	}
	entries, next, err := a.Book.Audit(r.Context(), account, next, limit)
	if err != nil {
		return err
	}
	shapes := make([]entryShape, len(entries))
	for i, e := range entries {
		shapes[i] = entryShape{
			At: wireTime(e.At), Account: e.Account, Key: e.Key, By: cursor(e.By), Act: e.Act, Fields: append([]string{}, e.Fields...),
		}
	}
	return writeJSON(w, http.StatusOK, struct {
		Entries []entryShape `json:"entries"`
		Next    *string      `json:"next"`
	}{shapes, cursor(next)})
}
