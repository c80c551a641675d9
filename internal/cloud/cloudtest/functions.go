package cloudtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"reflect"
	"strings"
	"testing"
)

// MotoCalls is the variable with the address, such as 127.0.0.1:5200, at which
// moto's state machines look for every service they call. Moto takes it from
// MOTO_PORT in its own environment, which must differ from the port it listens
// at, and Functions listens there.
const MotoCalls = "RCPT_TEST_MOTO_CALLS"

// Function is a Lambda function in the test's own process, with JSON in and out.
// An error fails the invocation under the name of its type or, if it has a method
// FaultName, under that.
type Function func(ctx context.Context, input []byte) ([]byte, error)

// Execute switches on that moto executes state machines. Those made before are none
// that it then knows.
func Execute(t testing.TB) {
	t.Helper()
	settings := `{"stepfunctions":{"execute_state_machine":true},"lambda":{"use_docker":false}}`
	answer, err := http.Post(*Config(t, Moto).BaseEndpoint+"/moto-api/config", "application/json", strings.NewReader(settings))
	if err != nil {
		t.Fatalf("configure moto: %v", err)
	}
	_ = answer.Body.Close()
}

// Functions makes moto's state machines call these functions, by name, until the
// test is over; all other calls of theirs go to moto. It is Execute, too.
func Functions(t testing.TB, functions map[string]Function) {
	t.Helper()
	Execute(t)
	moto, err := url.Parse(*Config(t, Moto).BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	address := os.Getenv(MotoCalls)
	if address == "" {
		t.Fatalf("%s is not set although %s is", MotoCalls, Moto)
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("listen where moto calls: %v", err)
	}
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(moto); r.Out.Host = r.In.Host }}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, isFunction := strings.CutPrefix(r.URL.Path, "/2015-03-31/functions/")
		name, isCall := strings.CutSuffix(name, "/invocations")
		if !isFunction || !isCall {
			pass.ServeHTTP(w, r)
			return
		}
		serveInvoke(w, r, functions[functionName(name)])
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
}

// functionName takes the name out of an ARN and cuts off a qualifier.
func functionName(name string) string {
	if _, behind, isARN := strings.Cut(name, ":function:"); isARN {
		name = behind
	}
	name, _, _ = strings.Cut(name, ":")
	return name
}

// serveInvoke answers Lambda's Invoke as the service does.
func serveInvoke(w http.ResponseWriter, r *http.Request, f Function) {
	input, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if f == nil {
		w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, `{"Type":"User","Message":"no such function"}`)
		return
	}
	output, err := f(r.Context(), input)
	if err != nil {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		output, _ = json.Marshal(map[string]string{"errorType": faultName(err), "errorMessage": err.Error()})
	}
	_, _ = io.Copy(w, bytes.NewReader(output))
}

func faultName(err error) string {
	var named interface{ FaultName() string }
	if errors.As(err, &named) {
		return named.FaultName()
	}
	kind := reflect.TypeOf(err)
	if kind.Kind() == reflect.Pointer {
		kind = kind.Elem()
	}
	return kind.Name()
}
