package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestBadInput sends what clients send when they are wrong or hostile. Each
// gets a problem document with its request id, or a verdict where an address
// is bad; what may not be in the log is checked when the process ends.
func TestBadInput(t *testing.T) {
	t.Parallel()
	p := start(t)
	email := func(address string) string { return fmt.Sprintf(`{"email":"%s"}`, address) }
	local := func(octets int) string { return strings.Repeat("a", octets) }
	for _, c := range []struct {
		claim, path, body string
		want              string // status and type of the problem, then the field, or the verdict's words
	}{
		{"no body", "/v1/verify", "", "400 bad-request"},
		{"no JSON", "/v1/verify", "alice@ok.test", "400 bad-request"},
		{"half a JSON", "/v1/verify", `{"email":"alice@ok.test"`, "400 bad-request"},
		{"two JSON texts", "/v1/verify", email("alice@ok.test") + email("bob@ok.test"), "400 bad-request"},
		{"a list", "/v1/verify", `["alice@ok.test"]`, "400 bad-request"},
		{"null", "/v1/check", `null`, "400 bad-request"},
		{"a form", "/v1/verify", "email=alice@ok.test", "400 bad-request"},
		{"deep nesting", "/v1/verify", `{"email":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + "}", "400 bad-request"},
		{"octets that are no UTF-8", "/v1/verify", "{\"email\":\"\xff\xfe@ok.test\"}", "400 bad-request"},
		{"a NUL as it is", "/v1/verify", "{\"email\":\"alice\x00@ok.test\"}", "400 bad-request"},
		{"a line end as it is", "/v1/verify", "{\"email\":\"alice\r\n@ok.test\"}", "400 bad-request"},
		{"no address", "/v1/verify", `{}`, "400 bad-request email"},
		{"an address that is a number", "/v1/verify", `{"email":42}`, "400 bad-request email"},
		{"an address that is a list", "/v1/check", `{"email":["alice@ok.test"]}`, "400 bad-request email"},
		{"two addresses", "/v1/verify", `{"email":"alice@ok.test","email":"bob@ok.test"}`, "400 bad-request email"},
		{"an unknown field", "/v1/verify", `{"email":"alice@ok.test","emial":"bob@ok.test"}`, "400 bad-request emial"},
		{"a field in capitals", "/v1/verify", `{"EMAIL":"alice@ok.test"}`, "400 bad-request EMAIL"},
		{"a flag in words", "/v1/verify", `{"email":"alice@ok.test","explain":"yes"}`, "400 bad-request explain"},
		{"a fraction of a millisecond", "/v1/verify", `{"email":"alice@ok.test","timeout_ms":600.5}`, "400 bad-request timeout_ms"},
		{"too short a time", "/v1/verify", `{"email":"alice@ok.test","timeout_ms":499}`, "400 bad-request timeout_ms"},
		{"too long a time", "/v1/verify", `{"email":"alice@ok.test","timeout_ms":25001}`, "400 bad-request timeout_ms"},
		{"a number beyond all", "/v1/verify", `{"email":"alice@ok.test","timeout_ms":1e999}`, "400 bad-request timeout_ms"},
		{"an unknown mode", "/v1/verify", `{"email":"alice@ok.test","mode":"hard"}`, "400 bad-request mode"},
		{"an unknown policy", "/v1/check", `{"email":"alice@ok.test","policy":"lenient"}`, "400 bad-request policy"},
		{"an address of 321 octets", "/v1/verify", email(local(313) + "@ok.test"), "400 bad-request email"},
		{"a body over 64 KB", "/v1/verify", `{"email":"alice@ok.test"` + strings.Repeat(" ", 64<<10) + "}", "413 too-large"},
		{"a body over 6 MB", "/v1/check", strings.Repeat(" ", 6<<20+1), "413 too-large"},

		{"an address of 320 octets", "/v1/verify", email(local(312) + "@ok.test"), "200 UNKNOWN protocol_error"},
		{"a NUL, escaped", "/v1/verify", email(`alice\u0000@ok.test`), "200 INVALID invalid_syntax"},
		{"a command, escaped", "/v1/verify", email(`alice@ok.test>\r\nDATA\r\n`), "200 INVALID invalid_syntax"},
		{"a line end in quotes, escaped", "/v1/verify", email(`\"a\r\nRSET\"@ok.test`), "200 INVALID invalid_syntax"},
		{"an empty address", "/v1/verify", email(""), "200 INVALID invalid_syntax"},
		{"blanks", "/v1/check", email("   "), "200 INVALID invalid_syntax"},
		{"no at sign", "/v1/check", email("alice"), "200 INVALID invalid_syntax"},
		{"half a surrogate pair", "/v1/verify", email(`\ud800@ok.test`), "400 bad-request"},
		{"a metadata address as domain", "/v1/verify", email("alice@[169.254.169.254]"), "200 UNKNOWN mx_unreachable"},
		{"a number as domain", "/v1/verify", email("alice@2130706433"), "200 UNKNOWN dns_failure"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := p.ask(c.path, c.body)
			if err != nil {
				t.Fatal(err)
			}
			if gist(got) != c.want {
				t.Errorf("answer is %q, want %q: %v", gist(got), c.want, got.fields)
			}
		})
	}
	if got, err := p.ask("/v1/verify", email("alice@ok.test")); err != nil || got.text("status") != "VALID" {
		t.Errorf("after all that a good address is %v, %v", got.fields, err)
	}
}

// gist is what the tests compare: status, then either the words of a verdict or
// type and field of a problem, if that is complete.
func gist(a answer) string {
	if a.status == http.StatusOK {
		return strings.Join([]string{"200", a.text("status"), a.text("reason")}, " ")
	}
	words := fmt.Sprint(a.status, " ", strings.TrimPrefix(a.text("type"), "/problems/"))
	if field := a.text("field"); field != "-" {
		words += " " + field
	}
	for _, name := range []string{"title", "detail", "request_id"} {
		if a.text(name) == "-" {
			words += " without " + name
		}
	}
	if a.text("status") != fmt.Sprint(a.status) || a.kind != "application/problem+json" {
		words += fmt.Sprintf(" as status %s in %s", a.text("status"), a.kind)
	}
	return words
}

func TestRequestsThatLeadNowhere(t *testing.T) {
	t.Parallel()
	p := start(t)
	const good = `{"email":"alice@ok.test"}`
	wrong := p.env.Key[:len(p.env.Key)-1] + "_"
	for _, c := range []struct{ claim, method, path, key, body, want string }{
		{"no key", "POST", "/v1/verify", "", good, "401 unauthorized"},
		{"a wrong key", "POST", "/v1/verify", "Bearer " + wrong, good, "401 unauthorized"},
		{"a key of another kind", "POST", "/v1/verify", "Bearer " + p.env.HookToken, good, "401 unauthorized"},
		{"a key without its scheme", "POST", "/v1/verify", p.env.Key, good, "401 unauthorized"},
		{"another scheme", "POST", "/v1/verify", "Basic " + p.env.Key, good, "401 unauthorized"},
		{"a key in the query", "POST", "/v1/verify?key=" + p.env.Key, "", good, "401 unauthorized"},
		{"no key, bad body", "POST", "/v1/verify", "", "{", "401 unauthorized"},
		{"the admin key", "POST", "/v1/check", "Bearer " + p.env.AdminKey, good, "403 forbidden"},
		{"GET on verify", "GET", "/v1/verify", "Bearer " + p.env.Key, "", "405 method-not-allowed"},
		{"DELETE on check", "DELETE", "/v1/check", "Bearer " + p.env.Key, "", "405 method-not-allowed"},
		{"POST on health", "POST", "/v1/health", "", good, "405 method-not-allowed"},
		{"an unknown path", "GET", "/v1/nothing", "Bearer " + p.env.Key, "", "404 not-found"},
		{"the root", "GET", "/", "", "", "404 not-found"},
		{"a final slash", "POST", "/v1/verify/", "Bearer " + p.env.Key, good, "404 not-found"},
		{"an empty part", "POST", "//v1/verify", "Bearer " + p.env.Key, good, "404 not-found"},
		{"dots", "POST", "/v1/../v1/verify", "Bearer " + p.env.Key, good, "404 not-found"},
		{"an address in the path", "GET", "/v1/verify/alice@ok.test", "Bearer " + p.env.Key, "", "404 not-found"},
		{"a NUL in the path", "GET", "/v1/%00", "", "", "404 not-found"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			request, err := http.NewRequest(c.method, p.env.URL+c.path, strings.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			if c.key != "" {
				request.Header.Set("Authorization", c.key)
			}
			got, err := do(http.DefaultClient, request)
			if err != nil {
				t.Fatal(err)
			}
			if gist(got) != c.want {
				t.Errorf("answer is %q, want %q: %v", gist(got), c.want, got.fields)
			}
		})
	}
}

// TestBrokenBodies speaks to the socket, because no client library would send
// this.
func TestBrokenBodies(t *testing.T) {
	t.Parallel()
	p := start(t)
	head := "POST /v1/verify HTTP/1.1\r\nHost: rcpt.example\r\nAuthorization: Bearer " + p.env.Key + "\r\n"
	for _, c := range []struct{ claim, request, want string }{
		{"chunks that are none", head + "Transfer-Encoding: chunked\r\n\r\nalice\r\n", "400 bad-request"},
		{"a body cut off", head + "Content-Length: 100\r\n\r\n{", "400 bad-request"},
		{"chunks cut off", head + "Transfer-Encoding: chunked\r\n\r\n9\r\n{\"email\":\r\n", "400 bad-request"},
		{"endless chunks", head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("10000\r\n"+strings.Repeat(" ", 0x10000)+"\r\n", 97), "413 too-large"},
		{"a length of 1 TB", head + "Content-Length: 1099511627776\r\n\r\n{", "413 too-large"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := p.speak(c.request)
			if err != nil {
				t.Fatal(err)
			}
			if gist(got) != c.want {
				t.Errorf("answer is %q, want %q: %v", gist(got), c.want, got.fields)
			}
		})
	}
}

// speak sends octets and the end of the stream and reads one answer.
func (p *product) speak(request string) (answer, error) {
	conn, err := net.Dial("tcp", strings.TrimPrefix(p.env.URL, "http://"))
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, request); err != nil {
		return answer{}, err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return answer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}
