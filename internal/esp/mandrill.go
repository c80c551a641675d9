package esp

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"rcpt/internal/overlay"
)

// readMandrill reads Mailchimp Transactional ("Webhooks", "Message event webhook
// format"): a form whose field mandrill_events is a JSON array, up to 1,000
// events a minute.
//
//	hard_bounce  hard_bounce unless msg.diag has a soft code
//	soft_bounce, spam, unsub
//	reject       ignored: not tried
//	deferral     ignored: deferral
//	send, delivered, open, click, inbound   ignored
//	no event, type blacklist or whitelist   ignored: the list repeats what an event said
//
// An empty array is the probe of a new webhook. _id is the message's, so that
// event, _id, ts and address make the id.
func readMandrill(h Hook, r Request, b *batch) error {
	form, err := parseForm(r)
	if err != nil {
		return err
	}
	events := form.Get("mandrill_events")
	if events == "" {
		return malformed("the form has no mandrill_events")
	}
	b.Handshake = strings.TrimSpace(events) == "[]"
	if err := verifyMandrill(h, r, form, b); err != nil {
		return err
	}
	return b.eachObject([]byte(events), func(v value) { b.add(mandrillReport(v)) })
}

func mandrillReport(v value) report {
	msg, ts := v.get("msg"), v.get("ts").text()
	e := report{
		name:   v.get("event").text(),
		email:  msg.get("email").text(),
		at:     when(ts), // msg.ts is when it was sent
		detail: first(msg.get("diag").text(), msg.get("bounce_description").text()),
	}
	e.id = []string{e.name, v.get("_id").text(), ts, strings.ToLower(e.email)}
	switch e.name {
	case "hard_bounce":
		e.reason = weaken(overlay.HardBounce, msg.get("diag").text())
	case "soft_bounce":
		e.reason = overlay.SoftBounce
	case "spam":
		e.reason = overlay.Complaint
	case "unsub":
		e.reason = overlay.Unsubscribe
	case "":
		e.name = strings.Trim("sync."+v.get("type").text(), ".")
		e.why = mandrillSync(v.get("type").text())
	default:
		e.why = mandrillIgnored(e.name)
	}
	return e
}

func mandrillSync(kind string) Why {
	switch kind {
	case "blacklist", "whitelist", "denylist", "allowlist":
		return NoReport
	}
	return Unknown
}

func mandrillIgnored(name string) Why {
	switch name {
	case "reject":
		return NotTried
	case "deferral":
		return Deferral
	case "send", "delivered", "open", "click", "inbound":
		return NoReport
	}
	return Unknown
}

// verifyMandrill checks X-Mandrill-Signature: HMAC-SHA1 in base64 over the URL as
// it was entered at Mandrill and all fields of the form, by name, names and
// decoded values in a row. No time is signed. The probe of a new webhook has no
// key yet: it is signed with a public one, which proves nothing and is enough for
// an empty array.
func verifyMandrill(h Hook, r Request, form url.Values, b *batch) error {
	if len(h.Secrets) == 0 {
		return nil
	}
	given, err := base64.StdEncoding.DecodeString(r.Header.Get("X-Mandrill-Signature"))
	if err != nil || len(given) == 0 {
		return unsigned("X-Mandrill-Signature is missing or no base64")
	}
	var fields []string
	for _, name := range slices.Sorted(maps.Keys(form)) {
		for _, text := range form[name] {
			fields = append(fields, name, text)
		}
	}
	var urls []string
	for _, at := range r.urls() {
		urls = append(urls, mandrillURLs(at, r.Header)...)
	}
	fits := func(key string) bool {
		return key != "" && slices.ContainsFunc(urls, func(at string) bool {
			return hmac.Equal(given, sum(sha1.New, []byte(key), append([]string{at}, fields...)...))
		})
	}
	if slices.ContainsFunc(h.Secrets, fits) {
		b.Signed = true
		return nil
	}
	if b.Handshake && fits("test-webhook") {
		return nil
	}
	return unsigned("no key fits, or Mandrill knows this URL in another spelling")
}

// mandrillURLs are the likely spellings of the URL, the given one first: a slash
// at the end of the path, the default port written out, and user and password,
// which arrive as a header. Eight at most, since each costs a pass over the body.
func mandrillURLs(at string, header http.Header) []string {
	urls := []string{at}
	scheme, rest, ok := strings.Cut(at, "://")
	if !ok {
		return urls
	}
	authority, rest := rest[:authorityEnd(rest)], rest[authorityEnd(rest):]
	path, query, asked := strings.Cut(rest, "?")
	if asked {
		query = "?" + query
	}
	other := strings.TrimSuffix(path, "/")
	if other == path {
		other += "/"
	}
	hosts := []string{authority}
	if port := map[string]string{"https": ":443", "http": ":80"}[scheme]; strings.HasSuffix(authority, port) {
		hosts = append(hosts, strings.TrimSuffix(authority, port))
	} else if !strings.Contains(authority, ":") {
		hosts = append(hosts, authority+port)
	}
	users := []string{""}
	if scheme, text, _ := strings.Cut(header.Get("Authorization"), " "); strings.EqualFold(scheme, "basic") {
		if plain, err := base64.StdEncoding.DecodeString(text); err == nil && !strings.Contains(authority, "@") {
			users = append(users, string(plain)+"@")
		}
	}
	for _, user := range users {
		for _, host := range hosts {
			for _, path := range []string{path, other} {
				urls = append(urls, scheme+"://"+user+host+path+query)
			}
		}
	}
	return urls[1:] // the first of them is the given one again
}

func authorityEnd(rest string) int {
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		return end
	}
	return len(rest)
}
