package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// whisper is a run in which everything is used that holds a secret.
type whisper struct {
	*product
	data    string
	to      *receiver
	secrets map[string]string // by what they are
	label   string            // of a vendor's key: it is found where the key would be
	answers bytes.Buffer      // all of them
}

// TestNothingLeaks uses all endpoints and then looks at what is left: in the logs
// there is no secret and no address, and in the data folder no secret, not even in
// pages of the storage that nobody reads any more. The file env holds keys on
// purpose, and lists hold addresses.
func TestNothingLeaks(t *testing.T) {
	t.Parallel()
	w := &whisper{data: filepath.Join(t.TempDir(), "data"), label: "the spare key of hunter"}
	w.to = newReceiver(t, func(out http.ResponseWriter, r *http.Request, number int) {
		if number%2 == 1 {
			http.Error(out, "no, "+r.Header.Get("webhook-signature"), http.StatusInternalServerError)
		}
	})
	var err error
	w.product, err = launch(t.TempDir(), []string{
		"RCPT_ADDR=127.0.0.1:0", "RCPT_DATA=" + w.data, "RCPT_DNS=" + nowhere, "RCPT_WEBHOOK_ALLOW=127.0.0.1/32",
		"RCPT_VENDOR_BASE_MILLIONVERIFIER=sim", "RCPT_VENDOR_BASE_REOON=sim", "RCPT_VENDOR_BASE_NEVERBOUNCE=sim",
		"RCPT_VENDOR_BASE_ZEROBOUNCE=http://127.0.0.1:1", "RCPT_VENDOR_BASE_HUNTER=sim",
	}, "rcpt")
	ok(t, err)
	t.Cleanup(func() { _ = w.end(syscall.SIGKILL) })
	w.secrets = map[string]string{
		"RCPT_KEY": w.env.Key, "RCPT_ADMIN_KEY": w.env.AdminKey, "RCPT_HOOK_TOKEN": w.env.HookToken, "RCPT_WEBHOOK_SECRET": w.env.WebhookSecret,
	}
	w.useKeys(t)
	w.useReports(t)
	w.useVendors(t)
	w.useJobs(t)
	w.useLists(t)
	if err := w.end(syscall.SIGTERM); err != nil {
		t.Errorf("ended with %v", err)
	}
	w.searchLog(t)
	w.searchFolder(t)
	for what, secret := range w.secrets {
		if strings.HasPrefix(what, "vendor ") && strings.Contains(w.answers.String(), secret) {
			t.Errorf("an answer holds the key of %s", what)
		}
	}
}

// says asks with a secret and wants a status; it keeps the answer.
func (w *whisper) says(t *testing.T, secret, method, path, body string, status int, header ...string) answer {
	t.Helper()
	got, text, err := w.as(secret).fetch(t.Context(), method, path, body, header...)
	ok(t, err)
	w.answers.Write(text)
	if got != status {
		t.Errorf("%s %s %s answers %d, want %d: %s", method, path, body, got, status, text)
	}
	a := answer{status: got, fields: make(map[string]any)}
	unmarshaled(text, &a.fields)
	return a
}

// call asks with the product's own key.
func (w *whisper) call(t *testing.T, method, path, body string, status int) answer {
	t.Helper()
	return w.says(t, w.env.Key, method, path, body, status)
}

// count is how many elements a field has.
func (a answer) count(name string) int {
	elements, _ := a.fields[name].([]any)
	return len(elements)
}

// made remembers the secrets of an answer.
func (w *whisper) made(what string, a answer) answer {
	for _, name := range []string{"secret", "hook_token", "webhook_secret"} {
		if secret := a.text(name); secret != "-" {
			w.secrets[what+" "+name] = secret
		}
	}
	return a
}

// useKeys makes, turns over and removes keys, and asks with them.
func (w *whisper) useKeys(t *testing.T) {
	t.Helper()
	admin := w.env.AdminKey
	key := w.made("key", w.says(t, admin, "POST", "/v1/keys", `{"account":"other","webhook_url":"https://hooks.example/in?token=receivers-own-words"}`, 201))
	w.secrets["log: URL of a key"] = "receivers-own-words"
	id, old := key.text("id"), key.text("secret")
	turned := w.made("key turned", w.says(t, admin, "POST", "/v1/keys/"+id+"/rotate", `{"overlap":"24h"}`, 200))
	for _, secret := range []string{old, turned.text("secret")} {
		w.says(t, secret, "POST", "/v1/verify", `{"email":"alice@ok.test","explain":true}`, 200)
	}
	w.made("first turn", w.says(t, old, "POST", "/v1/webhook-secret/rotate", `{"overlap":"24h"}`, 200))
	w.made("own turn", w.call(t, "POST", "/v1/webhook-secret/rotate", `{"overlap":"1h"}`, 200))
	w.says(t, old[:len(old)-1]+"0", "POST", "/v1/check", `{"email":"alice@ok.test"}`, 401)
	w.says(t, admin, "PATCH", "/v1/keys/"+id, `{"label":"later","policy":"b2b"}`, 200)
	for _, path := range []string{"/v1/keys", "/v1/keys/" + id, "/v1/audit?account=other", "/v1/usage?key=" + id} {
		w.says(t, admin, "GET", path, "", 200)
	}
	test := w.made("test key", w.says(t, admin, "POST", "/v1/keys", `{"account":"other","test":true}`, 201))
	w.says(t, test.text("secret"), "POST", "/v1/check", `{"email":"alice@ok.test"}`, 200)
	w.says(t, admin, "DELETE", "/v1/keys/"+test.text("id"), "", 204)
	w.says(t, "rk_live_"+w.env.Key, "GET", "/v1/usage", "", 401)
	w.call(t, "POST", "/v1/verify?email=alice@ok.test&key="+url.QueryEscape(w.env.Key), `{"email":"alice@ok.test"}`, 200)
	w.call(t, "GET", "/v1/verify/alice@ok.test", "", 404)
	w.call(t, "POST", "/v1/verify", `{"email":"alice@ok.test"`, 400)
}

// useReports has every ESP report, with secrets, and the caller itself.
func (w *whisper) useReports(t *testing.T) {
	t.Helper()
	for slug, s := range senders(t) {
		declared := strings.Trim(fmt.Sprintf(`"secret":%q,%s`, s.secret, s.also), ",")
		if s.secret == "" {
			declared = s.also
		} else if s.secret != standardSecret && !strings.HasPrefix(s.secret, "MF") { // that is a public key
			w.secrets["secret of ESPs"] = s.secret
		}
		w.call(t, "PUT", "/v1/hooks/"+slug, "{"+declared+"}", 200)
		w.deliver(t, slug, s, "user-"+slug+"@ok.test", "77", s.sign != nil, false)
		w.deliver(t, slug, s, "user-"+slug+"@ok.test", "78", s.sign != nil, true)
		w.call(t, "GET", "/v1/hooks/"+slug, "", 200)
	}
	w.secrets["standard secret"] = standardSecret
	w.call(t, "POST", "/v1/hooks/postmark/"+w.env.HookToken+"0", "{}", 404)
	w.call(t, "POST", "/v1/report-bounce/from-postmark?key="+w.env.HookToken, "{", 401)
	w.call(t, "POST", "/v1/report-bounce", `{"email":"bob@ok.test","reason":"hard_bounce","event_id":"e-bob@ok.test"}`, 202)
	w.call(t, "POST", "/v1/report-bounce", `{"email":"bob@ok.test","reason":"no@such.reason"}`, 400)
	for _, path := range []string{"/v1/bounces", "/v1/bounces?email=bob@ok.test", "/v1/hooks", "/v1/suppressions"} {
		w.call(t, "GET", path, "", 200)
	}
	w.call(t, "POST", "/v1/suppressions", `{"emails":["gone@a.example","left@a.example"],"reason":"unsubscribe","note":"told alice@ok.test"}`, 200)
	w.says(t, w.env.Key, "POST", "/v1/suppressions/import", "email\nann@a.example\nbob@@a.example\n", 200, "Content-Type", "text/csv")
	w.call(t, "DELETE", "/v1/suppressions", `{"email":"gone@a.example"}`, 200)
	w.call(t, "DELETE", "/v1/addresses", `{"email":"bob@ok.test"}`, 200)
	w.says(t, w.env.AdminKey, "GET", "/v1/traps", "", 200)
}

// useVendors brings keys of vendors, in every kind of trouble, and asks them.
func (w *whisper) useVendors(t *testing.T) {
	t.Helper()
	const keys = "/v1/email-verifiers/providers"
	bring := func(vendor, key string, status int) string {
		w.secrets["vendor "+vendor+" "+key] = key
		return w.call(t, "POST", keys, fmt.Sprintf(`{"provider":%q,"api_key":%q}`, vendor, key), status).text("key.id")
	}
	vendors := []string{"millionverifier", "reoon", "neverbounce", "hunter"}
	for _, vendor := range vendors {
		bring(vendor, "bad-secret-of-"+vendor, 400)
		bring(vendor, "echo-secret-of-"+vendor, 400)
	}
	bring("zerobounce", "good-secret-of-zerobounce", 400) // nobody is there: the error of the request quotes its URL
	w.call(t, "POST", "/v1/email-verifiers/verify", `{"email":"ok@a.example"}`, 400)
	for _, vendor := range vendors {
		for _, mood := range []string{"throttled", "down", "html", "good"} {
			id := bring(vendor, mood+"-secret-of-"+vendor, 201)
			if mood == "good" && vendor == "hunter" {
				w.secrets["vendor hunter replaced"] = "few9-secret-of-hunter"
				w.call(t, "PUT", keys+"/"+id, fmt.Sprintf(`{"api_key":"few9-secret-of-hunter","label":%q}`, w.label), 200)
				w.call(t, "PUT", keys+"/"+id, `{"api_key":"echo-secret-of-hunter"}`, 400)
			}
			if vendor == "reoon" {
				w.call(t, "DELETE", keys+"/"+id, "", 204)
			}
		}
	}
	w.call(t, "POST", "/v1/email-verifiers/verify", `{"email":"catchall@a.example"}`, 200)
	w.call(t, "POST", "/v1/email-verifiers/verify-bulk", `{"emails":["ok@a.example","invalid@a.example","no address","disposable@a.example"]}`, 200)
	w.says(t, w.env.Key, "POST", "/v1/sequences/spring/enroll", `{"emails":["ok@a.example","left@a.example","full@b.example"]}`, 200, "Idempotency-Key", "once-only")
	w.call(t, "POST", "/v1/verify", `{"email":"ok@unreachable.example","vendors":"on_unknown","explain":true}`, 200)
	for _, path := range []string{keys, "/v1/email-verifiers/log", "/v1/email-verifiers/usage", "/v1/sequences/spring", "/v1/usage"} {
		w.call(t, "GET", path, "", 200)
	}
	for _, path := range []string{"/v1/email-verifiers/catalog", "/v1/audit?account=local"} {
		w.says(t, w.env.AdminKey, "GET", path, "", 200)
	}
	w.call(t, "DELETE", "/v1/sequences/spring/members", `{"emails":["ok@a.example"]}`, 200)
}

// useJobs submits lists in every way, has them told, and waits for a follow-up.
func (w *whisper) useJobs(t *testing.T) {
	t.Helper()
	hook := w.to.URL + "/in?token=receivers-own-words"
	w.call(t, "POST", "/v1/jobs", `{"emails":["alice@ok.test"],"webhook_url":"https://alice@ok.test/"}`, 400)
	w.call(t, "POST", "/v1/jobs/estimate", `{"emails":["alice@ok.test","x@catchall.test"]}`, 200)
	inline := w.call(t, "POST", "/v1/jobs", fmt.Sprintf(`{"emails":["alice@ok.test","nobody@ok.test","user..x@ok.test"],"webhook_url":%q,"metadata":{"who":"alice@ok.test"}}`, hook), 202)
	other := w.call(t, "POST", "/v1/jobs", fmt.Sprintf(`{"upload_id":%q,"webhook_url":%q,"vendors":"on_unknown"}`, w.upload(t, "alice@ok.test.csv", "email\nuser1@busy.test\nuser2@ok.test\n"), hook), 202)
	broken := w.call(t, "POST", "/v1/jobs", fmt.Sprintf(`{"upload_id":%q,"webhook_url":%q}`, w.upload(t, "x.csv", "name\nAlice of alice\n"), hook), 202)
	inbox := filepath.Join(w.data, filesFolder, "drop", strings.Split(w.env.Key, "_")[2])
	ok(t, os.WriteFile(filepath.Join(inbox, "list of alice@ok.test.csv"), []byte("email\nuser3@ok.test\n"), 0o600))
	w.call(t, "POST", "/v1/webhooks/test", fmt.Sprintf(`{"webhook_url":%q}`, hook), 202)
	w.call(t, "POST", "/v1/verify", fmt.Sprintf(`{"email":"user9@greylist.test","on_unknown":"reverify","webhook_url":%q}`, hook), 200)
	id := inline.text("id")
	w.follow(t, id, drilled.ended)
	w.follow(t, broken.text("id"), drilled.ended)
	for _, format := range []string{"json", "jsonl", "csv"} {
		w.call(t, "GET", "/v1/jobs/"+id+"/results?format="+format, "", 200)
	}
	w.call(t, "GET", "/v1/jobs/"+id+"/results?format=alice@ok.test", "", 400)
	w.firstAttempt(t, id)
	w.call(t, "POST", "/v1/jobs/"+id+"/deliveries/msg_"+id+"/resend", "", 202)
	w.call(t, "POST", "/v1/jobs/"+other.text("id")+"/cancel", "", 202)
	(&trial{product: w.product, job: id}).told(t)
	w.follow(t, other.text("id"), drilled.ended)
	for _, path := range []string{"/v1/jobs", "/v1/jobs/" + id + "/deliveries", "/v1/webhooks/test"} {
		w.call(t, "GET", path, "", 200)
	}
	w.call(t, "DELETE", "/v1/jobs/"+broken.text("id"), "", 204)
	for end := time.Now().Add(patience); w.call(t, "GET", "/v1/jobs", "", 200).count("jobs") < 3 && time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		continue // until the dropped list is a job
	}
}

// useLists keeps domains of the key's own.
func (w *whisper) useLists(t *testing.T) {
	t.Helper()
	w.call(t, "POST", "/v1/lists", `{"list":"deny","domains":["alice@ok.test"]}`, 400)
	w.call(t, "POST", "/v1/lists", `{"list":"deny","domains":["denied.example"]}`, 200)
	w.call(t, "GET", "/v1/lists?list=deny", "", 200)
	w.call(t, "GET", "/v1/health", "", 200)
}

// forms are the ways in which a secret may be written down: as it is, without
// what stands before its random part, and encoded.
func forms(secret string) map[string][]byte {
	all := map[string][]byte{"as it is": []byte(secret), "in hex": []byte(hex.EncodeToString([]byte(secret))), "in a URL": []byte(url.QueryEscape(secret))}
	if at := strings.LastIndexByte(secret, '_'); at > 0 && len(secret)-at > 24 {
		all["its random part"] = []byte(secret[at+1:])
	}
	if key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_")); err == nil && strings.HasPrefix(secret, "whsec_") {
		all["decoded"] = key
	}
	for shift := range 3 { // base64 of something with the secret in it
		text := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("x", shift) + secret))
		all[fmt.Sprintf("in base64, %d octets on", shift)] = []byte(text[4 : len(text)-3])
	}
	return all
}

// searchLog looks for secrets and addresses.
func (w *whisper) searchLog(t *testing.T) {
	t.Helper()
	log := w.log.String()
	for what, secret := range w.secrets {
		for how, form := range forms(secret) {
			if at := strings.Index(log, string(form)); at >= 0 {
				t.Errorf("the log holds the %s %s: %s", what, how, line(log, at))
			}
			if strings.Contains(w.out.String(), string(form)) {
				t.Errorf("what is printed at the start holds the %s %s", what, how)
			}
		}
	}
	for _, host := range []string{"ok.test", "a.example", "b.example", "busy.test", "greylist.test", "catchall.test", "unreachable.example"} {
		address := regexp.MustCompile(`[^\s"<>:=*]+(@|%40|\\u0040)` + regexp.QuoteMeta(host))
		if at := address.FindStringIndex(log); at != nil {
			t.Errorf("the log holds an address: %s", line(log, at[0]))
		}
	}
	if err := w.indiscretion(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log, "\n"); n < 100 {
		t.Errorf("the log has only %d lines", n)
	}
}

// line is the line of a text around a place.
func line(text string, at int) string {
	begin := strings.LastIndexByte(text[:at], '\n') + 1
	end := strings.IndexByte(text[at:], '\n')
	if end < 0 {
		return text[begin:]
	}
	return text[begin : at+end]
}

// searchFolder looks for secrets, octet by octet.
func (w *whisper) searchFolder(t *testing.T) {
	t.Helper()
	files, octets, label := 0, 0, false
	err := filepath.WalkDir(w.data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || path == filepath.Join(w.data, "env") {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files, octets, label = files+1, octets+len(text), label || bytes.Contains(text, []byte(w.label))
		for what, secret := range w.secrets {
			for how, form := range forms(secret) {
				if !strings.HasPrefix(what, "log: ") && bytes.Contains(text, form) {
					t.Errorf("%s holds the %s %s", strings.TrimPrefix(path, w.data), what, how)
				}
			}
		}
		return nil
	})
	ok(t, err)
	t.Logf("%d secrets are not in %d octets of %d files", len(w.secrets), octets, files)
	if files < 10 || !label {
		t.Errorf("only %d files were left, and what is no secret was found: %v", files, label)
	}
}
