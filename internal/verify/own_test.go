package verify

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/nameset"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/verdict"
)

// tenantFunc is a Tenant as a function.
type tenantFunc func(ctx context.Context, key, domain string) (tenant.Match, error)

func (f tenantFunc) Match(ctx context.Context, key, domain string) (tenant.Match, error) {
	return f(ctx, key, domain)
}

// denies is a key's own list that has the domain.
func denies(_ context.Context, _, domain string) (tenant.Match, error) {
	return tenant.Match{List: tenant.Deny, Rule: domain}, nil
}

func TestOwnListsAreAskedOnceForTheKeyAndTheDomain(t *testing.T) {
	for _, tt := range []struct {
		claim, email string
		want         string // what was asked; empty for nothing
	}{
		{"a domain", "alice@ok.example", "key ok.example"},
		{"a domain in another case and script", "alice@BÜCHER.example", "key xn--bcher-kva.example"},
		{"no address", "alice", ""},
		{"a literal", "alice@[192.0.2.1]", ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				b := newBench(oneExchanger, takes(time.Millisecond))
				b.cfg.Tenant = tenantFunc(func(_ context.Context, key, domain string) (tenant.Match, error) {
					asked = append(asked, key+" "+domain)
					return tenant.Match{}, nil
				})
				r := ask(time.Second)
				r.Email = tt.email
				b.Verify(t.Context(), r)
				if got := strings.Join(asked, ", "); got != tt.want {
					t.Errorf("asked for %q, want %q", got, tt.want)
				}
			})
		})
	}
}

func TestOwnListsThatCannotBeReadAreLoggedAndTold(t *testing.T) {
	for _, tt := range []struct {
		claim string
		own   tenantFunc
		lost  bool
	}{
		{"they fail", func(context.Context, string, string) (tenant.Match, error) {
			return tenant.Match{List: tenant.Deny}, errors.New("table is gone")
		}, true},
		{"they hang", func(ctx context.Context, _, _ string) (tenant.Match, error) {
			<-ctx.Done()
			return tenant.Match{}, ctx.Err()
		}, true},
		{"they are empty", func(context.Context, string, string) (tenant.Match, error) { return tenant.Match{}, nil }, false},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, takes(time.Second))
				b.cfg.Tenant = tt.own
				got := b.Verify(t.Context(), ask(4*time.Second))
				synctest.Wait()
				e := got.Evidence.(Evidence)
				if got.Status != verdict.Valid || e.Lists.TenantLost != tt.lost || e.Lists.Tenant != (Own{}) {
					t.Errorf("%s %s, lists %+v, want VALID, lost %v", got.Status, got.Reason, e.Lists, tt.lost)
				}
				if logged := strings.Contains(b.log.String(), "lists of key not readable"); logged != tt.lost || strings.Contains(b.log.String(), "alice") {
					t.Errorf("log %q, want a line: %v", b.log, tt.lost)
				}
			})
		})
	}
}

func TestOwnListsAndCacheThatHangLeaveTimeForTheProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(2*time.Second))
		b.table.readsHang = true
		b.cfg.Tenant = tenantFunc(func(ctx context.Context, _, _ string) (tenant.Match, error) {
			<-ctx.Done()
			return tenant.Match{}, ctx.Err()
		})
		if got := b.Verify(t.Context(), ask(4*time.Second)); got.Status != verdict.Valid || got.LatencyMS > 4000 {
			t.Errorf("%s %s in %d ms, want VALID", got.Status, got.Reason, got.LatencyMS)
		}
	})
}

func TestOwnListsHaveWireNamesInEvidence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Millisecond))
		b.cfg.Tenant = tenantFunc(denies)
		text, err := json.Marshal(b.Verify(t.Context(), ask(time.Second)).Evidence)
		if err != nil || !strings.Contains(string(text), `"tenant":{"list":"deny","rule":"ok.example"}`) {
			t.Errorf("evidence %s, %v", text, err)
		}
		if names := regexp.MustCompile(`"[^":]*[A-Z][^":]*":`).FindAll(text, -1); names != nil {
			t.Errorf("evidence has Go's names: %s", names)
		}
	})
}

// TestAChangeOfListsShowsAtOnce: what is kept is evidence, and work begun under
// other lists is not shared.
func TestAChangeOfListsShowsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(oneExchanger, takes(time.Second))
		own := tenant.Match{}
		b.cfg.Tenant = tenantFunc(func(context.Context, string, string) (tenant.Match, error) { return own, nil })
		b.Verify(t.Context(), ask(4*time.Second))
		own = tenant.Match{List: tenant.Deny, Rule: "ok.example"}
		if got := b.Verify(t.Context(), ask(4*time.Second)); got.Status != verdict.Disposable || !got.Cached {
			t.Errorf("denied: %s %s, cached %v, want DISPOSABLE from the cache", got.Status, got.Reason, got.Cached)
		}
		own = tenant.Match{}
		if got := b.Verify(t.Context(), ask(4*time.Second)); got.Status != verdict.Valid || !got.Cached {
			t.Errorf("and no more: %s %s, cached %v, want VALID from the cache", got.Status, got.Reason, got.Cached)
		}
	})
}

func TestWorkBegunUnderOtherListsIsNotShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := routerFunc(func(ctx context.Context, domain string) mx.Answer {
			time.Sleep(time.Second)
			return oneExchanger(ctx, domain)
		})
		b := newBench(slow, takes(time.Millisecond))
		asked := 0
		b.cfg.Tenant = tenantFunc(func(context.Context, string, string) (tenant.Match, error) {
			if asked++; asked == 1 {
				return tenant.Match{List: tenant.Deny, Rule: "ok.example"}, nil
			}
			return tenant.Match{}, nil // taken from the list meanwhile
		})
		verdicts := together(t, b, ask(4*time.Second), ask(4*time.Second))
		if verdicts[0].Status != verdict.Disposable || verdicts[1].Status != verdict.Valid {
			t.Errorf("%s %s and %s %s, want DISPOSABLE and VALID",
				verdicts[0].Status, verdicts[0].Reason, verdicts[1].Status, verdicts[1].Reason)
		}
	})
}

func TestEveryVerdictNamesTheListsAndTheirAge(t *testing.T) {
	info := lists.New().Info()
	for _, tt := range []struct {
		claim, email string
		after        time.Duration // since the data was gathered
		want         int64
	}{
		{"no address", "alice", 30*time.Hour + 59*time.Minute, 30},
		{"a mailbox", "alice@ok.example", 59 * time.Minute, 0},
		{"a disposable domain", "alice@mailinator.com", 1000 * time.Hour, 1000},
		{"a literal", "alice@[192.0.2.1]", time.Hour, 1},
		{"a clock behind the data", "alice@ok.example", -48 * time.Hour, 0},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			b := newBench(oneExchanger, takes(0))
			b.cfg.Now = func() time.Time { return info.Built.Add(tt.after) }
			got := b.Verify(t.Context(), Request{Email: tt.email, Policy: DefaultPolicy()})
			if got.ListVersion != info.Version || got.ListAgeHours != tt.want {
				t.Errorf("lists %q, %d hours old, want %q, %d", got.ListVersion, got.ListAgeHours, info.Version, tt.want)
			}
		})
	}
}

// snapshot is a table whose disposable hosts are these.
func snapshot(t *testing.T, families lists.Origins, hosts ...string) *lists.Table {
	t.Helper()
	figures := lists.Figures{Hosts: len(hosts), Rules: len(hosts), Registrable: len(hosts)}
	switch families.Tier() {
	case lists.Curated:
		figures.Curated = len(hosts)
	case lists.Aggregator:
		figures.Aggregator = len(hosts)
	}
	var entries []nameset.Entry
	for _, host := range hosts {
		entries = append(entries, nameset.Entry{Name: host, Value: byte(families)})
	}
	data, err := nameset.Encode(entries, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), figures.Array())
	if err != nil {
		t.Fatal(err)
	}
	table, err := lists.Open(string(data))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// TestARequestUsesOneTable: a newer one takes its place while it runs.
func TestARequestUsesOneTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		before, after := lists.New(), snapshot(t, lists.Reviewed, "ok.example")
		live := lists.NewLive(before)
		b := newBench(func(ctx context.Context, domain string) mx.Answer {
			live.Swap(after)
			return oneExchanger(ctx, domain)
		}, takes(time.Millisecond))
		b.cfg.Lists = live
		if got := b.Verify(t.Context(), ask(time.Second)); got.Status != verdict.Valid || got.ListVersion != before.Info().Version {
			t.Errorf("%s %s by %s, want VALID by %s", got.Status, got.Reason, got.ListVersion, before.Info().Version)
		}
		got := b.Verify(t.Context(), ask(time.Second))
		if got.Status != verdict.Disposable || !got.Cached || got.ListVersion != after.Info().Version {
			t.Errorf("then %s %s, cached %v, by %s, want DISPOSABLE from the cache by %s",
				got.Status, got.Reason, got.Cached, got.ListVersion, after.Info().Version)
		}
	})
}

// TestAProviderOfManyIsNotSuspected: collections of other lists call thousands
// of old mailbox providers disposable, once a refresh has added them.
func TestAProviderOfManyIsNotSuspected(t *testing.T) {
	const provider, unsure = "attbi.com", "ok.example"
	for _, tt := range []struct {
		claim, domain string
		families      lists.Origins
		status        verdict.Status
		downgraded    string
	}{
		{"a sure provider, weakly listed", provider, lists.Aggregates, verdict.Valid, "free"},
		{"a sure provider, firmly listed", provider, lists.Reviewed, verdict.Disposable, ""},
		{"no provider, weakly listed", unsure, lists.Aggregates, verdict.Risky, ""},
	} {
		t.Run(tt.claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBench(oneExchanger, takes(time.Millisecond))
				b.cfg.Lists = lists.NewLive(snapshot(t, tt.families, tt.domain))
				r := ask(time.Second)
				r.Email = "alice@" + tt.domain
				got := b.Verify(t.Context(), r)
				if got.Status != tt.status || got.Lists[0].List != "disposable" || got.Lists[0].DowngradedBy != tt.downgraded {
					t.Errorf("%s %s, rows %+v, want %s, downgraded by %q", got.Status, got.Reason, got.Lists, tt.status, tt.downgraded)
				}
			})
		})
	}
}

// BenchmarkWarmCheck is a request that the cache answers.
func BenchmarkWarmCheck(b *testing.B) {
	bench := newBench(oneExchanger, takes(0))
	r := ask(time.Minute)
	r.Explain, r.Deadline = false, time.Time{}
	bench.Verify(b.Context(), r)
	b.ReportAllocs()
	for b.Loop() {
		if v := bench.Verify(b.Context(), r); !v.Cached {
			b.Fatal("not cached")
		}
	}
}
