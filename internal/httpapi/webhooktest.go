package httpapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"rcpt/internal/notify"
	"rcpt/internal/usage"
)

const (
	// maxWebhookTest bounds the body of POST /v1/webhooks/test, in octets.
	maxWebhookTest = 64 << 10

	// testsPerSecond is how many test events a key has us send: enough for whoever
	// builds a receiver, and no flood for a host that never asked for them. Each is
	// repeated for a day. The limits of the key are about checks.
	testsPerSecond = 5
)

// testWebhook answers POST /v1/webhooks/test: it sends a test event to the URL
// named, else to the key's, the way results are sent.
func (a *api) testWebhook(w http.ResponseWriter, r *http.Request, c *call) error {
	url, err := readWebhookTest(w, r)
	if err != nil {
		return err
	}
	if url == nil {
		url = &c.key.WebhookURL
	}
	if *url == "" {
		return badField("webhook_url", "is required: this key has none of its own")
	}
	if err := a.Deliveries.CheckURL(*url); err != nil {
		return badField("webhook_url", "%v", err)
	}
	if err := a.admitTest(w, r, c); err != nil {
		return err
	}
	id, err := a.testID()
	if err != nil {
		return err
	}
	body, err := testEvent(a.Now())
	if err != nil {
		return err
	}
	draft := notify.Draft{Account: c.key.Account, Key: c.key.ID, Subject: notify.Test, ID: id, URL: *url, Body: body}
	if err := a.Deliveries.Post(r.Context(), draft); err != nil {
		return err
	}
	d, err := a.Deliveries.Find(r.Context(), draft.Account, draft.Subject, draft.ID)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusAccepted, struct {
		Delivery deliveryShape `json:"delivery"`
	}{deliveryOf(d)})
}

// admitTest lets a test event go, or says how long to wait.
func (a *api) admitTest(w http.ResponseWriter, r *http.Request, c *call) error {
	_, err := a.Meter.Admit(r.Context(), "webhook-test#"+c.key.ID, usage.Limits{PerSecond: testsPerSecond})
	var refused *usage.RefusedError
	if errors.As(err, &refused) {
		writeStanding(w.Header(), refused.Standing())
		return err
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errAdmission, err)
	}
	return nil
}

// listWebhookTests answers GET /v1/webhooks/test with what became of the test
// events of the account, the latest first.
func (a *api) listWebhookTests(w http.ResponseWriter, r *http.Request, c *call) error {
	q, err := readQuery(r, "limit", "next")
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	return a.sendDeliveries(w, r, c.key.Account, notify.Test, next, limit)
}

// readWebhookTest reads the body, which may be empty.
func readWebhookTest(w http.ResponseWriter, r *http.Request) (url *string, err error) {
	body, err := readBody(w, r, maxWebhookTest)
	if err != nil || len(bytes.TrimLeft(body, jsonSpace)) == 0 {
		return nil, err
	}
	return url, decodeObject(body, map[string]any{"webhook_url": &url})
}

// testID is the id of a test event. It begins with the time, so that lists are
// in the order of time.
func (a *api) testID() (string, error) {
	var octets [8]byte
	if _, err := io.ReadFull(a.Rand, octets[:]); err != nil {
		return "", fmt.Errorf("draw id of a test event: %w", err)
	}
	return fmt.Sprintf("test_%013d_%s", a.Now().UnixMilli(), hex.EncodeToString(octets[:])), nil
}

// testEvent has the form of a job's webhook, so that a receiver's own program
// reads it; "test" tells them apart.
func testEvent(now time.Time) ([]byte, error) {
	type row struct {
		Email  string `json:"email"`
		Status string `json:"status"`
		Score  int    `json:"score"`
		Reason string `json:"reason"`
		Action string `json:"action"`
	}
	return json.Marshal(struct {
		JobID      string            `json:"job_id"`
		Status     string            `json:"status"`
		Results    []row             `json:"results"`
		ResultsURL string            `json:"results_url"`
		Metadata   map[string]string `json:"metadata"`
		Test       bool              `json:"test"`
		SentAt     time.Time         `json:"sent_at"`
	}{"job_test", "completed", []row{{"alice@ok.test", "VALID", 96, "smtp_verified", "accept"}}, "", map[string]string{}, true, wireTime(now)})
}
