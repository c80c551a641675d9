package httpapi

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
	"time"

	"rcpt/internal/vendors"
)

// vendorCost is what calls came to, by list price.
type vendorCost struct {
	Calls int64   `json:"calls"`
	Cost  float64 `json:"cost_usd"`
}

func costOf(t vendors.Tally) vendorCost { return vendorCost{t.Calls, dollars(t.Cost)} }

type providerCost struct {
	Provider vendors.Name `json:"provider"`
	vendorCost
}

type actionCost struct {
	Action vendors.Action `json:"action_type"`
	vendorCost
}

// vendorUsageShape is the answer of GET /v1/email-verifiers/usage.
type vendorUsageShape struct {
	Days             int                              `json:"days"`
	Since            time.Time                        `json:"since"` // the beginning of the first day, UTC
	Calls            int64                            `json:"total_calls"`
	Cost             float64                          `json:"total_cost_usd"`
	ByProvider       []providerCost                   `json:"by_provider"` // most calls first, as the next
	ByAction         []actionCost                     `json:"by_action_type"`
	ByDeliverability map[vendors.Deliverability]int64 `json:"by_deliverability"` // calls
}

// vendorUsage answers GET /v1/email-verifiers/usage with the account's calls of
// so many days up to today, UTC. What the cache answered is no call.
func (a *api) vendorUsage(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "days")
	if err != nil {
		return err
	}
	days, err := q.number("days", 1, maxDays, defaultDays)
	if err != nil {
		return err
	}
	today := c.received.UTC().Truncate(24 * time.Hour)
	since := today.AddDate(0, 0, 1-days)
	counted, err := a.Ledger.Usage(r.Context(), c.key.Account, since, today)
	if err != nil {
		return err
	}
	sum := sumOf(counted)
	shape := vendorUsageShape{
		Days: days, Since: since, Calls: sum.All.Calls, Cost: dollars(sum.All.Cost),
		ByProvider: []providerCost{}, ByAction: []actionCost{},
		ByDeliverability: map[vendors.Deliverability]int64{vendors.Deliverable: 0, vendors.Undeliverable: 0, vendors.Uncertain: 0, vendors.Undecided: 0},
	}
	for _, name := range byCalls(sum.ByVendor) {
		shape.ByProvider = append(shape.ByProvider, providerCost{name, costOf(sum.ByVendor[name])})
	}
	for _, name := range byCalls(sum.ByAction) {
		shape.ByAction = append(shape.ByAction, actionCost{name, costOf(sum.ByAction[name])})
	}
	for name, tally := range sum.ByDeliverability {
		shape.ByDeliverability[name] += tally.Calls
	}
	return writeJSON(w, http.StatusOK, shape)
}

// sumOf adds days up.
func sumOf(days []vendors.Day) vendors.Day {
	sum := vendors.Day{
		ByVendor: map[vendors.Name]vendors.Tally{}, ByAction: map[vendors.Action]vendors.Tally{}, ByDeliverability: map[vendors.Deliverability]vendors.Tally{},
	}
	for _, day := range days {
		sum.All = plus(sum.All, day.All)
		addTallies(sum.ByVendor, day.ByVendor)
		addTallies(sum.ByAction, day.ByAction)
		addTallies(sum.ByDeliverability, day.ByDeliverability)
	}
	return sum
}

func plus(a, b vendors.Tally) vendors.Tally {
	return vendors.Tally{Calls: a.Calls + b.Calls, Cost: a.Cost + b.Cost}
}

func addTallies[N comparable](into, more map[N]vendors.Tally) {
	for name, tally := range more {
		into[name] = plus(into[name], tally)
	}
}

// byCalls orders names by calls, the most first, and then by themselves.
func byCalls[N cmp.Ordered](tallies map[N]vendors.Tally) []N {
	return slices.SortedFunc(maps.Keys(tallies), func(a, b N) int {
		return cmp.Or(cmp.Compare(tallies[b].Calls, tallies[a].Calls), cmp.Compare(a, b))
	})
}

// vendorEntry is a line of the log of verifications.
type vendorEntry struct {
	ID             string                  `json:"id"`
	At             time.Time               `json:"created_at"`
	Email          string                  `json:"email"`
	State          vendors.State           `json:"state"`       // answered, cached, failed, open
	Provider       *vendors.Name           `json:"provider"`    // null: none has answered
	KeyID          *int64                  `json:"provider_id"` // of the vendor key
	Action         vendors.Action          `json:"action_type"`
	Subject        *string                 `json:"subject"` // id of the sequence or job it was for
	Status         *vendors.Status         `json:"status"`  // null: no verdict, as the next
	Deliverability *vendors.Deliverability `json:"deliverability"`
	Disposable     *bool                   `json:"is_disposable"`
	Role           *bool                   `json:"is_role"`
	CatchAll       *bool                   `json:"is_catch_all"`
	Confidence     *float64                `json:"confidence"`
	Raw            *string                 `json:"raw_status"`
	LatencyMS      int64                   `json:"latency_ms"`
	Cost           float64                 `json:"cost_estimate_usd"`
	Key            string                  `json:"key"` // id of the API key that asked
	Trace          []stepShape             `json:"trace"`
	Error          *string                 `json:"error"`
}

func vendorEntryOf(e vendors.Entry) vendorEntry {
	return vendorEntry{
		ID: e.ID, At: wireTime(e.At), Email: e.Email, State: e.State, Provider: orNull(e.Vendor), KeyID: orNull(e.KeyID),
		Action: e.Action, Subject: orNull(e.Subject), Status: orNull(e.Result.Status), Deliverability: orNull(e.Result.Deliverability),
		Disposable: e.Result.Disposable, Role: e.Result.Role, CatchAll: e.Result.CatchAll, Confidence: e.Result.Confidence,
		Raw: orNull(e.Result.Raw), LatencyMS: e.Latency.Milliseconds(), Cost: dollars(e.Cost), Key: e.APIKey,
		Trace: stepsOf(e.Trace), Error: orNull(e.Error),
	}
}

// orNull is nil for a zero value.
func orNull[T comparable](value T) *T {
	var none T
	if value == none {
		return nil
	}
	return &value
}

// vendorLog answers GET /v1/email-verifiers/log with the account's
// verifications, the latest first. Those are of live keys, and name customers:
// test keys, whose vendors are never asked, see none.
func (a *api) vendorLog(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "action_type", "deliverability", "email", "limit", "next", "provider", "since", "state", "status", "subject", "until")
	if err != nil {
		return err
	}
	filter, err := q.vendorFilter()
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	var entries []vendors.Entry
	if c.key.Test {
		next = ""
	} else if entries, next, err = a.Ledger.Log(r.Context(), c.key.Account, filter, next, limit); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Entries []vendorEntry `json:"entries"`
		Next    *string       `json:"next"`
	}{shaped(entries, vendorEntryOf), cursor(next)})
}

// vendorFilter reads which verifications are asked for.
func (q query) vendorFilter() (f vendors.Filter, err error) {
	f.Subject = q["subject"]
	if name, given := q["provider"]; given {
		if f.Vendor, err = vendorNamed("provider", &name); err != nil {
			return f, err
		}
	}
	if f.Action, err = word(q, "action_type", vendors.Manual, vendors.Bulk, vendors.Enrolment, vendors.Job, vendors.Realtime); err != nil {
		return f, err
	}
	if f.State, err = word(q, "state", vendors.Answered, vendors.Cached, vendors.Failed, vendors.Open); err != nil {
		return f, err
	}
	if f.Status, err = word(q, "status", vendors.Valid, vendors.Invalid, vendors.Risky, vendors.Unknown); err != nil {
		return f, err
	}
	if f.Deliverability, err = word(q, "deliverability", vendors.Deliverable, vendors.Undeliverable, vendors.Uncertain, vendors.Undecided); err != nil {
		return f, err
	}
	if text, given := q["email"]; given {
		if f.Address, err = emailOf(&text); err != nil {
			return f, err
		}
	}
	for name, into := range map[string]*time.Time{"since": &f.Since, "until": &f.Until} {
		if *into, err = q.moment(name); err != nil {
			return f, err
		}
	}
	if !f.Until.IsZero() && !f.Since.Before(f.Until) {
		return f, badField("until", "must be after since")
	}
	return f, nil
}

// word is the parameter as one of a closed list; absent, it is zero.
func word[W ~string](q query, name string, words ...W) (W, error) {
	text, given := q[name]
	if given && !slices.Contains(words, W(text)) {
		return "", badField(name, "must be one of %s", listed(words))
	}
	return W(text), nil
}

func listed[W ~string](words []W) string {
	text := ""
	for i, w := range words {
		if i > 0 {
			text += ", "
		}
		text += string(w)
	}
	return text
}
