package vendors

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Whatever goes wrong, no text shows the key: neither whole nor a part of it,
// nor as it stands in a URL.
func TestNoTextShowsTheKey(t *testing.T) {
	const tail = "+Sec/ret%Value&0123456789"
	w := open(t)
	var texts []string
	for _, v := range w.catalog {
		for _, mood := range []string{"bad", "echo", "empty", "throttled", "down", "html", "cut", "redirect", "blocked", "forbidden", "plan", "outage", "retry3", "hang"} {
			key := newSecret(mood + tail)
			_, err := w.cfg.Client.Verify(within(t, time.Second/2), v, key, "ok@buyer.example")
			if err == nil {
				t.Fatalf("%s %s: no error", v.Name, mood)
			}
			texts = append(texts, err.Error(), fmt.Sprintf("%+v %#v", err, err), fmt.Sprintf("%v %s %q %#v", key, key, key, key))
			_, err = w.cfg.Client.Credits(within(t, time.Second/2), v, key)
			texts = append(texts, fmt.Sprint(err))
		}
		for _, base := range []string{"http://127.0.0.1:1", "http://no-such-host.example", "gopher://x.example", "http://[::1", "%zz"} {
			v.Base = base
			_, err := w.cfg.Client.Verify(within(t, time.Second/2), v, newSecret("good"+tail), "ok@buyer.example")
			if err == nil {
				t.Fatalf("%s %s: no error", v.Name, base)
			}
			texts = append(texts, err.Error())
		}
	}
	for _, text := range texts {
		for _, part := range []string{tail, url.QueryEscape(tail), "Sec/ret", "Sec%2Fret", "ret%Value", "0123456789", "buyer.example"} {
			if strings.Contains(strings.ToLower(text), strings.ToLower(part)) {
				t.Errorf("%q shows %q", text, part)
			}
		}
	}
}

func TestQuotedKeyIsHidden(t *testing.T) {
	key := newSecret("Abcdefgh-12345678")
	for text, want := range map[string]string{
		"key 'Abcdefgh-12345678' is wrong":       "key '***' is wrong",
		"key ABCDEFGH-12345678 is wrong":         "key *** is wrong",
		"key Abcdefgh... is wrong":               "key ***... is wrong",
		"key ...h-12345678":                      "key ...***",
		"two\r\nlines\x00 and\tmore":             "two lines and more",
		"about me@buyer.example":                 "about ***",
		"about me%40buyer.example":               "about ***",
		"\xff\xfe":                               "�",
		strings.Repeat("long ", 100):             strings.Repeat("long ", 40)[:199] + "…",
		"Abcdefgh-12345678Abcdefgh-12345678":     "******",
		"Invalid key, or one of another account": "Invalid key, or one of another account",
	} {
		if got := scrub(text, key, "me@buyer.example"); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestSecretPrintsAsStars(t *testing.T) {
	key := newSecret("Abcdefgh-12345678")
	text, err := json.Marshal(map[string]any{"k": key, "o": opened{secret: key}})
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "key", key, "opened", opened{secret: key})
	all := fmt.Sprintf("%v %+v %#v %s", key, opened{secret: key}, opened{secret: key}, text) + log.String()
	if err != nil || strings.Contains(all, "Abcd") || strings.Contains(all, "5678") {
		t.Errorf("%s, %v", all, err)
	}
}

// After all kinds of trouble neither the data folder nor the log holds a key,
// and the log no address.
func TestNothingStoredShowsTheKey(t *testing.T) {
	w := open(t)
	for _, mood := range []string{"down", "throttled", "html", "good"} {
		for _, v := range w.catalog {
			w.key(t, v.Name, mood)
		}
	}
	w.control.broken = func(n int64) fate { return fate(n % 2) }
	for i := range 5 {
		_, _ = w.Verify(within(t, 5*time.Second), w.request(t, fmt.Sprintf("invalid%d@secret-buyer.example", i)))
	}
	found := 0
	err := filepath.WalkDir(w.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found++
		for _, part := range []string{"0123456789abcdef", "secret-buyer"} {
			if strings.Contains(string(data), part) {
				t.Errorf("%s holds %s", path, part)
			}
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatal(found, err)
	}
	for _, part := range []string{"0123456789abcdef", "secret-buyer"} {
		if strings.Contains(w.log.String(), part) {
			t.Errorf("the log holds %s: %s", part, w.log.String())
		}
	}
}

// A redirect is not followed: the key would go along.
func TestRedirectIsNotFollowed(t *testing.T) {
	w := open(t)
	v, _ := w.catalog.Find(MillionVerifier)
	hosts := map[string]int{}
	client := NewClient(&http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		hosts[r.URL.Host]++
		return http.DefaultTransport.RoundTrip(r)
	})}, w.clock.Now)
	if _, err := client.Verify(within(t, 5*time.Second), v, newSecret("redirect-0123456789"), "ok@buyer.example"); err == nil || len(hosts) != 1 {
		t.Errorf("got %v, asked %v", err, hosts)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
