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

// All that leaves the package or stays behind it, after all kinds of trouble with
// the vendors and the store: answers, errors, traces, keys as shown, log entries,
// what observers hear, the log, the data folder. None holds a key, and log and
// folder no address.
func TestNothingShowsTheKey(t *testing.T) {
	w := open(t)
	var all safeBuffer
	tell := func(v ...any) { _, _ = fmt.Fprintf(&all, "%v %+v %#v\n", v, v, v) }
	w.cfg.Observe = func(name string, value float64, labels ...string) { tell(name, value, labels) }
	for _, mood := range []string{"down", "throttled", "html", "echo", "redirect", "good"} {
		for _, v := range w.catalog {
			d := Draft{Account: account, Vendor: v.Name, Secret: mood + "-0123456789abcdef", Label: mood}
			k, err := w.book().Add(t.Context(), d, nil)
			tell(k, err)
			if mood == "echo" { // no key: it comes into the book by the back door
				d.Secret = "good-0123456789abcdef"
				k, err = w.book().Add(t.Context(), d, nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := w.db.Control().Update(t.Context(), spoilAs(t, w, k, "echo-0123456789abcdef")); err != nil {
					t.Fatal(err)
				}
				_, err = w.book().Change(t.Context(), account, k.ID, Patch{Revalidate: true}, nil)
				tell(err)
			}
		}
	}
	// A verdict that is known is given though it cannot be logged: that is told.
	known := w.request(t, "ok@secret-buyer.example")
	for range 2 {
		answer, err := w.Verify(within(t, 5*time.Second), known)
		tell(answer, err)
		w.control.broken = func(int64) fate { return lost }
	}
	w.control.broken = func(n int64) fate { return fate(n / 5 % 2) } // five in a row are more than are repeated
	for i := range 5 {
		r := w.request(t, fmt.Sprintf("invalid%d@secret-buyer.example", i))
		answer, err := w.Verify(within(t, 5*time.Second), r)
		tell(answer, err)
		outcomes, err := w.VerifyAll(within(t, 5*time.Second), r, users(t, 5))
		tell(outcomes, err)
	}
	w.control.broken = nil
	keys, err := w.book().Refresh(t.Context(), account, 0)
	tell(keys, err)
	told := all.String() + fmt.Sprintf("%+v", keys)
	for _, e := range w.entries(t, Filter{}) {
		e.Email = "" // the owner's to see
		text, err := json.Marshal(e)
		told += fmt.Sprintf("%+v %s %v\n", e, text, err)
	}
	if !strings.Contains(told, "***") || !strings.Contains(w.log.String(), "error") {
		t.Errorf("no vendor quoted a key (%v), or nothing was logged (%q): this proves nothing", strings.Contains(told, "***"), w.log.String())
	}
	files := readAll(t, w.dir)
	for _, part := range []string{"0123456789abcdef", "0123456789", "secret-buyer"} {
		for name, text := range map[string]string{"what is told": told, "the log": w.log.String(), "the data folder": files} {
			if strings.Contains(text, part) && (part != "secret-buyer" || name != "what is told") {
				t.Errorf("%s holds %s", name, part)
			}
		}
	}
}

// readAll is what all files of a folder hold.
func readAll(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		all.Write(data)
		return err
	})
	if err != nil || all.Len() == 0 {
		t.Fatal(all.Len(), err)
	}
	return all.String()
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
