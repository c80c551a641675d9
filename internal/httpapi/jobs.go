package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/intake"
	"rcpt/internal/batch/planner"
	"rcpt/internal/batch/results"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
)

// Plans looks ahead at lists. See planner.Planner, which is one.
type Plans interface {
	Estimate(ctx context.Context, job batch.Job, list intake.Source) (planner.Estimate, error)
}

// Results finds the documents of jobs that have ended. See collector.Collector,
// which is one.
type Results interface {
	Results(ctx context.Context, job batch.Job, f results.Format, keep results.Filter) (blob string, err error)
}

// jobShape is a job in answers. The first fields are the contract's.
type jobShape struct {
	ID             string                   `json:"id"`
	Status         batch.Status             `json:"status"`
	Total          int64                    `json:"total"` // rows; grows while the list is read
	Done           int64                    `json:"done"`
	ByStatus       map[verdict.Status]int64 `json:"by_status"`
	ByReason       map[verdict.Reason]int64 `json:"by_reason"`
	CreatedAt      time.Time                `json:"created_at"`
	StartedAt      *time.Time               `json:"started_at"`
	EstimatedEndAt *time.Time               `json:"estimated_end_at"`
	FinishedAt     *time.Time               `json:"finished_at"`
	Error          *string                  `json:"error"`
	Key            string                   `json:"key"`
	Mode           string                   `json:"mode"`
	Policy         string                   `json:"policy"`
	Vendors        string                   `json:"vendors"`
	Filename       string                   `json:"filename,omitempty"`
	WebhookURL     string                   `json:"webhook_url,omitempty"`
	Metadata       map[string]string        `json:"metadata"`
	DeadlineAt     time.Time                `json:"deadline_at"`
	KeptUntil      *time.Time               `json:"results_kept_until"`
}

func (a *api) jobOf(j batch.Job) jobShape {
	j.Done.Join(batch.Tally{}) // a job that was just made has no counters
	s := jobShape{
		ID: j.ID, Status: j.Status, Total: j.Total, Done: j.Done.Rows, ByStatus: j.Done.ByStatus, ByReason: j.Done.ByReason,
		CreatedAt: wireTime(j.CreatedAt), StartedAt: wireTimeOrNull(j.StartedAt), FinishedAt: wireTimeOrNull(j.FinishedAt),
		Key: j.Key, Mode: string(j.Options.Mode), Policy: j.Options.Policy.Name, Vendors: "off",
		Filename: j.Options.Filename, WebhookURL: j.Options.WebhookURL, Metadata: j.Options.Metadata,
		DeadlineAt: wireTime(j.Deadline), KeptUntil: wireTimeOrNull(j.KeptUntil()),
		EstimatedEndAt: wireTimeOrNull(estimatedEnd(j, a.Now())),
	}
	if j.Options.Vendors {
		s.Vendors = "on_unknown"
	}
	if j.Error != "" {
		s.Error = &j.Error
	}
	if s.Metadata == nil {
		s.Metadata = map[string]string{}
	}
	return s
}

func wireTimeOrNull(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = wireTime(t)
	return &t
}

// estimatedEnd reckons with the pace so far. A job ends at its deadline at the
// latest, and a little after it at the most.
func estimatedEnd(j batch.Job, now time.Time) time.Time {
	if j.Status != batch.Running || j.Done.Rows == 0 || j.Total == 0 || j.StartedAt.IsZero() {
		return time.Time{}
	}
	whole := float64(now.Sub(j.StartedAt)) * float64(j.Total) / float64(j.Done.Rows)
	if whole >= float64(j.Deadline.Sub(j.StartedAt)) { // it may be centuries
		return j.Deadline
	}
	return j.StartedAt.Add(time.Duration(whole))
}

// createJob answers POST /v1/jobs.
func (a *api) createJob(w http.ResponseWriter, r *http.Request, c *call) error {
	d, leave, err := a.enterJob(w, r, c)
	if err != nil {
		return err
	}
	defer leave()
	job, err := a.Jobs.Create(r.Context(), d.draft)
	var refused *usage.RefusedError
	if errors.As(err, &refused) {
		writeStanding(w.Header(), refused.Standing())
	}
	if err != nil {
		return err
	}
	w.Header().Set("Location", "/v1/jobs/"+job.ID)
	return writeJSON(w, http.StatusAccepted, a.jobOf(job))
}

// enterJob reads a job and lets its request in under the limits of the key. The
// month is charged when the list is read; a new job is refused where it is spent
// already.
func (a *api) enterJob(w http.ResponseWriter, r *http.Request, c *call) (d jobDraft, leave func(), err error) {
	if d, err = a.readJob(w, r, c); err != nil {
		return d, nil, err
	}
	leave, d.draft.Refused, err = a.enter(w, r, c, c.received.Add(jobsWithin))
	return d, leave, err
}

// estimateShape is what a job would be.
type estimateShape struct {
	Rows            int64 `json:"rows"`
	Sampled         bool  `json:"sampled"` // only the beginning of the list was looked at
	Duplicates      int64 `json:"duplicates"`
	Broken          int64 `json:"broken"`
	Unique          int64 `json:"unique"`
	Cached          int64 `json:"cached"`
	NeedSMTP        int64 `json:"need_smtp"` // in soft mode 0
	NeedDNS         int64 `json:"need_dns"`  // domains
	ExpectedSeconds int64 `json:"expected_seconds"`
}

// estimateJob answers POST /v1/jobs/estimate.
func (a *api) estimateJob(w http.ResponseWriter, r *http.Request, c *call) error {
	d, leave, err := a.enterJob(w, r, c)
	if err != nil {
		return err
	}
	defer leave()
	e, err := a.Plans.Estimate(r.Context(), batch.Job{
		Account: d.draft.Account, Key: d.draft.Key, Test: d.draft.Test, Options: d.draft.Options,
	}, d.source(r.Context(), a))
	if errors.Is(err, store.ErrNotFound) {
		return batch.ErrUpload // removed just now
	}
	if err != nil {
		return err
	}
	shape := estimateShape{
		Rows: e.Rows, Sampled: e.Sampled, Duplicates: e.Duplicates, Broken: e.Broken, Unique: e.Unique, Cached: e.Known,
		NeedSMTP: e.Ask, NeedDNS: e.Domains, ExpectedSeconds: int64(e.Time / time.Second),
	}
	if d.soft() {
		shape.NeedSMTP = 0
	}
	return writeJSON(w, http.StatusOK, shape)
}

// findJob finds the job of a path as far as the key may see it: those of its
// account, and of its kind. What a test key tries out is not among what counts.
func (a *api) findJob(r *http.Request, c *call) (batch.Job, error) {
	job, err := a.Jobs.Find(r.Context(), c.key.Account, r.PathValue("job"))
	if err == nil && job.Test != c.key.Test {
		return batch.Job{}, batch.ErrJob
	}
	return job, err
}

// listJobs answers GET /v1/jobs, the latest first.
func (a *api) listJobs(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.pageTo(maxJobs, defaultPage)
	if err != nil {
		return err
	}
	jobs, next, err := a.Jobs.List(r.Context(), c.key.Account, next, limit)
	if err != nil {
		return err
	}
	shapes := make([]jobShape, 0, len(jobs))
	for _, j := range jobs {
		if j.Test == c.key.Test {
			shapes = append(shapes, a.jobOf(j))
		}
	}
	return writeJSON(w, http.StatusOK, struct {
		Jobs []jobShape `json:"jobs"`
		Next *string    `json:"next"`
	}{shapes, cursor(next)})
}

// maxJobs is the longest page of jobs.
const maxJobs = 100

// showJob answers GET /v1/jobs/{job}.
func (a *api) showJob(w http.ResponseWriter, r *http.Request, c *call) error {
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, a.jobOf(job))
}

// cancelJob answers POST /v1/jobs/{job}/cancel. The job ends a moment later, with
// the results it has.
func (a *api) cancelJob(w http.ResponseWriter, r *http.Request, c *call) error {
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	if job, err = a.Jobs.Cancel(r.Context(), job.Account, job.ID); err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, a.jobOf(job))
}

// deleteJob answers DELETE /v1/jobs/{job}.
func (a *api) deleteJob(w http.ResponseWriter, r *http.Request, c *call) error {
	job, err := a.findJob(r, c)
	if err != nil {
		return err
	}
	if !job.Status.Ended() {
		return batch.ErrRunning
	}
	if err := a.Deliveries.Forget(r.Context(), job.Account, job.ID); err != nil {
		return err
	}
	if err := a.Jobs.Delete(r.Context(), job.Account, job.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// uploadShape says how to send a file.
type uploadShape struct {
	ID      string            `json:"upload_id"`
	URL     string            `json:"url"`
	Method  string            `json:"method"`
	Fields  map[string]string `json:"fields"`
	Expires time.Time         `json:"expires_at"`
}

// createUpload answers POST /v1/uploads.
func (a *api) createUpload(w http.ResponseWriter, r *http.Request, c *call) error {
	body, err := readBody(w, r, maxQuestion)
	if err != nil {
		return err
	}
	var filename *string
	var size maybe[int64]
	if err := decodeObject(body, map[string]any{"filename": &filename, "size": &size}); err != nil {
		return err
	}
	name, err := filenameOf(filename)
	if err != nil {
		return err
	}
	most := int64(batch.MaxUpload)
	if size.value != nil {
		if most = *size.value; most < 1 || most > batch.MaxUpload {
			return badField("size", "must be from 1 to %d octets", int64(batch.MaxUpload))
		}
	}
	u, err := a.Jobs.NewUpload(r.Context(), c.key.Account, name, most)
	if err != nil {
		return err
	}
	shape := uploadShape{ID: u.ID, URL: u.Link.URL, Method: u.Link.Method, Fields: u.Link.Fields, Expires: wireTime(u.Link.Expires)}
	if shape.Fields == nil {
		shape.Fields = map[string]string{}
	}
	return writeJSON(w, http.StatusCreated, shape)
}

// source is the list of a draft, without keeping it.
func (d jobDraft) source(ctx context.Context, a *api) intake.Source {
	if d.list == nil {
		return intake.FromBlob(ctx, a.Jobs.Blob, d.draft.Source.Blob, d.draft.Source.Version)
	}
	return func(offset int64) (io.ReadCloser, error) {
		return io.NopCloser(d.reader(offset)), nil
	}
}
