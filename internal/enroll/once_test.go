package enroll

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"testing"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/vendors"
)

// asker hears until when vendors may take.
type asker func(deadline time.Time)

func (a asker) VerifyAll(ctx context.Context, _ vendors.Request, addresses []address.Address) ([]vendors.Outcome, error) {
	deadline, _ := ctx.Deadline()
	a(deadline)
	return make([]vendors.Outcome, len(addresses)), nil
}

func TestSameRequestAgainIsAnsweredTheSame(t *testing.T) {
	w := open(t)
	emails := []string{"fine@ok.example", "risky@ok.example", "invalid@ok.example", "a@@b", "x@disposable.test", "late@ok.example"}
	first := w.enroll(t, named("order 7", emails...))
	asked := len(w.chain.asked)
	w.clock.Advance(23 * time.Hour)
	again := w.enroll(t, named("order 7", emails...))
	if !reflect.DeepEqual(first, again) || len(w.chain.asked) != asked || len(w.pending) != 1 {
		t.Errorf("first\n%+v\nagain\n%+v", first, again)
	}
	if _, err := w.Enroll(t.Context(), named("order 7", "other@ok.example")); !errors.Is(err, ErrReused) {
		t.Errorf("with another body: %v", err)
	}
	other := named("order 7", emails...)
	other.Sequence = "seq-2"
	if in, _ := lines(w.enroll(t, other)); in == "" {
		t.Error("the same name for another sequence enrolls nobody")
	}
	foreign := named("order 7", "other@ok.example")
	foreign.Key = Key{ID: "key2", Account: "acme"}
	if in, _ := lines(w.enroll(t, foreign)); in == "" {
		t.Error("the same name of another key enrolls nobody")
	}
	w.clock.Advance(2 * time.Hour)
	if _, out := lines(w.enroll(t, named("order 7", "fine@ok.example"))); out != "fine@ok.example already_enrolled" {
		t.Errorf("after a day: %s", out)
	}
}

func TestWithoutNameMembersAreAlreadyEnrolled(t *testing.T) {
	w := open(t)
	w.enroll(t, request("fine@ok.example"))
	if in, out := lines(w.enroll(t, request("fine@ok.example"))); in != "" || out != "fine@ok.example already_enrolled" {
		t.Errorf("in %s, out %s", in, out)
	}
}

// Whoever dies at whatever write, and whether it was carried out or not: the
// request sent again is answered as one that nobody interrupted, and nobody is
// enrolled twice.
func TestDeathAtEveryWrite(t *testing.T) {
	var emails []string
	for n := range 150 { // two transactions
		emails = append(emails, fmt.Sprintf("user%d@ok.example", n))
	}
	emails = append(emails, "invalid@ok.example", "risky@ok.example", "late@ok.example")
	want := open(t).enroll(t, named("x", emails...))
	for _, end := range []fate{lost, unheard, unsure} {
		for at := int64(1); at <= 5; at++ {
			w := open(t)
			w.table.broken = func(n int64) fate {
				if n >= at && end != unsure || n == at {
					return end
				}
				return carriedOut
			}
			_, err := w.Enroll(t.Context(), named("x", emails...))
			if end != unsure && err == nil && at < 4 {
				t.Errorf("%d at write %d: no error", end, at)
			}
			w.table.broken = nil
			w.clock.Advance(claimLife + time.Second)
			got := w.enroll(t, named("x", emails...))
			for i := range got.Enrolled {
				if got.Enrolled[i].EnrolledAt = noon(); i < len(want.Enrolled) {
					want.Enrolled[i].EnrolledAt = noon()
				}
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("%d at write %d: %d enrolled, %d skipped, %+v", end, at, len(got.Enrolled), len(got.Skipped), got.Gate)
			}
			s, err := w.Find(t.Context(), acme, "seq-1")
			if n := len(w.all(t, "seq-1", Filter{})); err != nil || n != 152 || s.Members != 152 {
				t.Errorf("%d at write %d: %d members, %d counted, %v", end, at, n, s.Members, err)
			}
		}
	}
}

func TestRequestUnderWayIsNotBegunAgain(t *testing.T) {
	w := open(t)
	r := named("x", "a@ok.example")
	w.cfg.Vendors = asker(func(time.Time) {
		if _, err := w.Enroll(context.Background(), r); !errors.Is(err, ErrInProgress) {
			t.Errorf("meanwhile: %v", err)
		}
	})
	if _, err := w.Enroll(t.Context(), r); err != nil {
		t.Fatal(err)
	}
}

// After an error the next try need not wait until the claim ends.
func TestFailedRequestMayBeRepeatedAtOnce(t *testing.T) {
	w := open(t)
	w.table.broken = func(n int64) fate {
		if n == 2 { // the first is the claim
			return lost
		}
		return carriedOut
	}
	if _, err := w.Enroll(t.Context(), named("x", "a@ok.example")); !errors.Is(err, errDied) {
		t.Fatal(err)
	}
	w.table.broken = nil
	if in, _ := lines(w.enroll(t, named("x", "a@ok.example"))); in == "" {
		t.Error("nobody was enrolled")
	}
}

// However many ask at once for the same addresses, each is enrolled by one.
func TestNobodyIsEnrolledTwice(t *testing.T) {
	w := open(t)
	var emails []string
	for n := range 120 {
		emails = append(emails, fmt.Sprintf("user%d@ok.example", n))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	enrolled := make(map[string]int)
	for i := range 8 {
		all.Go(func() {
			own := append(append([]string{}, emails[15*i:]...), emails[:15*i]...)
			result, err := w.Enroll(context.Background(), request(own...))
			if err != nil || len(result.Enrolled)+len(result.Skipped) != 120 {
				t.Errorf("%d enrolled, %d skipped, %v", len(result.Enrolled), len(result.Skipped), err)
			}
			mu.Lock()
			defer mu.Unlock()
			for _, m := range result.Enrolled {
				enrolled[m.Email]++
			}
			for _, s := range result.Skipped {
				if s.Reason != AlreadyEnrolled {
					t.Errorf("%s: %s", s.Email, s.Reason)
				}
			}
		})
	}
	all.Wait()
	for _, email := range emails {
		if enrolled[email] != 1 {
			t.Errorf("%s was enrolled %d times", email, enrolled[email])
		}
	}
	if s, err := w.Find(t.Context(), acme, "seq-1"); err != nil || s.Members != 120 {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWhoHangsUpEnrollsNobody(t *testing.T) {
	w := open(t)
	ctx, cancel := context.WithCancel(t.Context())
	w.cfg.Vendors = asker(func(time.Time) { cancel() })
	if _, err := w.Enroll(ctx, named("x", "a@ok.example")); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	w.cfg.Vendors = w.chain
	if in, _ := lines(w.enroll(t, named("x", "a@ok.example"))); in == "" {
		t.Error("the next try enrolls nobody")
	}
}

func TestLargestAnswerIsKept(t *testing.T) {
	w := open(t)
	var emails []string
	for n := range MaxEmails { // the body may have 256 KB
		local := fmt.Sprintf("%064x", uint64(n)*0x9e3779b97f4a7c15)
		emails = append(emails, fmt.Sprintf("%s@%s.%s.example", local[:64], local[1:61], local[2:62]))
	}
	first := w.enroll(t, named("x", emails...))
	asked := len(w.chain.asked)
	if again := w.enroll(t, named("x", emails...)); !reflect.DeepEqual(first, again) || len(w.chain.asked) != asked || w.log.Len() > 0 {
		t.Errorf("the answer was not kept: %s", w.log)
	}
}
