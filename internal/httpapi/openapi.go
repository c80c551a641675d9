package httpapi

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"rcpt/internal/httpapi/docs"
)

// description is the OpenAPI 3.1 description of every route there is. It is
// written by hand; openapi_test.go holds it against the code, and package
// apitest against what is asked and answered.
//
//go:embed openapi.json
var description string

// Description returns the OpenAPI description of the routes, in JSON.
func Description() string { return description }

// description answers GET /v1/openapi.json.
func (a *api) description(w http.ResponseWriter, r *http.Request, _ *call) error {
	return newDocument("application/json", description).write(w, r)
}

// docs answers GET /docs with the description as a page.
func (a *api) docs(w http.ResponseWriter, r *http.Request, _ *call) error {
	p := &a.page
	p.once.Do(func() { p.document, p.err = newPage() })
	if p.err != nil {
		return fmt.Errorf("make the page of docs: %w", p.err)
	}
	w.Header().Set("Content-Security-Policy", p.policy)
	return p.write(w, r)
}

// page is the document of GET /docs, made when it is first asked for.
type page struct {
	once sync.Once
	document
	err error
}

// document is a text that is the same for everyone until the next deployment.
type document struct {
	kind   string // Content-Type
	text   string
	tag    string // entity tag, quotes included
	policy string // Content-Security-Policy, of a page
}

// newDocument names the text by its hash.
func newDocument(kind, text string) document {
	hash := sha256.Sum256([]byte(text))
	return document{kind: kind, text: text, tag: `"` + hex.EncodeToString(hash[:16]) + `"`}
}

func newPage() (document, error) {
	text, policy, err := docs.Page(description)
	page := newDocument("text/html; charset=utf-8", text)
	page.policy = policy
	return page, err
}

// documentAge is for how long a document may be shown without asking again: who
// loads it often asks every five minutes, and a deployment shows soon.
const documentAge = "public, max-age=300"

// write answers with the document, or with 304 to who has it.
func (d document) write(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", documentAge)
	w.Header().Set("ETag", d.tag)
	if matches(r.Header.Values("If-None-Match"), d.tag) {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	w.Header().Set("Content-Type", d.kind)
	_, _ = io.WriteString(w, d.text) // the caller has hung up; there is nobody to tell
	return nil
}

// matches reports whether a caller has what the tag names. The comparison is the
// weak one (RFC 9110 §13.1.2): proxies that compress weaken tags.
func matches(ifNoneMatch []string, tag string) bool {
	for _, line := range ifNoneMatch {
		for one := range strings.SplitSeq(line, ",") {
			one = strings.TrimSpace(one)
			if one == "*" || strings.TrimPrefix(one, "W/") == tag {
				return true
			}
		}
	}
	return false
}
