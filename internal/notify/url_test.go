package notify

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestURLsThatAreTaken(t *testing.T) {
	loopback := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		url         string
		plain, inIt bool // taken without an allowed network, and with 127.0.0.0/8 and 10.0.0.0/8
	}{
		{"https://hook.example/", true, true},
		{"https://hook.example", true, true},
		{"https://hook.example:8443/a/b?c=d&e=%20", true, true},
		{"https://xn--bcher-kva.example/", true, true},
		{"https://93.184.216.34/", true, true},
		{"https://[2606:2800:220:1::1]:443/x", true, true},
		{"HTTPS://hook.example/", true, true},
		{"http://127.0.0.1:8080/", false, true},
		{"http://10.1.2.3/", false, true},
		{"https://10.1.2.3:22/", false, true},
		{"http://[::ffff:127.0.0.1]/", false, true},
		{"http://localhost:3000/hook", false, true},
		{"http://hook.localhost/", false, true},
		{"http://hook.example/", false, true}, // decided where it leads
		{"http://93.184.216.34/", false, false},
		{"http://192.168.1.1/", false, false},
		{"https://192.168.1.1/", false, false},
		{"https://169.254.169.254/latest/meta-data", false, false},
		{"https://[::1]/", false, false},
		{"https://[fe80::1%25eth0]/", false, false},
		{"https://0.0.0.0/", false, false},
		{"https://hook.example:25/", false, false},
		{"https://hook.example:0/", false, false},
		{"https://hook.example:99999/", false, false},
		{"https://user:password@hook.example/", false, false},
		{"https://hook.example/#part", false, false},
		{"https://hook.example/#", false, false},
		{"ftp://hook.example/", false, false},
		{"file:///etc/passwd", false, false},
		{"hook.example/x", false, false},
		{"https:hook.example", false, false},
		{"https://", false, false},
		{"https:///path", false, false},
		{"", false, false},
		{"https://hook.example/ä", false, false},
		{"https://hook.example/a b", false, false},
		{"https://hook.example/\r\nHost: x", false, false},
		{"https://hook.example/" + strings.Repeat("a", maxURL), false, false},
	} {
		for _, with := range []struct {
			allow []netip.Prefix
			want  bool
		}{{nil, c.plain}, {loopback, c.inIt}} {
			err := CheckURL(c.url, with.allow)
			if (err == nil) != with.want {
				t.Errorf("%q, allowed %v: %v, want it taken: %v", c.url, with.allow, err, with.want)
			}
			var wrong *URLError
			if err != nil && (!errors.As(err, &wrong) || !errors.Is(err, ErrURL) || wrong.Problem == "") {
				t.Errorf("%q: %T %v", c.url, err, err)
			}
		}
	}
}
