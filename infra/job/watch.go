package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"time"
)

// job is what rcpt tells of one.
type job struct {
	ID             string           `json:"id"`
	Status         string           `json:"status"`
	Total          int64            `json:"total"`
	Done           int64            `json:"done"`
	ByStatus       map[string]int64 `json:"by_status"`
	ByReason       map[string]int64 `json:"by_reason"`
	CreatedAt      time.Time        `json:"created_at"`
	EstimatedEndAt time.Time        `json:"estimated_end_at"`
	FinishedAt     time.Time        `json:"finished_at"`
	Error          string           `json:"error"`
}

func (j job) ended() bool {
	return j.Status == "completed" || j.Status == "failed" || j.Status == "cancelled"
}

// watch takes a list through to its results.
type watch struct {
	order
	*client
	out   io.Writer
	line  bool          // out is a terminal: one line that changes
	every time.Duration // how often rcpt is asked at first
}

func (w *watch) run(ctx context.Context) error {
	t, err := w.ticket()
	if err != nil {
		return err
	}
	j, err := w.find(ctx, &t)
	if err == nil && j.ID == "" {
		j, err = w.submit(ctx, &t)
	}
	if err == nil {
		j, err = w.follow(ctx, j)
	}
	switch {
	case !errors.Is(err, context.Canceled):
	case t.Job == "":
		w.say("\nbroken off before it became a job\n")
	default:
		w.say("\n%s goes on without you. To wait for it again, and for its results, repeat the same command.\n", t.Job)
	}
	if err != nil {
		return err
	}
	return w.finish(ctx, j)
}

// find returns the job of an earlier run; none if there was none or rcpt has
// forgotten it.
func (w *watch) find(ctx context.Context, t *ticket) (j job, err error) {
	if t.Job == "" {
		return job{}, nil
	}
	err = w.call(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(t.Job), nil, &j)
	var p *problem
	if errors.As(err, &p) && p.Status == http.StatusNotFound {
		*t = ticket{List: t.List}
		return job{}, nil
	}
	if err == nil {
		w.say("%s was begun by an earlier run\n", t.Job)
	}
	return j, err
}

// submit sends the list and makes a job of it. The idempotency key is that of the
// list as it was sent: whatever breaks off between, it becomes one job.
func (w *watch) submit(ctx context.Context, t *ticket) (j job, err error) {
	if t.Upload == "" {
		w.say("%s is on its way to %s\n", w.file, w.url)
		if t.Upload, err = w.upload(ctx); err != nil {
			return job{}, err
		}
		if err := w.keep(*t); err != nil {
			return job{}, err
		}
	}
	body := map[string]string{"upload_id": t.Upload}
	for name, value := range map[string]string{"mode": w.mode, "policy": w.policy, "email_column": w.column} {
		if value != "" {
			body[name] = value
		}
	}
	err = w.call(ctx, http.MethodPost, "/v1/jobs", body, &j, "Idempotency-Key", t.List[:32]+"-"+t.Upload)
	var p *problem
	if errors.As(err, &p) && !passing(err) { // what was sent is of no use: the next run begins anew
		return job{}, errors.Join(err, os.Remove(w.ticketPath()))
	}
	if err != nil {
		return job{}, err
	}
	t.Job = j.ID
	return j, w.keep(*t)
}

// follow shows how far the job is until it has ended.
func (w *watch) follow(ctx context.Context, j job) (job, error) {
	w.say("%s\n", j.ID)
	p := progress{out: w.out, line: w.line}
	begun := time.Now()
	for {
		p.show(j, time.Now())
		if j.ended() {
			p.end()
			return j, nil
		}
		if err := wait(ctx, w.rhythm(time.Since(begun))); err != nil {
			return j, err
		}
		j = job{ID: j.ID}
		if err := w.call(ctx, http.MethodGet, "/v1/jobs/"+url.PathEscape(j.ID), nil, &j); err != nil {
			p.end()
			return j, err
		}
	}
}

// rhythm asks less often about what takes longer.
func (w *watch) rhythm(since time.Duration) time.Duration {
	return min(max(w.every, since/60), 10*w.every)
}

// finish saves the results and says what came out.
func (w *watch) finish(ctx context.Context, j job) error {
	if j.Status == "failed" {
		return errors.Join(fmt.Errorf("%s failed: %s", j.ID, j.Error), os.Remove(w.ticketPath()))
	}
	if err := w.results(ctx, j); err != nil {
		return fmt.Errorf("fetch the results of %s: %w", j.ID, err)
	}
	if err := os.Remove(w.ticketPath()); err != nil {
		return err
	}
	w.say("%s", summary(j))
	w.say("results: %s\n", w.order.results())
	if j.Status != "completed" {
		return fmt.Errorf("%s was %s before it was done", j.ID, j.Status)
	}
	return nil
}

// results saves what rcpt, or the file it points to, has.
func (w *watch) results(ctx context.Context, j job) error {
	return w.again(ctx, func() error {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.url+"/v1/jobs/"+url.PathEscape(j.ID)+"/results?format="+w.format, nil)
		if err != nil {
			return err
		}
		answer, err := w.do(r)
		if err != nil {
			return err
		}
		defer func() { _ = answer.Body.Close() }()
		return save(w.order.results(), func(f io.Writer) error {
			_, err := io.Copy(f, answer.Body)
			return err
		})
	})
}

func (w *watch) say(format string, args ...any) { _, _ = fmt.Fprintf(w.out, format, args...) }
