package httpapi

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"rcpt/internal/address"
	"rcpt/internal/batch/intake"
	"rcpt/internal/keys"
	"rcpt/internal/suppress"
)

const (
	// maxNamed bounds a body that names addresses, in octets.
	maxNamed = 256 << 10

	// maxImport bounds a list that is a body, in octets (contract, "Rate headers").
	maxImport = 5 << 20

	importPath = "/v1/suppressions/import"

	// importWithin is how long an import may take: on AWS, 250,000 writes take
	// longer than other routes have. What is not done by then is found done by the
	// next try.
	importWithin = 25 * time.Second
)

// suppressionShape is an address that a key does not want to mail, in answers.
type suppressionShape struct {
	ID      string          `json:"id"`
	Email   string          `json:"email"`
	Reason  suppress.Reason `json:"reason"`
	Note    string          `json:"note"`
	AddedAt time.Time       `json:"added_at"`
}

func suppressionOf(e suppress.Entry) suppressionShape {
	return suppressionShape{ID: e.ID, Email: e.Email, Reason: e.Reason, Note: e.Note, AddedAt: wireTime(e.AddedAt)}
}

func suppressKey(k keys.Key) suppress.Key { return suppress.Key{ID: k.ID, Account: k.Account} }

// listSuppressions answers GET /v1/suppressions.
func (a *api) listSuppressions(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "email", "limit", "next", "reason", "since", "until")
	if err != nil {
		return err
	}
	var f suppress.Filter
	if reason, given := q["reason"]; given {
		if f.Reason, err = suppressReason(&reason, ""); err != nil {
			return err
		}
	}
	if text, given := q["email"]; given {
		if f.Address, err = emailOf(&text); err != nil {
			return err
		}
	}
	if f.Since, f.Until, err = q.period(); err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	entries, next, err := a.Suppression.List(r.Context(), suppressKey(c.key), f, next, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Suppressions []suppressionShape `json:"suppressions"`
		Next         *string            `json:"next"`
	}{shaped(entries, suppressionOf), cursor(next)})
}

// period reads since and until.
func (q query) period() (since, until time.Time, err error) {
	if since, err = q.moment("since"); err != nil {
		return since, until, err
	}
	if until, err = q.moment("until"); err != nil {
		return since, until, err
	}
	if !until.IsZero() && !since.Before(until) {
		return since, until, badField("until", "must be after since")
	}
	return since, until, nil
}

func suppressReason(text *string, otherwise suppress.Reason) (suppress.Reason, error) {
	if text == nil {
		return otherwise, nil
	}
	if r := suppress.Reason(*text); r.Valid() {
		return r, nil
	}
	var all []string
	for _, r := range suppress.Reasons() {
		all = append(all, string(r))
	}
	return "", badField("reason", "must be one of %s", strings.Join(all, ", "))
}

func checkNote(note string) error {
	if utf8.RuneCountInString(note) > suppress.MaxNote {
		return badField("note", "may have %d characters", suppress.MaxNote)
	}
	return nil
}

// suppressionChange is what a change came to, each address counted once.
type suppressionChange struct {
	Added     int `json:"added"`
	Removed   int `json:"removed"`
	Unchanged int `json:"unchanged"`
}

// addSuppressions answers POST /v1/suppressions.
func (a *api) addSuppressions(w http.ResponseWriter, r *http.Request, c *call) error {
	var reason, note *string
	addresses, err := readAddresses(w, r, map[string]any{"reason": &reason, "note": &note})
	if err != nil {
		return err
	}
	why, err := suppressReason(reason, suppress.Manual)
	if err != nil {
		return err
	}
	text := ""
	if note != nil {
		text = *note
	}
	if err := checkNote(text); err != nil {
		return err
	}
	change, err := a.Suppression.Add(r.Context(), suppressKey(c.key), why, text, addresses...)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, suppressionChange(change))
}

// removeSuppressions answers DELETE /v1/suppressions. The addresses stand in the
// body, for paths are logged on the way to us.
func (a *api) removeSuppressions(w http.ResponseWriter, r *http.Request, c *call) error {
	addresses, err := readAddresses(w, r, map[string]any{})
	if err != nil {
		return err
	}
	change, err := a.Suppression.Remove(r.Context(), suppressKey(c.key), addresses...)
	if err != nil {
		return err
	}
	if err := a.noteSuppressions(r, c); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, suppressionChange(change))
}

// readAddresses reads a body that names addresses, as email or as emails, beside
// other fields.
func readAddresses(w http.ResponseWriter, r *http.Request, fields map[string]any) ([]address.Address, error) {
	body, err := readBody(w, r, maxNamed)
	if err != nil {
		return nil, err
	}
	var email *string
	var emails maybe[[]string]
	fields["email"], fields["emails"] = &email, &emails
	if err := decodeObject(body, fields); err != nil {
		return nil, err
	}
	switch {
	case email != nil && emails.value != nil:
		return nil, badField("emails", "is given beside email; give one of them")
	case email != nil:
		one, err := emailOf(email)
		return []address.Address{one}, err
	case emails.value == nil:
		return nil, badField("emails", "is required, or email")
	}
	texts, err := bulkOf(emails)
	if err != nil {
		return nil, err
	}
	addresses := make([]address.Address, len(texts))
	for i, text := range texts {
		if addresses[i], err = address.Parse(text); err != nil {
			return nil, badField("emails", "number %d is no mail address: %s", i+1, err)
		}
	}
	return addresses, nil
}

// showSuppression answers GET /v1/suppressions/{suppression}.
func (a *api) showSuppression(w http.ResponseWriter, r *http.Request, c *call) error {
	e, err := a.Suppression.Find(r.Context(), suppressKey(c.key), r.PathValue("suppression"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, suppressionOf(e))
}

// deleteSuppression answers DELETE /v1/suppressions/{suppression}.
func (a *api) deleteSuppression(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := a.Suppression.Delete(r.Context(), suppressKey(c.key), r.PathValue("suppression")); err != nil {
		return err
	}
	if err := a.noteSuppressions(r, c); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// noteSuppressions records that some were removed, or a list was imported.
func (a *api) noteSuppressions(r *http.Request, c *call) error {
	return a.Book.Log(keys.ActingAs(r.Context(), c.key.ID), c.key, "suppressions")
}

// importShape is what became of the rows of a list.
type importShape struct {
	Rows       int64        `json:"rows"` // the next four add up to it
	Added      int          `json:"added"`
	Unchanged  int          `json:"unchanged"`
	Duplicates int          `json:"duplicates"`
	Invalid    int64        `json:"invalid"`
	Faults     []faultShape `json:"faults"` // the first of the invalid
}

// faultShape is a row without an address that can be read.
type faultShape struct {
	Row     int64  `json:"row"` // from 1, a header not counted
	Problem string `json:"problem"`
}

// importSuppressions answers POST /v1/suppressions/import, whose body is the list
// itself.
func (a *api) importSuppressions(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "email_column", "note", "reason")
	if err != nil {
		return err
	}
	from := suppress.Origin{Reason: suppress.Imported, Note: q["note"], EmailColumn: q["email_column"]}
	if reason, given := q["reason"]; given {
		if from.Reason, err = suppressReason(&reason, ""); err != nil {
			return err
		}
	}
	if err := checkNote(from.Note); err != nil {
		return err
	}
	body, err := readRaw(w, r, maxImport)
	if err != nil {
		return err
	}
	o, err := a.Suppression.Import(r.Context(), suppressKey(c.key), listIn(body), from)
	if err != nil {
		return err
	}
	if err := a.noteSuppressions(r, c); err != nil {
		return err
	}
	shape := importShape{Rows: o.Rows, Added: o.Added, Unchanged: o.Unchanged, Duplicates: o.Duplicates, Invalid: o.Invalid, Faults: []faultShape{}}
	for _, f := range o.Faults {
		shape.Faults = append(shape.Faults, faultShape(f))
	}
	return writeJSON(w, http.StatusOK, shape)
}

// listIn reads a list that is in memory.
func listIn(body []byte) intake.Source {
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(body[min(offset, int64(len(body))):])), nil
	}
}
