package refresh_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"rcpt/internal/lists/refresh"
	"rcpt/internal/safedial"
)

// nobody opens no connection.
func nobody(context.Context, string, string) (net.Conn, error) { return nil, safedial.ErrForbidden }

// loopback opens connections to 127.0.0.1 alone.
func loopback(ctx context.Context, network, address string) (net.Conn, error) {
	return onlyHere().DialContext(ctx, network, address)
}

func onlyHere() *safedial.Dialer {
	return &safedial.Dialer{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")},
		Deny:  []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")},
	}
}

// TestRedirectsToPrivateAddressesAreRefused: a source may send us anywhere, and
// we go only to the public internet, by whatever name the address has.
func TestRedirectsToPrivateAddressesAreRefused(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.2:0")
	if err != nil {
		t.Fatal(err)
	}
	inside := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the private server was asked") }))
	inside.Listener = other
	inside.Start()
	t.Cleanup(inside.Close)
	_, port, _ := net.SplitHostPort(other.Addr().String())
	public := &safedial.Dialer{Resolve: func(context.Context, string, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("::ffff:127.0.0.2")}, nil
	}}
	for _, to := range []string{
		inside.URL, "http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "https://127.0.0.2:" + port + "/", "https://[::ffff:127.0.0.2]:" + port + "/",
		"https://10.0.0.1/", "https://169.254.169.254/", "https://rebound.example/", "http://rebound.example/", "https://192.0.2.1:25/",
	} {
		t.Run(to, func(t *testing.T) {
			w := newWorld(t, names("builtin", 200))
			w.config.Client = refresh.NewClient(public.DialContext, loopback)
			w.list("wesbos-one", "one.com")
			w.list("wesbos-two", "two.com")
			w.list("popular", "example.org")
			w.web.handle("wesbos-one", func(out http.ResponseWriter, r *http.Request) { http.Redirect(out, r, to, http.StatusMovedPermanently) })
			r := w.run(refresh.Request{})
			if problem := r.Sources[0].Problem; !strings.Contains(problem, "not public") && !strings.Contains(problem, "resolve") || strings.Contains(problem, "10.1.2.3") {
				t.Errorf("redirected to %s: %q", to, problem)
			}
			if r.Outcome != refresh.Published || r.Sources[1].Problem != "" {
				t.Errorf("%s, the other source: %q", r.Outcome, r.Sources[1].Problem)
			}
		})
	}
}
