package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"rcpt/internal/keys"
	"rcpt/internal/vendors"
)

const (
	// creditsAge is how old the credits shown in the list of vendor keys may be,
	// creditsWithin how long the list waits for newer ones.
	creditsAge    = time.Hour
	creditsWithin = 2 * time.Second
)

// vendorKeyShape is a vendor key in answers.
type vendorKeyShape struct {
	ID          int64        `json:"id"`
	Provider    vendors.Name `json:"provider"`
	Label       string       `json:"label"`
	Active      bool         `json:"is_active"`
	Preview     string       `json:"key_preview"`
	Credits     *int64       `json:"credits_remaining"` // null: the vendor does not say
	ValidatedAt *time.Time   `json:"last_validated_at"`
	CreatedAt   *time.Time   `json:"created_at"`
	UpdatedAt   *time.Time   `json:"updated_at"`
	LastError   *string      `json:"last_error"` // of the vendor; null: none since the key last worked
	ErrorAt     *time.Time   `json:"last_error_at"`
	PausedUntil *time.Time   `json:"paused_until"` // null: the key is asked
}

func (a *api) vendorKey(k vendors.Key) vendorKeyShape {
	s := vendorKeyShape{
		ID: k.ID, Provider: k.Vendor, Label: k.Label, Active: k.Active, Preview: k.Preview, Credits: k.Credits,
		ValidatedAt: timeOrNull(k.ValidatedAt), CreatedAt: timeOrNull(k.CreatedAt), UpdatedAt: timeOrNull(k.UpdatedAt),
		LastError: cursor(k.LastError), ErrorAt: timeOrNull(k.ErrorAt),
	}
	if k.PausedUntil.After(a.Now()) {
		s.PausedUntil = timeOrNull(k.PausedUntil)
	}
	return s
}

// validationShape is what the vendor said when it was asked about a key.
type validationShape struct {
	Provider vendors.Name `json:"provider"`
	Credits  *int64       `json:"credits_remaining"`
}

// vendorKeyAnswer is the answer about one vendor key.
type vendorKeyAnswer struct {
	Key        vendorKeyShape   `json:"key"`
	Validation *validationShape `json:"validation,omitempty"` // absent: the vendor was not asked
}

// notTest refuses test keys what costs or changes anything: theirs is a
// simulated world, the account's vendor keys and credits are real.
func notTest(c *call) error {
	if c.key.Test {
		return errTestVendors
	}
	return nil
}

// addVendorKey answers POST /v1/email-verifiers/providers with a key that the
// vendor has taken.
func (a *api) addVendorKey(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	draft, err := readVendorDraft(w, r, c)
	if err != nil {
		return err
	}
	key, err := a.VendorKeys.Add(r.Context(), draft, a.noteVendorKey(r, c, string(draft.Vendor), "created"))
	if err != nil {
		return refusedKey(err)
	}
	w.Header().Set("Location", "/v1/email-verifiers/providers/"+strconv.FormatInt(key.ID, 10))
	return writeJSON(w, http.StatusCreated, vendorKeyAnswer{a.vendorKey(key), &validationShape{key.Vendor, key.Credits}})
}

func readVendorDraft(w http.ResponseWriter, r *http.Request, c *call) (vendors.Draft, error) {
	d := vendors.Draft{Account: c.key.Account}
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return d, err
	}
	var provider, secret *string
	if err := decodeObject(body, map[string]any{"provider": &provider, "api_key": &secret, "label": &d.Label}); err != nil {
		return d, err
	}
	if d.Vendor, err = vendorNamed("provider", provider); err != nil {
		return d, err
	}
	if secret == nil {
		return d, badField("api_key", "is required")
	}
	d.Secret = *secret
	return d, checkVendorSecret(secret)
}

// vendorNamed reads the name of a vendor that there is.
func vendorNamed(field string, name *string) (vendors.Name, error) {
	if name != nil && vendors.Known(vendors.Name(*name)) {
		return vendors.Name(*name), nil
	}
	var known []vendors.Name
	for _, v := range vendors.Defaults() {
		known = append(known, v.Name)
	}
	return "", badField(field, "must be one of %s", listed(known))
}

func checkVendorSecret(secret *string) error {
	if secret == nil {
		return nil
	}
	if n := utf8.RuneCountInString(*secret); n < vendors.MinSecret || n > vendors.MaxSecret {
		return badField("api_key", "must have %d to %d characters", vendors.MinSecret, vendors.MaxSecret)
	}
	return nil
}

// noteVendorKey records a change of a vendor key together with it: of which one,
// a new one by its vendor, and what.
func (a *api) noteVendorKey(r *http.Request, c *call, which string, what ...string) vendors.Audit {
	fields := make([]string, len(what))
	for i, name := range what {
		fields[i] = "providers." + which + "." + name
	}
	return a.Notes.Note(keys.ActingAs(r.Context(), c.key.ID), c.key, fields...)
}

// refusedKey makes a vendor's word about a key the caller's to mend. The vendor
// may be the one in trouble: its text tells, and nothing was kept either way.
func refusedKey(err error) error {
	var refused *vendors.Error
	if errors.As(err, &refused) {
		return validationError{refused}
	}
	return err
}

// validationError says that a vendor did not confirm a key. It Is errValidation.
type validationError struct{ said *vendors.Error }

func (e validationError) Error() string { return e.said.Error() }
func (e validationError) Unwrap() error { return errValidation }

// listVendorKeys answers GET /v1/email-verifiers/providers. Credits that are old
// are asked for anew, as far as vendors answer quickly.
func (a *api) listVendorKeys(w http.ResponseWriter, r *http.Request, c *call) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	soon, cancel := context.WithTimeout(r.Context(), creditsWithin)
	defer cancel()
	age := creditsAge
	if c.key.Test {
		age = math.MaxInt64 // whose vendors are never asked
	}
	found, err := a.VendorKeys.Refresh(soon, c.key.Account, age)
	if err != nil {
		found, err = a.VendorKeys.List(r.Context(), c.key.Account)
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Keys []vendorKeyShape `json:"keys"`
	}{shaped(found, a.vendorKey)})
}

// vendorKeyID is the id in the path. What is no number names no key.
func vendorKeyID(r *http.Request) (int64, error) {
	text := r.PathValue("provider")
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 || strconv.FormatInt(id, 10) != text {
		return 0, vendors.ErrKey
	}
	return id, nil
}

// showVendorKey answers GET /v1/email-verifiers/providers/{provider}.
func (a *api) showVendorKey(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := vendorKeyID(r)
	if err != nil {
		return err
	}
	key, err := a.VendorKeys.Find(r.Context(), c.key.Account, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, vendorKeyAnswer{Key: a.vendorKey(key)})
}

// changeVendorKey answers PUT /v1/email-verifiers/providers/{provider} with the
// key as it is then. What is not named stays.
func (a *api) changeVendorKey(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	id, err := vendorKeyID(r)
	if err != nil {
		return err
	}
	patch, names, err := readVendorPatch(w, r)
	if err != nil {
		return err
	}
	key, err := a.VendorKeys.Change(r.Context(), c.key.Account, id, patch, a.noteVendorKey(r, c, strconv.FormatInt(id, 10), names...))
	if err != nil {
		return refusedKey(err)
	}
	answer := vendorKeyAnswer{Key: a.vendorKey(key)}
	if patch.Secret != nil || patch.Revalidate {
		answer.Validation = &validationShape{key.Vendor, key.Credits}
	}
	return writeJSON(w, http.StatusOK, answer)
}

// readVendorPatch reads a change and the names of what changes.
func readVendorPatch(w http.ResponseWriter, r *http.Request) (p vendors.Patch, names []string, err error) {
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return p, nil, err
	}
	var label maybe[string]
	if err := decodeObject(body, map[string]any{"label": &label, "is_active": &p.Active, "api_key": &p.Secret, "revalidate": &p.Revalidate}); err != nil {
		return p, nil, err
	}
	p.Label = orDefault(label, "")
	for _, field := range []struct {
		name  string
		given bool
	}{{"label", p.Label != nil}, {"is_active", p.Active != nil}, {"api_key", p.Secret != nil}, {"revalidate", p.Revalidate}} {
		if field.given {
			names = append(names, field.name)
		}
	}
	if len(names) == 0 {
		return p, nil, badRequest("nothing is to be changed; the fields are api_key, is_active, label, revalidate")
	}
	return p, names, checkVendorSecret(p.Secret)
}

// deleteVendorKey answers DELETE /v1/email-verifiers/providers/{provider}.
func (a *api) deleteVendorKey(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	id, err := vendorKeyID(r)
	if err != nil {
		return err
	}
	if err := a.VendorKeys.Delete(r.Context(), c.key.Account, id, a.noteVendorKey(r, c, strconv.FormatInt(id, 10), "deleted")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
