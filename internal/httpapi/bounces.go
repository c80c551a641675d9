package httpapi

import (
	"encoding/csv"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"rcpt/internal/keys"
	"rcpt/internal/overlay"
)

// maxExport is how many rows one answer in CSV has at most: some 2 MB, of the 6
// that Lambda lets through.
const maxExport = 10_000

// bounceShape is what a key reported about one address, in answers.
type bounceShape struct {
	ID         string                   `json:"id"`
	Email      string                   `json:"email"`
	Reason     overlay.Reason           `json:"reason"` // the strongest
	FirstAt    time.Time                `json:"first_occurred_at"`
	OccurredAt time.Time                `json:"occurred_at"` // the latest
	Count      int64                    `json:"count"`
	Recent     int                      `json:"count_30_days"`
	ByReason   map[overlay.Reason]int64 `json:"by_reason"`
	Source     string                   `json:"source"`
	EventID    string                   `json:"event_id"`
}

func bounceOf(e overlay.Entry) bounceShape {
	return bounceShape{
		ID: e.ID, Email: e.Email, Reason: e.Reason, FirstAt: wireTime(e.First), OccurredAt: wireTime(e.Last),
		Count: e.Count, Recent: e.Recent, ByReason: e.Counts, Source: e.Source, EventID: e.EventID,
	}
}

// listBounces answers GET /v1/bounces.
func (a *api) listBounces(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "email", "format", "limit", "next", "reason", "since", "until")
	if err != nil {
		return err
	}
	filter, err := q.filter()
	if err != nil {
		return err
	}
	format, given := q["format"]
	if given && format != "json" && format != "csv" {
		return badField("format", "must be json or csv")
	}
	if format == "csv" {
		return a.exportBounces(w, r, c, q, filter)
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	entries, next, err := a.Overlay.List(r.Context(), overlayKey(c.key), filter, next, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Bounces []bounceShape `json:"bounces"`
		Next    *string       `json:"next"`
	}{shaped(entries, bounceOf), cursor(next)})
}

// filter reads which reports are asked for.
func (q query) filter() (f overlay.Filter, err error) {
	if reason, given := q["reason"]; given {
		if f.Reason = overlay.Reason(reason); !f.Reason.Valid() {
			return f, badField("reason", "must be hard_bounce, soft_bounce, spam_complaint or unsubscribe")
		}
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

// moment is the parameter as a time; a day is its beginning. Absent, it is zero.
func (q query) moment(name string) (time.Time, error) {
	text, given := q[name]
	if !given {
		return time.Time{}, nil
	}
	for _, form := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(form, text); err == nil && t.Year() > 0 {
			return t.UTC(), nil
		}
	}
	return time.Time{}, badField(name, "must be a time such as 2027-01-31T12:00:00Z (RFC 3339) or a day such as 2027-01-31")
}

// exportBounces answers with a table (RFC 4180). Where it goes on is in the
// header Link (RFC 8288).
func (a *api) exportBounces(w http.ResponseWriter, r *http.Request, c *call, q query, f overlay.Filter) error {
	next, limit, err := q.pageTo(maxExport, maxExport)
	if err != nil {
		return err
	}
	var rows []overlay.Entry
	for range maxExport / maxPage { // a filter that fits few has the caller go on, before its time is over
		entries, after, err := a.Overlay.List(r.Context(), overlayKey(c.key), f, next, min(maxPage, limit-len(rows)))
		if err != nil {
			return err
		}
		rows, next = append(rows, entries...), after
		if next == "" || len(rows) == limit {
			break
		}
	}
	if next != "" {
		onward := r.URL.Query()
		onward.Set("next", next)
		w.Header().Set("Link", "<"+(&url.URL{Path: r.URL.Path, RawQuery: onward.Encode()}).String()+`>; rel="next"`)
	}
	w.Header().Set("Content-Type", "text/csv; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="bounces.csv"`)
	return writeBounces(w, rows)
}

func writeBounces(w http.ResponseWriter, rows []overlay.Entry) error {
	table := csv.NewWriter(w)
	reasons := []overlay.Reason{overlay.HardBounce, overlay.SoftBounce, overlay.Complaint, overlay.Unsubscribe}
	head := []string{"id", "email", "reason", "first_occurred_at", "occurred_at", "count", "count_30_days"}
	for _, reason := range reasons {
		head = append(head, string(reason))
	}
	_ = table.Write(append(head, "source", "event_id")) // the caller has hung up: Flush would tell, and there is nobody to tell
	for _, e := range rows {
		s := bounceOf(e)
		row := []string{
			s.ID, s.Email, string(s.Reason), s.FirstAt.Format(time.RFC3339Nano), s.OccurredAt.Format(time.RFC3339Nano),
			strconv.FormatInt(s.Count, 10), strconv.Itoa(s.Recent),
		}
		for _, reason := range reasons {
			row = append(row, strconv.FormatInt(s.ByReason[reason], 10))
		}
		row = append(row, s.Source, s.EventID)
		for i := range row {
			row[i] = cell(row[i])
		}
		_ = table.Write(row)
	}
	table.Flush()
	return nil
}

// cell keeps a spreadsheet from taking a text for a formula: addresses may begin
// with any of these, also in full width ("CSV Injection", OWASP).
func cell(text string) string {
	if first, _ := utf8.DecodeRuneInString(text); text != "" && strings.ContainsRune("=+-@\t\r\n＝＋－＠", first) {
		return "'" + text
	}
	return text
}

// showBounce answers GET /v1/bounces/{bounce}.
func (a *api) showBounce(w http.ResponseWriter, r *http.Request, c *call) error {
	e, err := a.Overlay.Find(r.Context(), overlayKey(c.key), r.PathValue("bounce"))
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, bounceOf(e))
}

// deleteBounce answers DELETE /v1/bounces/{bounce}.
func (a *api) deleteBounce(w http.ResponseWriter, r *http.Request, c *call) error {
	id := r.PathValue("bounce")
	if err := a.Overlay.Delete(r.Context(), overlayKey(c.key), id); err != nil {
		return err
	}
	if err := a.Book.Log(keys.ActingAs(r.Context(), c.key.ID), c.key, "bounces"); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ID      string `json:"id"`
		Deleted bool   `json:"deleted"`
	}{id, true})
}

// eraseAddress answers DELETE /v1/addresses: what was reported of the address
// goes, and what is cached of it, the verdicts of the account's vendors among it.
// What the key itself decided stays: suppressions and members of sequences; so
// does what has a time of its own to be kept: results of jobs, rechecks, the log
// of vendors. The address stands in the body, for paths are logged on the way to
// us.
func (a *api) eraseAddress(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := readBody(w, r, maxQuestion)
	if err != nil {
		return err
	}
	var text *string
	if err := decodeObject(body, map[string]any{"email": &text}); err != nil {
		return err
	}
	email, err := emailOf(text)
	if err != nil {
		return err
	}
	erased, err := a.Overlay.Erase(r.Context(), []string{c.key.ID}, email)
	if err != nil {
		return err
	}
	if a.ForgetVendors != nil && !c.key.Test { // vendors' verdicts are the live keys'
		n, err := a.ForgetVendors(r.Context(), c.key.Account, email)
		if err != nil {
			return err
		}
		erased.Evidence += n
	}
	if err := a.Book.Log(keys.ActingAs(r.Context(), c.key.ID), c.key, "addresses"); err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Reports  int `json:"reports"`
		Evidence int `json:"evidence"`
	}{erased.Reports, erased.Evidence})
}
