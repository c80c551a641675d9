package safedial

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
)

// No test may leave the machine, so 127.0.0.1 plays the public address, by
// being allowed, and 127.0.0.2 the loopback that must stay out of reach.
const (
	public    = "127.0.0.1"
	forbidden = "127.0.0.2"
)

// listen accepts on ip and counts the connections. The port is free or given.
func listen(t *testing.T, ip, port string) (string, *atomic.Int32) {
	t.Helper()
	l, err := net.Listen("tcp4", net.JoinHostPort(ip, port))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	accepted := new(atomic.Int32)
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			accepted.Add(1)
			_ = conn.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port, accepted
}

func allow(ip string) []netip.Prefix {
	return []netip.Prefix{netip.PrefixFrom(netip.MustParseAddr(ip), 32)}
}

// answers resolves to one list after the other; the last one stays.
func answers(calls *int, lists ...[]string) func(context.Context, string, string) ([]netip.Addr, error) {
	return func(context.Context, string, string) ([]netip.Addr, error) {
		list := lists[min(*calls, len(lists)-1)]
		*calls++
		var ips []netip.Addr
		for _, ip := range list {
			ips = append(ips, netip.MustParseAddr(ip))
		}
		return ips, nil
	}
}

func TestASecondAnswerIsNeverAskedFor(t *testing.T) {
	port, _ := listen(t, public, "0")
	_, bad := listen(t, forbidden, port)
	calls := 0
	d := Dialer{Allow: allow(public), Resolve: answers(&calls, []string{public}, []string{forbidden})}

	conn, err := d.DialContext(t.Context(), "tcp", "rebind.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if got := conn.RemoteAddr().String(); got != public+":"+port {
		t.Errorf("connected to %s, want %s", got, public)
	}
	if calls != 1 {
		t.Errorf("resolved %d times, want once", calls)
	}

	// The next dial sees the changed answer and must refuse it.
	if _, err := d.DialContext(t.Context(), "tcp", "rebind.example:"+port); !errors.Is(err, ErrForbidden) {
		t.Errorf("dial after the change: error %v, want ErrForbidden", err)
	}
	if n := bad.Load(); n != 0 {
		t.Errorf("%d connections reached the forbidden address", n)
	}
}

func TestOnlyPermittedAddressesAreDialed(t *testing.T) {
	port, _ := listen(t, public, "0")
	_, bad := listen(t, forbidden, port)
	calls := 0
	d := Dialer{Allow: allow(public), Resolve: answers(&calls, []string{forbidden, "::1", "::ffff:" + forbidden, public})}

	conn, err := d.DialContext(t.Context(), "tcp", "mixed.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if got := conn.RemoteAddr().String(); got != public+":"+port {
		t.Errorf("connected to %s, want %s", got, public)
	}
	if n := bad.Load(); n != 0 {
		t.Errorf("%d connections reached the forbidden address", n)
	}
}

func TestTheNextAddressIsTriedWhenOneRefuses(t *testing.T) {
	port, good := listen(t, public, "0")
	calls := 0
	d := Dialer{
		Allow:   append(allow(public), allow(forbidden)...),
		Resolve: answers(&calls, []string{forbidden, public}), // nobody listens on the first
	}
	conn, err := d.DialContext(t.Context(), "tcp", "half.example:"+port)
	if err != nil {
		t.Fatal(err)
	}
	// Reading to the end means that the listener has accepted and counted.
	_, _ = io.Copy(io.Discard, conn)
	_ = conn.Close()
	if n := good.Load(); n != 1 {
		t.Errorf("%d connections to the second address, want 1", n)
	}
}

func TestForbiddenDestinations(t *testing.T) {
	port, _ := listen(t, public, "0")
	private := []string{"10.0.0.1", "169.254.169.254", "fd00:ec2::254", "64:ff9b::7f00:1"}
	for _, test := range []struct{ claim, network, address string }{
		{"every address of the name is private", "tcp", "private.example:25"},
		{"literal", "tcp", "127.0.0.1:" + port},
		{"literal over tcp4", "tcp4", "127.0.0.1:" + port},
		{"IPv6 literal", "tcp6", "[::1]:" + port},
		{"mapped literal", "tcp", "[::ffff:127.0.0.1]:" + port},
		{"unspecified", "tcp", "0.0.0.0:" + port},
		{"zone", "tcp", "[fe80::1%lo]:25"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			calls := 0
			d := Dialer{Resolve: answers(&calls, private)}
			conn, err := d.DialContext(t.Context(), test.network, test.address)
			if !errors.Is(err, ErrForbidden) {
				t.Fatalf("conn %v, error %v, want ErrForbidden", conn, err)
			}
			for _, ip := range private {
				if strings.Contains(err.Error(), ip) {
					t.Errorf("error %q names the address behind the name", err)
				}
			}
		})
	}
}

func TestDialIP(t *testing.T) {
	port, _ := listen(t, public, "0")
	ap := netip.MustParseAddrPort(public + ":" + port)
	mapped := netip.AddrPortFrom(netip.MustParseAddr("::ffff:"+public), ap.Port())

	for _, ap := range []netip.AddrPort{ap, mapped, {}} {
		_, err := new(Dialer).DialIP(t.Context(), ap)
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("zero Dialer, %s: error %v, want ErrForbidden", ap, err)
		} else if strings.Contains(err.Error(), public) {
			t.Errorf("error %q names the address", err)
		}
	}
	d := Dialer{Allow: allow(public)}
	for _, ap := range []netip.AddrPort{ap, mapped} {
		conn, err := d.DialIP(t.Context(), ap)
		if err != nil {
			t.Errorf("allowed, %s: %v", ap, err)
			continue
		}
		_ = conn.Close()
	}
}

// The last test must hold on its own, whatever happens before it.
func TestControlTestsTheFinalAddress(t *testing.T) {
	d := Dialer{Allow: allow(public)}
	for _, test := range []struct {
		network, address string
		want             error
	}{
		{"tcp4", "9.9.9.9:25", nil},
		{"tcp4", public + ":25", nil},
		{"tcp4", forbidden + ":25", ErrForbidden},
		{"tcp6", "[::ffff:127.0.0.2]:25", ErrForbidden},
		{"tcp6", "[fe80::1%lo]:25", ErrForbidden},
		{"udp4", "9.9.9.9:25", ErrForbidden},
		{"unix", "/run/socket", ErrForbidden},
		{"tcp4", "9.9.9.9", ErrForbidden},
	} {
		if got := d.control(t.Context(), test.network, test.address, nil); !errors.Is(got, test.want) {
			t.Errorf("control(%s %s) = %v, want %v", test.network, test.address, got, test.want)
		}
	}
	// And its refusal must come out of dial without the address.
	_, err := new(Dialer).dial(t.Context(), netip.MustParseAddrPort(forbidden+":25"), 0)
	if !errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), forbidden) {
		t.Errorf("dial = %v, want ErrForbidden without the address", err)
	}
}

func TestUnusableRequests(t *testing.T) {
	broken := errors.New("server is ill")
	d := Dialer{
		Allow: allow(public),
		Resolve: func(context.Context, string, string) ([]netip.Addr, error) {
			return nil, broken
		},
	}
	for _, test := range []struct{ claim, network, address string }{
		{"udp", "udp", "127.0.0.1:53"},
		{"unix", "unix", "/run/socket"},
		{"no port", "tcp", "127.0.0.1"},
		{"named port", "tcp", "127.0.0.1:smtp"},
		{"port out of range", "tcp", "127.0.0.1:65536"},
		{"IPv4 over tcp6", "tcp6", "127.0.0.1:25"},
	} {
		t.Run(test.claim, func(t *testing.T) {
			conn, err := d.DialContext(t.Context(), test.network, test.address)
			if err == nil || errors.Is(err, ErrForbidden) {
				t.Errorf("conn %v, error %v, want an error other than ErrForbidden", conn, err)
			}
		})
	}
	if _, err := d.DialContext(t.Context(), "tcp", "ill.example:25"); !errors.Is(err, broken) {
		t.Errorf("resolver's error: got %v, want it wrapped", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.DialContext(ctx, "tcp", "127.0.0.1:25"); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled context: error %v", err)
	}
}

func TestHTTPTransport(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.Host)
	}))
	defer server.Close()
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	byName := "http://hook.example:" + target.Port()
	calls := 0
	fetch := func(d *Dialer) (string, error) {
		d.Resolve = answers(&calls, []string{public})
		transport := &http.Transport{DialContext: d.DialContext}
		defer transport.CloseIdleConnections()
		response, err := (&http.Client{Transport: transport}).Get(byName)
		if err != nil {
			return "", err
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		return string(body), err
	}
	body, err := fetch(&Dialer{Allow: allow(public)})
	if want := "hello hook.example:" + target.Port(); err != nil || body != want {
		t.Errorf("allowed: got %q, %v, want %q", body, err, want)
	}
	if _, err := fetch(&Dialer{}); !errors.Is(err, ErrForbidden) {
		t.Errorf("not allowed: error %v, want ErrForbidden", err)
	}
}

func TestShareLeavesTimeForTheOthers(t *testing.T) {
	if got := share(context.Background(), 3); got != 0 {
		t.Errorf("without deadline: share %v, want 0", got)
	}
	ctx, cancel := context.WithTimeout(t.Context(), defaultTimeout)
	defer cancel()
	if got := share(ctx, 5); got <= 0 || got > defaultTimeout/5 {
		t.Errorf("share of five = %v, want at most %v", got, defaultTimeout/5)
	}
}
