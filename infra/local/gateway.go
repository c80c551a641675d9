package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/trigger"
)

// function is a Lambda handler for HTTP events.
type function func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error)

// gateway stands where API Gateway stands on AWS: it makes an event of payload
// format 2.0 out of each request, calls the function, and writes its answer.
// So a request takes the same way here as there.
type gateway struct {
	function function
	now      func() time.Time
	bodies   *bodies
}

func (g gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := requestID()
	if r.ContentLength > maxBody { // the reader finds out when the length was not told
		refuse(w, id, http.StatusRequestEntityTooLarge)
		return
	}
	body, done, err := g.bodies.read(w, r)
	defer done()
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		refuse(w, id, http.StatusRequestEntityTooLarge)
		return
	case errors.Is(err, errFull):
		w.Header().Set("Retry-After", "1")
		refuse(w, id, http.StatusServiceUnavailable)
		return
	case err != nil: // cut off, too slow, or not in the chunks it promised
		refuse(w, id, http.StatusBadRequest)
		return
	}
	answer, err := g.function(r.Context(), g.event(r, id, body))
	if err != nil {
		refuse(w, id, http.StatusInternalServerError)
		return
	}
	writeAnswer(w, r, answer)
}

// refuse answers a request of which no event can be made, or whose function
// did not return. The gateway of AWS has words of its own for that; here these
// errors have the form of all others (RFC 9457).
func refuse(w http.ResponseWriter, id string, status int) {
	slug, detail := "internal", "something went wrong on our side; report the request id if it happens again"
	switch status {
	case http.StatusRequestEntityTooLarge:
		slug, detail = "too-large", "the body is larger than any request may be"
	case http.StatusBadRequest:
		slug, detail = "bad-request", "the body did not arrive whole"
	case http.StatusServiceUnavailable:
		slug, detail = "unavailable", errFull.Error()+"; send this one again"
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set(trigger.RequestIDHeader, id)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{ // the caller has hung up; there is nobody to tell
		"type": "/problems/" + slug, "title": http.StatusText(status), "status": status, "detail": detail, "request_id": id,
	})
}

// event is the request as API Gateway hands it over: header names in lower
// case, repeated ones joined with commas, the path decoded, cookies apart,
// a body that is not text in base64.
func (g gateway) event(r *http.Request, id string, body []byte) events.APIGatewayV2HTTPRequest {
	now := g.now().UTC()
	ip, _, _ := net.SplitHostPort(r.RemoteAddr)
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: "$default", RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: map[string]string{"host": r.Host}, Cookies: r.Header.Values("Cookie"),
		RequestContext: events.APIGatewayV2HTTPRequestContext{
			RouteKey: "$default", Stage: "$default", DomainName: r.Host, APIID: "local", AccountID: "local",
			RequestID: id, Time: now.Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
			HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
				Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: ip, UserAgent: r.UserAgent(),
			},
		},
	}
	for name, values := range r.Header {
		if name != "Cookie" {
			e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
		}
	}
	if utf8.Valid(body) {
		e.Body = string(body)
	} else {
		e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), true
	}
	return e
}

func writeAnswer(w http.ResponseWriter, r *http.Request, answer events.APIGatewayV2HTTPResponse) {
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	for name, values := range answer.MultiValueHeaders {
		w.Header()[http.CanonicalHeaderKey(name)] = values
	}
	for _, cookie := range answer.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		body, _ = base64.StdEncoding.DecodeString(answer.Body)
	}
	w.WriteHeader(answer.StatusCode)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
}
