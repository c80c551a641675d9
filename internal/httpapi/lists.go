package httpapi

import (
	"context"
	"net/http"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/lists/tenant"
)

// maxEntries bounds the bodies about lists, in octets: as many domains as one
// may name, of the longest there are, fit.
const maxEntries = 256 << 10

// findLists finds the key whose lists are meant: the asking one, unless the
// query names another.
func (a *api) findLists(r *http.Request, c *call) (err error) {
	c.target = c.key
	if ids := r.URL.Query()["key"]; len(ids) > 0 {
		c.target, err = a.visibleKey(r.Context(), c.key, ids[0])
	}
	return err
}

// entryOnList is an entry in answers.
type entryOnList struct {
	Domain  string    `json:"domain"` // A-labels
	List    string    `json:"list"`   // allow, deny
	AddedAt time.Time `json:"added_at"`
}

// listEntries answers GET /v1/lists with the entries of a key, by domain.
func (a *api) listEntries(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "key", "limit", "list", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	list, given := q["list"]
	if given && list != tenant.Allow && list != tenant.Deny {
		return badField("list", "must be allow or deny; leave it out for both")
	}
	found, next, err := a.Tenant.List(r.Context(), c.target.ID, list, next, limit)
	if err != nil {
		return err
	}
	shapes := make([]entryOnList, len(found))
	for i, e := range found {
		shapes[i] = entryOnList{e.Domain, e.List, wireTime(e.AddedAt)}
	}
	return writeJSON(w, http.StatusOK, struct {
		Key     string        `json:"key"`
		Entries []entryOnList `json:"entries"`
		Next    *string       `json:"next"`
	}{c.target.ID, shapes, cursor(next)})
}

// outcomeShape is what a change of lists came to.
type outcomeShape struct {
	Key       string `json:"key"`
	List      string `json:"list"`
	Added     int    `json:"added"`
	Moved     int    `json:"moved"` // from the other list
	Removed   int    `json:"removed"`
	Unchanged int    `json:"unchanged"`
	Entries   int    `json:"entries"` // of the key, both lists together
}

// addEntries answers POST /v1/lists.
func (a *api) addEntries(w http.ResponseWriter, r *http.Request, c *call) error {
	return a.changeEntries(w, r, c, a.Tenant.Add)
}

// removeEntries answers DELETE /v1/lists. The domains stand in the body, as
// those to add: what a caller takes for one may be an address, and paths are
// logged on the way to us.
func (a *api) removeEntries(w http.ResponseWriter, r *http.Request, c *call) error {
	return a.changeEntries(w, r, c, a.Tenant.Remove)
}

// changeLists is tenant.Book.Add or its counterpart.
type changeLists func(ctx context.Context, key, list string, domains []string, audit tenant.Audit) (tenant.Outcome, error)

func (a *api) changeEntries(w http.ResponseWriter, r *http.Request, c *call, change changeLists) error {
	if _, err := readQuery(r, "key"); err != nil {
		return err
	}
	body, err := readBody(w, r, maxEntries)
	if err != nil {
		return err
	}
	var list *string
	var domains maybe[[]string]
	if err := decodeObject(body, map[string]any{"list": &list, "domains": &domains}); err != nil {
		return err
	}
	switch {
	case list == nil:
		return badField("list", "is required: allow or deny")
	case domains.value == nil:
		return badField("domains", "is required: an array of domains")
	}
	note := a.Book.Note(keys.ActingAs(r.Context(), c.key.ID), c.target, "lists."+*list)
	o, err := change(r.Context(), c.target.ID, *list, *domains.value, note)
	if err != nil {
		return err
	}
	entries, err := a.Tenant.Entries(r.Context(), c.target.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, outcomeShape{
		Key: c.target.ID, List: *list, Added: o.Added, Moved: o.Moved, Removed: o.Removed, Unchanged: o.Unchanged, Entries: entries,
	})
}
