package notify

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// No test may leave the machine, so 127.0.0.1 plays an allowed network, and
// 127.0.0.2 what must stay out of reach.
func allowed() []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")} }

// over sends through the real transport.
func (w *world) over(allow []netip.Prefix) {
	cfg := w.cfg
	cfg.Allow, cfg.Transport = allow, NewTransport(allow)
	w.Book = New(cfg)
}

func TestExactOctetsOverTheWire(t *testing.T) {
	w := open(t)
	var got received
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = received{header: r.Header, body: string(body), url: r.URL.String()}
		rw.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	w.over(allowed())
	d := draft()
	d.URL = server.URL + "/hook?x=%20"
	w.post(t, d)
	w.work(t)
	if got.body != string(d.Body) || got.url != "/hook?x=%20" || w.find(t, d).State != Delivered {
		t.Errorf("got %s %q; %s", got.url, got.body, history(w.find(t, d)))
	}
	for _, name := range []string{"Cookie", "Referer", "Authorization"} {
		if got.header.Get(name) != "" {
			t.Errorf("%s: %s is sent", name, got.header.Get(name))
		}
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var touched atomic.Int32
	metadata := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	defer metadata.Close()
	for _, target := range []string{"http://169.254.169.254/latest/meta-data/", metadata.URL} {
		server := httptest.NewServer(http.RedirectHandler(target, http.StatusTemporaryRedirect))
		w := open(t)
		w.over(allowed())
		d := draft()
		d.URL = server.URL
		w.post(t, d)
		w.work(t)
		server.Close()
		if got := w.find(t, d); got.State != Pending || history(got) != "1.1 307 redirects are not followed" {
			t.Errorf("to %s: %s, %s", target, got.State, history(got))
		}
	}
	if touched.Load() != 0 {
		t.Error("the target of a redirect was asked")
	}
}

// A URL that was taken may lead elsewhere when it is used: the address counts.
func TestPrivateAddressesAreNotReached(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	var touched atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { touched.Add(1) }))
	server.Listener = listener
	server.Start()
	defer server.Close()
	for claim, c := range map[string]struct {
		url   string
		allow []netip.Prefix
	}{
		"loopback, nothing allowed":          {server.URL, nil},
		"loopback beside what is allowed":    {server.URL, allowed()},
		"https to loopback":                  {strings.Replace(server.URL, "http:", "https:", 1), allowed()},
		"metadata":                           {"https://169.254.169.254/latest/meta-data/", allowed()},
		"http to a public address":           {"http://93.184.216.34/", allowed()},
		"http to a public address, IPv6":     {"http://[2606:2800:220:1::1]/", nil},
		"IPv4 inside IPv6":                   {"https://[::ffff:169.254.169.254]/", allowed()},
		"a name that leads to a private one": {strings.Replace(server.URL, "127.0.0.2", "localhost", 1), nil},
	} {
		w := open(t)
		d := draft()
		d.URL = c.url
		w.over([]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")})
		w.post(t, d)
		w.over(c.allow)
		w.work(t)
		if got := w.find(t, d); history(got) != "1.1 0 the host has no public address" {
			t.Errorf("%s: %s", claim, history(got))
		}
	}
	if touched.Load() != 0 {
		t.Error("the server was reached")
	}
}

func TestOtherSchemesHaveNoWay(t *testing.T) {
	r := httptest.NewRequest("POST", "ftp://hook.example/", nil)
	if answer, err := NewTransport(nil).RoundTrip(r); err == nil {
		t.Errorf("answered %v", answer.Status)
	}
}

func TestCausesAreToldInWordsOfOurOwn(t *testing.T) {
	refused, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Close()
	hangUp := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }))
	defer hangUp.Close()
	untrusted := httptest.NewUnstartedServer(http.NotFoundHandler())
	untrusted.Config.ErrorLog = log.New(io.Discard, "", 0)
	untrusted.StartTLS()
	defer untrusted.Close()
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	for url, want := range map[string]string{
		"http://" + refused.Addr().String() + "/?token=s3cret": "the connection was refused",
		hangUp.URL + "/?token=s3cret":                          "the connection ended without an answer",
		untrusted.URL + "/?token=s3cret":                       "the certificate is of an unknown authority",
		strings.Replace(plain.URL, "http:", "https:", 1):       "the server does not speak TLS as we do",
	} {
		w := open(t)
		w.over(allowed())
		d := draft()
		d.URL = url
		w.post(t, d)
		w.work(t)
		got := w.find(t, d)
		if len(got.Attempts) != 1 || !strings.HasPrefix(got.Attempts[0].Error, want) || got.NextAt.Sub(noon()) != 5*time.Second {
			t.Errorf("%s: %s, next %v; want %s", url, history(got), got.NextAt, want)
		}
	}
}

// No test asks a name server.
func TestNamesThatDoNotResolve(t *testing.T) {
	for want, err := range map[string]error{
		"the name of the host does not resolve":       &net.DNSError{Err: "no such host", Name: "s3cret.example", IsNotFound: true},
		"the name of the host could not be looked up": &net.DNSError{Err: "i/o timeout", Name: "s3cret.example", IsTimeout: true},
		"the request failed before an answer came":    errors.New("s3cret"),
	} {
		if got := causeOf(fmt.Errorf("dial: %w", err)); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
