package jobs

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Client is somebody with a key.
type Client struct{ URL, Key string }

// State is a job as the product tells of it.
type State struct {
	ID       string         `json:"id"`
	Status   string         `json:"status"`
	Total    int            `json:"total"`
	Done     int            `json:"done"`
	Error    string         `json:"error"`
	ByReason map[string]int `json:"by_reason"`
}

// Ended reports whether nothing more will happen.
func (s State) Ended() bool { return s.Status != "queued" && s.Status != "running" }

// Answer is a row of the results, or what a single request says.
type Answer struct {
	ID     string `json:"id"` // the column of WriteCSV
	Email  string `json:"email"`
	Status string `json:"status"`
	Reason string `json:"reason"`
}

// Words are what the answer says.
func (a Answer) Words() string { return a.Status + " " + a.Reason }

// Call makes a request with the key; out nil: the answer is not looked at.
func (c Client) Call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return err
		}
		body = bytes.NewReader(text)
	}
	answer, err := c.do(ctx, method, c.URL+path, body)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	if out == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(out)
}

func (c Client) do(ctx context.Context, method, url string, body io.Reader) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, body)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.Key)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	if answer.StatusCode >= 300 {
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 1000))
		return nil, fmt.Errorf("%s %s answers %s: %s", method, r.URL.Path, answer.Status, text)
	}
	return answer, nil
}

// Submit uploads a list and makes a job of it.
func (c Client) Submit(ctx context.Context, list func(to io.Writer) error, deadline time.Duration) (id string, err error) {
	var up struct {
		ID     string `json:"upload_id"`
		URL    string `json:"url"`
		Method string `json:"method"`
	}
	if err := c.Call(ctx, http.MethodPost, "/v1/uploads", map[string]string{"filename": "list.csv"}, &up); err != nil {
		return "", err
	}
	reader, writer := io.Pipe()
	go func() { _ = writer.CloseWithError(list(writer)) }()
	sent, err := c.do(ctx, up.Method, up.URL, reader)
	if err != nil {
		return "", fmt.Errorf("send list: %w", err)
	}
	_ = sent.Body.Close()
	var job State
	err = c.Call(ctx, http.MethodPost, "/v1/jobs", map[string]string{"upload_id": up.ID, "deadline": deadline.String()}, &job)
	return job.ID, err
}

// Await follows a job to its end, looking so often; seen may be nil.
func (c Client) Await(ctx context.Context, id string, every time.Duration, seen func(State)) (State, error) {
	for {
		var job State
		if err := c.Call(ctx, http.MethodGet, "/v1/jobs/"+id, nil, &job); err != nil {
			return job, err
		}
		if seen != nil {
			seen(job)
		}
		if job.Ended() {
			return job, nil
		}
		select {
		case <-ctx.Done():
			return job, ctx.Err()
		case <-time.After(every):
		}
	}
}

// Results hands each row of the results to see.
func (c Client) Results(ctx context.Context, id string, see func(Answer) error) error {
	answer, err := c.do(ctx, http.MethodGet, c.URL+"/v1/jobs/"+id+"/results?format=jsonl", nil)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var row Answer
		if err := json.Unmarshal(lines.Bytes(), &row); err != nil {
			return err
		}
		if err := see(row); err != nil {
			return err
		}
	}
	return lines.Err()
}

// Verify asks about one address, anew.
func (c Client) Verify(ctx context.Context, email string) (a Answer, err error) {
	err = c.Call(ctx, http.MethodPost, "/v1/verify", map[string]any{"email": email, "fresh": true}, &a)
	return a, err
}

// NewKey makes a key of an account that may have 100 requests under way. The
// client's own key must be one that may.
func (c Client) NewKey(ctx context.Context, account string) (Client, error) {
	var made struct {
		Secret string `json:"secret"`
	}
	err := c.Call(ctx, http.MethodPost, "/v1/keys", map[string]any{"account": account, "limits": map[string]int{"concurrency": 100}}, &made)
	return Client{c.URL, made.Secret}, err
}
