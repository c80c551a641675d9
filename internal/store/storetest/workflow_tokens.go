package storetest

import (
	"fmt"
	"strings"
	"time"

	"rcpt/internal/store"
)

func failsBeforeWaiting(t *workflowTest) {
	t.set("Drain", func(*workflowTest, int, map[string]any) (any, error) {
		return nil, &Fault{Name: "NoCounter", Cause: "the job is gone"}
	})
	name := t.name("job")
	t.start(name)
	t.wantOutcome(name, "FAILED", "", "JobFailed")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", fmt.Sprintf(`Finish {"fault":"NoCounter","job":%q,"status":"failed"}`, name))
}

func tokenBeforeReturn(t *workflowTest) {
	t.set("Drain", func(t *workflowTest, _ int, in map[string]any) (any, error) {
		token := t.token(in["job"].(string))
		if err := t.Heartbeat(t.Context(), token); err != nil {
			t.Errorf("Heartbeat: %v", err)
		}
		if err := t.Succeed(t.Context(), token, []byte(`{"left":0}`)); err != nil {
			t.Errorf("Succeed: %v", err)
		}
		return "what a waiting task returns is not used", nil
	})
	name := t.name("job")
	t.start(name)
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
}

func deadAtTheEnd(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	if err := t.Succeed(t.Context(), token, []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantErr("Succeed after the end", t.Succeed(t.Context(), token, []byte(`{}`)), store.ErrFinished)
	t.wantErr("Heartbeat after the end", t.Heartbeat(t.Context(), token), store.ErrFinished)
}

func deadTokens(t *workflowTest) {
	kill := func(how string, heartbeat int, end func(name, token string)) {
		name := t.name("job")
		t.startIn(name, 60, heartbeat)
		token := t.token(name)
		end(name, token)
		for call, err := range map[string]error{
			"Succeed":   t.Succeed(t.Context(), token, []byte(`{}`)),
			"Fail":      t.Fail(t.Context(), token, "Late", "late"),
			"Heartbeat": t.Heartbeat(t.Context(), token),
		} {
			t.wantErr(call+" after "+how, err, store.ErrFinished)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	kill("Succeed", 50, func(_, token string) { must(t.Succeed(t.Context(), token, []byte(`{}`))) })
	kill("Fail", 50, func(_, token string) { must(t.Fail(t.Context(), token, "Cancelled", "")) })
	kill("Stop", 50, func(name, _ string) { must(t.Stop(t.Context(), name, "")) })
	kill("no heartbeat", 1, func(string, string) { time.Sleep(2 * time.Second) })
	kill("the end", 50, func(name, token string) {
		must(t.Succeed(t.Context(), token, []byte(`{}`)))
		t.wantOutcome(name, "SUCCEEDED", "", "")
	})
}

func tokenFails(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	if err := t.Fail(t.Context(), token, "Cancelled", "by the customer"); err != nil {
		t.Errorf("Fail: %v", err)
	}
	t.wantOutcome(name, "FAILED", "", "JobFailed")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", fmt.Sprintf(`Finish {"fault":"Cancelled","job":%q,"status":"failed"}`, name))
}

func heartbeatsKeepAlive(t *workflowTest) {
	name := t.name("job")
	t.startIn(name, 60, 3)
	token := t.token(name)
	for range 5 {
		time.Sleep(time.Second)
		if err := t.Heartbeat(t.Context(), token); err != nil {
			t.Errorf("Heartbeat: %v", err)
		}
	}
	if err := t.Succeed(t.Context(), token, []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Collect", "Finish")
}

func noHeartbeat(t *workflowTest) {
	name := t.name("job")
	t.startIn(name, 60, 2)
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Close",
		fmt.Sprintf(`Collect {"deadline":60,"heartbeat":2,"id":%q,"ingest":{"cursor":3,"done":true},"plan":{"partition":2,"partitions":2,"shards":4}}`, name), "Finish")
}

func outOfTime(t *workflowTest) {
	name := t.name("job")
	t.startIn(name, 4, 3)
	token := t.token(name)
	var err error
	t.until("the time-out", func() bool {
		time.Sleep(500 * time.Millisecond)
		err = t.Heartbeat(t.Context(), token)
		return err != nil
	})
	t.wantErr("Heartbeat", err, store.ErrFinished)
	t.wantOutcome(name, "SUCCEEDED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain", "Close", "Collect", "Finish")
}

func stopBetweenTries(t *workflowTest) {
	tried := make(chan struct{}, 10)
	t.set("Ingest", func(*workflowTest, int, map[string]any) (any, error) {
		tried <- struct{}{}
		return nil, &Fault{Name: "Busy", Cause: "try again"}
	})
	name := t.name("job")
	t.start(name)
	<-tried
	for range 2 {
		if err := t.Stop(t.Context(), name, "cancelled by the customer"); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	t.wantOutcome(name, "ABORTED", "", "")
	t.start(name)
	time.Sleep(2 * time.Second)
	t.wantOutcome(name, "ABORTED", "", "")
	t.wantCalls(name, "Ingest")
}

func stopEnds(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	t.token(name)
	for range 2 {
		if err := t.Stop(t.Context(), name, "cancelled by the customer"); err != nil {
			t.Errorf("Stop: %v", err)
		}
	}
	t.wantOutcome(name, "ABORTED", "", "")
	t.wantCalls(name, "Ingest", "Ingest", "Ingest", "Plan", "Plan", "Drain")
	t.start(name)
	t.wantOutcome(name, "ABORTED", "", "")
}

func unknownNames(t *workflowTest) {
	never := "a-token-that-never-was"
	t.wantErr("Succeed with no token of ours", t.Succeed(t.Context(), never, []byte(`{}`)), store.ErrFinished)
	t.wantErr("Fail with no token of ours", t.Fail(t.Context(), never, "Late", "late"), store.ErrFinished)
	t.wantErr("Heartbeat with no token of ours", t.Heartbeat(t.Context(), never), store.ErrFinished)
	t.wantErr("Stop of nothing", t.Stop(t.Context(), t.name("none"), "no"), store.ErrNotFound)
}

func workflowLimits(t *workflowTest) {
	text := func(n int) []byte { return []byte(`"` + strings.Repeat("x", n-2) + `"`) }
	name, most := t.name("job"), strings.Repeat("n", store.MaxExecution)
	t.start(name)
	token := t.token(name)
	for call, err := range map[string]error{
		"Start, input too large":    t.Start(t.Context(), t.name("large"), text(store.MaxPayload+1)),
		"Start, name too long":      t.Start(t.Context(), most+"n", []byte(`{}`)),
		"Stop, cause too long":      t.Stop(t.Context(), name, strings.Repeat("c", store.MaxCause+1)),
		"Succeed, output too large": t.Succeed(t.Context(), token, text(store.MaxPayload+1)),
		"Fail, name too long":       t.Fail(t.Context(), token, strings.Repeat("f", store.MaxFault+1), ""),
		"Fail, cause too long":      t.Fail(t.Context(), token, "", strings.Repeat("c", store.MaxCause+1)),
		"Heartbeat, token too long": t.Heartbeat(t.Context(), strings.Repeat("t", store.MaxToken+1)),
	} {
		t.wantErr(call, err, store.ErrLimit)
	}
	if err := t.Start(t.Context(), most, text(store.MaxPayload)); err != nil {
		t.Errorf("Start with the longest name and the largest input: %v", err)
	}
	if err := t.Fail(t.Context(), token, strings.Repeat("f", store.MaxFault), strings.Repeat("c", store.MaxCause)); err != nil {
		t.Errorf("Fail with the longest name and cause: %v", err)
	}
	t.wantOutcome(name, "FAILED", "", "JobFailed")
}

func workflowMalformed(t *workflowTest) {
	name := t.name("job")
	t.start(name)
	token := t.token(name)
	for call, err := range map[string]error{
		"Start, no name":           t.Start(t.Context(), "", []byte(`{}`)),
		"Start, name with a colon": t.Start(t.Context(), "a:b", []byte(`{}`)),
		"Start, name not ASCII":    t.Start(t.Context(), "é", []byte(`{}`)),
		"Start, name with a dot":   t.Start(t.Context(), "a.b", []byte(`{}`)),
		"Start, no input":          t.Start(t.Context(), t.name("none"), nil),
		"Start, no JSON":           t.Start(t.Context(), t.name("none"), []byte(`{]`)),
		"Start, not UTF-8":         t.Start(t.Context(), t.name("none"), []byte("\"\xff\"")),
		"Stop, no name":            t.Stop(t.Context(), "", "cause"),
		"Succeed, no token":        t.Succeed(t.Context(), "", []byte(`{}`)),
		"Succeed, no output":       t.Succeed(t.Context(), token, nil),
		"Succeed, no JSON":         t.Succeed(t.Context(), token, []byte(`{} {}`)),
		"Fail, not UTF-8":          t.Fail(t.Context(), token, "a", "\xff"),
		"Heartbeat, no token":      t.Heartbeat(t.Context(), ""),
	} {
		t.wantErr(call, err, store.ErrValue)
	}
	if err := t.Succeed(t.Context(), token, []byte(`{}`)); err != nil {
		t.Errorf("Succeed: %v", err)
	}
	t.wantOutcome(name, "SUCCEEDED", "", "")
}
