package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/store"
)

var item = store.Item{Key: store.Key{Part: "p", Sort: "s"}}

// calls are the methods of a Table, the ones that read and the ones that write.
var calls = map[string]func(context.Context, *dynamo.Table) error{
	"GetItem": func(ctx context.Context, t *dynamo.Table) error { _, err := t.Get(ctx, item.Key); return err },
	"Query": func(ctx context.Context, t *dynamo.Table) error {
		_, err := t.Query(ctx, store.Query{Part: "p"})
		return err
	},
	"BatchGetItem": func(ctx context.Context, t *dynamo.Table) error {
		_, err := t.BatchGet(ctx, []store.Key{item.Key})
		return err
	},
	"PutItem": func(ctx context.Context, t *dynamo.Table) error { return t.Put(ctx, item, store.Absent()) },
	"UpdateItem": func(ctx context.Context, t *dynamo.Table) error {
		_, err := t.Update(ctx, store.Update{Key: item.Key})
		return err
	},
	"DeleteItem": func(ctx context.Context, t *dynamo.Table) error { return t.Delete(ctx, item.Key) },
	"BatchWriteItem": func(ctx context.Context, t *dynamo.Table) error {
		return t.BatchPut(ctx, []store.Item{item})
	},
	"TransactWriteItems": func(ctx context.Context, t *dynamo.Table) error {
		return t.Transact(ctx, []store.Op{store.PutOp(item), store.DeleteOp(store.Key{Part: "q"})})
	},
}

var reads = []string{"GetItem", "Query", "BatchGetItem"}

func refused(code string) error { return &smithy.GenericAPIError{Code: code} }

func status(code int) error {
	return &smithyhttp.ResponseError{
		Response: &smithyhttp.Response{Response: &http.Response{StatusCode: code}},
		Err:      &smithy.GenericAPIError{Code: "UnknownError"},
	}
}

// outcome is what a caller learns of a write.
type outcome string

const (
	nothing outcome = "nothing written" // store.ErrThrottled
	unknown outcome = "unknown"         // store.ErrUnknown
	fault   outcome = "fault"           // none of the two; DynamoDB is not asked again
)

// TestRepetition is the table of what is sent again. A read that fails for
// whatever passing reason has written nothing.
func TestRepetition(t *testing.T) {
	const tries = 6
	for _, c := range []struct {
		claim                     string
		err                       error
		read, write, transact     outcome
		writeTries, transactTries int
	}{
		{"throughput", &types.ProvisionedThroughputExceededException{}, nothing, nothing, nothing, tries, tries},
		{"throttled", &types.ThrottlingException{}, nothing, nothing, nothing, tries, tries},
		{"too many requests", &types.RequestLimitExceeded{}, nothing, nothing, nothing, tries, tries},
		{"conflict", &types.TransactionConflictException{}, nothing, nothing, nothing, tries, tries},
		{"connection refused", sent(&net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}), nothing, nothing, nothing, tries, tries},
		{"connection reset", sent(syscall.ECONNRESET), nothing, unknown, unknown, 1, tries},
		{"internal error", &types.InternalServerError{}, nothing, unknown, unknown, 1, tries},
		{"status 503", status(503), nothing, unknown, unknown, 1, tries},
		{"garbled", &smithy.DeserializationError{Err: errors.New("EOF")}, nothing, unknown, unknown, 1, tries},
		{"own transaction in progress", &types.TransactionInProgressException{}, nothing, unknown, unknown, 1, tries},
		{"no such table", &types.ResourceNotFoundException{}, fault, fault, fault, 1, 1},
		{"not allowed", refused("AccessDeniedException"), fault, fault, fault, 1, 1},
	} {
		for operation, call := range calls {
			synctest.Test(t, func(t *testing.T) {
				want, wantTries := c.write, c.writeTries
				switch {
				case slices.Contains(reads, operation):
					if want, wantTries = c.read, tries; want == fault {
						wantTries = 1
					}
				case operation == "TransactWriteItems":
					want, wantTries = c.transact, c.transactTries
				}
				var plan cloudtest.Plan
				plan.Next(slices.Repeat([]cloudtest.Fault{cloudtest.Refuse(c.err)}, tries+1)...)
				began := time.Now()
				err := call(t.Context(), over(&plan, dynamo.Options{}))
				if err == nil || errors.Is(err, store.ErrThrottled) != (want == nothing) || errors.Is(err, store.ErrUnknown) != (want == unknown) ||
					errors.Is(err, store.ErrCondition) || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrValue) {
					t.Errorf("%s, %s: got %v, want %s", operation, c.claim, err, want)
				}
				if got := len(plan.Calls()); got != wantTries {
					t.Errorf("%s, %s: got %d tries, want %d", operation, c.claim, got, wantTries)
				}
				if waited := time.Since(began); waited > 800*time.Millisecond || wantTries == 1 && waited > 0 {
					t.Errorf("%s, %s: waited %v", operation, c.claim, waited)
				}
			})
		}
	}
}

func sent(err error) error { return &smithyhttp.RequestSendError{Err: err} }

// over makes a Table whose every try is answered by the plan.
func over(plan *cloudtest.Plan, opts dynamo.Options) *dynamo.Table {
	client := dynamodb.NewFromConfig(cloudtest.Nowhere(), func(o *dynamodb.Options) {
		o.APIOptions = append(o.APIOptions, cloudtest.Between(plan.Choose))
	})
	return dynamo.New(client, "t", opts)
}

func TestStalledTriesEnd(t *testing.T) {
	for operation, call := range calls {
		synctest.Test(t, func(t *testing.T) {
			var plan cloudtest.Plan
			plan.Next(slices.Repeat([]cloudtest.Fault{cloudtest.Stall()}, 10)...)
			began := time.Now()
			err := call(t.Context(), over(&plan, dynamo.Options{}))
			again := slices.Contains(reads, operation) || operation == "TransactWriteItems"
			read := slices.Contains(reads, operation)
			if errors.Is(err, store.ErrThrottled) != read || errors.Is(err, store.ErrUnknown) == read || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("%s: got %v", operation, err)
			}
			if waited := time.Since(began); again && waited < 18*time.Second || !again && waited != 3*time.Second {
				t.Errorf("%s: took %v, want 3 s for a try", operation, waited)
			}

			plan.Next(cloudtest.Stall())
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			if err := call(ctx, over(&plan, dynamo.Options{})); !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrThrottled) || errors.Is(err, store.ErrUnknown) == read {
				t.Errorf("%s: got %v, want the context's error, of a write as ErrUnknown", operation, err)
			}
			if got := len(plan.Calls()); got != 1 {
				t.Errorf("%s: got %d tries after the caller's time, want 1", operation, got)
			}
		})
	}
}

// Who has no time left is told at once that nothing was written.
func TestNoWaitBeyondTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plan cloudtest.Plan
		plan.Next(slices.Repeat([]cloudtest.Fault{cloudtest.Refuse(&types.ThrottlingException{})}, 10)...)
		ctx, cancel := context.WithTimeout(t.Context(), time.Microsecond)
		defer cancel()
		err := over(&plan, dynamo.Options{Rand: ones{}}).Put(ctx, item)
		if !errors.Is(err, store.ErrThrottled) || ctx.Err() != nil {
			t.Errorf("got %v, %v, want ErrThrottled before the deadline", err, ctx.Err())
		}
	})
}

type ones struct{}

func (ones) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 0xff
	}
	return len(p), nil
}

func TestReasonsOfATransaction(t *testing.T) {
	cancelled := func(codes ...string) cloudtest.Fault {
		failed := &types.TransactionCanceledException{}
		for _, code := range codes {
			failed.CancellationReasons = append(failed.CancellationReasons, types.CancellationReason{Code: aws.String(code)})
		}
		return cloudtest.Refuse(failed)
	}
	done := cloudtest.Alter(func(any, error) (any, error) { return &dynamodb.TransactWriteItemsOutput{}, nil })
	for _, c := range []struct {
		claim  string
		faults []cloudtest.Fault
		index  int // of the operation refused; -1: none
		err    error
		tries  int
	}{
		{"a condition", []cloudtest.Fault{cancelled("None", "ConditionalCheckFailed")}, 1, store.ErrCondition, 1},
		{"a condition before a conflict", []cloudtest.Fault{cancelled("ConditionalCheckFailed", "TransactionConflict")}, 0, store.ErrCondition, 1},
		{"a conflict that hides whether the first condition holds",
			[]cloudtest.Fault{cancelled("TransactionConflict", "ConditionalCheckFailed"), cancelled("ConditionalCheckFailed", "ConditionalCheckFailed")},
			0, store.ErrCondition, 2},
		{"conflicts that pass", []cloudtest.Fault{cancelled("TransactionConflict", "None"), cancelled("None", "ThrottlingError"), done}, -1, nil, 3},
		{"conflicts that do not", slices.Repeat([]cloudtest.Fault{cancelled("None", "TransactionConflict")}, 9), -1, store.ErrThrottled, 6},
		{"throughput that does not come", slices.Repeat([]cloudtest.Fault{cancelled("ProvisionedThroughputExceeded", "None")}, 9), -1, store.ErrThrottled, 6},
		{"a lost answer, then in progress, then done",
			[]cloudtest.Fault{cloudtest.LoseRequest(), cloudtest.Refuse(&types.TransactionInProgressException{}), done}, -1, nil, 3},
	} {
		synctest.Test(t, func(t *testing.T) {
			var plan cloudtest.Plan
			plan.Next(c.faults...)
			err := calls["TransactWriteItems"](t.Context(), over(&plan, dynamo.Options{}))
			if !errors.Is(err, c.err) {
				t.Errorf("%s: got %v, want %v", c.claim, err, c.err)
			}
			var refused *store.TransactError
			if errors.As(err, &refused) != (c.index >= 0) || refused != nil && refused.Index != c.index {
				t.Errorf("%s: got %v, want operation %d refused", c.claim, err, c.index)
			}
			if got := len(plan.Calls()); got != c.tries {
				t.Errorf("%s: got %d tries, want %d", c.claim, got, c.tries)
			}
		})
	}
}

// After a try that may have been carried out a throttle says nothing about it.
func TestLostTransactionIsNotCalledThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var plan cloudtest.Plan
		plan.Next(append(slices.Repeat([]cloudtest.Fault{cloudtest.Refuse(&types.ThrottlingException{})}, 9), cloudtest.LoseRequest())...)
		table := over(&plan, dynamo.Options{})
		if err := calls["TransactWriteItems"](t.Context(), table); !errors.Is(err, store.ErrThrottled) {
			t.Errorf("throttled: got %v, want ErrThrottled", err)
		}
		plan.Next(append([]cloudtest.Fault{cloudtest.LoseRequest()}, slices.Repeat([]cloudtest.Fault{cloudtest.Refuse(&types.ThrottlingException{})}, 9)...)...)
		if err := calls["TransactWriteItems"](t.Context(), table); !errors.Is(err, store.ErrUnknown) || errors.Is(err, store.ErrThrottled) {
			t.Errorf("lost, then throttled: got %v, want ErrUnknown and not ErrThrottled", err)
		}
	})
}

// TestAnswersOnTheWire reads errors as DynamoDB writes them, and what a broken
// way makes of them.
func TestAnswersOnTheWire(t *testing.T) {
	const prefix = "com.amazonaws.dynamodb.v20120810#"
	for _, c := range []struct {
		claim  string
		status int
		body   string
		put    error // what Put's error is
		get    error
		tries  int64 // of Put
	}{
		{"throughput", 400, `{"__type":"` + prefix + `ProvisionedThroughputExceededException","message":"x"}`, store.ErrThrottled, store.ErrThrottled, 6},
		{"throttling with reasons", 400, `{"__type":"` + prefix + `ThrottlingException","message":"x","throttlingReasons":[{"reason":"TableWriteKeyRangeThroughputExceeded","resource":"y"}]}`,
			store.ErrThrottled, store.ErrThrottled, 6},
		{"throttling by another family", 400, `{"__type":"com.amazon.coral.availability#ThrottlingException"}`, store.ErrThrottled, store.ErrThrottled, 6},
		{"limit of requests", 400, `{"__type":"` + prefix + `RequestLimitExceeded","message":"x"}`, store.ErrThrottled, store.ErrThrottled, 6},
		{"condition", 400, `{"__type":"` + prefix + `ConditionalCheckFailedException","message":"x"}`, store.ErrCondition, nil, 1},
		{"validation", 400, `{"__type":"com.amazon.coral.validate#ValidationException","message":"x"}`, store.ErrValue, nil, 1},
		{"internal error", 500, `{"__type":"` + prefix + `InternalServerError","message":"x"}`, store.ErrUnknown, store.ErrThrottled, 1},
		{"unavailable", 503, `<html>busy</html>`, store.ErrUnknown, store.ErrThrottled, 1},
		{"cut short", 200, `{"Item":{"PK":`, store.ErrUnknown, store.ErrThrottled, 1},
	} {
		var tries atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			tries.Add(1)
			w.Header().Set("Content-Type", "application/x-amz-json-1.0")
			w.WriteHeader(c.status)
			_, _ = fmt.Fprint(w, c.body)
		}))
		cfg := cloudtest.Nowhere()
		cfg.BaseEndpoint = &server.URL
		table := dynamo.New(dynamodb.NewFromConfig(cfg), "t", dynamo.Options{Sleep: func(context.Context, time.Duration) {}})
		err := table.Put(t.Context(), item)
		if !errors.Is(err, c.put) || errors.Is(err, store.ErrThrottled) != errors.Is(c.put, store.ErrThrottled) {
			t.Errorf("Put, %s: got %v, want %v", c.claim, err, c.put)
		}
		if got := tries.Load(); got != c.tries {
			t.Errorf("Put, %s: got %d tries, want %d", c.claim, got, c.tries)
		}
		if _, err = table.Get(t.Context(), item.Key); c.get != nil && !errors.Is(err, c.get) || err == nil {
			t.Errorf("Get, %s: got %v, want %v", c.claim, err, c.get)
		}
		server.Close()
	}
	table := dynamo.New(dynamodb.NewFromConfig(cloudtest.Nowhere()), "t", dynamo.Options{Sleep: func(context.Context, time.Duration) {}})
	for operation, call := range calls {
		if err := call(t.Context(), table); !errors.Is(err, store.ErrThrottled) {
			t.Errorf("%s to where nobody listens: got %v, want ErrThrottled", operation, err)
		}
	}
}

// What another program has put into the table is an error, not something else.
func TestForeignItems(t *testing.T) {
	b := func(text string) types.AttributeValue { return &types.AttributeValueMemberB{Value: []byte(text)} }
	n := func(text string) types.AttributeValue { return &types.AttributeValueMemberN{Value: text} }
	for claim, encoded := range map[string]map[string]types.AttributeValue{
		"no sort key":      {"PK": b("p")},
		"text for a key":   {"PK": &types.AttributeValueMemberS{Value: "p"}, "SK": b("s")},
		"a fraction":       {"PK": b("p"), "SK": b("s"), "n": n("1.5")},
		"a number too big": {"PK": b("p"), "SK": b("s"), "n": n("9223372036854775808")},
		"a list":           {"PK": b("p"), "SK": b("s"), "l": &types.AttributeValueMemberL{}},
		"null":             {"PK": b("p"), "SK": b("s"), "l": &types.AttributeValueMemberNULL{Value: true}},
		"expiry as text":   {"PK": b("p"), "SK": b("s"), "_exp": &types.AttributeValueMemberS{Value: "1"}},
	} {
		answer := cloudtest.Alter(func(any, error) (any, error) { return &dynamodb.GetItemOutput{Item: encoded}, nil })
		var plan cloudtest.Plan
		plan.Next(answer)
		got, err := over(&plan, dynamo.Options{}).Get(t.Context(), item.Key)
		if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrThrottled) {
			t.Errorf("%s: got %+v, %v, want an error of its own", claim, got, err)
		}
	}
}
