package overlay_test

import (
	"testing"

	"rcpt/internal/overlay"
)

func TestStrongerFollowsOneOrder(t *testing.T) {
	order := []overlay.Reason{
		"spam_complaint", "hard_bounce", "unsubscribe", "soft_bounce", "",
	}
	for i, a := range order {
		for j, b := range order {
			if got, want := a.Stronger(b), i < j; got != want {
				t.Errorf("%q.Stronger(%q) = %v, want %v", a, b, got, want)
			}
		}
	}
}

func TestOnlyTheFourReasonsAreValid(t *testing.T) {
	for _, r := range []overlay.Reason{overlay.HardBounce, overlay.SoftBounce, overlay.Complaint, overlay.Unsubscribe} {
		if !r.Valid() {
			t.Errorf("%q is not valid", r)
		}
	}
	for _, r := range []overlay.Reason{"", "bounce", "Hard_Bounce"} {
		if r.Valid() {
			t.Errorf("%q is valid", r)
		}
		if r.Stronger(overlay.SoftBounce) {
			t.Errorf("%q is stronger than a soft bounce", r)
		}
	}
}
