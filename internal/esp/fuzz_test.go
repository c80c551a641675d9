package esp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"rcpt/internal/address"
	"rcpt/internal/esp"
)

func FuzzResend(f *testing.F)     { fuzz(f, "resend") }
func FuzzPostmark(f *testing.F)   { fuzz(f, "postmark") }
func FuzzSendGrid(f *testing.F)   { fuzz(f, "sendgrid") }
func FuzzMailgun(f *testing.F)    { fuzz(f, "mailgun") }
func FuzzLoops(f *testing.F)      { fuzz(f, "loops") }
func FuzzCustomerIO(f *testing.F) { fuzz(f, "customerio") }

// fuzz reads bodies that begin as the fixtures of an ESP and asserts what holds
// for every request: see sound.
func fuzz(f *testing.F, slug string) {
	for _, archive := range fixtures(f, slug) {
		for _, file := range archive.Files {
			if !strings.HasSuffix(file.Name, ".request") {
				continue
			}
			head, body, _ := strings.Cut(string(file.Data), "\n\n")
			kind := ""
			for line := range strings.Lines(head) {
				if text, ok := strings.CutPrefix(line, "Content-Type: "); ok {
					kind = strings.TrimSpace(text)
				}
			}
			f.Add(kind, "msg_1", []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, kind, id string, body []byte) {
		header := http.Header{"Content-Type": {kind}, "Svix-Id": {id}}
		_ = sound(t, slug, esp.Hook{}, esp.Request{Method: "POST", Header: header, Body: body, Received: noon})
	})
}

func FuzzGeneric(f *testing.F) {
	for _, archive := range fixtures(f, "generic") {
		for _, file := range archive.Files {
			if strings.HasSuffix(file.Name, ".request") {
				_, body, _ := strings.Cut(string(file.Data), "\n\n")
				f.Add([]byte(section(archive, "mapping")), []byte(body))
			}
		}
	}
	f.Fuzz(func(t *testing.T, mapping, body []byte) {
		hook := esp.Hook{Mapping: json.RawMessage(mapping)}
		err := sound(t, "generic", hook, esp.Request{Method: "POST", Header: http.Header{}, Body: body, Received: noon})
		if declared := esp.CheckMapping(mapping); (declared != nil) != errors.Is(err, esp.ErrMapping) {
			t.Errorf("declared: %v, read: %v; want the same judgement of the mapping", declared, err)
		}
	})
}

// FuzzMapping asserts that every refusal of a mapping is a MappingError with a
// problem in it.
func FuzzMapping(f *testing.F) {
	for _, archive := range fixtures(f, "generic") {
		f.Add([]byte(section(archive, "mapping")))
	}
	f.Fuzz(func(t *testing.T, mapping []byte) {
		err := esp.CheckMapping(mapping)
		var problem *esp.MappingError
		if err != nil && (!errors.As(err, &problem) || problem.Problem == "" || !errors.Is(err, esp.ErrMapping)) {
			t.Errorf("%v is no MappingError with a problem", err)
		}
	})
}

func fixtures(tb testing.TB, slug string) []*txtar.Archive {
	tb.Helper()
	files, err := filepath.Glob("testdata/" + slug + "/*.txtar")
	if err != nil || len(files) == 0 {
		tb.Fatalf("%s: %d fixtures, %v", slug, len(files), err)
	}
	var archives []*txtar.Archive
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			tb.Fatal(err)
		}
		archives = append(archives, archive)
	}
	return archives
}

// sound asserts what holds for every request: a refusal is one of the sentinels,
// quotes no address and leaves nothing; every event is a report that can be
// recorded, its id stands once; and reading again gives the same.
func sound(t *testing.T, slug string, hook esp.Hook, r esp.Request) error {
	t.Helper()
	d, err := esp.Read(slug, hook, r)
	again, errAgain := esp.Read(slug, hook, r)
	if !reflect.DeepEqual(d, again) || (err == nil) != (errAgain == nil) {
		t.Errorf("read twice: %+v, %v\nand %+v, %v", d, err, again, errAgain)
	}
	if err != nil {
		if sentinel(err) == "other" || errors.Is(err, esp.ErrUnknown) {
			t.Errorf("%v is none of the sentinels", err)
		}
		if errors.Is(err, esp.ErrBody) && strings.Contains(err.Error(), "@") {
			t.Errorf("%v quotes an address", err)
		}
		if !reflect.DeepEqual(d, esp.Delivery{}) {
			t.Errorf("%v, and yet %+v", err, d)
		}
		return err
	}
	seen := make(map[string]bool)
	for _, e := range d.Events {
		a, err := address.Parse(e.Email)
		if err != nil || a.String() != e.Email {
			t.Errorf("%q is no address in its wire form: %v", e.Email, err)
		}
		if !e.Reason.Valid() || e.Source != slug {
			t.Errorf("%+v has no reason or no source", e)
		}
		if at := e.OccurredAt; !at.IsZero() && (at.After(r.Received) || at.Year() < 2000 || at.Location() != time.UTC) {
			t.Errorf("%v is no time of an event", at)
		}
		if !strings.HasPrefix(e.ID, slug+":") || len(e.ID) > 160 || strings.ContainsFunc(e.ID, unprintable) || seen[e.ID] {
			t.Errorf("%q is no id, or was there before", e.ID)
		}
		if !utf8.ValidString(e.Detail) || utf8.RuneCountInString(e.Detail) > 300 || strings.ContainsFunc(e.Detail, unicode.IsControl) {
			t.Errorf("%q is no detail", e.Detail)
		}
		seen[e.ID] = true
	}
	if len(d.Ignored) > 80 {
		t.Errorf("%d names of ignored events", len(d.Ignored))
	}
	for _, i := range d.Ignored {
		if i.Why == "" || i.Count < 1 || utf8.RuneCountInString(i.Name) > 60 {
			t.Errorf("%+v is no count", i)
		}
	}
	return nil
}

func unprintable(c rune) bool { return c <= ' ' || c > '~' }
