package esp_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"rcpt/internal/esp"
)

// declare changes one field of a mapping that can be followed.
func declare(field, text string) json.RawMessage {
	fields := map[string]string{
		"event": `"$.kind"`, "values": `{"bounced":"hard_bounce","*":"ignore"}`, "email": `["$.to"]`,
	}
	fields[field] = text
	var members []string
	for name, text := range fields {
		if text != "" {
			members = append(members, `"`+name+`":`+text)
		}
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}")
}

func TestMappingsThatCanBeFollowed(t *testing.T) {
	for field, texts := range map[string][]string{
		"body":        {`"json"`, `"form"`, `"form:payload"`},
		"events":      {`"$"`, `"$.a"`, `"$.a[*]"`, `"$['a b'][\"c\"].d-e[0]"`},
		"event":       {`"$.kind"`, `["$.kind","class","header:X-Kind","body:$.kind"]`},
		"time_zone":   {`"UTC"`, `"+01:00"`, `"Europe/Paris"`},
		"where":       {`{"$.type":"email"}`, `{"body:$.env":["live","beta"],"header:X-Env":["live"]}`},
		"over_budget": {`429`, `503`, `200`, `"503"`},
		"auth": {`{"type":"authorization"}`, `{"type":"header","header":"X-Token"}`, `{"type":"hmac","header":"X-Signature"}`,
			`{"type":"hmac","header":"S","template":"{id}.{timestamp}.{body}","id_header":"I","timestamp_header":"T","tolerance":"168h"}`},
	} {
		for _, text := range texts {
			if err := esp.CheckMapping(declare(field, text)); err != nil {
				t.Errorf("%s %s: %v", field, text, err)
			}
		}
	}
}

func TestARefusedMappingNamesTheField(t *testing.T) {
	for _, c := range []struct{ field, text, at string }{
		{"email", ``, "email"},
		{"email", `17`, "email"},
		{"email", `[]`, "email"},
		{"email", `"to"`, "email"},
		{"email", `["$.to","$to"]`, "email[1]"},
		{"email", `["$.to","body:$.to"]`, "email[1]"},
		{"email", `["header:To"]`, "email[0]"},
		{"email", `["$.a","$.a","$.a","$.a","$.a","$.a","$.a","$.a","$.a"]`, "email"},
		{"email", `{"path":"$.to"}`, "email"},
		{"event", ``, "event"},
		{"event", `["$.a",17]`, "event[1]"},
		{"event", `"$..a"`, "event"},
		{"event", `"$.a[x]"`, "event"},
		{"event", `"$.a["`, "event"},
		{"event", `"$['a"`, "event"},
		{"event", `"$.a[-1]"`, "event"},
		{"event", `"$.a[?(@.b)]"`, "event"},
		{"event", `"$.a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q"`, "event"},
		{"event", `"header:"`, "event"},
		{"event", `"body:$.a[*]"`, "event"},
		{"values", ``, "values"},
		{"values", `{}`, "values"},
		{"values", `["hard_bounce"]`, "values"},
		{"values", `{"a":"hard"}`, "values.a"},
		{"values", `{"a":1}`, "values.a"},
		{"values", `{"a":""}`, "values.a"},
		{"body", `"xml"`, "body"},
		{"body", `"form:"`, "body"},
		{"events", `"a"`, "events"},
		{"where", `{"$.a":[]}`, "where.$.a"},
		{"where", `{"a":["b"]}`, "where.a"},
		{"where", `[]`, "where"},
		{"time_zone", `"Local"`, "time_zone"},
		{"time_zone", `"../../etc/passwd"`, "time_zone"},
		{"time_zone", `"Mars/Olympus"`, "time_zone"},
		{"over_budget", `500`, "over_budget"},
		{"auth", `"hmac"`, "auth"},
		{"auth", `{"type":"magic"}`, "auth.type"},
		{"auth", `{"type":"hmac"}`, "auth.header"},
		{"auth", `{"type":"header"}`, "auth.header"},
		{"auth", `{"type":"hmac","header":"S","algorithm":"md5"}`, "auth.algorithm"},
		{"auth", `{"type":"hmac","header":"S","encoding":"base32"}`, "auth.encoding"},
		{"auth", `{"type":"hmac","header":"S","template":"{timestamp}","timestamp_header":"T"}`, "auth.template"},
		{"auth", `{"type":"hmac","header":"S","template":"{timestamp}{body}"}`, "auth.template"},
		{"auth", `{"type":"hmac","header":"S","template":"{id}{body}"}`, "auth.template"},
		{"auth", `{"type":"hmac","header":"S","tolerance":"1s"}`, "auth.tolerance"},
		{"auth", `{"type":"hmac","header":"S","tolerance":"1000h"}`, "auth.tolerance"},
		{"auth", `{"type":"hmac","header":"S","secret":"x"}`, "auth.secret"},
		{"emial", `"$.to"`, "emial"},
	} {
		err := esp.CheckMapping(declare(c.field, c.text))
		var problem *esp.MappingError
		if !errors.As(err, &problem) || problem.Field != c.at {
			t.Errorf("%s %s: %v, want a problem at %q", c.field, c.text, err, c.at)
		}
	}
	for _, whole := range []string{"", "null", "[]", "17", `{"email":`, `{} {}`, strings.Repeat(" ", 16<<10) + "{}"} {
		var problem *esp.MappingError
		if err := esp.CheckMapping(json.RawMessage(whole)); !errors.As(err, &problem) || problem.Field != "" {
			t.Errorf("%.20q: %v, want a problem with the whole", whole, err)
		}
	}
}

func TestAnIDOfTheRequestTellsItsEventsApart(t *testing.T) {
	for claim, c := range map[string]struct {
		id, body string
		want     int
	}{
		"a header":                     {`"header:Webhook-Id"`, `[{"kind":"bounced","to":"a@a.example"},{"kind":"bounced","to":"b@a.example"}]`, 2},
		"a member of the body":         {`"body:$.delivery"`, `{"delivery":"d1","all":[{"kind":"bounced","to":"a@a.example"},{"kind":"bounced","to":"b@a.example"}]}`, 2},
		"a header, the event has none": {`["$.id","header:Webhook-Id"]`, `[{"kind":"bounced","to":"a@a.example"},{"kind":"bounced","to":"b@a.example"}]`, 2},
		"the same event twice":         {`"header:Webhook-Id"`, `[{"kind":"bounced","to":"a@a.example"},{"kind":"bounced","to":"a@a.example"}]`, 1},
		"an id of the event":           {`["header:Webhook-Id","$.id"]`, `[{"kind":"bounced","to":"a@a.example","id":"1"},{"kind":"bounced","to":"b@a.example","id":"1"}]`, 1},
	} {
		mapping := declare("id", c.id)
		if strings.HasPrefix(c.body, "{") {
			mapping = json.RawMessage(strings.TrimSuffix(string(mapping), "}") + `,"events":"$.all"}`)
		}
		seen := make(map[string]bool)
		for range 2 { // delivered again it has the same ids
			d, err := esp.Read("generic", esp.Hook{Mapping: mapping}, esp.Request{
				Method: "POST", Header: http.Header{"Webhook-Id": {"w1"}}, Body: []byte(c.body), Received: time.Unix(1767225600, 0),
			})
			if err != nil {
				t.Fatalf("%s: %v", claim, err)
			}
			for _, e := range d.Events {
				seen[e.ID] = true
			}
			if len(d.Events) != c.want {
				t.Errorf("%s: %d events, want %d", claim, len(d.Events), c.want)
			}
		}
		if len(seen) != c.want {
			t.Errorf("%s: %d ids over two deliveries, want %d", claim, len(seen), c.want)
		}
	}
}
