package embedded

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"time"

	"rcpt/internal/embedded/asl"
	"rcpt/internal/store"
)

// Function is what a task calls, with JSON in and out, as a Lambda function is.
// It may be called again with the same input.
type Function func(ctx context.Context, input []byte) ([]byte, error)

// ErrNoFunction: the machine calls a function that Run was not given.
var ErrNoFunction = errors.New("no such function")

// Workflow is a store.Workflow in control.db: executions begun are kept there,
// move on while Run runs, and go on where they were when it runs again, be it in
// the next process.
type Workflow struct {
	table   *table
	name    string
	machine *asl.Machine
	random  io.Reader
	bells   *bells
}

// Workflow opens the executions of the machine of this name. The machine may
// have changed since they began: one whose state is gone fails.
func (db *DB) Workflow(name string, machine *asl.Machine) *Workflow {
	return &Workflow{table: db.control, name: name, machine: machine, random: db.vault.random, bells: &db.bells}
}

// keepEnded is how long the name of an ended execution is taken, as with Step
// Functions.
const keepEnded = 90 * 24 * time.Hour

// Start begins an execution, which needs no Run to be kept.
func (w *Workflow) Start(ctx context.Context, name string, input []byte) error {
	if err := errors.Join(store.CheckExecution(name), store.CheckPayload(input)); err != nil {
		return err
	}
	err := w.table.commit(ctx, func(e *edit) error {
		b, err := e.workflow(w.name)
		if err != nil {
			return err
		}
		now := w.table.now()
		old, err := b.read(name)
		if err == nil && (old.Ended.IsZero() || now.Sub(old.Ended) < keepEnded) {
			return nil
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		return b.write(e, nil, w.machine.Begin(name, input, now))
	})
	if err != nil {
		return fmt.Errorf("start execution %s: %w", name, err)
	}
	w.bells.ring(w.bell(""))
	return nil
}

// Stop ends an execution.
func (w *Workflow) Stop(ctx context.Context, name, cause string) error {
	if err := errors.Join(store.CheckExecution(name), store.CheckFailure("", cause)); err != nil {
		return err
	}
	err := w.change(ctx, name, func(x *asl.Execution, out asl.Outside) error {
		x.Stop(cause, out.Now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("stop execution %s: %w", name, err)
	}
	return nil
}

// Succeed ends a task.
func (w *Workflow) Succeed(ctx context.Context, token string, output []byte) error {
	if err := store.CheckPayload(output); err != nil {
		return err
	}
	return w.answer(ctx, "finish task", token, func(x *asl.Execution, out asl.Outside) bool {
		return w.machine.Succeed(x, token, output, out)
	})
}

// Fail ends a task.
func (w *Workflow) Fail(ctx context.Context, token, fault, cause string) error {
	if err := store.CheckFailure(fault, cause); err != nil {
		return err
	}
	return w.answer(ctx, "fail task", token, func(x *asl.Execution, out asl.Outside) bool {
		return w.machine.Fail(x, token, &asl.Fault{Name: fault, Cause: cause}, out)
	})
}

// Heartbeat keeps a task alive.
func (w *Workflow) Heartbeat(ctx context.Context, token string) error {
	return w.answer(ctx, "keep task alive", token, func(x *asl.Execution, out asl.Outside) bool {
		return w.machine.Heartbeat(x, token, out)
	})
}

// answer carries out what somebody says to a token.
func (w *Workflow) answer(ctx context.Context, what, token string, say func(*asl.Execution, asl.Outside) (alive bool)) error {
	if err := store.CheckToken(token); err != nil {
		return err
	}
	name, err := w.holder(ctx, token)
	if err == nil {
		err = w.change(ctx, name, func(x *asl.Execution, out asl.Outside) error {
			if !say(x, out) {
				return store.ErrFinished
			}
			return nil
		})
	}
	if errors.Is(err, store.ErrNotFound) {
		err = store.ErrFinished
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Execution returns how an execution is. ErrNotFound when there is none.
func (w *Workflow) Execution(ctx context.Context, name string) (*asl.Execution, error) {
	if err := store.CheckExecution(name); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	x, err := w.look(name)
	if err != nil {
		return nil, fmt.Errorf("read execution %s: %w", name, err)
	}
	return x, nil
}

// change reads, changes and writes an execution in one commit; one that comes out
// as it was is not written. What say has done is kept even if it ends in an error:
// what has run out of time has done so.
func (w *Workflow) change(ctx context.Context, name string, say func(*asl.Execution, asl.Outside) error) error {
	out, err := w.outside()
	if err != nil {
		return err
	}
	err = w.table.commit(ctx, func(e *edit) error {
		b, err := e.workflow(w.name)
		if err != nil {
			return err
		}
		old, err := b.read(name)
		if err != nil {
			return err
		}
		x, err := b.read(name)
		if err != nil {
			return err
		}
		out.Now = w.table.now()
		said := say(x, out)
		if err := b.write(e, old, x); err != nil {
			return err
		}
		return said
	})
	w.bells.ring(w.bell(name))
	return err
}

// outside draws the randomness of one change. What is not to be guessed about an
// id is the seed.
func (w *Workflow) outside() (asl.Outside, error) {
	var seed [32]byte
	if _, err := io.ReadFull(w.random, seed[:]); err != nil {
		return asl.Outside{}, fmt.Errorf("read randomness: %w", err)
	}
	jitter := rand.New(rand.NewPCG(binary.BigEndian.Uint64(seed[:]), binary.BigEndian.Uint64(seed[8:])))
	prefix, n := base64.RawURLEncoding.EncodeToString(seed[16:]), 0
	return asl.Outside{
		Now:  w.table.now(),
		Rand: jitter.Float64,
		ID:   func() string { n++; return prefix + strconv.Itoa(n) },
	}, nil
}

// bell is what those who wait for an execution listen to; with no name, for any
// new one.
func (w *Workflow) bell(execution string) string { return "workflow " + w.name + " " + execution }
