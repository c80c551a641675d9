package prober

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
	"time"

	"rcpt/internal/batch/record"
	"rcpt/internal/batch/retry"
	"rcpt/internal/batch/rows"
)

func TestWhatIsLeftIsReadAgain(t *testing.T) {
	numbers := func(all ...int64) (n rows.Numbers) {
		for _, row := range all {
			n.Add(row)
		}
		packed, _ := rows.Unpack(string(n.Packed()))
		return packed
	}
	want := []item{
		{email: "alice@ok.test", rows: numbers(0, 7, 100_000), at: time.UnixMilli(1_795_348_800_123).UTC()},
		{email: `"a b"@ok.test`, rows: numbers(4_999_999), at: time.UnixMilli(1).UTC(), past: retry.Past{Greylisted: 3, Failed: 1, Missed: 300}},
	}
	var file bytes.Buffer
	if err := writeLeft(&file, want); err != nil {
		t.Fatal(err)
	}
	whole := file.Bytes()
	got, err := readLeft(bytes.NewReader(whole))
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for n := range whole {
		if _, err := readLeft(bytes.NewReader(whole[:n])); !errors.Is(err, record.ErrDamaged) {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
}

// TestNextAttemptBegins: with the first, or with those due soon after.
func TestNextAttemptBegins(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		claim string
		due   []time.Duration
		want  time.Duration
	}{
		{"with the only one", []time.Duration{24 * time.Second}, 24 * time.Second},
		{"with those of one session", []time.Duration{26 * time.Second, 24 * time.Second, 29 * time.Second}, 29 * time.Second},
		{"without those much later", []time.Duration{24 * time.Second, 6 * time.Minute}, 24 * time.Second},
		{"not a minute later", []time.Duration{4 * time.Hour, 4*time.Hour + 61*time.Second}, 4 * time.Hour},
		{"soon", []time.Duration{time.Second, 5 * time.Second, 7 * time.Second}, 5 * time.Second},
	} {
		var items []item
		for _, d := range tt.due {
			items = append(items, item{at: now.Add(d)})
		}
		if got := dueAt(items, now).Sub(now); got != tt.want {
			t.Errorf("%s: after %v, want %v", tt.claim, got, tt.want)
		}
	}
}
