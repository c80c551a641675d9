package sqs

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rcpt/internal/store"
)

func TestBatchSize(t *testing.T) {
	message := func(n int) store.Message { return store.Message{Body: strings.Repeat("x", n)} }
	for claim, c := range map[string]struct {
		sizes []int
		want  int
	}{
		"one":                       {[]int{1}, 1},
		"ten":                       {slices.Repeat([]int{1}, 10), 10},
		"more than ten":             {slices.Repeat([]int{1}, 25), 10},
		"as much as a request has":  {[]int{maxOctets / 2, maxOctets / 2, 1}, 2},
		"more than a request has":   {[]int{maxOctets/2 + 1, maxOctets / 2}, 1},
		"the largest goes alone":    {[]int{store.MaxMessage, store.MaxMessage}, 1},
		"a small one beside it too": {[]int{store.MaxMessage, 1000}, 2},
	} {
		var messages []store.Message
		for _, n := range c.sizes {
			messages = append(messages, message(n))
		}
		if got := batchSize(messages); got != c.want {
			t.Errorf("%s: got %d, want %d", claim, got, c.want)
		}
	}
}

func failed(code string, ours bool, ids ...int) (entries []types.BatchResultErrorEntry) {
	for _, id := range ids {
		entries = append(entries, types.BatchResultErrorEntry{Id: aws.String(fmt.Sprint(id)), Code: &code, SenderFault: ours})
	}
	return entries
}

func TestPartsOfABatch(t *testing.T) {
	type answer struct {
		entries []types.BatchResultErrorEntry
		err     error
	}
	broken := errors.New("connection reset")
	for claim, c := range map[string]struct {
		answers []answer
		asked   [][]int
		unsent  []int
		want    error
	}{
		"all is well": {[]answer{{}}, [][]int{{0, 1, 2, 3}}, nil, nil},
		"what failed is asked again, and nothing else": {
			[]answer{{entries: failed("InternalError", false, 1, 3)}, {entries: failed("InternalError", false, 3)}, {}},
			[][]int{{0, 1, 2, 3}, {1, 3}, {3}}, nil, nil,
		},
		"what is our fault is not asked again": {
			[]answer{{entries: append(failed("InvalidMessageContents", true, 2), failed("InternalError", false, 0)...)}, {}},
			[][]int{{0, 1, 2, 3}, {0}}, []int{2}, store.ErrValue,
		},
		"a throttle is nobody's fault": {
			[]answer{{entries: failed("RequestThrottled", true, 2)}, {}},
			[][]int{{0, 1, 2, 3}, {2}}, nil, nil,
		},
		"a throttle without end": {
			slices.Repeat([]answer{{entries: failed("AWS.SimpleQueueService.RequestThrottled", false, 0, 3)}}, maxTries),
			append([][]int{{0, 1, 2, 3}}, slices.Repeat([][]int{{0, 3}}, maxTries-1)...), []int{0, 3}, store.ErrThrottled,
		},
		"a request that fails leaves what was asked": {
			[]answer{{entries: failed("InternalError", false, 1, 2)}, {err: broken}},
			[][]int{{0, 1, 2, 3}, {1, 2}}, []int{1, 2}, broken,
		},
		"our fault and a broken request": {
			[]answer{{entries: append(failed("InvalidMessageContents", true, 3), failed("InternalError", false, 1)...)}, {err: broken}},
			[][]int{{0, 1, 2, 3}, {1}}, []int{1, 3}, broken,
		},
	} {
		t.Run(claim, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				q := New(nil, "", Options{})
				var asked [][]int
				unsent, err := q.each(t.Context(), 4, func(_ context.Context, of []int) ([]types.BatchResultErrorEntry, error) {
					asked = append(asked, slices.Clone(of))
					a := c.answers[0]
					c.answers = c.answers[1:]
					return a.entries, a.err
				})
				if !reflect.DeepEqual(asked, c.asked) {
					t.Errorf("asked for %v, want %v", asked, c.asked)
				}
				if !slices.Equal(unsent, c.unsent) || !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
					t.Errorf("got %v, %v, want %v, %v", unsent, err, c.unsent, c.want)
				}
			})
		})
	}
}

func TestTriesAreSpreadAndBounded(t *testing.T) {
	for _, r := range []float64{0, 0.5, 0.999} {
		synctest.Test(t, func(t *testing.T) {
			q := New(nil, "", Options{Rand: func() float64 { return r }})
			began := time.Now()
			_, err := q.each(t.Context(), 1, func(context.Context, []int) ([]types.BatchResultErrorEntry, error) {
				return failed("InternalError", false, 0), nil
			})
			longest := 750 * time.Millisecond // 50, 100, 200, 400
			want := longest - time.Duration(r*float64(longest)/2)
			if passed := time.Since(began); err == nil || passed > want+time.Millisecond || passed < want-time.Millisecond {
				t.Errorf("gave up after %v, %v, want %v", passed, err, want)
			}
		})
	}
}

func TestPauseEndsWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		q := New(nil, "", Options{Rand: func() float64 { return 0 }})
		unsent, err := q.each(ctx, 2, func(context.Context, []int) ([]types.BatchResultErrorEntry, error) {
			return failed("InternalError", false, 1), nil
		})
		if !errors.Is(err, context.DeadlineExceeded) || !slices.Equal(unsent, []int{1}) {
			t.Errorf("got %v, %v, want [1], the context's error", unsent, err)
		}
	})
}

// An answer that makes no sense is not taken for success.
func TestAnswerAboutAnotherEntry(t *testing.T) {
	for _, id := range []string{"4", "-1", "x", ""} {
		q := New(nil, "", Options{})
		_, err := q.each(t.Context(), 4, func(context.Context, []int) ([]types.BatchResultErrorEntry, error) {
			return []types.BatchResultErrorEntry{{Id: &id}}, nil
		})
		if err == nil {
			t.Errorf("entry %q: got no error", id)
		}
	}
}
