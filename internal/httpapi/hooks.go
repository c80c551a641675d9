package httpapi

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"rcpt/internal/esp"
	"rcpt/internal/hooks"
	"rcpt/internal/keys"
)

// hookShape is what a key declared for an ESP, in answers. Secrets are never
// shown.
type hookShape struct {
	ESP         string          `json:"esp"`
	Path        string          `json:"path"`     // of its URL, with the hook token left open
	Declared    bool            `json:"declared"` // with PUT; else the token alone admits
	Signed      bool            `json:"signed"`   // requests must prove where they come from
	Auth        esp.Auth        `json:"auth"`     // how they can
	SecretSetAt *time.Time      `json:"secret_set_at"`
	FormerUntil *time.Time      `json:"old_secret_valid_until"`
	TopicARN    *string         `json:"topic_arn"`
	Mapping     json.RawMessage `json:"mapping"`
	ChangedAt   *time.Time      `json:"changed_at"`
}

func hookShapeOf(slug string, h hooks.Hook) hookShape {
	traits, _ := esp.Find(slug)
	s := hookShape{
		ESP: slug, Path: "/v1/hooks/" + slug + "/{hook_token}", Declared: h.ESP != "", Signed: h.Signed(), Auth: traits.Auth,
		SecretSetAt: timeOrNull(h.SecretSetAt), FormerUntil: timeOrNull(h.FormerUntil), TopicARN: cursor(h.TopicARN), ChangedAt: timeOrNull(h.ChangedAt),
	}
	if len(h.Mapping) > 0 {
		s.Mapping = h.Mapping
	}
	return s
}

// listHooks answers GET /v1/hooks with every ESP there is, and says of each
// whether its requests are verified.
func (a *api) listHooks(w http.ResponseWriter, r *http.Request, c *call) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	declared, err := a.Hooks.List(r.Context(), hookKey(c.key))
	if err != nil {
		return err
	}
	var shapes []hookShape
	for _, slug := range esp.Slugs() {
		var h hooks.Hook
		if i := slices.IndexFunc(declared, func(h hooks.Hook) bool { return h.ESP == slug }); i >= 0 {
			h = declared[i]
		}
		shapes = append(shapes, hookShapeOf(slug, h))
	}
	return writeJSON(w, http.StatusOK, struct {
		Hooks []hookShape `json:"hooks"`
	}{shapes})
}

// showHook answers GET /v1/hooks/{esp}.
func (a *api) showHook(w http.ResponseWriter, r *http.Request, c *call) error {
	h, err := a.Hooks.Find(r.Context(), hookKey(c.key), r.PathValue("esp"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, hookShapeOf(h.ESP, h))
}

// declareHook answers PUT /v1/hooks/{esp}. What is left out stays: a secret
// cannot be read, so that nobody could put it again.
func (a *api) declareHook(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return err
	}
	patch, fields, err := readHook(body)
	if err != nil {
		return err
	}
	slug := r.PathValue("esp")
	for i := range fields {
		fields[i] = "hooks." + slug + "." + fields[i]
	}
	note := a.Book.Note(keys.ActingAs(r.Context(), c.key.ID), c.key, fields...)
	h, err := a.Hooks.Declare(r.Context(), hookKey(c.key), slug, patch, note)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, hookShapeOf(slug, h))
}

// readHook reads a declaration, and names what it changes.
func readHook(body []byte) (p hooks.Patch, fields []string, err error) {
	var secret, topic maybe[string]
	var mapping maybe[json.RawMessage]
	var overlap *string
	if err := decodeObject(body, map[string]any{
		"secret": &secret, "topic_arn": &topic, "mapping": &mapping, "overlap": &overlap,
	}); err != nil {
		return p, nil, err
	}
	for _, one := range []struct {
		name string
		text maybe[string]
		into **string
	}{{"secret", secret, &p.Secret}, {"topic_arn", topic, &p.TopicARN}} {
		if one.text.value != nil && *one.text.value == "" {
			return p, nil, badField(one.name, "must not be empty; null removes it")
		}
		if one.text.given {
			*one.into = orDefault(one.text, "")
			fields = append(fields, one.name)
		}
	}
	if mapping.given {
		p.Mapping = json.RawMessage{}
		if mapping.value != nil {
			p.Mapping = *mapping.value
		}
		fields = append(fields, "mapping")
	}
	p.Overlap, err = overlapOf(overlap)
	return p, fields, err
}

// removeHook answers DELETE /v1/hooks/{esp}.
func (a *api) removeHook(w http.ResponseWriter, r *http.Request, c *call) error {
	slug := r.PathValue("esp")
	note := a.Book.Note(keys.ActingAs(r.Context(), c.key.ID), c.key, "hooks."+slug)
	if err := a.Hooks.Remove(r.Context(), hookKey(c.key), slug, note); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
