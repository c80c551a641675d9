package storetest

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"rcpt/internal/store"
)

func carriesOut(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	if err := t.Heartbeat(t.Context(), token); err != nil {
		t.Errorf("Heartbeat: %v", err)
	}
	if err := t.Succeed(t.Context(), token, []byte(`{"left": 0, "big": 9007199254740991, "text": "<é&\u2028>"}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", fmt.Sprintf(`{"job":%q,"rows":7,"status":"completed"}`, name), "")
	line := func(function, rest string) string {
		return fmt.Sprintf("%s {%s}", function, strings.ReplaceAll(rest, "NAME", name))
	}
	t.wantCalls(name,
		line("Ingest", `"cursor":0,"job":"NAME","source":"upload"`),
		line("Ingest", `"cursor":1,"job":"NAME","source":"upload"`),
		line("Ingest", `"cursor":2,"job":"NAME","source":"upload"`),
		line("Plan", `"job":"NAME","plan":{"partition":0,"shards":0}`),
		line("Plan", `"job":"NAME","plan":{"partition":1,"partitions":2,"shards":2}`),
		line("Drain", `"job":"NAME","shards":4,"token":"TOKEN"`),
		line("Collect", `"deadline":60,"drain":{"big":9007199254740991,"left":0,"text":"\u003cé\u0026\u2028\u003e"},"heartbeat":50,`+
			`"id":"NAME","ingest":{"cursor":3,"done":true},"plan":{"partition":2,"partitions":2,"shards":4}`),
		line("Finish", `"job":"NAME","rows":7,"status":"completed"`))
}

func choiceLeavesOut(t *workflowTest) {
	t.set("Plan", func(*workflowTest, int, map[string]any) (any, error) {
		return map[string]any{"partition": 1, "shards": 0, "partitions": 1}, nil
	})
	name, began := t.name("job"), time.Now()
	t.start(name)
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Collect", "Finish")
	if passed := time.Since(began); passed < time.Second {
		t.Errorf("took %v, want the second of the Wait at the least", passed)
	}

	name = t.name("forced")
	if err := t.Start(t.Context(), name, append(input(name, 60, 50)[:1], `"force":null,`+string(input(name, 60, 50)[1:])...)); err != nil {
		t.Fatalf("Start: %v", err)
	}
	if err := t.Succeed(t.Context(), t.token(name), []byte(`null`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Drain", "Collect", "Finish")
}

func nameStartsOne(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	t.start(name)
	if err := t.Start(t.Context(), name, []byte(`{"id":"another"}`)); err != nil {
		t.Errorf("Start with another input: %v", err)
	}
	if err := t.Succeed(t.Context(), token, []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.start(name)
	if err := t.Start(t.Context(), name, []byte(`{"id":"another"}`)); err != nil {
		t.Errorf("Start after the end: %v", err)
	}
	time.Sleep(2 * time.Second)
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
}

func startsOfOneName(t *workflowTest) {
	name := t.name("job")
	together(8, func(i int) {
		if err := t.Start(t.Context(), name, input(name, 60-i, 50)); err != nil {
			t.Errorf("Start: %v", err)
		}
	})
	if err := t.Succeed(t.Context(), t.token(name), []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
}

func outlivesCall(t *workflowTest) {
	name := t.name("job")
	ctx, cancel := context.WithCancel(t.Context())
	if err := t.Start(ctx, name, input(name, 60, 50)); err != nil {
		t.Fatalf("Start: %v", err)
	}
	cancel()
	ctx, cancel = context.WithCancel(t.Context())
	if err := t.Succeed(ctx, t.token(name), []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	cancel()
	t.wantOutcome(name, "SUCCEEDED", "", "")
}

func executionsDoNotMix(t *workflowTest) {
	const jobs = 6
	names := make([]string, jobs)
	for i := range names {
		names[i] = t.name(fmt.Sprint("job-", i))
		t.start(names[i])
	}
	for i, name := range names {
		if err := t.Succeed(t.Context(), t.token(name), fmt.Appendf(nil, `{"n":%d}`, i)); err != nil {
			t.Errorf("Succeed: %v", err)
		}
	}
	for _, name := range names {
		t.wantOutcome(name, "SUCCEEDED", fmt.Sprintf(`{"job":%q,"rows":7,"status":"completed"}`, name), "")
		t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
	}
}

// busy fails a function the first times it is called.
func busy(times int, function string) step {
	return func(t *workflowTest, call int, in map[string]any) (any, error) {
		if call <= times {
			return nil, &Fault{Name: "Busy", Cause: "try again"}
		}
		return usual[function](t, call, in)
	}
}

func triedAgain(t *workflowTest) {
	t.set("Ingest", busy(2, "Ingest"))
	name, began := t.name("job"), time.Now()
	t.start(name)
	if err := t.Succeed(t.Context(), t.token(name), []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
	if passed := time.Since(began); passed < 2500*time.Millisecond {
		t.Errorf("took %v, want 1 s and 1.5 s between the tries at the least", passed)
	}
}

func caughtAtLast(t *workflowTest) {
	t.set("Ingest", busy(100, "Ingest"))
	name := t.name("job")
	t.start(name)
	t.wantOutcome(name, "FAILED", "", "JobFailed")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", fmt.Sprintf(`Finish {"fault":"Busy","job":%q,"status":"failed"}`, name))
}

func caughtAtOnce(t *workflowTest) {
	t.set("Plan", func(*workflowTest, int, map[string]any) (any, error) {
		return nil, &Fault{Name: "BadPartition", Cause: "no such partition"}
	})
	name := t.name("job")
	t.start(name)
	t.wantOutcome(name, "FAILED", "", "JobFailed")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", fmt.Sprintf(`Finish {"fault":"BadPartition","job":%q,"status":"failed"}`, name))
}

func faultFails(t *workflowTest) {
	t.set("Collect", func(*workflowTest, int, map[string]any) (any, error) {
		return nil, &Fault{Name: "NoChunk", Cause: "chunk 3 is missing"}
	})
	name := t.name("job")
	t.start(name)
	if err := t.Succeed(t.Context(), t.token(name), []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "FAILED", "", "NoChunk")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect")
}

func workflowCancelled(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for call, err := range map[string]error{
		"Start":     t.Start(ctx, t.name("other"), []byte(`{}`)),
		"Stop":      t.Stop(ctx, name, "cancelled"),
		"Succeed":   t.Succeed(ctx, token, []byte(`{}`)),
		"Fail":      t.Fail(ctx, token, "Bad", "bad"),
		"Heartbeat": t.Heartbeat(ctx, token),
	} {
		t.wantErr(call, err, context.Canceled)
	}
	if err := t.Succeed(t.Context(), token, []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
}

func endsOfOneTask(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	var ended atomic.Int32
	together(8, func(i int) {
		err := t.Succeed(t.Context(), token, fmt.Appendf(nil, "%d", i))
		if err == nil {
			ended.Add(1)
			return
		}
		t.wantErr("Succeed", err, store.ErrFinished)
	})
	if n := ended.Load(); n != 1 {
		t.Errorf("%d ends counted, want 1", n)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
}
