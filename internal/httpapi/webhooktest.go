package httpapi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"rcpt/internal/notify"
)

// maxWebhookTest bounds the body of POST /v1/webhooks/test, in octets.
const maxWebhookTest = 64 << 10

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
	deliveries, next, err := a.Deliveries.List(r.Context(), c.key.Account, notify.Test, next, limit)
	if err != nil {
		return err
	}
	shapes := make([]deliveryShape, len(deliveries))
	for i, d := range deliveries {
		shapes[i] = deliveryOf(d)
	}
	return writeJSON(w, http.StatusOK, struct {
		Deliveries []deliveryShape `json:"deliveries"`
		Next       *string         `json:"next"`
	}{shapes, cursor(next)})
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
