package vendors

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// What looks like success and is no verdict, vendor by vendor (section 0.1 of
// the reference).
func TestSuccessThatIsNoVerdict(t *testing.T) {
	for _, tt := range []struct {
		row  string
		name Name
		code int
		body string
	}{
		{"millionverifier: 200, result error and a text", MillionVerifier, 200, `{"result":"error","error":"internal_error"}`},
		{"millionverifier: 200, a verdict beside a text", MillionVerifier, 200, `{"result":"ok","resultcode":1,"error":"internal_error"}`},
		{"reoon: 200, status error and a reason", Reoon, 200, `{"status":"error","reason":"x"}`},
		{"reoon: 200, status error and a message", Reoon, 200, `{"status":"error","message":"x"}`},
		{"neverbounce: 200, another status than success", NeverBounce, 200, `{"status":"temp_unavail","result":"valid","flags":[]}`},
		{"zerobounce: 200, only error", ZeroBounce, 200, `{"error":"Invalid API Key or your account ran out of credits"}`},
		{"hunter: 202 with an empty body", Hunter, 202, ``},
		{"hunter: 202 with a part", Hunter, 202, `{"data":{"status":"valid"}}`},
		{"hunter: 222", Hunter, 222, `{"data":{"status":"valid"}}`},
		{"hunter: 204", Hunter, 204, ``},
	} {
		t.Run(tt.row, func(t *testing.T) {
			p, _ := protocols(tt.name)
			if got, err := p.read(tt.code, []byte(tt.body)); err == nil {
				t.Errorf("got the verdict %s", inWords(got))
			}
		})
	}
}

// What each class of error does to the chain and to the key (section 0.2).
func TestEveryClassHasItsEffect(t *testing.T) {
	for _, tt := range []struct {
		class   Class
		mood    string
		onward  bool // the next vendor is asked
		rests   bool // the key is not asked again for now
		flagged bool // its owner is told that it was refused
	}{
		{Auth, "forbidden", true, true, true},
		{Quota, "plan", true, true, false},
		{Rate, "throttled", true, false, false},
		{Server, "down", true, false, false},
		{Bad, "", false, false, false},
	} {
		t.Run(string(tt.class), func(t *testing.T) {
			w := open(t)
			if tt.class == Bad {
				tt.mood = "good"
				w.cfg.Client.http.Transport = answering("/api/v1/verify", http.StatusUnprocessableEntity)
			}
			k := w.key(t, Reoon, tt.mood)
			w.key(t, Hunter, "good")
			got, err := w.Verify(within(t, 5*time.Second), w.request(t, "ok@buyer.example"))
			if (err == nil) != tt.onward || tt.onward && path(got.Trace) != "reoon:"+string(tt.class)+" hunter:answered" {
				t.Errorf("got %s, %v", path(got.Trace), err)
			}
			k, err = w.book().Find(t.Context(), account, k.ID)
			if err != nil || k.PausedUntil.After(noon()) != tt.rests || k.Rejected() != tt.flagged || !k.Active {
				t.Errorf("got key %+v, %v", k, err)
			}
		})
	}
}

// answering says a status where a path is asked for.
func answering(path string, code int) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == path {
			return &http.Response{StatusCode: code, Body: http.NoBody, Request: r}, nil
		}
		return http.DefaultTransport.RoundTrip(r)
	}
}

// The last row of every error table: the network. No answer says nothing about
// the key.
func TestTheWayToTheVendorIsBroken(t *testing.T) {
	w := open(t)
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for _, v := range w.catalog {
		for _, tt := range []struct {
			row, base, mood, text string
			code                  int
		}{
			{"connection refused", "http://127.0.0.1:1", "good", "refused", 0},
			{"certificate of nobody", secure.URL, "good", "certificate", 0},
			{"timeout", w.base, "hang", "timeout", 0},
			{"500", w.base, "down", "internal", 500},
			{"HTML", w.base, "html", "answer is not the JSON expected", 200},
			{"truncated JSON", w.base, "cut", "answer is not the JSON expected", 200},
			{"10 MB", w.base, "huge", "answer of more than 262144 octets", 200},
			{"redirect", w.base, "redirect", "Found", 302},
		} {
			t.Run(fmt.Sprint(v.Name, " ", tt.row), func(t *testing.T) {
				v.Base = tt.base
				_, err := w.cfg.Client.Verify(within(t, 400*time.Millisecond), v, newSecret(tt.mood+"-0123456789"), "ok@buyer.example")
				var problem *Error
				if !errors.As(err, &problem) || problem.Class != Server || problem.Code != tt.code || !problem.Next() || !strings.Contains(problem.Text, tt.text) {
					t.Errorf("got %v", err)
				}
			})
		}
	}
}

// A vendor that hangs up after it has read the question may have charged for it:
// it is not asked again, whatever net/http would do over a connection that was
// used before.
func TestACallIsSentOnce(t *testing.T) {
	for _, v := range Defaults() {
		asked := make(chan string, 10)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.Contains(r.URL.Path, "account") || strings.Contains(r.URL.Path, "credits") {
				return // which proves no key, and leaves the connection open
			}
			body, _ := io.ReadAll(r.Body)
			asked <- fmt.Sprint(len(body) == int(r.ContentLength), r.TransferEncoding)
			if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
				_ = conn.Close()
			}
		}))
		v.Base = server.URL
		client := NewClient(&http.Client{Transport: &http.Transport{}}, noon)
		_, _ = client.Credits(within(t, 5*time.Second), v, newSecret("good-0123456789"))
		_, err := client.Verify(within(t, 5*time.Second), v, newSecret("good-0123456789"), "ok@buyer.example")
		server.Close()
		var problem *Error
		if !errors.As(err, &problem) || problem.Class != Server || len(asked) != 1 {
			t.Fatalf("%s: %v, asked %d times", v.Name, err, len(asked))
		}
		if got := <-asked; got != "true []" {
			t.Errorf("%s: sent with a body: %s", v.Name, got)
		}
	}
}

// The form of the text that an item of a bulk answer carries.
func TestErrorsAreToldInOneForm(t *testing.T) {
	w := open(t)
	for _, tt := range []struct {
		name       Name
		mood, want string
	}{
		{MillionVerifier, "throttled", "millionverifier: HTTP 429: Rate limit exceeded"},
		{MillionVerifier, "bad", "millionverifier: HTTP 200: apikey_not_found"},
		{MillionVerifier, "blocked", "millionverifier: HTTP 200: ip_address_blocked (the address we call from, not the key)"},
		{Reoon, "empty", "reoon: HTTP 200: Not enough credits."},
		{NeverBounce, "outage", "neverbounce: HTTP 200: temp_unavail: Temporarily unavailable."},
		{ZeroBounce, "bad", "zerobounce: HTTP 200: Invalid API Key or your account ran out of credits"},
		{ZeroBounce, "blocked", "zerobounce: HTTP 403: Forbidden"},
		{Hunter, "throttled", "hunter: HTTP 403: Rate limit reached."},
		{Hunter, "hang", "hunter: timeout"},
	} {
		v, _ := w.catalog.Find(tt.name)
		_, err := w.cfg.Client.Verify(within(t, time.Second/2), v, newSecret(tt.mood+"-0123456789"), "ok@buyer.example")
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s %s: got %v, want %s", tt.name, tt.mood, err, tt.want)
		}
	}
}

// ZeroBounce's text for two causes, with credits left, is neither; and what was
// learned of a key is learned again after a minute.
func TestZeroBounceTextWithCreditsLeft(t *testing.T) {
	w := open(t)
	v, _ := w.catalog.Find(ZeroBounce)
	ask := func() error {
		_, err := w.cfg.Client.Verify(within(t, 5*time.Second), v, newSecret("doubt-0123456789"), "ok@buyer.example")
		return err
	}
	for i, want := range []int{1, 1, 2} {
		if i == 2 {
			w.clock.Advance(doubtLife)
		}
		var problem *Error
		if err := ask(); !errors.As(err, &problem) || problem.Class != Server {
			t.Errorf("call %d: got %v, want class %s", i, err, Server)
		}
		if got := w.double.Counts("zerobounce").Balances; got != want {
			t.Errorf("call %d: balance asked %d times, want %d", i, got, want)
		}
	}
}

// A balance that cannot be had teaches nothing, and is not remembered.
func TestZeroBounceBalanceOutOfReach(t *testing.T) {
	w := open(t)
	v, _ := w.catalog.Find(ZeroBounce)
	for _, code := range []int{http.StatusForbidden, http.StatusBadGateway} {
		w.cfg.Client.http.Transport = answering("/v2/getcredits", code)
		var problem *Error
		if _, err := w.cfg.Client.Verify(within(t, 5*time.Second), v, newSecret("empty-0123456789"), "ok@buyer.example"); !errors.As(err, &problem) || problem.Class != Server {
			t.Errorf("balance HTTP %d: got %v, want class %s", code, err, Server)
		}
	}
	w.cfg.Client.http.Transport = http.DefaultTransport
	var problem *Error
	if _, err := w.cfg.Client.Verify(within(t, 5*time.Second), v, newSecret("empty-0123456789"), "ok@buyer.example"); !errors.As(err, &problem) || problem.Class != Quota {
		t.Errorf("afterwards: got %v, want class %s", err, Quota)
	}
}

// A key is kept only when the vendor said something positive (section 6.3): too
// fast, broken or silent says nothing about the key, neither that it is wrong.
func TestKeyThatCannotBeChecked(t *testing.T) {
	balances := map[Name]string{
		MillionVerifier: "/api/v3/credits", Reoon: "/api/v1/check-account-balance/", NeverBounce: "/v4.2/account/info",
		ZeroBounce: "/v2/getcredits", Hunter: "/v2/account",
	}
	for _, v := range Defaults() {
		for _, code := range []int{http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable, http.StatusFound, http.StatusNoContent} {
			t.Run(fmt.Sprint(v.Name, " HTTP ", code), func(t *testing.T) {
				w := open(t)
				w.cfg.Client.http.Transport = answering(balances[v.Name], code)
				_, err := w.book().Add(t.Context(), draft(v.Name, "good-0123456789abcdef"), nil)
				var problem *Error
				if !errors.As(err, &problem) || problem.Class == Auth || problem.Code != code {
					t.Errorf("got %v", err)
				}
				if keys, err := w.book().List(t.Context(), account); err != nil || len(keys) != 0 {
					t.Errorf("kept %+v, %v", keys, err)
				}
			})
		}
	}
}

// Quoted and international addresses are beyond some vendors, which call them
// invalid.
func TestInvalidOfWhatAVendorMayNotBeAbleToRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		word := "invalid"
		if strings.Contains(r.URL.Query().Get("email"), "full") {
			word = "inbox_full"
		}
		_, _ = io.WriteString(w, `{"status":"`+word+`"}`)
	}))
	defer server.Close()
	v, _ := Defaults().Find(Reoon)
	v.Base = server.URL
	client := NewClient(server.Client(), noon)
	for email, want := range map[string]Doubt{
		"bob@buyer.example": None, `"bob s"@buyer.example`: Form, "böb@buyer.example": Form, `"full"@buyer.example`: Form,
	} {
		got, err := client.Verify(within(t, 5*time.Second), v, newSecret("good-0123456789"), email)
		if err != nil || got.Deliverability != Undeliverable || got.Doubt != want {
			t.Errorf("%s: doubt %q of %+v, %v; want %q", email, got.Doubt, got, err, want)
		}
	}
}
