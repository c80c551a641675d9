package httpapi

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/collector"
	"rcpt/internal/batch/results"
	"rcpt/internal/notify"
	"rcpt/internal/store"
)

const (
	// maxInlineResults is the largest document that is in the answer itself, in
	// octets. Lambda lets 6 MB through, in which quotes are escaped.
	maxInlineResults = 3 << 20

	// linkTime is how long a link to a larger one works.
	linkTime = time.Hour
)

// jobResults answers GET /v1/jobs/{job}/results: the document itself, or the way
// to it.
func (a *api) jobResults(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "format", "status")
	if err != nil {
		return err
	}
	format, err := q.format()
	if err != nil {
		return err
	}
	keep, err := collector.Statuses(q["status"])
	if _, given := q["status"]; err != nil || given && len(keep) == 0 {
		return badField("status", "must be statuses such as INVALID or VALID,RISKY")
	}
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	if !job.Status.Ended() {
		return batch.ErrRunning
	}
	name, err := a.Results.Results(r.Context(), job, format, keep)
	if err != nil {
		return err
	}
	filename := job.ID + "." + string(format)
	file, info, err := a.Jobs.Blob.Open(r.Context(), name, 0, maxInlineResults, "")
	if errors.Is(err, store.ErrNotFound) {
		return collector.ErrNoResults // forgotten just now
	}
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }() // only read
	if info.Size > maxInlineResults {
		link, err := a.Jobs.Blob.LinkGet(r.Context(), name, filename, linkTime)
		if err != nil {
			return err
		}
		w.Header().Set("Location", link)
		w.WriteHeader(http.StatusFound)
		return nil
	}
	w.Header().Set("Content-Type", contentTypes()[format])
	w.Header().Set("Content-Disposition", `attachment; filename="`+filename+`"`)
	w.WriteHeader(http.StatusOK)
	_, _ = io.Copy(w, file) // the caller has hung up; there is nobody to tell
	return nil
}

func (q query) format() (results.Format, error) {
	text, given := q["format"]
	if !given {
		return results.JSON, nil
	}
	if _, known := contentTypes()[results.Format(text)]; !known {
		return "", badField("format", "must be json, jsonl or csv")
	}
	return results.Format(text), nil
}

func contentTypes() map[results.Format]string {
	return map[results.Format]string{
		results.JSON: "application/json", results.JSONL: "application/x-ndjson", results.CSV: "text/csv; charset=utf-8",
	}
}

// deliveryShape is a webhook delivery in answers.
type deliveryShape struct {
	ID        string         `json:"id"` // the header webhook-id
	URL       string         `json:"url"`
	State     notify.State   `json:"state"`
	CreatedAt time.Time      `json:"created_at"`
	NextAt    *time.Time     `json:"next_attempt_at"`
	EndedAt   *time.Time     `json:"ended_at"`
	Attempts  []attemptShape `json:"attempts"`
}

type attemptShape struct {
	At         time.Time `json:"at"`
	Round      int       `json:"round"`
	Number     int       `json:"number"`
	DurationMS int64     `json:"duration_ms"`
	Status     *int      `json:"status"` // of the answer; null: there was none
	Error      string    `json:"error,omitempty"`
	Response   string    `json:"response,omitempty"`
}

func deliveryOf(d notify.Delivery) deliveryShape {
	s := deliveryShape{
		ID: d.ID, URL: d.URL, State: d.State, CreatedAt: wireTime(d.CreatedAt),
		NextAt: wireTimeOrNull(d.NextAt), EndedAt: wireTimeOrNull(d.EndedAt), Attempts: make([]attemptShape, len(d.Attempts)),
	}
	for i, at := range d.Attempts {
		s.Attempts[i] = attemptShape{
			At: wireTime(at.At), Round: at.Round, Number: at.Number, DurationMS: at.Took.Milliseconds(), Error: at.Error, Response: at.Response,
		}
		if at.Status != 0 {
			s.Attempts[i].Status = &at.Status
		}
	}
	return s
}

// listDeliveries answers GET /v1/jobs/{job}/deliveries.
func (a *api) listDeliveries(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	return a.sendDeliveries(w, r, job.Account, job.ID, next, limit)
}

// sendDeliveries answers with a page of what was delivered about a subject.
func (a *api) sendDeliveries(w http.ResponseWriter, r *http.Request, account, subject, after string, limit int) error {
	deliveries, next, err := a.Deliveries.List(r.Context(), account, subject, after, limit)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		Deliveries []deliveryShape `json:"deliveries"`
		Next       *string         `json:"next"`
	}{shaped(deliveries, deliveryOf), cursor(next)})
}

// resend answers POST /v1/jobs/{job}/deliveries/{delivery}/resend.
func (a *api) resend(w http.ResponseWriter, r *http.Request, c *call) error {
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	id := r.PathValue("delivery")
	if strings.ContainsAny(id, "/#") {
		return notify.ErrNotFound
	}
	d, err := a.Deliveries.Resend(r.Context(), job.Account, job.ID, id)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, deliveryOf(d))
}
