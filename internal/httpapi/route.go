package httpapi

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"

	"rcpt/internal/keys"
)

// endpoint answers one authorized request, or says why it does not.
type endpoint func(w http.ResponseWriter, r *http.Request, c *call) error

// anyone is the scope of routes that need no key.
const anyone keys.Scope = ""

type route struct {
	method string
	path   string // a pattern of http.ServeMux without method and host
	scope  keys.Scope
	serve  endpoint
}

// routes is the table of everything that can be asked.
func (a *api) routes() []route {
	return []route{
		{"POST", "/v1/verify", keys.Verify, a.verify},
		{"POST", "/v1/check", keys.Verify, a.check},
		{"GET", "/v1/health", anyone, a.health},
	}
}

// paths groups the routes by path, so that a wrong method is told from an
// unknown path and both are answered with a problem document.
func (a *api) paths() *http.ServeMux {
	resources := make(map[string]resource)
	for _, rt := range a.routes() {
		if resources[rt.path] == nil {
			resources[rt.path] = make(resource)
		}
		resources[rt.path][rt.method] = rt
	}
	mux := http.NewServeMux()
	for path, methods := range resources {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			c := callOf(r)
			c.route = path
			c.err = a.serve(methods, w, r, c)
		})
	}
	mux.HandleFunc("/", func(_ http.ResponseWriter, r *http.Request) { callOf(r).err = errNotFound })
	return mux
}

// resource is the routes of one path by method.
type resource map[string]route

func (a *api) serve(methods resource, w http.ResponseWriter, r *http.Request, c *call) error {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet // net/http leaves the body out
	}
	rt, ok := methods[method]
	if !ok {
		w.Header().Set("Allow", methods.allow())
		return errMethod
	}
	if err := a.authorize(rt.scope, w, r, c); err != nil {
		return err
	}
	return rt.serve(w, r, c)
}

func (m resource) allow() string {
	allowed := slices.Collect(maps.Keys(m))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return strings.Join(allowed, ", ")
}

// authorize finds the key of the request and holds it against the scope. The
// challenges are those of RFC 6750 §3.
func (a *api) authorize(scope keys.Scope, w http.ResponseWriter, r *http.Request, c *call) error {
	if scope == anyone {
		return nil
	}
	secret, ok := bearer(r.Header)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt"`)
		return errNoKey
	}
	key, err := a.Keys.Authenticate(r.Context(), secret)
	if errors.Is(err, keys.ErrUnknown) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt", error="invalid_token"`)
	}
	if err != nil {
		return err
	}
	c.key = key
	if !key.May(scope) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt", error="insufficient_scope", scope="`+string(scope)+`"`)
		return scopeError{scope}
	}
	return nil
}

// bearer reads the secret of "Authorization: Bearer SECRET"; the scheme is
// compared without case (RFC 9110 §11.1). Two such headers are none: which of
// them counts is not ours to guess.
func bearer(h http.Header) (secret string, ok bool) {
	all := h.Values("Authorization")
	if len(all) != 1 {
		return "", false
	}
	scheme, secret, _ := strings.Cut(all[0], " ")
	secret = strings.Trim(secret, " ")
	return secret, strings.EqualFold(scheme, "Bearer") && secret != ""
}
