package httpapi

import (
	"encoding/json"
	"math"
	"net/http"

	"rcpt/internal/vendors"
)

// budgetShape is what an account wants to spend on vendors in a month.
type budgetShape struct {
	Max   *float64 `json:"monthly_usd"` // null: no budget
	Month string   `json:"month"`       // UTC
	Spent float64  `json:"spent_usd"`
}

// showBudget answers GET /v1/email-verifiers/budget.
func (a *api) showBudget(w http.ResponseWriter, r *http.Request, c *call) error {
	if _, err := readQuery(r); err != nil {
		return err
	}
	b, err := a.Chain.Budget(r.Context(), c.key.Account)
	if err != nil {
		return err
	}
	shape := budgetShape{Month: b.Month, Spent: dollars(b.Spent)}
	if b.Max != nil {
		shape.Max = new(dollars(*b.Max))
	}
	return writeJSON(w, http.StatusOK, shape)
}

// changeBudget answers PUT /v1/email-verifiers/budget. Null takes the budget away.
func (a *api) changeBudget(w http.ResponseWriter, r *http.Request, c *call) error {
	if err := notTest(c); err != nil {
		return err
	}
	body, err := readBody(w, r, maxDraft)
	if err != nil {
		return err
	}
	var given json.RawMessage
	if err := decodeObject(body, map[string]any{"monthly_usd": &given}); err != nil {
		return err
	}
	if given == nil {
		return badField("monthly_usd", "is required: a number of dollars, or null for no budget")
	}
	var most *float64
	if err := json.Unmarshal(given, &most); err != nil || most != nil && (*most < 0 || *most > dollars(vendors.MaxBudget)) {
		return badField("monthly_usd", "must be a number from 0 to %.0f, or null", dollars(vendors.MaxBudget))
	}
	var micro *int64
	if most != nil {
		micro = new(int64(math.Round(*most * 1e6)))
	}
	if err := a.Chain.SetBudget(r.Context(), c.key.Account, micro, a.noteVendorKey(r, c, "budget", "monthly_usd")); err != nil {
		return err
	}
	return a.showBudget(w, r, c)
}
