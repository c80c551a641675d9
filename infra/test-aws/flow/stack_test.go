// Package flow drives the functions as they are deployed: the real binaries under
// the Lambda Runtime API, their tables in DynamoDB Local, keys and files in moto.
// `make test-aws` runs it; without the stand-ins its tests skip and say so.
package flow

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	awskms "github.com/aws/aws-sdk-go-v2/service/kms"

	"rcpt/infra/host"
	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/keys"
)

// stack is one installation.
type stack struct {
	t   *testing.T
	env []string
	log *journal

	dynamo aws.Config
	moto   aws.Config
	table  string // of control
	cache  string // the other table
	key    string // of the vault
	resources
}

// open makes tables, key, bucket, queues and state machine, empty. The settings
// given go before those of the stack.
func open(t *testing.T, settings ...string) *stack {
	t.Helper()
	s := &stack{t: t, dynamo: cloudtest.Config(t, cloudtest.DynamoDBLocal), moto: cloudtest.Config(t, cloudtest.Moto), log: new(journal)}
	client := dynamodb.NewFromConfig(s.dynamo)
	s.table = cloudtest.Table(t, client, true)
	s.cache = cloudtest.Table(t, client, true)
	made, err := awskms.NewFromConfig(s.moto).CreateKey(t.Context(), &awskms.CreateKeyInput{})
	if err != nil {
		t.Fatalf("create key: %v", err)
	}
	s.key = *made.KeyMetadata.Arn
	s.provide()
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions' log ends with:\n%s", s.log.tail(15))
		}
	})
	s.env = append(settings,
		"AWS_ENDPOINT_URL="+*s.moto.BaseEndpoint,
		"AWS_ENDPOINT_URL_DYNAMODB="+*s.dynamo.BaseEndpoint,
		"AWS_XRAY_SDK_DISABLED=TRUE",
		"RCPT_CONTROL_TABLE="+s.table, "RCPT_CACHE_TABLE="+s.cache, "RCPT_VAULT_KEY="+s.key, "RCPT_BUCKET="+s.bucket,
		"RCPT_PROBE_QUEUE="+s.queues["ProbeQueue"].url, "RCPT_DELIVERY_QUEUE="+s.queues["DeliveryQueue"].url,
		"RCPT_VENDOR_QUEUE="+s.queues["VendorQueue"].url, "RCPT_STATE_MACHINE="+s.machine,
		"RCPT_SECRET=a-secret-of-no-installation-but-this-one", "RCPT_SIM=on",
		"RCPT_HELO=probe.example.com", "RCPT_MAIL_FROM=verify@example.com",
		"RCPT_EGRESS_CHECK=mx.ok.test:25", "RCPT_LISTS_URLS=off",
	)
	return s
}

// function starts one environment of a function, which may do what its role
// allows.
func (s *stack) function(name string) *host.Function {
	s.t.Helper()
	f := host.New(host.Config{Name: name, Binary: binary(s.t, name), Env: s.guarded(name), Log: s.log})
	s.t.Cleanup(f.Close)
	return f
}

// admin makes the first key, as `make deploy` does, and returns its secret.
func (s *stack) admin() string {
	s.t.Helper()
	table := dynamo.New(dynamodb.NewFromConfig(s.dynamo), s.table, dynamo.Options{})
	vault := kms.New(awskms.NewFromConfig(s.moto), s.key, kms.Options{})
	book := keys.NewBook(table, vault, time.Now, rand.Reader)
	_, made, err := book.Create(s.t.Context(), keys.Draft{Account: "operator", Scopes: []keys.Scope{keys.Admin}})
	if err != nil {
		s.t.Fatalf("make admin key: %v", err)
	}
	return made.API
}

var (
	building sync.Mutex
	built    = make(map[string]string)
)

// binary builds a function for this machine with the flags of `make build`, once.
func binary(t *testing.T, name string) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	if built[name] != "" {
		return built[name]
	}
	folder, err := os.MkdirTemp("", "rcpt-"+name)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "bootstrap")
	build := exec.Command("go", "build", "-trimpath", "-tags", "lambda.norpc,grpcnotrace", "-ldflags", "-s -w", "-o", path, "rcpt/functions/"+name)
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	built[name] = path
	return path
}

// TestMain removes the binaries.
func TestMain(m *testing.M) {
	code := m.Run()
	for _, path := range built {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// response is an answer of a function behind HTTP.
type response struct {
	status int
	header map[string]string
	body   []byte
}

// field returns a top-level field of the body as text.
func (r response) field(name string) string {
	var fields map[string]any
	if err := json.Unmarshal(r.body, &fields); err != nil || fields[name] == nil {
		return ""
	}
	return fmt.Sprint(fields[name])
}

// at returns a field of the body by its path, such as keys.0.id, as text; all of it
// for "*".
func (r response) at(path string) string {
	if path == "*" {
		return string(r.body)
	}
	var value any
	if json.Unmarshal(r.body, &value) != nil {
		return ""
	}
	for name := range strings.SplitSeq(path, ".") {
		switch inside := value.(type) {
		case map[string]any:
			value = inside[name]
		case []any:
			n, err := strconv.Atoi(name)
			if err != nil || n >= len(inside) {
				return ""
			}
			value = inside[n]
		default:
			return ""
		}
	}
	text, _ := value.(string)
	return text
}

// ask sends one HTTP request through the form that API Gateway gives it.
func ask(ctx context.Context, f *host.Function, method, path, key, body string) (response, error) {
	path, query, _ := strings.Cut(path, "?")
	event := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: path, RawQueryString: query, Body: body,
		Headers: map[string]string{"host": "rcpt.example.com", "content-type": "application/json", "authorization": "Bearer " + key},
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			Stage: "$default", DomainName: "rcpt.example.com", RequestID: rand.Text(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{Method: method, Path: path, SourceIP: "198.51.100.24"},
		},
	}
	return invoke(ctx, f, event)
}

func invoke(ctx context.Context, f *host.Function, event events.APIGatewayV2HTTPRequest) (response, error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return response{}, err
	}
	result, err := f.Invoke(ctx, payload)
	if err != nil {
		return response{}, err
	}
	return read(result)
}

func read(result host.Result) (response, error) {
	if result.Failed {
		return response{}, fmt.Errorf("the function failed: %s", result.Payload)
	}
	var out events.APIGatewayV2HTTPResponse
	if err := json.Unmarshal(result.Payload, &out); err != nil {
		return response{}, fmt.Errorf("answer is %.200q: %w", result.Payload, err)
	}
	body := []byte(out.Body)
	if out.IsBase64Encoded {
		var err error
		if body, err = base64.StdEncoding.DecodeString(out.Body); err != nil {
			return response{}, fmt.Errorf("answer is %.200q: %w", out.Body, err)
		}
	}
	return response{status: out.StatusCode, header: out.Headers, body: body}, nil
}

// must is ask for a test that expects this status, or with 0 any.
func must(t *testing.T, f *host.Function, method, path, key, body string, status int) response {
	t.Helper()
	r, err := ask(t.Context(), f, method, path, key, body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	if status != 0 && r.status != status {
		t.Fatalf("%s %s %s: got %d %s, want %d", method, path, body, r.status, r.body, status)
	}
	return r
}

// journal keeps what the functions logged.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

// String returns everything logged so far.
func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// tail returns the last lines, for a test that failed.
func (j *journal) tail(lines int) string {
	all := strings.Split(strings.TrimSpace(j.String()), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
