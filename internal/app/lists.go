package app

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/lists/refresh"
	"rcpt/internal/safedial"
)

// Refresher builds the handler of functions/refresher: one run of the refresh of
// the lists, told by one line of log. Where the ports share a table in use, a
// new one is put there at once; other processes find it by themselves.
func Refresher(cfg config.Config, p Ports) func(context.Context, refresh.Request) (refresh.Report, error) {
	p = p.observed()
	// A list may lie anywhere on the public internet. Anybody on the way can change
	// what plain HTTP carries, so that is for our own networks alone.
	public := &safedial.Dialer{Allow: cfg.ProbeAllow}
	ours := &safedial.Dialer{Allow: cfg.ProbeAllow, Deny: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}}
	job := refresh.New(refresh.Config{
		Blob: p.Blob, Sources: sources(cfg.ListsURLs), Client: refresh.NewClient(public.DialContext, ours.DialContext),
		Now: p.Now, Metric: p.Metric,
	})
	return func(ctx context.Context, req refresh.Request) (refresh.Report, error) {
		r, err := job.Run(ctx, req)
		if err != nil {
			return r, err
		}
		level, said := slog.LevelInfo, []slog.Attr{slog.String("snapshot", r.Snapshot), slog.Int("sources_failed", r.Failed())}
		switch r.Outcome {
		case refresh.Kept:
			level, said[0] = slog.LevelWarn, slog.String("reason", r.Reason)
			said = append(said, slog.String("detail", r.Detail))
		case refresh.Published, refresh.Superseded:
			said = append(said, slog.Int("hosts", r.Table.Hosts), slog.Int("added", r.Added), slog.Int("removed", r.Removed))
		}
		p.Log.LogAttrs(ctx, level, "lists: "+string(r.Outcome), said...)
		if p.Lists != nil && r.Outcome != refresh.Kept {
			_ = follower(p).Look(ctx) // which has told why the table in use stays
		}
		return r, nil
	}
}

// sources are those of the setting. Without a list of popular sites nothing new
// can be judged, so the built-in one comes with the others.
func sources(urls []config.ListURL) (all []refresh.Source) {
	for _, u := range urls {
		if u.Family == config.DefaultLists {
			all = append(all, refresh.DefaultSources()...)
			continue
		}
		if s, ok := refresh.NewSource(u.Family, u.URL); ok { // config knows the same families
			all = append(all, s)
		}
	}
	popular := func(s refresh.Source) bool { return s.Family == refresh.Popular }
	if len(all) > 0 && !slices.ContainsFunc(all, popular) {
		for _, s := range refresh.DefaultSources() {
			if popular(s) {
				all = append(all, s)
			}
		}
	}
	return all
}

// follower puts the table that the refresher published last in use. Nil, which
// follows nobody, where there are no files.
func follower(p Ports) *refresh.Follower {
	files := p.ListFiles
	switch {
	case files == nil && p.Blob == nil:
		return nil
	case files == nil:
		files = p.Blob
	}
	return refresh.NewFollower(refresh.FollowerConfig{
		Blob: files, Live: p.Lists, Now: p.Now, Metric: p.Metric, Log: p.Log,
		Jitter: func(n time.Duration) time.Duration { return rand.N(n) },
	})
}

// following lets requests keep fresh what the process goes by; see freshening.
func following(p Ports, next http.Handler) http.Handler {
	touch := freshening(p)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		touch()
		next.ServeHTTP(w, r)
	})
}

// freshening returns what is called with each piece of work, so that it keeps
// fresh what the process goes by: the table in use, and what is known of our way
// out. No work waits for it: the first look begins now, before the first piece.
// Without files there is no table to follow.
func freshening(p Ports) func() {
	touches := []func(){follower(p).Touch}
	if p.Egress != nil {
		touches = append(touches, p.Egress.Touch)
	}
	touch := func() {
		for _, t := range touches {
			t()
		}
	}
	touch()
	return touch
}
