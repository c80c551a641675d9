package esp

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"net/http"
	"strings"
	"time"
)

// proof is how a declared ESP proves itself, the field auth of a mapping:
//
//	{"type": "authorization"}            Basic or Bearer; the default
//	{"type": "header", "header": NAME}   a header that is the secret
//	{"type": "hmac", ...}                a signature:
//
//	header            where it stands; several entries by blanks, semicolons or commas
//	prefix            what stands before it, "sha256=", "v1=" or "v1,"; other entries are skipped
//	algorithm         "sha256" (the default) or "sha1"
//	encoding          "hex" (the default) or "base64"
//	key               "text" (the default) or "base64": the secret after key_prefix, decoded
//	key_prefix        such as "whsec_"
//	template          what is signed, of {body}, {timestamp}, {id}, {url}; default "{body}"
//	timestamp_header  where {timestamp} stands; or
//	timestamp_prefix  before the entry of the same header, "t="
//	id_header         where {id} stands
//	tolerance         how old {timestamp} may be, "5m" to "168h"; default "24h": ESPs
//	                  that do not sign a retry anew would lose it
//
// None of it is looked at while the hook has no secret.
type proof struct {
	kind            string
	header          string
	prefix          string
	algorithm       func() hash.Hash
	base64          bool
	keyBase64       bool
	keyPrefix       string
	template        string
	timestampHeader string
	timestampPrefix string
	idHeader        string
	tolerance       time.Duration
}

func (d *declaration) proof(field string) proof {
	v := d.v.get(field)
	if v.exists() && !v.isObject() {
		d.fail(field, "an object is expected")
	}
	text := func(name string) string { return d.string(field+"."+name, v.get(name)) }
	p := proof{kind: first(text("type"), "authorization"), header: text("header")}
	switch p.kind {
	case "authorization":
		d.known(field, v, "type")
		return p
	case "header":
		d.known(field, v, "type", "header")
	case "hmac":
		d.known(field, v, "type", "header", "prefix", "algorithm", "encoding", "key", "key_prefix", "template",
			"timestamp_header", "timestamp_prefix", "id_header", "tolerance")
		p.prefix, p.keyPrefix, p.template = text("prefix"), text("key_prefix"), first(text("template"), "{body}")
		p.timestampHeader, p.timestampPrefix, p.idHeader = text("timestamp_header"), text("timestamp_prefix"), text("id_header")
		p.algorithm = sha256.New
		if d.either(field+".algorithm", text("algorithm"), "sha256", "sha1") {
			p.algorithm = sha1.New
		}
		p.base64 = d.either(field+".encoding", text("encoding"), "hex", "base64")
		p.keyBase64 = d.either(field+".key", text("key"), "text", "base64")
		p.tolerance = d.tolerance(field+".tolerance", text("tolerance"))
		d.template(field+".template", p)
	default:
		d.fail(field+".type", "authorization, header or hmac is expected")
	}
	if p.header == "" {
		d.fail(field+".header", "the name of the header is required")
	}
	return p
}

// either reads one of two words, the first being the default, and reports
// whether it is the second.
func (d *declaration) either(field, text, usual, other string) bool {
	if text != "" && text != usual && text != other {
		d.fail(field, "%q or %q is expected", usual, other)
	}
	return text == other
}

func (d *declaration) tolerance(field, text string) time.Duration {
	if text == "" {
		return 24 * time.Hour
	}
	age, err := time.ParseDuration(text)
	if err != nil || age < 5*time.Minute || age > 168*time.Hour {
		d.fail(field, `a duration from "5m" to "168h" is expected`)
	}
	return age
}

// template makes sure that the body is signed and that all else can be found.
func (d *declaration) template(field string, p proof) {
	if !strings.Contains(p.template, "{body}") {
		d.fail(field, "{body} must be signed, or anybody could write another")
	}
	if strings.Contains(p.template, "{timestamp}") && p.timestampHeader == "" && p.timestampPrefix == "" {
		d.fail(field, "for {timestamp}, timestamp_header or timestamp_prefix is required")
	}
	if strings.Contains(p.template, "{id}") && p.idHeader == "" {
		d.fail(field, "for {id}, id_header is required")
	}
}

// verify makes sure that r comes from who holds the secret.
func (p proof) verify(h Hook, r Request, b *batch) error {
	switch {
	case len(h.Secrets) == 0:
		return nil
	case p.kind == "header":
		given := r.Header.Get(p.header)
		for _, secret := range h.Secrets {
			if secret != "" && same(given, secret) {
				b.Signed = true
				return nil
			}
		}
		return unsigned("the header is missing or not the declared one")
	case p.kind == "hmac":
		return p.verifyHMAC(h.Secrets, r, b)
	}
	return credentials(h, r, b)
}

func (p proof) verifyHMAC(secrets []string, r Request, b *batch) error {
	given, timestamp := p.entries(r.Header)
	id := r.Header.Get(p.idHeader)
	timed := strings.Contains(p.template, "{timestamp}")
	if timed && timestamp == "" || strings.Contains(p.template, "{id}") && id == "" {
		return unsigned("the timestamp or the id is missing")
	}
	for _, url := range r.urls() {
		signed := strings.NewReplacer("{body}", string(r.Body), "{timestamp}", timestamp, "{id}", id, "{url}", url).Replace(p.template)
		for _, secret := range secrets {
			key, ok := p.key(secret)
			if !ok || !oneOf(given, sum(p.algorithm, key, signed)) {
				continue
			}
			b.Signed = true
			if !timed {
				return nil
			}
			at := when(timestamp)
			if at.IsZero() {
				return unsigned("the timestamp is no time")
			}
			return fresh(at, r.Received, p.tolerance)
		}
	}
	return unsigned("no signature fits")
}

// entries returns the signatures of the header, decoded, and the timestamp.
func (p proof) entries(h http.Header) (signatures [][]byte, timestamp string) {
	timestamp = h.Get(p.timestampHeader)
	for entry := range strings.FieldsFuncSeq(h.Get(p.header), func(c rune) bool {
		// Standard Webhooks writes "v1,MAC v1,MAC", others "t=1,v1=MAC".
		return c == ' ' || c == ';' || c == ',' && !strings.Contains(p.prefix, ",")
	}) {
		if text, ok := strings.CutPrefix(entry, p.timestampPrefix); ok && p.timestampPrefix != "" && timestamp == "" {
			timestamp = text
			continue
		}
		text, ok := strings.CutPrefix(entry, p.prefix)
		decode := hex.DecodeString
		if p.base64 {
			decode = base64.StdEncoding.DecodeString
		}
		if mac, err := decode(text); ok && err == nil {
			signatures = append(signatures, mac)
		}
	}
	return signatures, timestamp
}

func (p proof) key(secret string) ([]byte, bool) {
	text := strings.TrimPrefix(secret, p.keyPrefix)
	if !p.keyBase64 {
		return []byte(text), text != ""
	}
	key, err := base64.StdEncoding.DecodeString(text)
	return key, err == nil && len(key) > 0
}

func oneOf(given [][]byte, want []byte) bool {
	for _, mac := range given {
		if hmac.Equal(mac, want) {
			return true
		}
	}
	return false
}
