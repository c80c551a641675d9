package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"rcpt/internal/keys"
	"rcpt/internal/vendors"
)

// knownVendor is a vendor as everybody may know it.
type knownVendor struct {
	Provider vendors.Name `json:"provider"`
	Name     string       `json:"name"`
	Price    float64      `json:"list_price_usd"` // of one verification
}

// knownVendors answers GET /v1/email-verifiers/known-providers, in the order in
// which they are asked.
func (a *api) knownVendors(w http.ResponseWriter, r *http.Request, _ *call) error {
	catalog, err := a.Catalogs.Load(r.Context())
	if err != nil {
		return err
	}
	shapes := make([]knownVendor, len(catalog))
	for i, v := range catalog {
		shapes[i] = knownVendor{v.Name, v.Title, dollars(v.Price)}
	}
	return writeJSON(w, http.StatusOK, struct {
		Providers []knownVendor `json:"providers"`
	}{shapes})
}

// catalogEntry is a vendor as the operator sees it.
type catalogEntry struct {
	Provider  vendors.Name `json:"provider"`
	Price     float64      `json:"list_price_usd"`
	AtOnce    int64        `json:"at_once"`    // calls at a time for one account
	PerSecond int64        `json:"per_second"` // for one account; 0: no limit
	TimeoutMS int64        `json:"timeout_ms"` // of one call
	Base      string       `json:"base_url"`
}

// showCatalog answers GET /v1/email-verifiers/catalog.
func (a *api) showCatalog(w http.ResponseWriter, r *http.Request, _ *call) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	catalog, err := a.Catalogs.Load(r.Context())
	if err != nil {
		return err
	}
	shapes := make([]catalogEntry, len(catalog))
	for i, v := range catalog {
		shapes[i] = catalogEntry{v.Name, dollars(v.Price), v.AtOnce, v.PerSecond, v.Timeout.Milliseconds(), v.Base}
	}
	return writeJSON(w, http.StatusOK, struct {
		Catalog []catalogEntry `json:"catalog"`
	}{shapes})
}

// changeCatalog answers PUT /v1/email-verifiers/catalog. What it does not say is
// as built in; an empty one takes all changes away. One that names all vendors
// says their order, else the cheapest comes first.
func (a *api) changeCatalog(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return err
	}
	var entries maybe[[]json.RawMessage]
	if err := decodeObject(body, map[string]any{"catalog": &entries}); err != nil {
		return err
	}
	if entries.value == nil {
		return badField("catalog", "is required: an array of providers")
	}
	for i, entry := range *entries.value {
		if err := checkCatalogEntry(entry, "catalog["+strconv.Itoa(i)+"]"); err != nil {
			return err
		}
	}
	var text []byte // none: as built in
	if len(*entries.value) > 0 {
		if text, err = json.Marshal(*entries.value); err != nil {
			return err
		}
	}
	err = a.Catalogs.Save(r.Context(), text)
	if errors.Is(err, vendors.ErrCatalog) {
		return requestError{field: "catalog", detail: errors.Unwrap(err).Error()}
	}
	if err != nil {
		return err
	}
	if err := a.Notes.Log(keys.ActingAs(r.Context(), c.key.ID), c.key, "catalog"); err != nil {
		return err
	}
	return a.showCatalog(w, r, c)
}

// checkCatalogEntry holds one entry against what JSON leaves open, and its base
// URL against where vendors' keys may go: they stand in most URLs.
func checkCatalogEntry(entry []byte, at string) error {
	if len(entry) == 0 || bytes.TrimLeft(entry, jsonSpace)[0] != '{' {
		return badField(at, "must be an object")
	}
	var provider, base *string
	var price json.RawMessage
	var atOnce, perSecond, timeout int64
	err := decodeFields(entry, at+".", map[string]any{
		"provider": &provider, "list_price_usd": &price, "at_once": &atOnce, "per_second": &perSecond, "timeout_ms": &timeout, "base_url": &base,
	})
	if err != nil {
		return err
	}
	if _, err := vendorNamed(at+".provider", provider); err != nil {
		return err
	}
	if text := strings.TrimLeft(string(price), jsonSpace); text != "" && text != "null" && !strings.ContainsAny(text[:1], "-0123456789") {
		return badField(at+".list_price_usd", "must be a number")
	}
	if base != nil && !vendorURL(*base) {
		return badField(at+".base_url", "must be an https URL of scheme, host and path only; http for a loopback address alone")
	}
	return nil
}

func vendorURL(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.ForceQuery || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && err == nil && ip.IsLoopback()
}
