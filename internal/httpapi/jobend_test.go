package httpapi

import (
	"testing"
	"time"

	"rcpt/internal/batch"
)

// TestTheEstimatedEndIsWithinTheDeadline, also of a job that would take longer than
// a time.Duration can say.
func TestTheEstimatedEndIsWithinTheDeadline(t *testing.T) {
	begun := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	now, deadline := begun.Add(time.Hour), begun.Add(72*time.Hour)
	for _, tt := range []struct {
		claim       string
		done, total int64
		want        time.Time
	}{
		{"half", 50, 100, begun.Add(2 * time.Hour)},
		{"all", 100, 100, now},
		{"none", 0, 100, time.Time{}},
		{"too slow", 1, 100, deadline},
		{"centuries", 1, 5_000_000, deadline},
	} {
		j := batch.Job{Status: batch.Running, StartedAt: begun, Deadline: deadline, Total: tt.total, Done: batch.Tally{Rows: tt.done}}
		if got := estimatedEnd(j, now); !got.Equal(tt.want) {
			t.Errorf("%s: %v, want %v", tt.claim, got, tt.want)
		}
	}
}
