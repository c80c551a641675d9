package httpapi

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/usage"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// tallied is what a request was counted as, a text per value.
func tallied(t *testing.T, change func(*Deps), r *http.Request) []string {
	t.Helper()
	var got []string
	s := serve(t, func(d *Deps) {
		d.Metric = func(name string, value float64, labels ...string) {
			got = append(got, fmt.Sprintln(name, value, strings.Join(labels, " ")))
		}
		if change != nil {
			change(d)
		}
	})
	s.do(r)
	for i := range got {
		got[i] = strings.TrimSpace(got[i])
	}
	return got
}

func TestRequestsAreCounted(t *testing.T) {
	clock := noon
	slow := func(d *Deps) {
		d.Now = func() time.Time { return clock }
		d.Verifier = working{d.Verifier, func() { clock = clock.Add(248500 * time.Microsecond) }}
	}
	health := post("")
	health.Method, health.URL.Path = "GET", "/v1/health"
	lost := post("")
	lost.URL.Path = "/v1/victim@example.com"
	for _, c := range []struct {
		claim  string
		change func(*Deps)
		r      *http.Request
		want   []string
	}{
		{"a check, with its verdict", slow, post(`{"email":"alice@example.com"}`),
			[]string{"latency_ms 248.5 route /v1/verify status 200 verdict VALID reason smtp_verified cached false"}},
		{"health costs nothing", nil, health, nil},
		{"a mistake of the caller", nil, post(`{}`),
			[]string{"latency_ms 0 route /v1/verify status 400", "errors_bad_request 1 route /v1/verify"}},
		{"a path is never told", nil, lost, []string{"latency_ms 0 route unmatched status 404", "errors_bad_request 1 route unmatched"}},
		{"a panic", func(d *Deps) { d.Verifier = working{d.Verifier, func() { panic("a bug") }} }, post(`{"email":"alice@example.com"}`),
			[]string{"latency_ms 0 route /v1/verify status 500", "errors_internal 1 route /v1/verify", "panics 1 route /v1/verify"}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := tallied(t, c.change, c.r); !reflect.DeepEqual(got, c.want) {
				t.Errorf("counted\n %q\nwant\n %q", got, c.want)
			}
		})
	}
}

func TestErrorsAreCountedByCause(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{keys.ErrUnknown, "errors_unauthorized"},
		{scopeError{keys.Verify}, "errors_unauthorized"},
		{errMethod, "errors_bad_request"},
		{errTooLarge, "errors_bad_request"},
		{keys.ErrConflict, "errors_bad_request"},
		{&usage.RefusedError{Limit: usage.Concurrency}, "rate_limited_concurrency"},
		{fmt.Errorf("admit: %w", &usage.RefusedError{Limit: usage.Rate}), "rate_limited_rate"},
		{&usage.RefusedError{Limit: usage.Month}, "rate_limited_month"},
		{context.DeadlineExceeded, "errors_timeout"},
		{fmt.Errorf("%w: %w", errAdmission, context.DeadlineExceeded), "errors_timeout"},
		{errAdmission, "errors_unavailable"},
		{store.ErrThrottled, "errors_unavailable"},
		{errPanic, "errors_internal"},
		{errors.New("disk on fire"), "errors_internal"},
	} {
		if got := cause(c.err); got != c.want {
			t.Errorf("%v counts for %s, want %s", c.err, got, c.want)
		}
	}
}

func TestLinesWithinARequestAreMarked(t *testing.T) {
	type marks struct{}
	var got string
	s := serve(t, func(d *Deps) {
		d.Mark = func(ctx context.Context, name, value string) context.Context {
			before, _ := ctx.Value(marks{}).(string)
			return context.WithValue(ctx, marks{}, before+name+"="+value+" ")
		}
		d.Verifier = looking{d.Verifier, func(ctx context.Context) { got, _ = ctx.Value(marks{}).(string) }}
	})
	s.do(post(`{"email":"alice@example.com"}`))
	if want := "request_id=req-1 key=livekey2 "; got != want {
		t.Errorf("the verifier's lines are marked %q, want %q", got, want)
	}
}

// looking is a verifier that shows its context.
type looking struct {
	Verifier
	look func(context.Context)
}

func (v looking) Verify(ctx context.Context, r verify.Request) verdict.Verdict {
	v.look(ctx)
	return v.Verifier.Verify(ctx, r)
}
