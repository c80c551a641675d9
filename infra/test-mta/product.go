package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"
)

// product is a running rcpt.
type product struct {
	cmd     *exec.Cmd
	ended   chan error
	journal *journal
	url     string
	key     string // may have 200 requests under way
}

// How the product introduces itself; conf/dns agrees.
const (
	heloName = "verify.rcpt.example"
	mailFrom = "verify@rcpt.example"
)

// startProduct starts the product as an operator would, with this network's
// resolver and leave to probe private addresses, and makes a key.
func startProduct(ctx context.Context, binary, folder string, j *journal) (*product, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	p := &product{cmd: exec.CommandContext(ctx, binary), ended: make(chan error, 1), journal: j, url: "http://127.0.0.1:8080"}
	p.cmd.Env = []string{
		"RCPT_ADDR=127.0.0.1:8080", "RCPT_DATA=" + folder, "RCPT_SIM=off", "RCPT_DNS=10.25.0.53:53", "RCPT_SMTP_PORT=25",
		"RCPT_PROBE_ALLOW=" + network, "RCPT_HELO=" + heloName, "RCPT_MAIL_FROM=" + mailFrom,
	}
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = in, in
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the product: %w", err)
	}
	_ = in.Close()
	go j.copy("rcpt", out)
	go func() { p.ended <- p.cmd.Wait() }()
	if err := await(ctx, p.healthy); err != nil {
		return nil, fmt.Errorf("the product does not answer: %w", err)
	}
	env, err := os.ReadFile(filepath.Join(folder, "env"))
	if err != nil {
		return nil, err
	}
	admin := regexp.MustCompile(`(?m)^RCPT_ADMIN_KEY=(.*)$`).FindSubmatch(env)
	if admin == nil {
		return nil, errors.New("the product wrote no admin key")
	}
	var made struct{ Secret string }
	err = p.post(ctx, "/v1/keys", string(admin[1]), map[string]any{"account": "test-mta", "limits": map[string]int{"concurrency": 200}}, &made)
	p.key = made.Secret
	return p, err
}

func (p *product) healthy() bool {
	response, err := http.Get(p.url + "/v1/health")
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// end asks the product to end and looks whether it did so in order, with
// nothing in its log that should not be there.
func (p *product) end() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-p.ended:
		if err != nil {
			return err
		}
	case <-time.After(time.Minute):
		return errors.New("still runs a minute after SIGTERM")
	}
	unwanted := regexp.MustCompile(`"level":"ERROR"|"panic"|goroutine |@[a-z0-9.-]+\.example`)
	for _, l := range p.journal.by("rcpt") {
		if unwanted.MatchString(l.text) {
			return fmt.Errorf("its log tells of an error or an address: %s", l.text)
		}
	}
	return nil
}

// request is the body of /v1/verify.
type request struct {
	Email   string `json:"email"`
	Timeout int    `json:"timeout_ms,omitempty"`
	Fresh   bool   `json:"fresh,omitempty"`
	Explain bool   `json:"explain"`
}

// answer is what the trials look at in its answer.
type answer struct {
	Status    string     `json:"status"`
	Reason    string     `json:"reason"`
	CheckedAt time.Time  `json:"checked_at"`
	RetryAt   *time.Time `json:"retry_at"`
	MXHost    string     `json:"mx_host"`
	Cached    bool       `json:"cached"`
	Evidence  struct {
		Route json.RawMessage `json:"route"`
		Probe struct {
			Answer   said `json:"answer"`
			Canary   said `json:"canary"`
			Control  said `json:"control"`
			Contacts []contact
		} `json:"probe"`
	} `json:"evidence"`
}

// said is one answer of an exchanger in the evidence.
type said struct {
	Class, Stage   string
	Code           int
	Enhanced, Text string
	Rule, Host     string
}

func (r said) String() string {
	if r.Class == "" {
		return "none"
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s at %s by %s: %d %s %s (%s)", r.Class, r.Stage, r.Host, r.Code, r.Enhanced, r.Text, r.Rule)), " ")
}

// contact is one connection in the evidence.
type contact struct {
	Host, IP, TLS string
	Pipelining    bool
	RoundTrips    int `json:"round_trips"`
}

func (a answer) String() string {
	return fmt.Sprintf("%s %s\n\tanswer %s\n\tcanary %s\n\tcontrol %s\n\troute %s\n\tcontacts %+v",
		a.Status, a.Reason, a.Evidence.Probe.Answer, a.Evidence.Probe.Canary, a.Evidence.Probe.Control, a.Evidence.Route, a.Evidence.Probe.Contacts)
}

// verify asks for a verdict.
func (p *product) verify(ctx context.Context, r request) (answer, error) {
	if r.Timeout == 0 {
		r.Timeout = 15_000 // what counts here is not how fast two cores fork twenty servers
	}
	r.Explain = true
	var a answer
	err := p.post(ctx, "/v1/verify", p.key, r, &a)
	return a, err
}

func (p *product) post(ctx context.Context, path, key string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode/100 != 2 {
		return fmt.Errorf("%s answers %s", path, response.Status)
	}
	return json.NewDecoder(response.Body).Decode(into)
}
