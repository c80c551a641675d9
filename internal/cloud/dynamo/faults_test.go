package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go/middleware"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

var (
	// harmless faults are known to have written nothing.
	harmless = []cloudtest.Fault{
		cloudtest.Refuse(&types.ProvisionedThroughputExceededException{}),
		cloudtest.Refuse(&types.ThrottlingException{}),
		cloudtest.Refuse(&types.TransactionConflictException{}),
		cloudtest.Refuse(sent(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED})),
	}

	// ambiguous ones may have, and the two kinds look alike.
	ambiguous = []cloudtest.Fault{
		cloudtest.LoseRequest(), cloudtest.LoseAnswer(),
		cloudtest.Refuse(&types.InternalServerError{}), cloudtest.Alter(internalError),
	}
)

func internalError(any, error) (any, error) { return nil, &types.InternalServerError{} }

// stormy returns a client of DynamoDB Local behind a storm, one without it, and a
// table.
func stormy(t *testing.T, choose func(operation string) cloudtest.Fault) (client, calm *dynamodb.Client, name string) {
	cfg := cloudtest.Config(t, cloudtest.DynamoDBLocal)
	calm = dynamodb.NewFromConfig(cfg)
	client = dynamodb.NewFromConfig(cfg, func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(choose), partially)
	})
	return client, calm, cloudtest.Table(t, calm, false)
}

// restless does not wait between tries.
func restless(now func() time.Time) dynamo.Options {
	return dynamo.Options{Now: now, Sleep: func(context.Context, time.Duration) {}, Timeout: time.Minute}
}

// partially leaves a part of most batches unprocessed.
func partially(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("partially", func(
		ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
	) (middleware.InitializeOutput, middleware.Metadata, error) {
		var leave func(result any)
		switch input := in.Parameters.(type) {
		case *dynamodb.BatchWriteItemInput:
			for name, requests := range input.RequestItems {
				n := 1 + rand.IntN(len(requests))
				if rand.IntN(16) == 0 { // nothing is processed
					return middleware.InitializeOutput{Result: &dynamodb.BatchWriteItemOutput{UnprocessedItems: input.RequestItems}}, middleware.Metadata{}, nil
				}
				in.Parameters = &dynamodb.BatchWriteItemInput{RequestItems: map[string][]types.WriteRequest{name: requests[:n]}}
				leave = func(result any) {
					result.(*dynamodb.BatchWriteItemOutput).UnprocessedItems = map[string][]types.WriteRequest{name: requests[n:]}
				}
			}
		case *dynamodb.BatchGetItemInput:
			for name, wanted := range input.RequestItems {
				n := 1 + rand.IntN(len(wanted.Keys))
				some, rest := wanted, wanted
				some.Keys, rest.Keys = wanted.Keys[:n], wanted.Keys[n:]
				in.Parameters = &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{name: some}}
				leave = func(result any) {
					left := result.(*dynamodb.BatchGetItemOutput).UnprocessedKeys[name]
					rest.Keys = slices.Concat(rest.Keys, left.Keys)
					if len(rest.Keys) > 0 {
						result.(*dynamodb.BatchGetItemOutput).UnprocessedKeys = map[string]types.KeysAndAttributes{name: rest}
					}
				}
			}
		}
		out, metadata, err := next.HandleInitialize(ctx, in)
		if err == nil && leave != nil {
			leave(out.Result)
		}
		return out, metadata, err
	}), middleware.After)
}

// Faults that the adapter can mend are not to be seen: the contract holds under
// throttles and conflicts, batches done in part, lost reads, and transactions
// whose answers are lost.
func TestContractInAStorm(t *testing.T) {
	const every = 20 // six in a row, which would be seen, come once in 64 million calls
	gentle, rough := cloudtest.Storm(1, every, harmless...), cloudtest.Storm(2, every, slices.Concat(harmless, ambiguous)...)
	choose := func(operation string) cloudtest.Fault {
		switch operation {
		case "PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem":
			return gentle(operation)
		}
		return rough(operation)
	}
	clock := storetest.NewClock(time.Now())
	storetest.Table(t, func(t *testing.T) store.Table {
		client, _, name := stormy(t, choose)
		return dynamo.New(client, name, restless(clock.Now))
	}, clock,
		"query leaves out expired items and still ends", // thousands of calls that are like the others
	)
}

// tally keeps what writers were told, by the name of the write.
type tally struct {
	mu   sync.Mutex
	told map[string]outcome
}

func (w *tally) note(write string, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.told == nil {
		w.told = map[string]outcome{}
	}
	switch {
	case err == nil:
		w.told[write] = "written"
	case errors.Is(err, store.ErrThrottled), errors.Is(err, store.ErrCondition):
		w.told[write] = nothing
	case errors.Is(err, store.ErrUnknown):
		w.told[write] = unknown
	default:
		w.told[write] = fault // which no storm makes
	}
}

// check compares what was told with how often each write happened.
func (w *tally) check(t *testing.T, times func(write string) int64) {
	t.Helper()
	counts := map[outcome]int{}
	for write, told := range w.told {
		n := times(write)
		counts[told]++
		if n > 1 || n < 0 || told == fault || told == "written" && n == 0 || told == nothing && n == 1 {
			t.Errorf("%s: told %q, happened %d times", write, told, n)
		}
	}
	t.Logf("of %d writes: %v", len(w.told), counts)
	if counts["written"] == 0 || counts[unknown] == 0 {
		t.Errorf("got %v, want a storm that leaves some writes written and some unknown", counts)
	}
}

const (
	writers = 8
	rounds  = 60
)

// writing has several writers at work; do is given a name of its own each time.
func writing(do func(writer, round int, name string)) {
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for r := range rounds {
				do(w, r, fmt.Sprintf("%d-%d", w, r))
			}
		})
	}
	all.Wait()
}

func TestWritesHappenAsTold(t *testing.T) {
	client, calm, name := stormy(t, cloudtest.Storm(3, 4, slices.Concat(harmless, ambiguous)...))
	table, truth := dynamo.New(client, name, restless(nil)), dynamo.New(calm, name, restless(nil))
	get := func(key store.Key) store.Item {
		item, err := truth.Get(t.Context(), key)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("Get: %v", err)
		}
		return item
	}
	t.Run("adds to one item", func(t *testing.T) {
		var told tally
		key := store.Key{Part: "count"}
		writing(func(_, _ int, name string) {
			_, err := table.Update(t.Context(), store.Update{Key: key, Add: map[string]int64{name: 1, "sum": 1}})
			told.note(name, err)
		})
		item := get(key)
		told.check(t, item.Int)
		if got, want := item.Int("sum"), int64(len(item.Attrs)-1); got != want {
			t.Errorf("sum of all adds: got %d, want %d", got, want)
		}
	})
	t.Run("a capped counter", func(t *testing.T) {
		const limit = writers * rounds / 4
		var told tally
		key := store.Key{Part: "capped"}
		writing(func(_, _ int, name string) {
			_, err := table.Update(t.Context(), store.Update{
				Key: key, Add: map[string]int64{name: 1, "sum": 1}, If: []store.Cond{store.AtMost("sum", limit-1)},
			})
			told.note(name, err)
		})
		item := get(key)
		told.check(t, item.Int)
		if got := item.Int("sum"); got != limit || len(item.Attrs)-1 != limit {
			t.Errorf("got a sum of %d from %d writes, want %d", got, len(item.Attrs)-1, limit)
		}
	})
	t.Run("creations are not refused by themselves", func(t *testing.T) {
		var told tally
		writing(func(_, _ int, name string) {
			err := table.Put(t.Context(), store.Item{Key: store.Key{Part: "new", Sort: name}}, store.Absent())
			if errors.Is(err, store.ErrCondition) {
				t.Errorf("%s: refused, though nobody else writes it", name)
			}
			told.note(name, err)
		})
		told.check(t, func(write string) int64 {
			if get(store.Key{Part: "new", Sort: write}).Present() {
				return 1
			}
			return 0
		})
	})
	t.Run("transactions", func(t *testing.T) {
		var told tally
		key := store.Key{Part: "sum"}
		writing(func(_, _ int, name string) {
			told.note(name, table.Transact(t.Context(), []store.Op{
				store.PutOp(store.Item{Key: store.Key{Part: "mark", Sort: name}}, store.Absent()),
				store.UpdateOp(store.Update{Key: key, Add: map[string]int64{name: 1, "sum": 1}}),
			}))
		})
		item, marks := get(key), int64(0)
		for name := range told.told {
			if marked := get(store.Key{Part: "mark", Sort: name}).Present(); marked {
				marks++
			} else if item.Int(name) != 0 {
				t.Errorf("%s: added without its mark", name)
			}
			if n := item.Int(name); n > 1 || n == 0 && told.told[name] == "written" || n == 1 && told.told[name] == nothing {
				t.Errorf("%s: told %q, happened %d times", name, told.told[name], n)
			}
		}
		if item.Int("sum") != marks || int64(len(item.Attrs)-1) != marks {
			t.Errorf("sum %d, %d names, %d marks: want the same", item.Int("sum"), len(item.Attrs)-1, marks)
		}
	})
}
