package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/config"
)

// pass hands one request to a gateway and returns the event that its function
// got.
func pass(t *testing.T, r *http.Request) events.APIGatewayV2HTTPRequest {
	t.Helper()
	var got events.APIGatewayV2HTTPRequest
	g := gateway{
		bodies: new(bodies),
		now:    func() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) },
		function: func(_ context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
			got = e
			return events.APIGatewayV2HTTPResponse{StatusCode: http.StatusOK}, nil
		},
	}
	g.ServeHTTP(httptest.NewRecorder(), r)
	return got
}

func TestRequestBecomesAnEvent(t *testing.T) {
	r := httptest.NewRequest("POST", "http://rcpt.example/v1/a%20b?x=1&x=2", strings.NewReader(`{"a":"ü"}`))
	r.Header.Add("X-Signature", "one")
	r.Header.Add("X-Signature", "two")
	r.Header.Set("Cookie", "a=b")
	r.RemoteAddr = "192.0.2.7:4242"
	e := pass(t, r)

	headers := map[string]string{"host": "rcpt.example", "x-signature": "one,two"}
	if e.Version != "2.0" || e.RawPath != "/v1/a b" || e.RawQueryString != "x=1&x=2" || !reflect.DeepEqual(e.Headers, headers) {
		t.Errorf("the event is %+v", e)
	}
	if e.Body != `{"a":"ü"}` || e.IsBase64Encoded || !reflect.DeepEqual(e.Cookies, []string{"a=b"}) {
		t.Errorf("body and cookies are %q, %v, %q", e.Body, e.IsBase64Encoded, e.Cookies)
	}
	if c := e.RequestContext; c.HTTP.Method != "POST" || c.HTTP.SourceIP != "192.0.2.7" || len(c.RequestID) != 24 || c.Time != "22/Nov/2026:12:00:00 +0000" {
		t.Errorf("the context is %+v", c)
	}
}

func TestBodyThatIsNoTextTravelsInBase64(t *testing.T) {
	e := pass(t, httptest.NewRequest("POST", "/v1/verify", strings.NewReader("\xff\x00")))
	if e.Body != "/wA=" || !e.IsBase64Encoded {
		t.Errorf("body is %q, base64 %v", e.Body, e.IsBase64Encoded)
	}
}

func TestAnswerOfTheFunction(t *testing.T) {
	g := gateway{now: time.Now, bodies: new(bodies), function: func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		return events.APIGatewayV2HTTPResponse{
			StatusCode: http.StatusAccepted, Headers: map[string]string{"X-One": "1"},
			MultiValueHeaders: map[string][]string{"x-two": {"2", "3"}}, Cookies: []string{"a=b"}, Body: "/wA=", IsBase64Encoded: true,
		}, nil
	}}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	want := http.Header{"X-One": {"1"}, "X-Two": {"2", "3"}, "Set-Cookie": {"a=b"}}
	if w.Code != http.StatusAccepted || w.Body.String() != "\xff\x00" || !reflect.DeepEqual(w.Header(), want) {
		t.Errorf("answer is %d %q %v", w.Code, w.Body, w.Header())
	}
}

func TestFunctionThatFailsIsAProblem(t *testing.T) {
	g := gateway{now: time.Now, bodies: new(bodies), function: func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		return events.APIGatewayV2HTTPResponse{}, errors.New("alice@ok.example")
	}}
	w := httptest.NewRecorder()
	g.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
	got, err := read(w.Result())
	if err != nil || gist(got) != "500 internal" || strings.Contains(w.Body.String(), "alice") {
		t.Errorf("answer is %q, %v", w.Body, err)
	}
}

func TestValuesOfTheEnvFileSurviveTheShell(t *testing.T) {
	for _, c := range []struct{ claim, value, want string }{
		{"an URL stands as it is", "http://127.0.0.1:8080", "http://127.0.0.1:8080"},
		{"so does IPv6", "http://[::1]:8080", "http://[::1]:8080"},
		{"so does base64", "whsec_a+b/c=", "whsec_a+b/c="},
		{"a blank is quoted", "http://rcpt.example/a b", "'http://rcpt.example/a b'"},
		{"so is a command", "http://rcpt.example/$(id);x", "'http://rcpt.example/$(id);x'"},
		{"a quote is written outside of quotes", "it's", `'it'\''s'`},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := quote(c.value); got != c.want {
				t.Errorf("written as %s, want %s", got, c.want)
			}
			if got := unquote(quote(c.value)); got != c.value {
				t.Errorf("read back as %s, want %s", got, c.value)
			}
		})
	}
}

func TestPublicURLOfAFreePort(t *testing.T) {
	for _, c := range []struct{ claim, addr, set, want string }{
		{"one interface", "127.0.0.1:0", "", "http://127.0.0.1:PORT"},
		{"every interface has a name that works", ":0", "", "http://localhost:PORT"},
		{"what is set counts", ":0", "https://rcpt.example", "https://rcpt.example"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			lookup := func(name string) string {
				return map[string]string{"RCPT_ADDR": c.addr, "RCPT_PUBLIC_URL": c.set}[name]
			}
			cfg, err := config.Read(lookup, "host.example")
			if err != nil {
				t.Fatal(err)
			}
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = l.Close() }()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			if got, want := publicURL(cfg, lookup, l), strings.ReplaceAll(c.want, "PORT", port); got != want {
				t.Errorf("public URL is %s, want %s", got, want)
			}
		})
	}
}
