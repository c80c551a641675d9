package embedded

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"time"

	"golang.org/x/sync/errgroup"

	"rcpt/internal/embedded/asl"
)

// Run carries out the executions, all at once, until ctx is done; then it waits
// for the functions that are being called, whose context is done too, and drops
// what they return: they are called again by the next Run. Only one Run at a time.
//
// ErrNoFunction when the machine calls a function that is not there. Any other
// error is one of the file, after which executions stand where they were.
func (w *Workflow) Run(ctx context.Context, functions map[string]Function) error {
	for _, name := range w.machine.Functions() {
		if functions[name] == nil {
			return fmt.Errorf("%w: %s", ErrNoFunction, name)
		}
	}
	group, inside := errgroup.WithContext(ctx)
	r := &runner{Workflow: w, functions: functions, group: group}
	group.Go(func() error { return r.watch(inside) })
	err := group.Wait()
	if ctx.Err() != nil {
		return nil
	}
	return err
}

type runner struct {
	*Workflow
	functions map[string]Function
	group     *errgroup.Group
}

// watch follows each execution as it appears.
func (r *runner) watch(ctx context.Context) error {
	followed := map[string]bool{}
	tidy := time.NewTicker(24 * time.Hour)
	defer tidy.Stop()
	if err := r.forget(ctx, r.table.now()); err != nil {
		return fmt.Errorf("forget executions: %w", err)
	}
	for {
		changed := r.bells.listen(r.bell(""))
		names, err := r.running()
		if err != nil {
			return fmt.Errorf("list executions: %w", err)
		}
		running := make(map[string]bool, len(names))
		for _, name := range names {
			if running[name] = true; !followed[name] {
				r.group.Go(func() error { return r.follow(ctx, name) })
			}
		}
		followed = running
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		case <-tidy.C:
			if err := r.forget(ctx, r.table.now()); err != nil {
				return fmt.Errorf("forget executions: %w", err)
			}
		}
	}
}

// answer is what a function returned to the task with this ID.
type answer struct {
	id     string
	output []byte
	err    error
}

// follow carries out one execution to its end.
func (r *runner) follow(ctx context.Context, name string) error {
	defer r.bells.forget(r.bell(name))
	answers, over := make(chan answer), make(chan struct{})
	defer close(over)
	calling := ""
	for {
		changed := r.bells.listen(r.bell(name))
		action, ended, err := r.next(ctx, name)
		if err != nil || ended {
			return err
		}
		if action.Call != "" && action.Call != calling {
			calling = action.Call
			r.group.Go(func() error {
				a := answer{id: action.Call}
				a.output, a.err = invoke(ctx, r.functions[action.Function], action.Payload)
				select {
				case answers <- a:
				case <-over:
				}
				return nil
			})
		}
		if err := r.await(ctx, name, action.Until, changed, answers); err != nil {
			return err
		}
	}
}

// lookAgain is how long a timer is trusted: it stands still while the machine
// sleeps, and knows nothing of a clock that is set.
const lookAgain = time.Minute

// await returns when there may be something to do.
func (r *runner) await(ctx context.Context, name string, until time.Time, changed <-chan struct{}, answers <-chan answer) error {
	var look <-chan time.Time
	if !until.IsZero() {
		// Not at once, so that a clock that disagrees with the timer costs no loop.
		timer := time.NewTimer(min(max(until.Sub(r.table.now()), time.Millisecond), lookAgain))
		defer timer.Stop()
		look = timer.C
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-changed:
	case <-look:
	case a := <-answers:
		err := r.change(ctx, name, func(x *asl.Execution, out asl.Outside) error {
			r.machine.Return(x, a.id, a.output, a.err, out)
			return nil
		})
		if err != nil {
			return fmt.Errorf("keep answer for execution %s: %w", name, err)
		}
	}
	return nil
}

// next moves an execution on and keeps where it stands.
func (r *runner) next(ctx context.Context, name string) (action asl.Action, ended bool, err error) {
	x, err := r.look(name)
	if err != nil {
		return asl.Action{}, false, fmt.Errorf("read execution %s: %w", name, err)
	}
	out, err := r.outside()
	if err != nil {
		return asl.Action{}, false, err
	}
	before := *x
	if x.Task != nil {
		task := *x.Task
		before.Task = &task
	}
	if action = r.machine.Next(x, out); reflect.DeepEqual(before, *x) {
		return action, x.Status != asl.Running, nil // where it stood already: nothing to keep
	}
	err = r.change(ctx, name, func(x *asl.Execution, out asl.Outside) error {
		action = r.machine.Next(x, out)
		ended = x.Status != asl.Running
		return nil
	})
	if err != nil {
		return asl.Action{}, false, fmt.Errorf("keep execution %s: %w", name, err)
	}
	return action, ended, nil
}

// invoke calls a function; a panic is an error, as it is on Lambda.
func invoke(ctx context.Context, f Function, payload json.RawMessage) (output []byte, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			err = &asl.Fault{Name: reflect.TypeOf(reason).String(), Cause: fmt.Sprint(reason)}
		}
	}()
	return f(ctx, payload)
}
