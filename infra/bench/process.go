package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"rcpt/infra/bench/jobs"
)

// process is a server under measurement.
type process struct {
	target target
	cmd    *exec.Cmd
	folder string // removed at the end; "" for none
	admin  jobs.Client
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Wait()
	if p.folder != "" {
		_ = os.RemoveAll(p.folder)
	}
}

// startProduct starts rcpt on a fresh folder with further settings, NAME=value,
// makes a key without limits that a rate of hundreds a second would meet, and
// warms the address that will be asked for.
func startProduct(ctx context.Context, binary string, settings ...string) (*process, error) {
	folder, err := os.MkdirTemp("", "rcpt-bench-")
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, binary)
	cmd.Env = append(os.Environ(), "RCPT_ADDR=127.0.0.1:0", "RCPT_DATA="+folder)
	cmd.Env = append(cmd.Env, settings...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", binary, err)
	}
	p := &process{cmd: cmd, folder: folder}
	if _, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		p.stop()
		return nil, fmt.Errorf("wait for %s: %w", binary, err)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	if p.target, p.admin, err = warm(ctx, folder); err != nil {
		p.stop()
		return nil, err
	}
	return p, nil
}

func warm(ctx context.Context, folder string) (target, jobs.Client, error) {
	text, err := os.ReadFile(filepath.Join(folder, "env"))
	if err != nil {
		return target{}, jobs.Client{}, err
	}
	env := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		env[name] = strings.Trim(value, "'")
	}
	key, hook, err := newKey(ctx, env["RCPT_URL"], env["RCPT_ADMIN_KEY"])
	if err != nil {
		return target{}, jobs.Client{}, fmt.Errorf("make a key: %w", err)
	}
	t := target{url: env["RCPT_URL"] + "/v1/verify", key: key, body: `{"email":"alice@ok.test"}`, hooks: env["RCPT_URL"] + "/v1/hooks/sendgrid/" + hook}
	if err := ask(ctx, http.DefaultClient, t); err != nil {
		return target{}, jobs.Client{}, fmt.Errorf("warm the cache: %w", err)
	}
	return t, jobs.Client{URL: env["RCPT_URL"], Key: env["RCPT_ADMIN_KEY"]}, nil
}

// newKey makes a key that may have 200 requests under way and report as much as
// it likes in a day of measuring.
func newKey(ctx context.Context, url, admin string) (secret, hookToken string, err error) {
	body := []byte(`{"account":"bench","limits":{"concurrency":200,"reports_per_day":1000000000}}`)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/keys", bytes.NewReader(body))
	if err != nil {
		return "", "", err
	}
	r.Header.Set("Authorization", "Bearer "+admin)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = answer.Body.Close() }()
	var made struct {
		Secret    string `json:"secret"`
		HookToken string `json:"hook_token"`
	}
	if err := json.NewDecoder(answer.Body).Decode(&made); err != nil || made.Secret == "" {
		return "", "", fmt.Errorf("answered %s: %v", answer.Status, err)
	}
	return made.Secret, made.HookToken, nil
}

// startNothing starts the handler that does nothing, as a process like the
// product.
func startNothing(ctx context.Context) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	addr := free.Addr().String()
	_ = free.Close()
	cmd := exec.CommandContext(ctx, self, "-noop", addr)
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	p := &process{cmd: cmd, target: target{url: "http://" + addr, body: `{"email":"alice@ok.test"}`}}
	for range 100 {
		if ask(ctx, http.DefaultClient, p.target) == nil {
			return p, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("the empty handler does not answer")
}
