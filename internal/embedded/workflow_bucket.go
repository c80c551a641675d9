package embedded

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/embedded/asl"
	"rcpt/internal/store"
)

// A workflow is a bucket of the bucket "workflows" with three buckets of its own.
//
//	executions  name → asl.Execution as JSON
//	running     name of each that has not ended → nothing
//	tokens      token that is alive → name of its execution
type workflowBucket struct{ executions, running, tokens *bolt.Bucket }

var workflowBuckets = [...]string{"executions", "running", "tokens"}

func openWorkflow(tx *bolt.Tx, name string) (b workflowBucket, has bool) {
	all := tx.Bucket([]byte("workflows"))
	if all == nil {
		return workflowBucket{}, false
	}
	one := all.Bucket([]byte(name))
	if one == nil {
		return workflowBucket{}, false
	}
	return workflowBucket{one.Bucket([]byte("executions")), one.Bucket([]byte("running")), one.Bucket([]byte("tokens"))}, true
}

// workflow returns a workflow to write to.
func (e *edit) workflow(name string) (workflowBucket, error) {
	if b, has := openWorkflow(e.tx, name); has {
		return b, nil
	}
	if err := e.nest("workflows", name, workflowBuckets[:]); err != nil {
		return workflowBucket{}, err
	}
	b, _ := openWorkflow(e.tx, name)
	return b, nil
}

// read returns an execution. ErrNotFound when there is none.
func (b workflowBucket) read(name string) (*asl.Execution, error) {
	value := b.executions.Get([]byte(name))
	if value == nil {
		return nil, store.ErrNotFound
	}
	x := &asl.Execution{}
	if err := json.Unmarshal(value, x); err != nil {
		return nil, fmt.Errorf("%w: execution %s: %w", errEncoding, name, err)
	}
	return x, nil
}

// write keeps an execution that was old before, nil if it is new.
func (b workflowBucket) write(e *edit, old, x *asl.Execution) error {
	value, err := json.Marshal(x)
	if err != nil {
		return fmt.Errorf("encode execution: %w", err)
	}
	name := []byte(x.Name)
	if old != nil && bytes.Equal(b.executions.Get(name), value) {
		return nil
	}
	e.changed = true
	put := []error{b.executions.Put(name, value)}
	if x.Ended.IsZero() {
		put = append(put, b.running.Put(name, nil))
	} else {
		put = append(put, b.running.Delete(name))
	}
	if was, is := tokenOf(old), tokenOf(x); was != is {
		put = append(put, b.retoken(was, is, name)...)
	}
	for _, err := range put {
		if err != nil {
			return e.broken(err)
		}
	}
	return nil
}

func (b workflowBucket) retoken(was, is string, name []byte) (errs []error) {
	if was != "" {
		errs = append(errs, b.tokens.Delete([]byte(was)))
	}
	if is != "" {
		errs = append(errs, b.tokens.Put([]byte(is), name))
	}
	return errs
}

func tokenOf(x *asl.Execution) string {
	if x == nil || x.Task == nil {
		return ""
	}
	return x.Task.Token
}

// view reads from a workflow; do is not called when nobody has written to it.
func (w *Workflow) view(do func(workflowBucket) error) error {
	return w.table.bolt.View(func(tx *bolt.Tx) error {
		b, has := openWorkflow(tx, w.name)
		if !has {
			return nil
		}
		return do(b)
	})
}

// look reads an execution. ErrNotFound when there is none.
func (w *Workflow) look(name string) (x *asl.Execution, err error) {
	err = w.view(func(b workflowBucket) (err error) {
		x, err = b.read(name)
		return err
	})
	if err == nil && x == nil {
		err = store.ErrNotFound
	}
	return x, err
}

// holder returns whose token it is. ErrNotFound when it is dead.
func (w *Workflow) holder(ctx context.Context, token string) (name string, err error) {
	if err := ctx.Err(); err != nil {
		return "", err
	}
	err = w.view(func(b workflowBucket) error {
		name = string(b.tokens.Get([]byte(token)))
		return nil
	})
	if err == nil && name == "" {
		err = store.ErrNotFound
	}
	return name, err
}

// running lists the executions that have not ended.
func (w *Workflow) running() (names []string, err error) {
	err = w.view(func(b workflowBucket) error {
		return b.running.ForEach(func(name, _ []byte) error {
			names = append(names, string(name))
			return nil
		})
	})
	return names, err
}

// forget removes executions whose names are free again.
func (w *Workflow) forget(ctx context.Context, now time.Time) error {
	var old []string
	err := w.view(func(b workflowBucket) error {
		return b.executions.ForEach(func(name, _ []byte) error {
			x, err := b.read(string(name))
			if err == nil && !x.Ended.IsZero() && now.Sub(x.Ended) >= keepEnded {
				old = append(old, string(name))
			}
			return err
		})
	})
	if err != nil || len(old) == 0 {
		return err
	}
	return w.table.commit(ctx, func(e *edit) error {
		b, err := e.workflow(w.name)
		if err != nil {
			return err
		}
		for _, name := range old {
			// It may have been begun anew since it was found.
			if x, err := b.read(name); err != nil || x.Ended.IsZero() || now.Sub(x.Ended) < keepEnded {
				continue
			}
			e.changed = true
			if err := b.executions.Delete([]byte(name)); err != nil {
				return e.broken(err)
			}
		}
		return nil
	})
}
