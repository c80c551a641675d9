package app

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/enroll"
	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// sent is a Queue that keeps what is sent to it.
type sent struct {
	store.Queue
	messages []store.Message
}

func (s *sent) Send(_ context.Context, messages ...store.Message) error {
	s.messages = append(s.messages, messages...)
	return nil
}

// tooSlow are vendors that no address reaches in time.
type tooSlow struct{}

func (tooSlow) VerifyAll(_ context.Context, _ vendors.Request, addresses []address.Address) ([]vendors.Outcome, error) {
	outcomes := make([]vendors.Outcome, len(addresses))
	for i := range outcomes {
		outcomes[i].Err = vendors.ErrLate
	}
	return outcomes, nil
}

// What time did not allow at the gate is finished by the function behind the
// queue, from a message without addresses.
func TestQueueFinishesEnrolments(t *testing.T) {
	w := newVendorWorld(t)
	queue := &sent{Queue: w.ports.VendorQueue}
	w.ports.VendorQueue = queue
	w.ports.Vendors = Vendors(w.cfg, w.ports.observed())
	providers, err := Providers(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := send(providers, "POST", "/v1/email-verifiers/providers", w.secret, `{"provider":"hunter","api_key":"good-key-0123456789"}`); status != 201 {
		t.Fatal(status, answer)
	}
	p := w.ports.observed()
	key, err := Keys(p).Authenticate(t.Context(), w.secret)
	if err != nil {
		t.Fatal(err)
	}
	w.enrollLate(t, p, queue, key)
	if len(queue.messages) != 1 || strings.Contains(queue.messages[0].Body, "@") || queue.messages[0].Delay < 26*time.Second {
		t.Fatalf("sent are %+v", queue.messages)
	}
	finish, err := ProvidersQueue(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	var work VendorWork
	if err := json.Unmarshal([]byte(queue.messages[0].Body), &work); err != nil {
		t.Fatal(err)
	}
	for range 2 { // a message may come twice
		if err := finish(t.Context(), work); err != nil {
			t.Fatal(err)
		}
	}
	status, answer := send(providers, "GET", "/v1/sequences/spring", w.secret, "")
	if status != 200 || !strings.Contains(answer, `"email":"ok@a.example","state":"enrolled","verification":"valid"`) ||
		!strings.Contains(answer, `"email":"invalid@a.example","state":"review","verification":"invalid"`) || len(queue.messages) != 1 {
		t.Errorf("%d %s, %d messages", status, answer, len(queue.messages))
	}
	if n := w.double.Counts("hunter").Checks; n != 2 {
		t.Errorf("%d checks were paid", n)
	}
}

// enrollLate enrolls two addresses that vendors are not asked about in time.
func (w *vendorWorld) enrollLate(t *testing.T, p Ports, queue *sent, key keys.Key) {
	t.Helper()
	gate := enroll.New(enroll.Config{
		Table: p.Control, Vault: p.Vault, Secret: p.Secret, Now: p.Now, Random: rand.Reader, Lists: Lists(p), Tenant: Tenant(p),
		Overlay: Overlay(p), Suppression: Suppression(p), Vendors: tooSlow{},
		Later: func(ctx context.Context, pending enroll.Pending, delay time.Duration) error {
			return sendPending(ctx, queue, pending, delay)
		},
	})
	result, err := gate.Enroll(t.Context(), enroll.Request{
		Key: enroll.Key{ID: key.ID, Account: key.Account}, Sequence: "spring", Emails: []string{"ok@a.example", "invalid@a.example"},
	})
	if err != nil || len(result.Enrolled) != 2 || result.Gate.Status != enroll.Open {
		t.Fatalf("%+v, %v", result, err)
	}
}

// Both kinds of message are told apart.
func TestQueueStillFinishesRests(t *testing.T) {
	w := newVendorWorld(t)
	queue := &sent{Queue: w.ports.VendorQueue}
	w.ports.VendorQueue = queue
	w.ports.Vendors = Vendors(w.cfg, w.ports.observed())
	providers, err := Providers(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := send(providers, "POST", "/v1/email-verifiers/providers", w.secret, `{"provider":"hunter","api_key":"good-key-0123456789"}`); status != 201 {
		t.Fatal(status, answer)
	}
	a, err := address.Parse("ok@a.example")
	if err != nil {
		t.Fatal(err)
	}
	if err := w.ports.Vendors.Rests.Leave(t.Context(), vendors.Request{Account: "acme", Key: "k", Action: vendors.Bulk}, []address.Address{a}); err != nil {
		t.Fatal(err)
	}
	var work VendorWork
	if err := json.Unmarshal([]byte(queue.messages[0].Body), &work); err != nil || work.Enrolment != nil {
		t.Fatal(work, err)
	}
	finish, err := ProvidersQueue(w.cfg, w.ports)
	if err != nil {
		t.Fatal(err)
	}
	if err := finish(t.Context(), work); err != nil || w.double.Counts("hunter").Checks != 1 {
		t.Errorf("%d checks, %v", w.double.Counts("hunter").Checks, err)
	}
}
