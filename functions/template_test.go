package functions

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// startsDeployed starts a function in the environment that template.yaml gives it,
// and all functions: a deployment with the defaults of all parameters.
func startsDeployed(t *testing.T, binary string, all, own map[string]bool) {
	if own == nil {
		t.Fatal("template.yaml has no such function")
	}
	env := []string{
		"AWS_REGION=eu-central-1", "AWS_ACCESS_KEY_ID=id", "AWS_SECRET_ACCESS_KEY=secret", "AWS_XRAY_DAEMON_ADDRESS=127.0.0.1:2000",
		"AWS_ENDPOINT_URL=http://127.0.0.1:1", // nobody is asked before an event
	}
	for _, settings := range []map[string]bool{all, own} {
		for name := range settings {
			env = append(env, name+"="+sampleOf(t, name))
		}
	}
	startSucceeds(t, binary, env)
}

// startSucceeds runs a binary until it asks Lambda for its first event.
func startSucceeds(t *testing.T, binary string, env []string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	asked := make(chan string, 8)
	lambda := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/invocation/next") {
			asked <- r.URL.Path
			<-ctx.Done()
		}
		w.WriteHeader(http.StatusNotFound) // no extensions here
	}))
	defer lambda.Close()
	defer cancel() // before Close, which waits for the question
	var said bytes.Buffer
	run := exec.CommandContext(ctx, binary)
	run.Env = append([]string{"HOME=" + os.DevNull, "AWS_LAMBDA_RUNTIME_API=" + strings.TrimPrefix(lambda.URL, "http://")}, env...)
	run.Stdout, run.Stderr = &said, &said
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = run.Wait() // it is killed, or said why it ended
		close(ended)
	}()
	select {
	case <-asked:
	case <-ended:
		t.Errorf("ended before it asked for an event: %s", said.String())
	}
	cancel()
	<-ended
}

// sampleOf is the value that a setting has in such a deployment.
func sampleOf(t *testing.T, setting string) string {
	t.Helper()
	switch setting {
	case "RCPT_CONTROL_TABLE", "RCPT_CACHE_TABLE", "RCPT_BUCKET":
		return "rcpt-" + strings.ToLower(setting[5:8])
	case "RCPT_SECRET":
		return "a-secret-of-no-installation"
	case "RCPT_HELO":
		return "probe.example.com"
	case "RCPT_MAIL_FROM":
		return "verify@example.com"
	case "RCPT_VAULT_KEY":
		return "arn:aws:kms:eu-central-1:123456789012:key/1a2b3c4d"
	case "RCPT_STATE_MACHINE":
		return "arn:aws:states:eu-central-1:123456789012:stateMachine:rcpt-jobs"
	case "RCPT_PROBE_QUEUE", "RCPT_DELIVERY_QUEUE", "RCPT_VENDOR_QUEUE":
		return "https://sqs.eu-central-1.amazonaws.com/123456789012/rcpt-queue"
	case "RCPT_EGRESS_CHECK": // without it the function is not deployed
		return "mx.example.com:25"
	case "RCPT_EGRESS_IP":
		return "192.0.2.25"
	case "RCPT_PUBLIC_URL", "RCPT_LISTS_URLS", "RCPT_EGRESS_LISTS":
		return ""
	}
	t.Fatalf("what is %s in a deployment?", setting)
	return ""
}

// templateNames reads which settings template.yaml gives to which function: by
// its folder here, and under "" those that all have.
func templateNames(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	resource := regexp.MustCompile(`^  ([A-Za-z]*)Function:`)
	setting := regexp.MustCompile(`^ +(RCPT_[A-Z0-9_]+): `)
	given, function := make(map[string]map[string]bool), ""
	for line := range strings.Lines(string(text)) {
		if m := resource.FindStringSubmatch(line); m != nil {
			function = strings.ToLower(m[1]) // "Function" alone is that of Globals
			given[function] = make(map[string]bool)
		}
		if m := setting.FindStringSubmatch(line); m != nil {
			given[function][m[1]] = true
		}
	}
	return given
}
