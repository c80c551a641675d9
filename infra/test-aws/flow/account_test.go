package flow

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rcpt/infra/host"
)

// customer asks the routes of an account, again and again, and remembers what
// they came to.
type customer struct {
	f             *host.Function
	admin, secret string

	made    map[string]bool // keys whose creation was answered 201
	unknown int             // creations answered otherwise
	denied  map[string]bool // domains whose entry was answered 200
	revoked map[string]bool // keys whose end was answered 204
	last    string          // the key made last
}

// round asks for everything once. The answers are right or 503 with Retry-After;
// tally is where the answers of the moment are counted.
func (c *customer) round(t *testing.T, n int, tally func() *outcomes) {
	label := fmt.Sprintf("round-%d", n)
	ask := func(method, path, key, body string, want int) (response, bool) {
		start := time.Now()
		r, err := ask(t.Context(), c.f, method, path, key, body)
		right := err == nil && r.status == want
		tally().count(t, method+" "+path, right, r, err, time.Since(start))
		return r, right
	}
	if r, made := ask("POST", "/v1/keys", c.admin, `{"account":"busy","label":"`+label+`"}`, 201); made {
		c.last = r.field("id")
		c.made[c.last] = true
	} else {
		c.unknown++
	}
	ask("GET", "/v1/keys?account=busy&limit=1", c.admin, "", 200)
	if c.last != "" {
		ask("PATCH", "/v1/keys/"+c.last, c.admin, `{"label":"changed"}`, 200)
		if n%3 == 0 {
			if _, ended := ask("DELETE", "/v1/keys/"+c.last, c.admin, "", 204); ended {
				c.revoked[c.last] = true
			}
			c.last = ""
		}
	}
	domain := label + ".example"
	if _, listed := ask("POST", "/v1/lists", c.secret, `{"list":"deny","domains":["`+domain+`"]}`, 200); listed {
		c.denied[domain] = true
	}
	ask("GET", "/v1/lists", c.secret, "", 200)
	ask("GET", "/v1/usage", c.secret, "", 200)
}

// settled compares what is there, in fair weather, with what was answered.
func (c *customer) settled(t *testing.T) {
	t.Helper()
	there := make(map[string]bool)
	var page struct {
		Keys []struct {
			ID      string  `json:"id"`
			Revoked *string `json:"revoked_at"`
		} `json:"keys"`
		Next *string `json:"next"`
	}
	for path := "/v1/keys?account=busy&limit=100"; path != ""; {
		r := must(t, c.f, "GET", path, c.admin, "", 200)
		page.Next, page.Keys = nil, nil
		if err := json.Unmarshal(r.body, &page); err != nil {
			t.Fatal(err)
		}
		for _, key := range page.Keys {
			there[key.ID] = true
			if c.revoked[key.ID] && key.Revoked == nil {
				t.Errorf("key %s: its end was acknowledged and is not there", key.ID)
			}
		}
		if path = ""; page.Next != nil {
			path = "/v1/keys?account=busy&limit=100&next=" + *page.Next
		}
	}
	for id := range c.made {
		if !there[id] {
			t.Errorf("key %s was acknowledged and is not there", id)
		}
	}
	if extra := len(there) - len(c.made); extra > c.unknown {
		t.Errorf("%d keys beside the %d acknowledged, of %d that were left open", extra, len(c.made), c.unknown)
	}
	t.Logf("%d keys acknowledged, %d creations left open, %d of them there", len(c.made), c.unknown, len(there)-len(c.made))

	entries := make(map[string]bool)
	var lists struct {
		Entries []struct {
			Domain string `json:"domain"`
		} `json:"entries"`
		Next *string `json:"next"`
	}
	for path := "/v1/lists?limit=100"; path != ""; {
		r := must(t, c.f, "GET", path, c.secret, "", 200)
		lists.Next, lists.Entries = nil, nil
		if err := json.Unmarshal(r.body, &lists); err != nil {
			t.Fatal(err)
		}
		for _, e := range lists.Entries {
			entries[e.Domain] = true
		}
		if path = ""; lists.Next != nil {
			path = "/v1/lists?limit=100&next=" + *lists.Next
		}
	}
	for domain := range c.denied {
		if !entries[domain] {
			t.Errorf("the entry %s was acknowledged and is not there (of %d)", domain, len(entries))
		}
	}
}
