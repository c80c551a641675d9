package batch

import (
	"encoding/json"
	"fmt"
	"time"

	"rcpt/internal/store"
)

// Kind says what a Message asks for.
type Kind string

// The kinds.
const (
	KindShard   Kind = "shard"   // ask the addresses of a shard
	KindStart   Kind = "start"   // begin the execution of a job, if nobody has
	KindSettle  Kind = "settle"  // finish the waiting task of a job, if it is complete
	KindRecheck Kind = "recheck" // ask an address again, see batch/recheck
)

// Message is what lies in the queue of probes. It holds no address.
type Message struct {
	Kind      Kind   `json:"kind"`
	Job       string `json:"job,omitempty"`
	Shard     int64  `json:"shard,omitempty"`
	Attempt   int64  `json:"attempt,omitempty"` // of the shard, from 0; of a recheck likewise
	Items     string `json:"items,omitempty"`   // blob with the addresses of the attempt: a plan.Shard, then what batch/prober left
	Recheck   string `json:"recheck,omitempty"` // id
	NotBefore int64  `json:"not_before,omitempty"`
}

// Wait is how long before the message may be dealt with; 0 if it may.
func (m Message) Wait(now time.Time) time.Duration {
	return max(0, time.UnixMilli(m.NotBefore).Sub(now))
}

// Post makes what goes into the queue: held back as long as a queue can and
// the message wants. The group is the account, so that queues serve accounts in
// turn.
func (m Message) Post(account string, now time.Time) (store.Message, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return store.Message{}, fmt.Errorf("encode message: %w", err)
	}
	return store.Message{Body: string(body), Group: groupOf(account), Delay: min(m.Wait(now), store.MaxDelay)}, nil
}

// Step is the input of a task of the state machine.
type Step struct {
	Step   string `json:"step"` // ingest, plan, drain, close, collect, finish, forget, abandon
	Job    string `json:"job"`
	Cursor string `json:"cursor,omitempty"`
	Token  string `json:"token,omitempty"` // drain
	Error  string `json:"error,omitempty"` // abandon: the name of what went wrong
	Cause  string `json:"cause,omitempty"`
}

// Next is the output of a task: where the step goes on, and what comes next.
type Next struct {
	Cursor  string `json:"cursor"`
	Next    string `json:"next"`
	Seconds int64  `json:"seconds"` // plan: to the deadline; finish and abandon: until the job is forgotten; at least 1
}
