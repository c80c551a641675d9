//go:build !notrace

package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-xray-sdk-go/v2/xray"
	"github.com/aws/smithy-go/middleware"
)

// daemon listens where X-Ray's would and announces itself as Lambda does.
func daemon(t *testing.T) (net.PacketConn, func(string) string) {
	t.Helper()
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn, func(name string) string {
		if name == "AWS_XRAY_DAEMON_ADDRESS" {
			return conn.LocalAddr().String()
		}
		return ""
	}
}

// underLambda is a context as aws-lambda-go makes it, of a request that is
// sampled.
func underLambda(t *testing.T) context.Context {
	//lint:ignore SA1029 the key is aws-lambda-go's and X-Ray's
	return context.WithValue(t.Context(), xray.LambdaTraceHeaderKey,
		"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1")
}

// segment is what the tests read of X-Ray's segment documents.
type segment struct {
	Name        string
	Annotations map[string]string
	Error       bool
	Subsegments []segment
}

func receive(t *testing.T, conn net.PacketConn) (segment, string) {
	t.Helper()
	packet := make([]byte, 64<<10)
	if err := conn.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	n, _, err := conn.ReadFrom(packet)
	if err != nil {
		t.Fatal(err)
	}
	_, document, _ := strings.Cut(string(packet[:n]), "\n")
	var s segment
	if err := json.Unmarshal([]byte(document), &s); err != nil {
		t.Fatalf("%v: %s", err, document)
	}
	return s, document
}

func TestStepsReachTheDaemonWithoutAddresses(t *testing.T) {
	conn, env := daemon(t)
	step := New("verify", env, io.Discard).Step

	ctx, end := step(underLambda(t), "probe")
	_, endInner := step(ctx, "dns")
	endInner("status", "found")
	end("class", "accepted", "said", "550 victim@example.com is unknown, key rk_live_k7m2abcd_q5fhyz22", "odd")

	got, document := receive(t, conn)
	if got.Name != "probe" || got.Annotations["class"] != "accepted" || len(got.Subsegments) != 1 ||
		got.Subsegments[0].Name != "dns" || got.Subsegments[0].Annotations["status"] != "found" {
		t.Errorf("the daemon received %s", document)
	}
	if strings.Contains(document, "victim") || strings.Contains(document, "q5fhyz22") {
		t.Errorf("the trace holds an address or a secret: %s", document)
	}
}

// TestCallsOfClientsAreStepsWithoutTheirErrors runs a call as an AWS client does.
func TestCallsOfClientsAreStepsWithoutTheirErrors(t *testing.T) {
	conn, env := daemon(t)
	var options []func(*middleware.Stack) error
	New("verify", env, io.Discard).Instrument(&options)
	stack := middleware.NewStack("call", func() any { return nil })
	for _, option := range options {
		if err := option(stack); err != nil {
			t.Fatal(err)
		}
	}
	// Without a response there is nothing that the later step could read.
	if _, err := stack.Deserialize.Remove("XRayDeserializeMiddleware"); err != nil {
		t.Fatal(err)
	}
	failed := errors.New("item victim@example.com is broken")
	call := middleware.HandlerFunc(func(context.Context, any) (any, middleware.Metadata, error) {
		return nil, middleware.Metadata{}, failed
	})
	ctx, end := New("verify", env, io.Discard).Step(underLambda(t), "cache")
	if _, _, err := middleware.DecorateHandler(call, stack).Handle(ctx, nil); !errors.Is(err, failed) {
		t.Fatalf("the call returned %v", err)
	}
	end()
	got, document := receive(t, conn)
	if len(got.Subsegments) != 1 || strings.Contains(document, "victim") {
		t.Errorf("the daemon received %s", document)
	}
}

func TestStepsAreOffUnlessAnnounced(t *testing.T) {
	conn, env := daemon(t)
	off := map[string]func(string) string{
		"there is no daemon": func(string) string { return "" },
		"the SDK is disabled": func(name string) string {
			if name == "AWS_XRAY_SDK_DISABLED" {
				return "TRUE"
			}
			return env(name)
		},
	}
	for claim, lookup := range off {
		step := New("verify", lookup, io.Discard).Step
		_, end := step(underLambda(t), "off: "+claim)
		end("class", "accepted")
	}
	// What is on afterwards is the first to arrive.
	_, end := New("verify", env, io.Discard).Step(underLambda(t), "on")
	end()
	if got, document := receive(t, conn); got.Name != "on" {
		t.Errorf("the daemon received %s", document)
	}
}

func TestStepsOutsideOfAnInvocationAreHarmless(t *testing.T) {
	_, env := daemon(t)
	ctx, end := New("verify", env, io.Discard).Step(t.Context(), "alone")
	end("class", "accepted")
	if ctx.Err() != nil {
		t.Error(ctx.Err())
	}
}
