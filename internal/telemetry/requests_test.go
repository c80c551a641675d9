//go:build !notrace

package telemetry_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambdacontext"
	"github.com/aws/aws-xray-sdk-go/v2/xray"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/sim"
	"rcpt/internal/store"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

// output gathers what a process writes.
type output struct {
	mu sync.Mutex
	bytes.Buffer
}

func (o *output) Write(line []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.Buffer.Write(line)
}

// talkative is a table whose trouble quotes what it was asked for, as no table
// of ours does.
type talkative struct{ store.Table }

var errTalkative = errors.New(`item of qzvictimqz@ok.test, "the qzvictimqz"@ok.test or rk_live_id_qzsecretqz is broken`)

func (talkative) Get(context.Context, store.Key) (store.Item, error) {
	return store.Item{}, errTalkative
}

func (talkative) BatchGet(context.Context, []store.Key) ([]store.Item, error) {
	return nil, errTalkative
}

// deployment is functions/verify and functions/account as Lambda runs them, with
// everything they write.
type deployment struct {
	verify, account func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)
	made            keys.Secrets
	out             *output
	traces          net.PacketConn
	told            telemetry.Telemetry
}

func deploy(t *testing.T, cache func(store.Table) store.Table) deployment {
	t.Helper()
	daemon, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	world, err := sim.Start(sim.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(daemon.Close(), world.Close(), db.Close()) })
	d := deployment{out: &output{}, traces: daemon}
	d.told = telemetry.New("verify", func(name string) string {
		return map[string]string{"AWS_XRAY_DAEMON_ADDRESS": daemon.LocalAddr().String(), "AWS_LAMBDA_LOG_LEVEL": "DEBUG"}[name]
	}, d.out)
	ports := app.Ports{
		Control: db.Control(), Cache: cache(db.Cache()), Vault: db.Vault(), Sim: world, Secret: []byte("0123456789abcdef"), Now: time.Now,
		Log: d.told.Log, Metric: d.told.Metric, Step: d.told.Step, Mark: telemetry.Mark,
	}
	ports.Book = app.Keys(ports)
	if _, d.made, err = ports.Book.Create(t.Context(), keys.Draft{Account: "acme", Scopes: []keys.Scope{keys.Verify, keys.Admin}}); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Read(func(string) string { return "" }, "probe.example")
	if err != nil {
		t.Fatal(err)
	}
	verify, err := app.Verify(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	account, err := app.Account(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	d.verify, d.account = trigger.HTTP(verify, d.told.Log), trigger.HTTP(account, d.told.Log)
	return d
}

// invocation is a context as Lambda's Go runtime makes it, sampled for tracing.
func invocation(t *testing.T) context.Context {
	ctx := lambdacontext.NewContext(t.Context(), &lambdacontext.LambdaContext{AwsRequestID: "inv-1"})
	//lint:ignore SA1029 the key is aws-lambda-go's and X-Ray's
	return context.WithValue(ctx, xray.LambdaTraceHeaderKey, "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
}

func event(method, path, query, secret, body string) events.APIGatewayV2HTTPRequest {
	var e events.APIGatewayV2HTTPRequest
	e.RawPath, e.RawQueryString, e.Body = path, query, body
	e.Headers = map[string]string{"authorization": "Bearer " + secret, "user-agent": "qzvictimqz@example.com"}
	e.RequestContext.HTTP.Method, e.RequestContext.DomainName, e.RequestContext.RequestID = method, "api.example.com", "req-1"
	return e
}

// traced returns what the daemon received so far.
func (d deployment) traced(t *testing.T) string {
	t.Helper()
	_, end := d.told.Step(invocation(t), "the last step")
	end()
	var all strings.Builder
	packet := make([]byte, 64<<10)
	if err := d.traces.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	for !strings.Contains(all.String(), "the last step") {
		n, _, err := d.traces.ReadFrom(packet)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(packet[:n])
	}
	return all.String()
}

// claims tells what shows that a test did what it says.
var claims = map[string]string{
	"while all is well":            `"verdict":"VALID"`,
	"while the cache is in pieces": `item of q***@ok.test, ***@ok.test or rk_live_*** is broken`,
}

// TestNeitherAddressNorSecretLeavesTheProcess sends real requests through the
// handlers and searches everything they wrote.
func TestNeitherAddressNorSecretLeavesTheProcess(t *testing.T) {
	for claim, cache := range map[string]func(store.Table) store.Table{
		"while all is well":            func(table store.Table) store.Table { return table },
		"while the cache is in pieces": func(table store.Table) store.Table { return talkative{table} },
	} {
		t.Run(claim, func(t *testing.T) {
			d := deploy(t, cache)
			ask := func(body string) events.APIGatewayV2HTTPRequest {
				return event("POST", "/v1/verify", "", d.made.API, body)
			}
			for _, e := range []events.APIGatewayV2HTTPRequest{
				ask(`{"email":"qzvictimqz@ok.test","explain":true}`),
				ask(`{"email":"user.qzvictimqz@ok.test"}`),
				ask(`{"email":"qzvictimqz@blocked.test"}`),
				ask(`{"email":"qzvictimqz@greylist.test"}`),
				ask(`{"email":"qzvictimqz@drop.test"}`),
				ask(`{"email":"\"the qzvictimqz\"@ok.test"}`),
				ask(`{"email":"qzvictimqz@nonesuch.test"}`),
				ask(`{"email":"qzvictimqz@@ok.test"}`),
				ask(`{"email":"qzvictimqz@ok.test"`),
				ask(`{"qzvictimqz@ok.test":1}`),
				event("POST", "/v1/verify", "", d.made.API+"x", `{"email":"qzvictimqz@ok.test"}`),
				event("GET", "/v1/qzvictimqz@ok.test/"+d.made.Hook, "key="+d.made.API+"&email=qzvictimqz%40ok.test", d.made.API, ""),
				event("GET", "qzvictimqz@ok.test", "", d.made.API, ""),
				event("GET", "/v1/health", "email=qzvictimqz@ok.test", "", ""),
			} {
				if answer, err := d.verify(invocation(t), e); err != nil || answer.StatusCode == 500 {
					t.Errorf("%s %s is answered %d, %v", e.RequestContext.HTTP.Method, e.RawPath, answer.StatusCode, err)
				}
			}
			made, err := d.account(invocation(t), event("POST", "/v1/keys", "", d.made.API, `{"account":"acme","label":"qzvictimqz@ok.test"}`))
			if err != nil || made.StatusCode != 201 {
				t.Errorf("a key is answered %d, %v", made.StatusCode, err)
			}
			traced, written := d.traced(t), d.out.String()
			for where, text := range map[string]string{"the output": written, "the trace": traced} {
				for _, secret := range append(randomParts(d.made), "qzvictimqz", "qzsecretqz") {
					if at := strings.Index(text, secret); at >= 0 {
						t.Errorf("%s holds %q: %s", where, secret, text[max(0, at-200):min(len(text), at+100)])
					}
				}
			}
			for what, text := range map[string]string{
				claims[claim]: written, `"msg":"request"`: written, `"request_id":"req-1"`: written, `"invocation":"inv-1"`: written,
				`"latency_ms"`: written, `"probe_answered"`: written, `"name":"dns"`: traced, `"name":"probe"`: traced,
			} {
				if !strings.Contains(text, what) {
					t.Errorf("nothing tells %s:\n%s", what, text)
				}
			}
		})
	}
}

// randomParts is what of the secrets must not be told; the ids may be.
func randomParts(s keys.Secrets) []string {
	var parts []string
	for _, secret := range []string{s.API, s.Hook, s.Webhook} {
		words := strings.Split(secret, "_")
		parts = append(parts, words[len(words)-1])
	}
	return parts
}

func TestLinesOfACheckTellWhoseItIs(t *testing.T) {
	d := deploy(t, func(table store.Table) store.Table { return talkative{table} })
	if _, err := d.verify(invocation(t), event("POST", "/v1/verify", "", d.made.API, `{"email":"qzvictimqz@ok.test"}`)); err != nil {
		t.Fatal(err)
	}
	id := strings.Split(d.made.API, "_")[2]
	for line := range strings.Lines(d.out.String()) {
		if strings.Contains(line, `"msg"`) && !strings.Contains(line, fmt.Sprintf(`"request_id":"req-1","key":%q`, id)) {
			t.Errorf("a line without its request and key: %s", line)
		}
	}
}
