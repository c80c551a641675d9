// Package trigger joins Lambda events to plain Go: an event in, a function
// call, Lambda's answer out. It is the only package beside the mains that knows
// the event types; what it calls never learns that Lambda exists.
//
//	http.go   HTTP: a request of an HTTP API, for an http.Handler
//	queue.go  Queue: messages of SQS, for a function of one message
//	task.go   Task and Scheduled: a state of a state machine, the clock
//	start.go  Start: serves Lambda with any of them
//	panic.go  a panic is a failure like any other, and not the process's end
//
// What all have in common: an event that cannot be read is answered or
// acknowledged and logged once, so that it does not come back; it is never
// quoted, since it may hold addresses. A panic is logged with its stack, and
// the next event is served: Lambda would end the process otherwise.
//
// HTTP serves events of an API Gateway HTTP API, payload format 2.0, with an
// ordinary http.Handler. The translation is aws-lambda-go-api-proxy's
// (httpadapter.NewV2, v0.16.2); HTTP repairs around it what that version gets
// wrong, so that a handler sees what net/http would have shown it:
//
//   - Header values are whole. The adapter splits most of them at commas (its
//     issues 171 and 178), which breaks signatures of webhooks.
//   - A handler that writes nothing answers 200. The adapter returns an error.
//   - RemoteAddr is host:port, with port 0.
//   - The path is what the gateway decoded, taken literally.
//   - X-Request-Id is the gateway's id, never the caller's: the gateway's
//     access log and ours then tell of one request under one name.
//
// An event that is no HTTP request is answered with 400 before the adapter sees
// it: the adapter would print the path, and paths of webhooks hold a token.
package trigger

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"
)

// RequestIDHeader carries the id of the request to the handler.
const RequestIDHeader = "X-Request-Id"

// HTTP returns a Lambda handler that serves each event with h. The handler's
// error is always nil: what goes wrong is an answer with a status. It may be
// called concurrently if h may.
func HTTP(h http.Handler, log *slog.Logger) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	adapter := httpadapter.NewV2(repaired{h})
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (answer events.APIGatewayV2HTTPResponse, _ error) {
		e, ok := normalize(e)
		if !ok {
			log.LogAttrs(ctx, slog.LevelWarn, "malformed event", slog.String("trigger", "http"))
			return problem(http.StatusBadRequest, "bad-request", "the event is no request of an HTTP API in payload format 2.0"), nil
		}
		err := safely(ctx, log, func() (err error) {
			answer, err = adapter.ProxyWithContext(context.WithValue(ctx, eventKey{}, e), e)
			return err
		})
		if err != nil {
			return problem(http.StatusInternalServerError, "internal", "something went wrong on our side"), nil
		}
		return answer, nil
	}
}

// normalize decodes the body and escapes the path, so that the adapter has
// nothing left that can fail. It reports whether e is an HTTP request at all.
func normalize(e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPRequest, bool) {
	if e.RawPath == "" {
		e.RawPath = e.RequestContext.HTTP.Path
	}
	if !strings.HasPrefix(e.RawPath, "/") || e.RequestContext.HTTP.Method == "" {
		return e, false
	}
	if e.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return e, false
		}
		e.Body, e.IsBase64Encoded = string(body), false
	}
	// The gateway decodes rawPath; a decoded space or percent sign is no URL.
	e.RawPath = (&url.URL{Path: e.RawPath}).EscapedPath()
	// Beside the raw query the parsed one is lossy: repeated keys are joined.
	e.QueryStringParameters = nil
	target := "https://" + e.RequestContext.DomainName + e.RawPath + "?" + e.RawQueryString
	_, err := http.NewRequest(strings.ToUpper(e.RequestContext.HTTP.Method), target, nil)
	return e, err == nil
}

// problem answers where no handler could (RFC 9457).
func problem(status int, slug, detail string) events.APIGatewayV2HTTPResponse {
	body, _ := json.Marshal(struct { // texts and a number: it cannot fail
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
	}{"/problems/" + slug, http.StatusText(status), status, detail})
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status,
		Headers:    map[string]string{"Content-Type": "application/problem+json", "Cache-Control": "no-store"},
		Body:       string(body) + "\n",
	}
}

// eventKey finds the event in the context of its request.
type eventKey struct{}

// repaired wraps a handler in the repairs that need the request the adapter
// made.
type repaired struct{ next http.Handler }

func (h repaired) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, _ := r.Context().Value(eventKey{}).(events.APIGatewayV2HTTPRequest)
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	// net/http keeps the host out of the headers, too.
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
		r.Header.Del("Host")
	}
	r.Header.Del(RequestIDHeader)
	if id := e.RequestContext.RequestID; id != "" {
		r.Header.Set(RequestIDHeader, id)
	}
	r.RemoteAddr = remoteAddr(e.RequestContext.HTTP.SourceIP)

	answer := &answer{ResponseWriter: w}
	h.next.ServeHTTP(answer, r)
	if !answer.started {
		answer.WriteHeader(http.StatusOK)
	}
}

// remoteAddr is ip in the form of http.Request.RemoteAddr. The gateway does not
// tell the port; an address that cannot be read is the unspecified one.
func remoteAddr(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		addr = netip.IPv4Unspecified()
	}
	return netip.AddrPortFrom(addr, 0).String()
}

// answer keeps the promise of http.ResponseWriter that the first status counts
// and that none means 200.
type answer struct {
	http.ResponseWriter
	started bool
}

func (a *answer) WriteHeader(status int) {
	if a.started || status < http.StatusOK {
		return // an informational status cannot leave Lambda
	}
	a.started = true
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(body []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.ResponseWriter.Write(body)
}

// Unwrap serves http.ResponseController.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
