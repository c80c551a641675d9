package vendors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"rcpt/internal/address"
	"rcpt/internal/store"
)

// Rest is a message about addresses that a request did not reach in its time.
// Who finishes them makes the same request's repeat a matter of the cache.
type Rest struct {
	Account string    `json:"account"`
	Key     string    `json:"key"`
	Action  Action    `json:"action"`
	Subject string    `json:"subject,omitempty"`
	Cap     Cap       `json:"cap,omitzero"`
	Sealed  []byte    `json:"addresses"` // a JSON array of strings, sealed for the account
	Until   time.Time `json:"until"`     // given up afterwards
	Tries   int       `json:"tries"`     // how often vendors have failed what is left
}

// How long the rest of a request is pursued. A verdict that comes much later than
// its request serves nobody, and costs as much.
const (
	restLife  = 2 * time.Hour
	restTries = 3           // with vendors that fail
	restPause = time.Minute // before each of those; longer than most rests of a key

	// restTurn bounds the work on one message, within the invocation that
	// restMargin is kept back of for handing on what is left.
	restTurn   = 50 * time.Second
	restMargin = 2 * time.Second
)

// Rests hands the rest of requests to a queue and finishes them. It is safe for
// concurrent use. Addresses are sealed in the messages: what lies in a queue, its
// dead letters among them, tells nobody who was asked about.
type Rests struct {
	chain *Chain
	queue store.Queue
	vault store.Vault
}

// NewRests returns Rests over a queue of their own.
func NewRests(chain *Chain, queue store.Queue, vault store.Vault) *Rests {
	return &Rests{chain: chain, queue: queue, vault: vault}
}

// Leave sends the addresses of a request to the queue. The error is the Queue's
// or the Vault's.
func (r *Rests) Leave(ctx context.Context, q Request, addresses []address.Address) error {
	m := Rest{
		Account: q.Account, Key: q.Key, Action: q.Action, Subject: q.Subject, Cap: q.Cap, Until: r.chain.cfg.Now().UTC().Add(restLife),
	}
	return r.send(ctx, m, addresses, 0)
}

func (r *Rests) send(ctx context.Context, m Rest, addresses []address.Address, delay time.Duration) error {
	texts := make([]string, len(addresses))
	for i, a := range addresses {
		texts[i] = a.String()
	}
	plain, err := json.Marshal(texts)
	if err != nil {
		return fmt.Errorf("encode rest of request: %w", err)
	}
	if m.Sealed, err = r.vault.Seal(ctx, plain, restContext(m.Account)); err != nil {
		return fmt.Errorf("seal rest of request: %w", err)
	}
	body, err := json.Marshal(m)
	if err != nil {
		return fmt.Errorf("encode rest of request: %w", err)
	}
	sum := sha256.Sum256([]byte(m.Account)) // a group takes no letters beyond ASCII
	if err := r.queue.Send(ctx, store.Message{Body: string(body), Group: hex.EncodeToString(sum[:16]), Delay: delay}); err != nil {
		return fmt.Errorf("queue rest of request: %w", err)
	}
	return nil
}

func restContext(account string) map[string]string {
	return map[string]string{"account": account, "purpose": "vendor-rest"}
}

// Finish verifies the addresses of a message. What it does not reach, and a few
// times what vendors fail, goes back to the queue. An error means that the
// message shall come again; one that comes twice finds its verdicts known. What
// can never be finished is logged.
func (r *Rests) Finish(ctx context.Context, m Rest) error {
	log := r.chain.cfg.Log
	if !r.chain.cfg.Now().Before(m.Until) {
		log.Warn("rest of request given up", "key", m.Key, "action", m.Action)
		return nil
	}
	addresses, err := r.open(ctx, m)
	if err != nil {
		if errors.Is(err, store.ErrSealed) {
			log.Error("rest of request not readable", "key", m.Key, "error", err)
			return nil
		}
		return err
	}
	outcomes, err := r.turn(ctx, m, addresses)
	if errors.Is(err, ErrNone) {
		return nil // the account's keys were taken away meanwhile
	}
	if err != nil {
		return err
	}
	return r.handOn(ctx, m, addresses, outcomes, log)
}

func (r *Rests) open(ctx context.Context, m Rest) ([]address.Address, error) {
	plain, err := r.vault.Open(ctx, m.Sealed, restContext(m.Account))
	if err != nil {
		return nil, fmt.Errorf("open rest of request: %w", err)
	}
	var texts []string
	if err := json.Unmarshal(plain, &texts); err != nil {
		return nil, fmt.Errorf("read rest of request: %w: %w", store.ErrSealed, err)
	}
	addresses := make([]address.Address, 0, len(texts))
	for _, text := range texts {
		if a, err := address.Parse(text); err == nil { // it was printed by one
			addresses = append(addresses, a)
		}
	}
	return addresses, nil
}

// turn is the work within one invocation.
func (r *Rests) turn(ctx context.Context, m Rest, addresses []address.Address) ([]Outcome, error) {
	end := time.Now().Add(restTurn)
	if limit, has := ctx.Deadline(); has && limit.Add(-restMargin).Before(end) {
		end = limit.Add(-restMargin)
	}
	ctx, cancel := context.WithDeadline(ctx, end)
	defer cancel()
	return r.chain.VerifyAll(ctx, Request{Account: m.Account, Key: m.Key, Action: m.Action, Subject: m.Subject, Cap: m.Cap}, addresses)
}

// handOn sends what is left as messages of their own: what was late at once,
// what vendors failed after a pause.
func (r *Rests) handOn(ctx context.Context, m Rest, addresses []address.Address, outcomes []Outcome, log *slog.Logger) error {
	var late, failed []address.Address
	for i, o := range outcomes {
		switch {
		case o.Err == nil, errors.Is(o.Err, ErrCap), refused(o.Err):
		case errors.Is(o.Err, ErrLate):
			late = append(late, addresses[i])
		default:
			failed = append(failed, addresses[i])
		}
	}
	if len(late) > 0 {
		if err := r.send(ctx, m, late, 0); err != nil {
			return err
		}
	}
	if m.Tries++; len(failed) == 0 {
		return nil
	}
	if m.Tries >= restTries {
		log.Warn("rest of request given up", "key", m.Key, "action", m.Action, "addresses", len(failed))
		return nil
	}
	return r.send(ctx, m, failed, time.Duration(m.Tries)*restPause)
}

// refused reports that a vendor found the address malformed, which it will be the
// next time, too.
func refused(err error) bool {
	var failed *FailedError
	return errors.As(err, &failed) && failed.Refused()
}

// Refused reports that a vendor, which was the last one asked, found the request
// malformed.
func (e *FailedError) Refused() bool {
	return len(e.Trace) > 0 && e.Trace[len(e.Trace)-1].Outcome == string(Bad)
}
