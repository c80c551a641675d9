package httpapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestWebhookSecretIsRotatedWithAnOverlap(t *testing.T) {
	d := newDesk(t, nil)
	signing := func() []string {
		secrets, err := d.book.WebhookSecrets(t.Context(), idOf(d.acmeReport))
		if err != nil {
			t.Fatal(err)
		}
		return secrets
	}
	before := signing()
	made := object(t, d.ask("POST", "/v1/webhook-secret/rotate", d.acmeReport, `{"overlap":"2h"}`), 200)
	fresh, _ := made["webhook_secret"].(string)
	if got := signing(); len(got) != 2 || got[0] != fresh || got[1] != before[0] {
		t.Errorf("%d secrets sign after the rotation", len(got))
	}
	if made["old_secret_valid_until"] != "2026-11-13T14:00:01Z" {
		t.Errorf("the old one is said to end at %v", made["old_secret_valid_until"])
	}
	d.clock = d.clock.Add(2 * time.Hour)
	if got := signing(); len(got) != 1 || got[0] != fresh {
		t.Errorf("%d secrets sign after the overlap", len(got))
	}
	// Nothing said is a day.
	for _, body := range []string{"", "{}", `{"overlap":null}`} {
		made = object(t, d.ask("POST", "/v1/webhook-secret/rotate", d.other, body), 200)
		if made["old_secret_valid_until"] != "2026-11-14T14:00:01Z" {
			t.Errorf("%q: the old one is said to end at %v", body, made["old_secret_valid_until"])
		}
	}
	// Of another key nothing has changed, and the log says who did it.
	audit := d.ask("GET", "/v1/audit?account=acme&limit=1", d.admin, "").Body.String()
	if !strings.Contains(audit, `"by":"`+idOf(d.acmeReport)+`"`) || !strings.Contains(audit, `"webhook_secret"`) || strings.Contains(audit, "whsec") {
		t.Errorf("the audit log says %s", audit)
	}
}

func TestWebhookSecretsAreRotatedSoOftenAndNoMore(t *testing.T) {
	d := newDesk(t, nil)
	status := 200
	for n := 0; status == 200 && n < 20; n++ {
		status = d.ask("POST", "/v1/webhook-secret/rotate", d.acme, "").Code
	}
	if status != 409 {
		t.Errorf("many rotations within one overlap end with %d", status)
	}
	if w := d.ask("POST", "/v1/webhook-secret/rotate", d.acme, `{"overlap":"0s"}`); w.Code != 200 {
		t.Errorf("an overlap of none answers %d", w.Code)
	}
}

// curl -d ” calls nothing a form, too.
func TestABodyThatMayBeEmptyMayBeAnEmptyForm(t *testing.T) {
	d := newDesk(t, nil)
	r := httptest.NewRequest("POST", "/v1/webhook-secret/rotate", http.NoBody)
	r.Header.Set("Authorization", "Bearer "+d.acme)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	object(t, d.do(r), 200)
}
