package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// quiet is the log of tests that do not read it.
var quiet = slog.New(slog.DiscardHandler)

// seen is what a handler sees of a request.
type seen struct {
	Method, Host, Path, RawQuery, RequestURI, RemoteAddr string
	Header                                               http.Header
	Body                                                 string
}

func look(t *testing.T, r *http.Request) seen {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Errorf("read the body: %v", err)
	}
	return seen{
		Method: r.Method, Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery, RequestURI: r.RequestURI,
		RemoteAddr: r.RemoteAddr, Header: r.Header, Body: string(body),
	}
}

// echo answers with what it saw.
func echo(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusAccepted)
		if err := json.NewEncoder(w).Encode(look(t, r)); err != nil {
			t.Errorf("write the answer: %v", err)
		}
	})
}

func TestEverySampleEventReachesTheHandlerWhole(t *testing.T) {
	for _, function := range []string{"verify", "account", "webhooks", "jobs", "providers"} {
		files, err := filepath.Glob("../../events/" + function + "/*.json")
		if err != nil || len(files) == 0 {
			t.Fatalf("no sample events of %s: %v", function, err)
		}
		for _, file := range files {
			name := filepath.Join(function, filepath.Base(file))
			t.Run(name, func(t *testing.T) {
				answer, err := HTTP(echo(t), quiet)(t.Context(), readEvent(t, file))
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("testdata", name), answer)
			})
		}
	}
}

func readEvent(t *testing.T, file string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields() // a sample with a misspelled field shows nothing
	var e events.APIGatewayV2HTTPRequest
	if err := dec.Decode(&e); err != nil {
		t.Fatal(err)
	}
	return e
}

// golden compares an answer with a file, the body of the echo unfolded so that
// a difference can be read.
func golden(t *testing.T, file string, answer events.APIGatewayV2HTTPResponse) {
	t.Helper()
	var body json.RawMessage = []byte(answer.Body)
	answer.Body = ""
	got, err := json.MarshalIndent(struct {
		Answer events.APIGatewayV2HTTPResponse
		Seen   json.RawMessage
	}{answer, body}, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("the answer is\n%s\nwant (%s)\n%s", got, file, want)
	}
}

// request is the smallest event that is a request.
func request(method, path string) events.APIGatewayV2HTTPRequest {
	var e events.APIGatewayV2HTTPRequest
	e.RawPath = path
	e.RequestContext.HTTP.Method = method
	e.RequestContext.DomainName = "api.example.com"
	return e
}

func TestMalformedEventsAnswer400(t *testing.T) {
	spoiled := func(spoil func(*events.APIGatewayV2HTTPRequest)) events.APIGatewayV2HTTPRequest {
		e := request("GET", "/v1/health")
		spoil(&e)
		return e
	}
	var rest events.APIGatewayV2HTTPRequest // a REST API's event has its method elsewhere
	if err := json.Unmarshal([]byte(`{"version":"1.0","httpMethod":"GET","path":"/v1/health","requestContext":{"requestId":"r"}}`), &rest); err != nil {
		t.Fatal(err)
	}
	for claim, e := range map[string]events.APIGatewayV2HTTPRequest{
		"an empty event":                 {},
		"an event of a REST API":         rest,
		"no method":                      spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "" }),
		"a method with a space":          spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.HTTP.Method = "GET /" }),
		"no path":                        spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "" }),
		"a path without a slash":         spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RawPath = "v1/health" }),
		"a line end in the query":        spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RawQueryString = "a=b\r\nc" }),
		"a body that is no base64":       spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.Body, e.IsBase64Encoded = "%%%", true }),
		"a domain name that is no host":  spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.DomainName = "a b" }),
		"a domain name with a bad port":  spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.DomainName = "a:b" }),
		"a domain name with bad escapes": spoiled(func(e *events.APIGatewayV2HTTPRequest) { e.RequestContext.DomainName = "%zz" }),
	} {
		t.Run(claim, func(t *testing.T) {
			called := false
			h := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called = true })
			answer, err := HTTP(h, quiet)(t.Context(), e)
			if err != nil || called {
				t.Fatalf("error %v, handler called: %t", err, called)
			}
			var problem struct {
				Status int
				Detail string
			}
			if err := json.Unmarshal([]byte(answer.Body), &problem); err != nil {
				t.Fatal(err)
			}
			if answer.StatusCode != 400 || problem.Status != 400 || problem.Detail == "" ||
				answer.Headers["Content-Type"] != "application/problem+json" {
				t.Errorf("the answer is %+v", answer)
			}
		})
	}
}

// serve hands an event to a handler that notes what it saw.
func serve(t *testing.T, e events.APIGatewayV2HTTPRequest) seen {
	t.Helper()
	var got seen
	answer, err := HTTP(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = look(t, r) }), quiet)(t.Context(), e)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("answer %+v, error %v", answer, err)
	}
	return got
}

func TestPathIsTakenLiterally(t *testing.T) {
	for _, path := range []string{"/v1/a b", "/v1/100%", "/v1/%zz", "/v1/what?", "/v1/a#b", "//v1/verify", "/v1/jörg", "/"} {
		if got := serve(t, request("GET", path)); got.Path != path || got.RawQuery != "" {
			t.Errorf("rawPath %q arrives as path %q, query %q", path, got.Path, got.RawQuery)
		}
	}
}

func TestPathFallsBackToTheContext(t *testing.T) {
	e := request("GET", "")
	e.RequestContext.HTTP.Path = "/v1/health"
	if got := serve(t, e); got.Path != "/v1/health" {
		t.Errorf("path is %q", got.Path)
	}
}

func TestRepeatedQueryKeysSurvive(t *testing.T) {
	e := request("GET", "/v1/jobs")
	e.RawQueryString = "status=a&status=b%2Cc&email=user%2Btag%40example.com"
	e.QueryStringParameters = map[string]string{"status": "a,b,c", "email": "user+tag@example.com"}
	if got := serve(t, e); got.RawQuery != e.RawQueryString {
		t.Errorf("query is %q, want %q", got.RawQuery, e.RawQueryString)
	}
}

func TestBinaryBodyArrivesAsSent(t *testing.T) {
	e := request("POST", "/v1/hooks/ses/t")
	e.Body, e.IsBase64Encoded = "/wD+", true
	if got := serve(t, e); got.Body != "\xff\x00\xfe" {
		t.Errorf("body is %q", got.Body)
	}
}

func TestRemoteAddrHasHostAndPort(t *testing.T) {
	for ip, want := range map[string]string{
		"198.51.100.24": "198.51.100.24:0",
		"2001:db8::7":   "[2001:db8::7]:0",
		"":              "0.0.0.0:0",
		"nonsense":      "0.0.0.0:0",
	} {
		e := request("GET", "/")
		e.RequestContext.HTTP.SourceIP = ip
		if got := serve(t, e); got.RemoteAddr != want {
			t.Errorf("source %q becomes %q, want %q", ip, got.RemoteAddr, want)
		}
	}
}

func TestRequestIDIsTheGatewaysAlone(t *testing.T) {
	e := request("GET", "/")
	e.Headers = map[string]string{"x-request-id": "callers"}
	if got := serve(t, e).Header.Values(RequestIDHeader); len(got) != 0 {
		t.Errorf("without a gateway's id the handler sees %q", got)
	}
	e.RequestContext.RequestID = "LV7fzho-PHcEJPw="
	if got := serve(t, e).Header.Values(RequestIDHeader); !reflect.DeepEqual(got, []string{"LV7fzho-PHcEJPw="}) {
		t.Errorf("the handler sees %q", got)
	}
	if e.Headers["x-request-id"] != "callers" {
		t.Error("the event was changed")
	}
}

func TestContextOfTheInvocationReachesTheHandler(t *testing.T) {
	type key struct{}
	var got any
	h := HTTP(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Context().Value(key{}) }), quiet)
	if _, err := h(context.WithValue(t.Context(), key{}, "deadline"), request("GET", "/")); err != nil {
		t.Fatal(err)
	}
	if got != "deadline" {
		t.Errorf("the handler finds %v", got)
	}
}

func TestAnswersKeepTheRulesOfNetHTTP(t *testing.T) {
	for _, c := range []struct {
		claim  string
		serve  http.HandlerFunc
		status int
		body   string
	}{
		{"nothing written is 200", func(http.ResponseWriter, *http.Request) {}, 200, ""},
		{"a body alone is 200", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }, 200, "hello"},
		{"the first status counts", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); w.WriteHeader(500) }, 404, ""},
		{"a status after the body is late", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "x"); w.WriteHeader(500) }, 200, "x"},
		{"early hints are no status", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(103) }, 200, ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			answer, err := HTTP(c.serve, quiet)(t.Context(), request("GET", "/"))
			if err != nil || answer.StatusCode != c.status || strings.TrimSpace(answer.Body) != c.body {
				t.Errorf("answer %+v, error %v", answer, err)
			}
		})
	}
}
