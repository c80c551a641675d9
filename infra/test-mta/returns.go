package main

import (
	"context"
	"sync"
	"time"
)

// sleepUntil waits for the moment that an answer names.
func sleepUntil(ctx context.Context, moment time.Time) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Until(moment)):
	}
}

// proveGrey asks, asks too early, and asks again at retry_at, as a client of
// the product would.
func proveGrey(ctx context.Context, t *trial) {
	var all sync.WaitGroup
	for email, want := range map[string]string{
		"alice@grey.example":  "VALID smtp_verified",
		"nobody@grey.example": "INVALID mailbox_not_found",
	} {
		all.Go(func() {
			first := t.verdict(ctx, "UNKNOWN greylisted", request{Email: email})
			if first.RetryAt == nil {
				t.check(false, "%s: greylisted without retry_at", email)
				return
			}
			// postgrey asks for four seconds; ours come with a fifth on top.
			wait := first.RetryAt.Sub(first.CheckedAt)
			t.check(4*time.Second <= wait && wait < 6*time.Second, "%s: retry_at is %s away", email, wait)
			early := t.verdict(ctx, "UNKNOWN greylisted", request{Email: email})
			t.check(early.Cached, "%s: asked before retry_at, the server was bothered again", email)
			sleepUntil(ctx, *first.RetryAt)
			t.verdict(ctx, want, request{Email: email})
		})
	}
	all.Wait()
}

func proveGreyDefault(ctx context.Context, t *trial) {
	got := t.verdict(ctx, "UNKNOWN greylisted", request{Email: "alice@grey-default.example"})
	t.check(got.RetryAt != nil && got.RetryAt.Sub(got.CheckedAt) == 6*time.Minute, "want retry_at six minutes away, got %v", got.RetryAt)
}

// proveScreen meets postscreen, which greets after six seconds, beside a
// client that does not wait.
func proveScreen(ctx context.Context, t *trial) {
	var all sync.WaitGroup
	all.Go(func() { t.verdict(ctx, "VALID smtp_verified", request{Email: "alice@screen.example"}) })
	all.Go(func() { t.verdict(ctx, "INVALID mailbox_not_found", request{Email: "nobody@screen.example"}) })
	all.Go(func() {
		err := speakEarly("10.25.0.12:25", "EHLO control.example")
		t.check(err == nil, "the control client did not get through: %v", err)
	})
	all.Wait()
	t.logged(ctx, "screen", `^PREGREET .*\[10\.25\.0\.99\]`)
	t.logged(ctx, "screen", `^PASS NEW \[10\.25\.0\.1\]`)
}

// proveDeep comes back at once: postscreen lets a client in that has passed.
func proveDeep(ctx context.Context, t *trial) {
	first := t.verdict(ctx, "UNKNOWN temporary_failure|UNKNOWN greylisted", request{Email: "alice@deep.example"})
	t.check(first.RetryAt != nil, "no retry_at")
	t.logged(ctx, "deep", `^DISCONNECT \[10\.25\.0\.1\]`)
	t.logged(ctx, "deep", `^PASS NEW \[10\.25\.0\.1\]`)
	t.verdict(ctx, "VALID smtp_verified", request{Email: "alice@deep.example", Fresh: true})
	t.verdict(ctx, "INVALID mailbox_not_found", request{Email: "nobody@deep.example"})
}
