package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// TestWebhooksThatFail submits jobs whose receivers hang, fail, lead elsewhere or
// are where nobody may be called. The jobs end all the same, and their delivery
// logs say why nothing was delivered.
func TestWebhooksThatFail(t *testing.T) {
	t.Parallel()
	p := startAskingUs(t, "10.0.0.7", "metadata.example", "169.254.169.254")
	for path, body := range map[string]string{"/v1/jobs": `{"emails":["alice@ok.test"],"webhook_url":"https://169.254.169.254/"}`, "/v1/webhooks/test": `{"webhook_url":"https://10.0.0.7/"}`} {
		if got, err := p.ask(path, body); err != nil || got.status != 400 || got.text("field") != "webhook_url" {
			t.Errorf("%s with a private address: %v, %v", path, got, err)
		}
	}
	answering := func(answer func(http.ResponseWriter, *http.Request)) string {
		return newReceiver(t, func(w http.ResponseWriter, r *http.Request, _ int) { answer(w, r) }).URL
	}
	reached := newReceiver(t, func(http.ResponseWriter, *http.Request, int) {})
	_, port, _ := net.SplitHostPort(reached.Listener.Addr().String())
	jobs := make(map[string]string)
	wants := map[string]string{
		answering(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }): "- no answer within 15s",
		answering(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = w.Write([]byte("<b>out of\x00order</b>"))
		}): "500 the status is not 2xx: <b>out of order</b>",
		answering(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data/", http.StatusTemporaryRedirect)
		}): "307 redirects are not followed",
		answering(func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, reached.URL, http.StatusFound) }): "302 redirects are not followed",
		"https://internal.example/hook":          "- the host has no public address",
		"https://metadata.example/hook":          "- the host has no public address",
		"http://internal.example:" + port + "/x": "- the host has no public address",
		"http://127.0.0.1:1/":                    "- the connection was refused",
	}
	for url := range wants {
		job := p.call(t, "POST", "/v1/jobs", fmt.Sprintf(`{"emails":["alice@ok.test"],"webhook_url":%q}`, url), 202)
		jobs[url] = job.text("id")
	}
	for url, want := range wants {
		if job := p.follow(t, jobs[url], drilled.ended); job.Status != "completed" || job.Done != 1 {
			t.Errorf("the job of %s is %+v", url, job)
		}
		if got := p.firstAttempt(t, jobs[url]); got != want && got != want+": " {
			t.Errorf("%s: the log says %q, want %q", url, got, want)
		}
	}
	if came := reached.all(); len(came) > 0 {
		t.Errorf("a redirect was followed: %v", came)
	}
}

// firstAttempt waits for the first attempt at a job's webhook and says what came
// of it.
func (p *product) firstAttempt(t *testing.T, job string) string {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		page := p.call(t, "GET", "/v1/jobs/"+job+"/deliveries", "", 200)
		for _, d := range page.fields["deliveries"].([]any) {
			delivery := answer{fields: d.(map[string]any)}
			attempts := delivery.fields["attempts"].([]any)
			if len(attempts) == 0 {
				continue
			}
			if delivery.text("state") != "pending" || delivery.text("next_attempt_at") == "-" {
				t.Errorf("the delivery to %s is %s and comes again %s", delivery.text("url"), delivery.text("state"), delivery.text("next_attempt_at"))
			}
			first := answer{fields: attempts[0].(map[string]any)}
			text := first.text("status") + " " + first.text("error")
			if said := first.text("response"); said != "-" {
				text += ": " + said
			}
			return text
		}
	}
	t.Fatalf("no attempt at the webhook of %s", job)
	return ""
}

// startAskingUs starts a product whose names, those of webhooks, are answered by
// this test: with one address, or another for one of them.
func startAskingUs(t *testing.T, all, other, another string) *product {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &dns.Server{PacketConn: conn, Handler: dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		answer, question := new(dns.Msg).SetReply(q), q.Question[0]
		address := all
		if question.Name == other+"." {
			address = another
		}
		if question.Qtype == dns.TypeA {
			answer.Answer = append(answer.Answer, &dns.A{
				Hdr: dns.RR_Header{Name: question.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 60}, A: net.ParseIP(address),
			})
		}
		_ = w.WriteMsg(answer)
	})}
	go func() { _ = server.ActivateAndServe() }() // ends with Shutdown
	t.Cleanup(func() { _ = server.Shutdown() })
	p, err := launch(t.TempDir(), []string{
		"RCPT_ADDR=127.0.0.1:0", "RCPT_DATA=" + filepath.Join(t.TempDir(), "data"), "RCPT_DNS=" + nowhere,
		"RCPT_WEBHOOK_ALLOW=127.0.0.1/32", namesAt + "=" + conn.LocalAddr().String(),
	}, "rcpt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = p.end(syscall.SIGKILL) // a receiver may still hang
		if err := p.indiscretion(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// namesAt names the environment variable with the name server that a product
// under test asks for the names of webhooks, instead of those of the machine.
const namesAt = "DRILL_NAMES"

// askTheTest has this process resolve names as the test wants it.
func askTheTest() {
	server := os.Getenv(namesAt)
	if server == "" {
		return
	}
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server)
	}}
}
