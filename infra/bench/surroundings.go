package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"

	"rcpt/infra/host"
)

// surroundings are what a function finds around it: an AWS that agrees to
// everything and has nothing, and a mail exchanger that greets.
type surroundings struct {
	aws       *httptest.Server
	exchanger net.Listener
}

func surround() (*surroundings, error) {
	exchanger, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	go func() {
		for {
			c, err := exchanger.Accept()
			if err != nil {
				return
			}
			_, _ = io.WriteString(c, "220 mx.example.com\r\n")
			_ = c.Close()
		}
	}()
	aws := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		_, _ = io.WriteString(w, "{}")
	}))
	return &surroundings{aws, exchanger}, nil
}

func (s *surroundings) close() {
	s.aws.Close()
	_ = s.exchanger.Close()
}

func (s *surroundings) env() []string {
	return []string{
		"AWS_ENDPOINT_URL=" + s.aws.URL, "AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000", // nobody listens; X-Ray does not care
		"RCPT_CONTROL_TABLE=control", "RCPT_CACHE_TABLE=cache", "RCPT_VAULT_KEY=key", "RCPT_BUCKET=bucket",
		"RCPT_SECRET=a-secret-of-no-installation-but-this-one", "RCPT_PUBLIC_URL=https://rcpt.example.com",
		"RCPT_HELO=probe.example.com", "RCPT_MAIL_FROM=verify@example.com",
		"RCPT_PROBE_QUEUE=" + s.aws.URL + "/1/probe", "RCPT_DELIVERY_QUEUE=" + s.aws.URL + "/1/delivery", "RCPT_VENDOR_QUEUE=" + s.aws.URL + "/1/vendor",
		"RCPT_STATE_MACHINE=arn:aws:states:eu-central-1:123456789012:stateMachine:jobs",
		"RCPT_EGRESS_CHECK=" + s.exchanger.Addr().String(), "RCPT_LISTS_URLS=off",
	}
}

// event is what a function is asked: something that it answers by itself, or with
// a question or two to AWS.
func event(name string) ([]byte, error) {
	method, path := "", ""
	switch name {
	case "verify":
		method, path = "GET", "/v1/health"
	case "account":
		method, path = "GET", "/v1/openapi.json"
	case "webhooks":
		method, path = "POST", "/v1/hooks/resend/no-token"
	case "providers":
		method, path = "GET", "/v1/email-verifiers/known-providers"
	case "jobs":
		method, path = "GET", "/v1/jobs"
	default:
		return sample(name)
	}
	return json.Marshal(map[string]any{
		"version": "2.0", "routeKey": "$default", "rawPath": path, "headers": map[string]string{"host": "rcpt.example.com"},
		"requestContext": map[string]any{
			"stage": "$default", "requestId": "bench", "http": map[string]string{"method": method, "path": path, "sourceIp": "198.51.100.24"},
		},
	})
}

// sample is an event of the folder events: about a job, a delivery or a key that
// there is not.
func sample(name string) ([]byte, error) {
	file := map[string]string{
		"collector": "forget", "deadletter": "start", "dropfolder": "put", "notifier": "first", "planner": "first",
		"prober": "settle", "vendorqueue": "malformed",
	}[name]
	if file == "" {
		return []byte(`[]`), nil // a clock that has nothing for it
	}
	return os.ReadFile("events/" + name + "/" + file + ".json")
}

// run starts a function several times and returns the medians of the time to the
// first answer, and of the resident memory after many.
func (s *surroundings) run(ctx context.Context, name, binary string, runs int) (time.Duration, float64, error) {
	var starts []time.Duration
	var resident []float64
	for range runs {
		start, memory, err := s.once(ctx, name, binary)
		if err != nil {
			return 0, 0, err
		}
		starts, resident = append(starts, start), append(resident, memory)
	}
	slices.Sort(starts)
	slices.Sort(resident)
	return starts[len(starts)/2], resident[len(resident)/2], nil
}

func (s *surroundings) once(ctx context.Context, name, binary string) (time.Duration, float64, error) {
	var log bytes.Buffer
	f := host.New(host.Config{Name: name, Binary: binary, Env: s.env(), Log: &log})
	defer f.Close()
	e, err := event(name)
	if err != nil {
		return 0, 0, err
	}
	began := time.Now()
	if _, err := f.Invoke(ctx, e); err != nil {
		return 0, 0, err
	}
	first, pid := time.Since(began), f.PID()
	for range invokes {
		if _, err := f.Invoke(ctx, e); err != nil {
			return 0, 0, err
		}
	}
	if f.PID() != pid || pid == 0 {
		return 0, 0, fmt.Errorf("the process ended: %.500s", log.String())
	}
	memory, err := residentOf(pid)
	return first, memory, err
}

var residentLine = regexp.MustCompile(`VmRSS:\s+(\d+) kB`)

// residentOf reads the resident memory of a process, in MB.
func residentOf(pid int) (float64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	line := residentLine.FindSubmatch(status)
	if line == nil {
		return 0, fmt.Errorf("no VmRSS of process %d", pid)
	}
	kilobytes, err := strconv.ParseFloat(string(line[1]), 64)
	return kilobytes * 1024 / 1e6, err
}
