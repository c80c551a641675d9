package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rcpt/internal/batch"
	"rcpt/internal/keys"
	"rcpt/internal/verify"
)

// maxJob bounds the body of a job, in octets (contract, "Rate headers").
const maxJob = 5 << 20

// jobDraft is a job as it was asked for.
type jobDraft struct {
	draft batch.Draft
	list  []byte // inline, as a JSON array
}

func (d jobDraft) reader(offset int64) io.Reader {
	return bytes.NewReader(d.list[min(offset, int64(len(d.list))):])
}

func (d jobDraft) soft() bool { return d.draft.Options.Mode == verify.Soft }

// jobQuestion is the body of POST /v1/jobs and of its estimate. What is nil is
// absent or null.
type jobQuestion struct {
	emails      maybe[[]*string]
	upload      *string
	webhook     *string
	mode        *string
	policy      *string
	vendors     *string
	deadline    *string
	keep        *string
	emailColumn *string
	metadata    maybe[map[string]*string]
}

// readJob reads what a job is asked to be.
func (a *api) readJob(w http.ResponseWriter, r *http.Request, c *call) (jobDraft, error) {
	if _, err := readQuery(r); err != nil {
		return jobDraft{}, err
	}
	body, err := readBody(w, r, maxJob)
	if err != nil {
		return jobDraft{}, err
	}
	var q jobQuestion
	err = decodeObject(body, map[string]any{
		"emails": &q.emails, "upload_id": &q.upload, "webhook_url": &q.webhook, "mode": &q.mode, "policy": &q.policy,
		"vendors": &q.vendors, "deadline": &q.deadline, "keep": &q.keep, "email_column": &q.emailColumn, "metadata": &q.metadata,
	})
	if err != nil {
		return jobDraft{}, err
	}
	once, err := onceOf(r.Header, body)
	if err != nil {
		return jobDraft{}, err
	}
	d := jobDraft{draft: batch.Draft{Account: c.key.Account, Key: c.key.ID, Test: c.key.Test, Once: once.Name, Body: once.Body[:]}}
	if d.draft.Options, err = a.jobOptions(q, c.key); err != nil {
		return jobDraft{}, err
	}
	d.draft.Options.Base = a.base(r)
	if d.draft.Deadline, err = durationOf("deadline", q.deadline, batch.MinDeadline, batch.MaxDeadline); err != nil {
		return jobDraft{}, err
	}
	if d.draft.Keep, err = durationOf("keep", q.keep, time.Hour, batch.MaxKeep); err != nil {
		return jobDraft{}, err
	}
	return d, a.jobList(r.Context(), q, c.key, &d)
}

// jobList finds the list: in the body, or where it was uploaded.
func (a *api) jobList(ctx context.Context, q jobQuestion, k keys.Key, d *jobDraft) (err error) {
	switch {
	case q.upload != nil && q.emails.value != nil:
		return badField("upload_id", "and emails exclude each other")
	case q.upload != nil:
		d.draft.Source, d.draft.Options.Filename, err = a.Jobs.Uploaded(ctx, k.Account, *q.upload)
		return err
	case q.emails.value == nil:
		return badField("emails", "or upload_id is required")
	}
	if err := checkInline(*q.emails.value); err != nil {
		return err
	}
	if q.emailColumn != nil {
		return badField("email_column", "is for lists that were uploaded: emails has no columns")
	}
	if d.list, err = json.Marshal(*q.emails.value); err != nil {
		return err
	}
	d.draft.Input, d.draft.Rows = d.reader(0), int64(len(*q.emails.value))
	return nil
}

// maxInlineEmail is the longest text of a list in the request, in characters:
// more than any address has, so that what is broken has its row in the results.
const maxInlineEmail = 1000

func checkInline(emails []*string) error {
	if len(emails) == 0 || len(emails) > batch.MaxInline {
		return badField("emails", "must have 1 to %d addresses; upload a longer list with POST /v1/uploads", batch.MaxInline)
	}
	for i, email := range emails {
		if email == nil || utf8.RuneCountInString(*email) > maxInlineEmail {
			return badField("emails", "must be strings of up to %d characters; the one at %d, counted from 0, is not", maxInlineEmail, i)
		}
	}
	return nil
}

func (a *api) jobOptions(q jobQuestion, k keys.Key) (batch.Options, error) {
	switch {
	case !oneOf(q.mode, string(verify.Soft), string(verify.Full)):
		return batch.Options{}, badField("mode", "must be soft or full")
	case !oneOf(q.vendors, "off", "on_unknown"):
		return batch.Options{}, badField("vendors", "must be off or on_unknown")
	case q.policy != nil && *q.policy == "":
		return batch.Options{}, badField("policy", "must be the name of a policy")
	case q.emailColumn != nil && (*q.emailColumn == "" || utf8.RuneCountInString(*q.emailColumn) > maxColumn):
		return batch.Options{}, badField("email_column", "must be the name of a column, or its number from 1, of up to %d characters", maxColumn)
	}
	o := batch.Options{Monthly: limitsOf(k).Monthly}
	var err error
	if o.Mode, err = (question{mode: q.mode}).modeFor(k); err != nil {
		return o, err
	}
	if o.Policy, err = policyFor(q.policy, k); err != nil {
		return o, err
	}
	if o.Vendors = q.vendors != nil && *q.vendors == "on_unknown"; o.Vendors {
		switch {
		case k.Test:
			return o, errTestVendors
		case !k.May(keys.Providers):
			return o, scopeError{keys.Providers}
		}
	}
	if o.WebhookURL, err = a.webhookFor(q.webhook, k); err != nil {
		return o, err
	}
	if q.emailColumn != nil {
		o.EmailColumn = *q.emailColumn
	}
	o.Metadata, err = metadataOf(q.metadata)
	return o, err
}

// maxColumn is the longest name of a column, in characters.
const maxColumn = 200

// webhookFor is the URL named, else the key's. An empty one is none.
func (a *api) webhookFor(url *string, k keys.Key) (string, error) {
	switch {
	case url == nil:
		return k.WebhookURL, nil
	case *url == "":
		return "", nil
	}
	if err := a.Deliveries.CheckURL(*url); err != nil {
		return "", badField("webhook_url", "%v", err)
	}
	return *url, nil
}

// Bounds of metadata.
const (
	maxNames    = 50
	maxNameText = 100
	maxText     = 1000
)

func metadataOf(m maybe[map[string]*string]) (map[string]string, error) {
	if m.value == nil {
		return nil, nil
	}
	size, metadata := 0, make(map[string]string, len(*m.value))
	for name, text := range *m.value {
		if text == nil {
			return nil, badField("metadata", "must be %s", expected(&m))
		}
		if utf8.RuneCountInString(name) > maxNameText || utf8.RuneCountInString(*text) > maxText {
			return nil, badField("metadata", "takes names of %d and texts of %d characters", maxNameText, maxText)
		}
		size += len(name) + len(*text)
		metadata[name] = *text
	}
	if len(metadata) > maxNames || size > batch.MaxMetadata {
		return nil, badField("metadata", "takes %d names and %d octets", maxNames, batch.MaxMetadata)
	}
	return metadata, nil
}

// durationOf reads a duration such as 90s, 10m or 6h; absent, it is 0.
func durationOf(field string, text *string, least, most time.Duration) (time.Duration, error) {
	if text == nil {
		return 0, nil
	}
	d, err := time.ParseDuration(*text)
	if err != nil || d < least || d > most {
		return 0, badField(field, "must be a duration from %s to %s, such as 90s, 10m or 6h", inWords(least), inWords(most))
	}
	return d, nil
}

// inWords writes whole hours without minutes and seconds.
func inWords(d time.Duration) string {
	if d%time.Hour == 0 {
		return fmt.Sprintf("%dh", d/time.Hour)
	}
	return d.String()
}

// filenameOf reads a name for people: what is before its last slash is dropped.
func filenameOf(text *string) (string, error) {
	if text == nil {
		return "", nil
	}
	name := (*text)[strings.LastIndexAny(*text, `/\`)+1:]
	if utf8.RuneCountInString(name) > maxColumn || strings.ContainsFunc(name, unicode.IsControl) {
		return "", badField("filename", "must be printable and have up to %d characters", maxColumn)
	}
	return name, nil
}

// base is how the caller reached us, for the links we give it.
func (a *api) base(r *http.Request) string {
	if a.PublicURL != "" {
		return a.PublicURL
	}
	scheme := r.Header.Get("X-Forwarded-Proto")
	if scheme != "https" && scheme != "http" {
		scheme = "http"
		if r.TLS != nil {
			scheme = "https"
		}
	}
	return scheme + "://" + r.Host
}
