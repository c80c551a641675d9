package httpapi

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"rcpt/internal/keys"
)

// endpoint answers one authorized request, or says why it does not.
type endpoint func(a *api, w http.ResponseWriter, r *http.Request, c *call) error

// finder finds what a path, or its query, names, as far as the key of the request
// may see it.
type finder func(a *api, r *http.Request, c *call) error

// Scopes of routes for whoever comes.
const (
	anyone keys.Scope = ""  // no key is needed
	anyKey keys.Scope = "*" // a key is needed, whatever its scopes

	// ownOrAdmin: the scope verify for what is the key's own, admin for what is
	// another key's.
	ownOrAdmin keys.Scope = "verify|admin"
)

// part is the function of functions/ that a route belongs to.
type part int

const (
	verifyPart part = iota
	accountPart
	webhooksPart
	jobsPart
	providersPart
)

type route struct {
	part   part
	method string
	path   string // a pattern of http.ServeMux without method and host
	scope  keys.Scope
	find   finder // nil: the request names nothing that is somebody's
	serve  endpoint
}

// Part is the routes of one function of functions/: what can be asked, and who
// may. It is a function so that a binary carries the endpoints of the part that
// it names, and nothing of the others.
type Part func() []route

// VerifyRoutes are those of functions/verify.
func VerifyRoutes() []route {
	return []route{
		{verifyPart, "POST", "/v1/verify", keys.Verify, nil, (*api).verify},
		{verifyPart, "POST", "/v1/check", keys.Verify, nil, (*api).check},
		{verifyPart, "GET", "/v1/verify/{recheck}", keys.Verify, nil, (*api).rechecked},
		{verifyPart, "GET", "/v1/health", anyone, nil, (*api).health},
		{verifyPart, "GET", "/v1/lists/info", anyKey, nil, (*api).listsInfo},
	}
}

// AccountRoutes are those of functions/account.
func AccountRoutes() []route {
	return []route{
		{accountPart, "POST", "/v1/keys", keys.Admin, nil, (*api).createKey},
		{accountPart, "GET", "/v1/keys", anyKey, nil, (*api).listKeys},
		{accountPart, "GET", "/v1/keys/{id}", anyKey, (*api).findKey, (*api).showKey},
		{accountPart, "PATCH", "/v1/keys/{id}", keys.Admin, (*api).findKey, (*api).changeKey},
		{accountPart, "DELETE", "/v1/keys/{id}", keys.Admin, (*api).findKey, (*api).revokeKey},
		{accountPart, "POST", "/v1/keys/{id}/rotate", keys.Admin, (*api).findKey, (*api).rotateKey},
		{accountPart, "POST", "/v1/webhook-secret/rotate", anyKey, nil, (*api).rotateWebhookSecret},
		{accountPart, "GET", "/v1/lists", ownOrAdmin, (*api).findLists, (*api).listEntries},
		{accountPart, "POST", "/v1/lists", ownOrAdmin, (*api).findLists, (*api).addEntries},
		{accountPart, "DELETE", "/v1/lists", ownOrAdmin, (*api).findLists, (*api).removeEntries},
		{accountPart, "GET", "/v1/bounces", keys.Report, nil, (*api).listBounces},
		{accountPart, "GET", "/v1/bounces/{bounce}", keys.Report, nil, (*api).showBounce},
		{accountPart, "DELETE", "/v1/bounces/{bounce}", keys.Report, nil, (*api).deleteBounce},
		{accountPart, "GET", "/v1/suppressions", keys.Report, nil, (*api).listSuppressions},
		{accountPart, "POST", "/v1/suppressions", keys.Report, nil, (*api).addSuppressions},
		{accountPart, "DELETE", "/v1/suppressions", keys.Report, nil, (*api).removeSuppressions},
		{accountPart, "POST", importPath, keys.Report, nil, (*api).importSuppressions},
		{accountPart, "GET", "/v1/suppressions/{suppression}", keys.Report, nil, (*api).showSuppression},
		{accountPart, "DELETE", "/v1/suppressions/{suppression}", keys.Report, nil, (*api).deleteSuppression},
		{accountPart, "DELETE", "/v1/addresses", keys.Report, nil, (*api).eraseAddress},
		{accountPart, "GET", "/v1/hooks", keys.Report, nil, (*api).listHooks},
		{accountPart, "GET", "/v1/hooks/{esp}", keys.Report, nil, (*api).showHook},
		{accountPart, "PUT", "/v1/hooks/{esp}", keys.Report, nil, (*api).declareHook},
		{accountPart, "DELETE", "/v1/hooks/{esp}", keys.Report, nil, (*api).removeHook},
		{accountPart, "GET", "/v1/traps", keys.Admin, nil, (*api).listTraps},
		{accountPart, "GET", "/v1/traps/{domain}", keys.Admin, nil, (*api).showTrap},
		{accountPart, "DELETE", "/v1/traps/{domain}", keys.Admin, nil, (*api).liftTrap},
		{accountPart, "GET", "/v1/audit", keys.Admin, nil, (*api).audit},
		{accountPart, "GET", "/v1/usage", anyKey, nil, (*api).usage},
		{accountPart, "GET", "/v1/openapi.json", anyone, nil, (*api).description},
		{accountPart, "GET", "/docs", anyone, nil, (*api).docs},
	}
}

// ProvidersRoutes are those of functions/providers.
func ProvidersRoutes() []route {
	return []route{
		{providersPart, "GET", "/v1/email-verifiers/providers", keys.Providers, nil, (*api).listVendorKeys},
		{providersPart, "POST", "/v1/email-verifiers/providers", keys.Providers, nil, (*api).addVendorKey},
		{providersPart, "GET", "/v1/email-verifiers/providers/{provider}", keys.Providers, nil, (*api).showVendorKey},
		{providersPart, "PUT", "/v1/email-verifiers/providers/{provider}", keys.Providers, nil, (*api).changeVendorKey},
		{providersPart, "DELETE", "/v1/email-verifiers/providers/{provider}", keys.Providers, nil, (*api).deleteVendorKey},
		{providersPart, "POST", "/v1/email-verifiers/verify", keys.Providers, nil, (*api).askVendors},
		{providersPart, "POST", "/v1/email-verifiers/verify-bulk", keys.Providers, nil, (*api).askVendorsAll},
		{providersPart, "GET", "/v1/email-verifiers/usage", keys.Providers, nil, (*api).vendorUsage},
		{providersPart, "GET", "/v1/email-verifiers/log", keys.Providers, nil, (*api).vendorLog},
		{providersPart, "GET", "/v1/email-verifiers/budget", keys.Providers, nil, (*api).showBudget},
		{providersPart, "PUT", "/v1/email-verifiers/budget", keys.Providers, nil, (*api).changeBudget},
		{providersPart, "GET", "/v1/email-verifiers/known-providers", anyone, nil, (*api).knownVendors},
		{providersPart, "GET", "/v1/email-verifiers/catalog", keys.Admin, nil, (*api).showCatalog},
		{providersPart, "PUT", "/v1/email-verifiers/catalog", keys.Admin, nil, (*api).changeCatalog},
		{providersPart, "POST", "/v1/sequences/{sequence}/enroll", keys.Providers, nil, (*api).enroll},
		{providersPart, "GET", "/v1/sequences/{sequence}", keys.Providers, nil, (*api).showSequence},
		{providersPart, "DELETE", "/v1/sequences/{sequence}", keys.Providers, nil, (*api).deleteSequence},
		{providersPart, "DELETE", "/v1/sequences/{sequence}/members", keys.Providers, nil, (*api).removeMembers},
		{providersPart, "DELETE", "/v1/sequences/{sequence}/members/{member}", keys.Providers, nil, (*api).removeMember},
	}
}

// JobsRoutes are those of functions/jobs.
func JobsRoutes() []route {
	return []route{
		{jobsPart, "POST", "/v1/uploads", keys.Jobs, nil, (*api).createUpload},
		{jobsPart, "POST", "/v1/jobs/estimate", keys.Jobs, nil, (*api).estimateJob},
		{jobsPart, "POST", "/v1/jobs", keys.Jobs, nil, (*api).createJob},
		{jobsPart, "GET", "/v1/jobs", keys.Jobs, nil, (*api).listJobs},
		{jobsPart, "GET", "/v1/jobs/{job}", keys.Jobs, nil, (*api).showJob},
		{jobsPart, "DELETE", "/v1/jobs/{job}", keys.Jobs, nil, (*api).deleteJob},
		{jobsPart, "POST", "/v1/jobs/{job}/cancel", keys.Jobs, nil, (*api).cancelJob},
		{jobsPart, "GET", "/v1/jobs/{job}/results", keys.Jobs, nil, (*api).jobResults},
		{jobsPart, "GET", "/v1/jobs/{job}/deliveries", keys.Jobs, nil, (*api).listDeliveries},
		{jobsPart, "POST", "/v1/jobs/{job}/deliveries/{delivery}/resend", keys.Jobs, nil, (*api).resend},
		{jobsPart, "POST", "/v1/webhooks/test", keys.Jobs, nil, (*api).testWebhook},
		{jobsPart, "GET", "/v1/webhooks/test", keys.Jobs, nil, (*api).listWebhookTests},
	}
}

// WebhooksRoutes are those of functions/webhooks.
func WebhooksRoutes() []route {
	return []route{
		{webhooksPart, "POST", "/v1/report-bounce", keys.Report, nil, (*api).reportBounce},
		// What admits to these is the hook token in their URL.
		{webhooksPart, "POST", "/v1/report-bounce/{source}", anyone, nil, (*api).deliverFrom},
		{webhooksPart, "GET", "/v1/report-bounce/{source}", anyone, nil, (*api).deliverFrom},
		{webhooksPart, "POST", "/v1/hooks/{esp}/{token}", anyone, nil, (*api).deliver},
		{webhooksPart, "GET", "/v1/hooks/{esp}/{token}", anyone, nil, (*api).deliver},
	}
}

// paths groups the routes by path, so that a wrong method is told from an
// unknown path and both are answered with a problem document.
func (a *api) paths(parts []Part) *http.ServeMux {
	resources := make(map[string]resource)
	for _, routes := range parts {
		for _, rt := range routes() {
			if resources[rt.path] == nil {
				resources[rt.path] = make(resource)
			}
			resources[rt.path][rt.method] = rt
		}
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

// A store that stalls must not hold a request until the gateway gives it up, which
// would then say nothing of use.
const (
	keyWithin    = 4 * time.Second // a check has 4.5 s by default
	answerWithin = 8 * time.Second // ESPs wait for ten seconds and more

	// jobsWithin is enough to look ahead at a long list, or to filter long results;
	// the gateway gives up after 30 s.
	jobsWithin = 25 * time.Second

	// vendorsWithin is what is promised of requests that vendors answer.
	vendorsWithin = 25 * time.Second
)

// within is how long a request for a route may take; 0: its caller says.
func (rt route) within() time.Duration {
	switch {
	case rt.part == verifyPart:
		return 0
	case rt.part == providersPart:
		return vendorsWithin
	case rt.part == jobsPart:
		return jobsWithin
	case rt.path == importPath:
		return importWithin
	}
	return answerWithin
}

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
	if within := rt.within(); within > 0 {
		ctx, cancel := context.WithTimeout(r.Context(), within)
		defer cancel()
		r = r.WithContext(ctx)
	}
	if rt.scope != anyone {
		if err := a.authenticate(w, r, c); err != nil {
			return err
		}
		r = r.WithContext(a.Mark(r.Context(), "key", c.key.ID))
	}
	// Before the scope: a key must not learn from a 403 that there is such a thing.
	if rt.find != nil {
		if err := rt.find(a, r, c); err != nil {
			return err
		}
	}
	if err := authorize(rt.scope, w, c); err != nil {
		return err
	}
	return rt.serve(a, w, r, c)
}

func (m resource) allow() string {
	allowed := slices.Collect(maps.Keys(m))
	if slices.Contains(allowed, http.MethodGet) {
		allowed = append(allowed, http.MethodHead)
	}
	slices.Sort(allowed)
	return strings.Join(allowed, ", ")
}

// authenticate finds the key of the request. The challenges, here and in
// authorize, are those of RFC 6750 §3.
func (a *api) authenticate(w http.ResponseWriter, r *http.Request, c *call) error {
	secret, ok := bearer(r.Header)
	if !ok {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt"`)
		return errNoKey
	}
	ctx, cancel := context.WithTimeout(r.Context(), keyWithin)
	defer cancel()
	key, err := a.Keys.Authenticate(ctx, secret)
	if errors.Is(err, keys.ErrUnknown) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt", error="invalid_token"`)
	}
	c.key = key
	return err
}

// authorize holds the key against the scope of the route.
func authorize(scope keys.Scope, w http.ResponseWriter, c *call) error {
	if scope == ownOrAdmin {
		scope = keys.Verify
		if c.target.ID != c.key.ID {
			scope = keys.Admin
		}
	}
	if scope == anyone || scope == anyKey || c.key.May(scope) {
		return nil
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="rcpt", error="insufficient_scope", scope="`+string(scope)+`"`)
	return scopeError{scope}
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
