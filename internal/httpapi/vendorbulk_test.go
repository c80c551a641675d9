package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

func TestDuplicatesAreAskedOnce(t *testing.T) {
	d := newDesk(t, nil)
	d.addKey(t, d.acme, "zerobounce", "good-key-0123456789")
	bulk := bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, `{"emails":["ok@a.example","invalid@a.example","OK@A.example","ok@a.example"]}`))
	var given []string
	for _, r := range bulk.Results {
		given = append(given, r.Email+" "+string(r.Status))
	}
	want := []string{"ok@a.example valid", "invalid@a.example invalid", "OK@A.example valid", "ok@a.example valid"}
	if !reflect.DeepEqual(given, want) || d.double.Counts("zerobounce").Checks != 3 { // a local part may tell OK from ok
		t.Errorf("%v after %+v", given, d.double.Counts("zerobounce"))
	}
	if again := bulk.Results[3]; !again.CacheHit || again.Cost != 0 {
		t.Errorf("the duplicate is %+v", again)
	}
}

// Five hundred addresses at a vendor that takes a second for each: the answer is
// there within 25 seconds, what it lacks is finished by the queue's function, and
// the same request then asks nobody.
func TestWhatIsNotReachedIsFinishedFromTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, nil)
		d.addKey(t, d.acme, "zerobounce", "delay1000-key-0123456789")
		emails := make([]string, 500)
		for i := range emails {
			emails[i] = fmt.Sprintf("user%03d@a.example", i)
		}
		text, _ := json.Marshal(map[string]any{"emails": emails})
		began := time.Now()
		bulk := bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, string(text)))
		if took := time.Since(began); took > vendorsWithin || took < vendorsWithin/2 {
			t.Errorf("answered after %v", took)
		}
		reached := 0
		for i, r := range bulk.Results {
			switch {
			case r.Email != emails[i]:
				t.Fatalf("number %d is %s", i, r.Email)
			case r.Error == "":
				reached++
			case r.Error != "deadline: not attempted" || r.Status != vendors.Unknown:
				t.Errorf("%+v", r)
			}
		}
		if reached < 100 || reached == 500 {
			t.Errorf("%d were reached", reached)
		}
		finishAll(t, d, vendors.NewRests(d.deps.Chain, d.queue, d.vault))
		asked := d.double.Counts("zerobounce").Checks
		bulk = bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, string(text)))
		for _, r := range bulk.Results {
			if !r.CacheHit || r.Error != "" {
				t.Errorf("repeated: %+v", r)
			}
		}
		if now := d.double.Counts("zerobounce").Checks; asked != 500 || now != asked {
			t.Errorf("500 addresses cost %d calls, and %d with the repeat", asked, now)
		}
	})
}

// finishAll does what functions/vendorqueue does until the queue is empty, each
// message twice, in invocations of fifteen seconds.
func finishAll(t *testing.T, d *desk, rests *vendors.Rests) {
	t.Helper()
	for range 20 {
		got, err := d.queue.Receive(t.Context(), 10, 0, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if len(got) == 0 {
			return
		}
		for _, m := range got {
			var rest vendors.Rest
			if err := json.Unmarshal([]byte(m.Body), &rest); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(m.Body, "a.example") || strings.Contains(string(rest.Sealed), "a.example") {
				t.Errorf("addresses lie in the queue: %.200s", m.Body)
			}
			for range 2 {
				ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
				err := rests.Finish(ctx, rest)
				cancel()
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := d.queue.Delete(t.Context(), m.Receipt); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Error("the queue does not become empty")
}

// stalled is a queue that does not take anything.
type stalled struct{ store.Queue }

func (stalled) Send(context.Context, ...store.Message) error { return store.ErrThrottled }

// What cannot be queued does not cost the answer.
func TestAnswersDoNotDependOnTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, func(of *Deps) { of.Rests = vendors.NewRests(of.Chain, stalled{}, nopVault{}) })
		d.addKey(t, d.acme, "zerobounce", "delay9000-key-0123456789")
		emails := make([]string, 40)
		for i := range emails {
			emails[i] = fmt.Sprintf("user%03d@a.example", i)
		}
		text, _ := json.Marshal(map[string]any{"emails": emails})
		bulk := bulkOfTest(t, d.ask("POST", "/v1/email-verifiers/verify-bulk", d.acme, string(text)))
		if last := bulk.Results[39]; last.Error != "deadline: not attempted" {
			t.Errorf("%+v", last)
		}
		if !strings.Contains(d.log.String(), "rest of request not queued") {
			t.Errorf("the log is\n%s", d.log)
		}
	})
}

// nopVault seals nothing.
type nopVault struct{ store.Vault }

func (nopVault) Seal(_ context.Context, plain []byte, _ map[string]string) ([]byte, error) {
	return plain, nil
}
