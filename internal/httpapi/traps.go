package httpapi

import (
	"errors"
	"net/http"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/keys"
	"rcpt/internal/overlay"
)

// trapShape is a domain that customers reported, in answers. Who they are is
// told to nobody.
type trapShape struct {
	Domain       string     `json:"domain"`
	Flagged      bool       `json:"flagged"`
	Accounts     int        `json:"accounts"` // that reported it within 30 days
	LastReportAt *time.Time `json:"last_report_at"`
	Since        *time.Time `json:"since"`
	Until        *time.Time `json:"until"`
	LiftedAt     *time.Time `json:"lifted_at"`
}

func trapOf(t overlay.Trap) trapShape {
	return trapShape{
		Domain: t.Domain, Flagged: t.Flagged, Accounts: t.Accounts, LastReportAt: timeOrNull(t.LastReport),
		Since: timeOrNull(t.Since), Until: timeOrNull(t.Until), LiftedAt: timeOrNull(t.Lifted),
	}
}

// listTraps answers GET /v1/traps with the domains that are flagged.
func (a *api) listTraps(w http.ResponseWriter, r *http.Request, _ *call) error {
	q, err := readQuery(r, "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	if next != "" {
		if _, err := trapDomain(next); err != nil {
			return overlay.ErrCursor
		}
	}
	traps, next, err := a.Overlay.Traps(r.Context(), next, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Traps []trapShape `json:"traps"`
		Next  *string     `json:"next"`
	}{shaped(traps, trapOf), cursor(next)})
}

// showTrap answers GET /v1/traps/{domain}.
func (a *api) showTrap(w http.ResponseWriter, r *http.Request, _ *call) error {
	domain, err := trapDomain(r.PathValue("domain"))
	if err != nil {
		return err
	}
	t, err := a.Overlay.Trap(r.Context(), domain)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, trapOf(t))
}

// liftTrap answers DELETE /v1/traps/{domain}: the flag goes, and what made it.
func (a *api) liftTrap(w http.ResponseWriter, r *http.Request, c *call) error {
	domain, err := trapDomain(r.PathValue("domain"))
	if err != nil {
		return err
	}
	note := a.Book.Note(keys.ActingAs(r.Context(), c.key.ID), c.key, "traps."+domain)
	if err := a.Overlay.Lift(r.Context(), domain, note(0)); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// trapDomain reads a domain of a path. What is none was never reported.
func trapDomain(text string) (string, error) {
	domain, err := address.ParseDomain(text)
	var syntax *address.SyntaxError
	if errors.As(err, &syntax) {
		return "", overlay.ErrNotFound
	}
	return domain, err
}
