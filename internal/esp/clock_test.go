package esp

import (
	"testing"
	"time"
)

func TestTimesAsESPsWriteThem(t *testing.T) {
	want := time.Date(2026, 1, 14, 9, 21, 7, 0, time.UTC)
	for text, fraction := range map[string]time.Duration{
		"1768382467":                        0,
		"1768382467.412":                    412 * time.Millisecond,
		"1768382467412":                     412 * time.Millisecond,
		"1.768382467e9":                     0,
		" 1768382467 ":                      0,
		"2026-01-14T09:21:07Z":              0,
		"2026-01-14T09:21:07.412Z":          412 * time.Millisecond,
		"2026-01-14T04:21:07.4120000-05:00": 412 * time.Millisecond,
		"2026-01-14T09:21:07.000+00:00":     0,
		"2026-01-14T10:21:07+0100":          0,
		"2026-01-14 09:21:07.412345+00":     412345 * time.Microsecond,
		"2026-01-14 09:21:07+00:00":         0,
		"2026-01-14 09:21:07":               0,
		"2026-01-14T09:21:07":               0,
		"2026-01-14 09:21:07 UTC":           0,
		"2026-01-14 09:21:07 +0000":         0,
	} {
		if got := when("", "tomorrow", text); !got.Equal(want.Add(fraction)) || got.Location() != time.UTC {
			t.Errorf("%q: %v, want %v", text, got, want.Add(fraction))
		}
	}
}

func TestWhatIsNoTimeIsNotKnown(t *testing.T) {
	for _, text := range []string{
		"", "0", "-1", "NaN", "Inf", "1e400", "1e15", "0x10", "2026", "14.01.2026", "2026-13-01T00:00:00Z", "2026-01-14T25:00:00Z",
	} {
		if got := plausible(when(text), time.Date(2026, 1, 14, 12, 0, 0, 0, time.UTC)); !got.IsZero() {
			t.Errorf("%q: %v, want none", text, got)
		}
	}
}
