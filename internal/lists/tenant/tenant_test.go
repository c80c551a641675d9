package tenant

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a Book over an empty table that counts what it is asked, by a clock
// that is set by hand.
type world struct {
	*Book
	table *watched
	clock *storetest.Clock
}

func open(t testing.TB) *world {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	w := &world{table: &watched{Table: db.Cache()}, clock: storetest.NewClock(noon)} // not synced: nothing here pulls the plug
	w.Book = NewBook(w.table, w.clock.Now)
	return w
}

// another is a Book of another process.
func (w *world) another() *Book { return NewBook(w.table, w.clock.Now) }

// watched counts calls, and lets a test step in.
type watched struct {
	store.Table
	mu                   sync.Mutex
	gets, queries, batch int
	fail                 error               // what every read answers, if set
	afterGet, afterQuery func()              // if set
	hide                 string              // an item that queries do not show
	before               func() (done error) // called before each transaction, if set
}

func (w *watched) Get(ctx context.Context, key store.Key) (store.Item, error) {
	w.mu.Lock()
	w.gets++
	fail, after := w.fail, w.afterGet
	w.mu.Unlock()
	if fail != nil {
		return store.Item{}, fail
	}
	item, err := w.Table.Get(ctx, key)
	if after != nil {
		after()
	}
	return item, err
}

func (w *watched) Query(ctx context.Context, q store.Query) (store.Page, error) {
	w.mu.Lock()
	w.queries++
	hide, after := w.hide, w.afterQuery
	w.mu.Unlock()
	page, err := w.Table.Query(ctx, q)
	page.Items = slices.DeleteFunc(page.Items, func(i store.Item) bool { return i.Key.Sort == hide })
	if after != nil {
		after()
	}
	return page, err
}

func (w *watched) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	w.mu.Lock()
	w.batch++
	w.mu.Unlock()
	return w.Table.BatchGet(ctx, keys)
}

func (w *watched) Transact(ctx context.Context, ops []store.Op) error {
	if w.before != nil {
		if err := w.before(); err != nil {
			return err
		}
	}
	return w.Table.Transact(ctx, ops)
}

// calls returns what was read since the last time.
func (w *watched) calls() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := fmt.Sprintf("%d gets, %d queries, %d batches", w.gets, w.queries, w.batch)
	w.gets, w.queries, w.batch = 0, 0, 0
	return text
}

func (w *world) add(t testing.TB, key, list string, domains ...string) Outcome {
	t.Helper()
	o, err := w.Add(t.Context(), key, list, domains, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func (w *world) remove(t testing.TB, key, list string, domains ...string) Outcome {
	t.Helper()
	o, err := w.Remove(t.Context(), key, list, domains, nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// says is what the lists say of a domain: "deny mail.example", "" for nothing.
func says(t testing.TB, b *Book, key, domain string) string {
	t.Helper()
	m, err := b.Match(t.Context(), key, domain)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(m.List + " " + m.Rule)
}

// all is every entry of a key, "list domain".
func (w *world) all(t testing.TB, key string) []string {
	t.Helper()
	entries, next, err := w.List(t.Context(), key, "", "", MaxEntries+1)
	if err != nil || next != "" {
		t.Fatalf("next %q, error %v", next, err)
	}
	var found []string
	for _, e := range entries {
		found = append(found, e.List+" "+e.Domain)
	}
	return found
}

func TestNearestEntryDecides(t *testing.T) {
	w := open(t)
	w.add(t, "key", Deny, "mail.example", "a.b.c.example", "xn--mnchen-3ya.example")
	w.add(t, "key", Allow, "good.mail.example", "c.example")
	for domain, want := range map[string]string{
		"mail.example": "deny mail.example", "x.mail.example": "deny mail.example", "x.y.mail.example": "deny mail.example",
		"good.mail.example": "allow good.mail.example", "very.good.mail.example": "allow good.mail.example",
		"c.example": "allow c.example", "b.c.example": "allow c.example", "a.b.c.example": "deny a.b.c.example", "1.a.b.c.example": "deny a.b.c.example",
		"xn--mnchen-3ya.example": "deny xn--mnchen-3ya.example", "notmail.example": "", "example": "", "mail.example.org": "", "": "",
		"[192.0.2.1]": "", strings.Repeat("a.", 120) + "mail.example": "deny mail.example",
	} {
		if got := says(t, w.Book, "key", domain); got != want {
			t.Errorf("%q: %q, want %q", domain, got, want)
		}
	}
}

func TestNothingLeaksBetweenKeys(t *testing.T) {
	w := open(t)
	w.add(t, "one", Deny, "mail.example")
	w.add(t, "two", Allow, "mail.example")
	w.add(t, "one#", Deny, "other.example")
	for key, want := range map[string]string{"one": "deny mail.example", "two": "allow mail.example", "three": "", "on": "", "": ""} {
		if got := says(t, w.Book, key, "mail.example"); got != want {
			t.Errorf("to %q: %q, want %q", key, got, want)
		}
	}
	w.remove(t, "two", Allow, "mail.example")
	if got := says(t, w.Book, "one", "mail.example"); got != "deny mail.example" {
		t.Errorf("after another key's removal: %q", got)
	}
	if got := w.all(t, "one"); !reflect.DeepEqual(got, []string{"deny mail.example"}) {
		t.Errorf("one has %v", got)
	}
}

func TestAddingAndRemovingAgainChangesNothing(t *testing.T) {
	w := open(t)
	for _, step := range []struct {
		what    string
		outcome Outcome
		want    Outcome
		then    []string
	}{
		{"add, one of them twice", w.add(t, "key", Deny, "b.example", "MÜNCHEN.example", "B.EXAMPLE.", " a.example "), Outcome{Added: 3}, nil},
		{"add again", w.add(t, "key", Deny, "a.example", "b.example", "c.example"), Outcome{Added: 1, Unchanged: 2}, nil},
		{"move", w.add(t, "key", Allow, "a.example", "d.example"), Outcome{Added: 1, Moved: 1}, nil},
		{"remove from the other list", w.remove(t, "key", Deny, "a.example"), Outcome{Unchanged: 1}, nil},
		{"remove", w.remove(t, "key", Deny, "b.example", "x.example"), Outcome{Removed: 1, Unchanged: 1}, nil},
		{"remove again", w.remove(t, "key", Deny, "b.example"), Outcome{Unchanged: 1}, nil},
	} {
		if step.outcome != step.want {
			t.Errorf("%s comes to %+v, want %+v", step.what, step.outcome, step.want)
		}
	}
	want := []string{"allow a.example", "deny c.example", "allow d.example", "deny xn--mnchen-3ya.example"}
	if got := w.all(t, "key"); !reflect.DeepEqual(got, want) {
		t.Errorf("there are %v, want %v", got, want)
	}
	if n, err := w.Entries(t.Context(), "key"); n != 4 || err != nil {
		t.Errorf("%d are counted, error %v; want 4", n, err)
	}
}

func TestMovingTellsWhen(t *testing.T) {
	w := open(t)
	w.add(t, "key", Deny, "a.example", "b.example")
	w.clock.Advance(time.Hour)
	w.add(t, "key", Allow, "a.example", "b.example")
	w.clock.Advance(time.Hour)
	w.add(t, "key", Allow, "a.example")
	entries, _, err := w.List(t.Context(), "key", Allow, "", 1)
	if want := []Entry{{"a.example", Allow, noon.Add(time.Hour)}}; err != nil || !reflect.DeepEqual(entries, want) {
		t.Errorf("%v, error %v; want %v", entries, err, want)
	}
}

func TestWhatIsNoDomainIsRefusedWhole(t *testing.T) {
	w := open(t)
	for text, field := range map[string]string{
		"": "domains[1]", "  ": "domains[1]", "com": "domains[1]", "com.": "domains[1]", "münchen": "domains[1]", "alice@mail.example": "domains[1]",
		"@mail.example": "domains[1]", "*.mail.example": "domains[1]", "192.0.2.1": "domains[1]", "[192.0.2.1]": "domains[1]", "2001:db8::1": "domains[1]",
		"https://mail.example": "domains[1]", "a..example": "domains[1]", "-a.example": "domains[1]", "a_b.example": "domains[1]", "a\x00.example": "domains[1]",
		"\xff.example": "domains[1]", strings.Repeat("a", 64) + ".example": "domains[1]", strings.Repeat("a.", 127) + "example": "domains[1]",
	} {
		for _, change := range []func(context.Context, string, string, []string, Audit) (Outcome, error){w.Add, w.Remove} {
			_, err := change(t.Context(), "key", Deny, []string{"good.example", text}, nil)
			var e *EntryError
			if !errors.As(err, &e) || !errors.Is(err, ErrEntry) || e.Field != field {
				t.Errorf("%q: error %v", text, err)
			}
			if text != "" && strings.Contains(e.Problem, "alice") {
				t.Errorf("the problem repeats what was given: %s", e.Problem)
			}
		}
	}
	for claim, c := range map[string]struct {
		list    string
		domains []string
		field   string
	}{
		"no domain":        {Deny, nil, "domains"},
		"too many domains": {Deny, make([]string, MaxDomains+1), "domains"},
		"no list":          {"", []string{"a.example"}, "list"},
		"another list":     {"grey", []string{"a.example"}, "list"},
	} {
		_, err := w.Add(t.Context(), "key", c.list, c.domains, nil)
		var e *EntryError
		if !errors.As(err, &e) || e.Field != c.field {
			t.Errorf("%s: error %v", claim, err)
		}
	}
	if got := w.all(t, "key"); got != nil {
		t.Errorf("there are %v, want nothing", got)
	}
}

func TestListGoesOnWhereItStopped(t *testing.T) {
	w := open(t)
	w.add(t, "key", Deny, "a.example", "c.example", "e.example")
	w.add(t, "key", Allow, "b.example", "d.example")
	for list, want := range map[string]string{
		"": "a.example b.example | c.example d.example | e.example", Deny: "a.example c.example | e.example", Allow: "b.example d.example",
	} {
		var pages []string
		for after := ""; ; {
			entries, next, err := w.List(t.Context(), "key", list, after, 2)
			if err != nil || len(pages) > 3 {
				t.Fatalf("page %d, error %v", len(pages), err)
			}
			var domains []string
			for _, e := range entries {
				domains = append(domains, e.Domain)
			}
			pages = append(pages, strings.Join(domains, " "))
			if after = next; next == "" {
				break
			}
		}
		if got := strings.Join(pages, " | "); got != want {
			t.Errorf("of %q the pages are %s, want %s", list, got, want)
		}
	}
	for _, after := range []string{"com", "A.example", "a.example.", "a@b.example", "\x00", "münchen.example", " a.example", strings.Repeat("a", 2000)} {
		if _, _, err := w.List(t.Context(), "key", "", after, 2); !errors.Is(err, ErrCursor) {
			t.Errorf("after %q: error %v", after, err)
		}
	}
	if entries, next, err := w.List(t.Context(), "nobody", "", "", 5); len(entries) != 0 || next != "" || err != nil {
		t.Errorf("of nobody: %v, %q, %v", entries, next, err)
	}
}

// FuzzDomains holds that an entry can be listed, removed and found as it stands.
func FuzzDomains(f *testing.F) {
	for _, seed := range []string{"mail.example", "MÜNCHEN.example", "xn--mnchen-3ya.example.", " a.b ", "com", "a@b.example", "1.2.3.4", "。a。b", "*.a.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		domain, problem := domainOf(text)
		if (domain == "") == (problem == "") {
			t.Fatalf("%q is both %q and wrong: %q", text, domain, problem)
		}
		if problem != "" {
			return
		}
		if again, problem := domainOf(domain); again != domain || problem != "" || !listable(domain) {
			t.Errorf("%q becomes %q, that %q: %s", text, domain, again, problem)
		}
		if strings.ContainsAny(domain, "@/*[] \r\n\x00") || strings.ToLower(domain) != domain || len(domain) > 253 || !strings.Contains(domain, ".") {
			t.Errorf("%q becomes %q", text, domain)
		}
		for name := range lineage("x." + domain) {
			if name == domain {
				return
			}
		}
		t.Errorf("%q is not in its own lineage", domain)
	})
}
