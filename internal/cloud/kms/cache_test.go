package kms

import (
	"fmt"
	"testing"
	"time"

	"rcpt/internal/store/storetest"
)

func newTestCache() (*cache, *storetest.Clock) {
	clock := storetest.NewClock(time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC))
	return newCache(clock.Now), clock
}

func secretKey() dataKey {
	key := dataKey{wrapped: []byte("wrapped")}
	for i := range key.plain {
		key.plain[i] = 7
	}
	return key
}

func TestKeysServeForAWhile(t *testing.T) {
	for _, c := range []struct {
		claim string
		spend func(*cache, *storetest.Clock)
		want  bool
	}{
		{"at once", func(*cache, *storetest.Clock) {}, true},
		{"until five minutes", func(_ *cache, clock *storetest.Clock) { clock.Advance(maxAge - 1) }, true},
		{"not from then on", func(_ *cache, clock *storetest.Clock) { clock.Advance(maxAge) }, false},
		{"not once the clock stepped back", func(_ *cache, clock *storetest.Clock) { clock.Advance(-1) }, false},
		{"a thousand times with that of its making", func(c *cache, _ *storetest.Clock) { useUp(c, maxUses-2) }, true},
		{"and no more", func(c *cache, _ *storetest.Clock) { useUp(c, maxUses-1) }, false},
		{"not when forgotten", func(c *cache, _ *storetest.Clock) { c.forget() }, false},
		{"not under another name", func(c *cache, _ *storetest.Clock) { c.drop("k"); c.keep("", secretKey()) }, false},
	} {
		cache, clock := newTestCache()
		cache.keep("k", secretKey())
		c.spend(cache, clock)
		key, got := cache.use("k")
		if got != c.want || got && key.plain != secretKey().plain {
			t.Errorf("%s: got %v, %x, want %v", c.claim, got, key.plain, c.want)
		}
	}
}

func useUp(c *cache, times int) {
	for range times {
		c.use("k")
	}
}

func TestKeysAreWipedWhenTheyGo(t *testing.T) {
	for claim, remove := range map[string]func(*cache, *storetest.Clock){
		"forgotten": func(c *cache, _ *storetest.Clock) { c.forget() },
		"too old":   func(c *cache, clock *storetest.Clock) { clock.Advance(maxAge); c.use("k") },
		"replaced":  func(c *cache, _ *storetest.Clock) { c.keep("k", secretKey()) },
		"crowded out": func(c *cache, clock *storetest.Clock) {
			for i := range maxKeys {
				clock.Advance(time.Millisecond)
				c.keep(fmt.Sprint(i), secretKey())
			}
		},
	} {
		cache, clock := newTestCache()
		cache.keep("k", secretKey())
		kept := cache.keys["k"]
		remove(cache, clock)
		if kept.plain != [keySize]byte{} {
			t.Errorf("%s: the key is still %x", claim, kept.plain)
		}
		if len(cache.keys) > maxKeys {
			t.Errorf("%s: %d keys, want at most %d", claim, len(cache.keys), maxKeys)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("", "%")
	f.Add("a%", "a%25")
	f.Add("vendor:hunter", "Grüße")
	f.Fuzz(func(t *testing.T, one, two string) {
		if same := escape(one) == escape(two); same != (one == two) {
			t.Errorf("%q and %q: written as %q and %q", one, two, escape(one), escape(two))
		}
		for _, c := range escape(one) {
			if c < ' ' || c > '~' {
				t.Errorf("%q: written as %q", one, escape(one))
			}
		}
	})
}

func TestOurContextsStayAsTheyAre(t *testing.T) {
	for _, text := range []string{"account", "acc_01JD", "vendor:hunter", "purpose", "key/secret", "rcpt", "a.b-c"} {
		if got := escape(text); got != text {
			t.Errorf("%q: written as %q", text, got)
		}
	}
}
