package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"rcpt/infra/host"
	"rcpt/internal/cloud/cloudtest"
)

// pool is a function in as many environments as it may have at once.
type pool struct {
	free chan *host.Function
}

// pool starts environments of a function, which may take so long for an event.
func (s *stack) pool(name string, atOnce int, limit time.Duration) *pool {
	s.t.Helper()
	p := &pool{free: make(chan *host.Function, atOnce)}
	env := s.guarded(name)
	for range atOnce {
		f := host.New(host.Config{Name: name, Binary: binary(s.t, name), Env: env, Log: s.log, Timeout: limit})
		s.t.Cleanup(f.Close)
		p.free <- f
	}
	return p
}

// invoke has a free environment handle the event, as soon as there is one.
func (p *pool) invoke(ctx context.Context, event []byte) (host.Result, error) {
	select {
	case f := <-p.free:
		defer func() { p.free <- f }()
		return f.Invoke(ctx, event)
	case <-ctx.Done():
		return host.Result{}, ctx.Err()
	}
}

// fault is what a function says of its failure.
type fault struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
}

func (f fault) Error() string     { return f.Type + ": " + f.Message }
func (f fault) FaultName() string { return f.Type }

// steps are planner and collector as moto's state machines call them, by name.
// Each event is handled so many times over, as Lambda may do; the last answer
// counts.
func (s *stack) steps(times int) map[string]cloudtest.Function {
	s.t.Helper()
	step := func(name string) cloudtest.Function {
		p := s.pool(name, 2, 900*time.Second)
		return func(ctx context.Context, input []byte) (output []byte, err error) {
			for range times {
				result, err := p.invoke(ctx, input)
				if err != nil {
					return nil, err
				}
				if result.Failed {
					return nil, faultOf(result)
				}
				output = result.Payload
			}
			return output, nil
		}
	}
	return map[string]cloudtest.Function{s.name + "-planner": step("planner"), s.name + "-collector": step("collector")}
}

func faultOf(result host.Result) error {
	var f fault
	if err := json.Unmarshal(result.Payload, &f); err != nil {
		return fmt.Errorf("the function failed: %s", result.Payload)
	}
	return f
}

// eventually waits until done says so; a test that waits for ever says for what.
func eventually(t *testing.T, what string, limit time.Duration, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %s still waiting: %s", limit, what)
		}
	}
}
