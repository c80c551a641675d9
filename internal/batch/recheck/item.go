package recheck

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/batch/retry"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// kept is a recheck as it is kept, in the item RVF#<id>.
type kept struct {
	Draft
	state
	id      string
	created time.Time
	attempt int64 // the next one, from 0
	done    bool
}

// state is what is sealed: it changes with each attempt.
type state struct {
	Given   string           `json:"email"`
	Past    retry.Past       `json:"past"`
	Verdict *verdict.Verdict `json:"verdict,omitempty"` // of the last attempt
}

// Attributes of an item. Times are Unix ms.
const (
	accountAttr = "account"
	keyAttr     = "key"
	testAttr    = "test"
	modeAttr    = "mode"
	policyAttr  = "policy"
	vendorsAttr = "vendors"
	urlAttr     = "url"
	createdAttr = "created"
	retryAttr   = "retry"
	attemptAttr = "attempt"
	stateAttr   = "state"
	doneAttr    = "done" // there is one
)

const partPrefix = "RVF#"

func keyOf(id string) store.Key { return store.Key{Part: partPrefix + id} }

// sealContext ties a sealed state to its recheck.
func (r kept) sealContext() map[string]string {
	return map[string]string{"account": r.Account, "purpose": "recheck", "id": r.id}
}

func (b *Book) seal(ctx context.Context, r kept) ([]byte, error) {
	text, err := json.Marshal(r.state)
	if err != nil {
		return nil, fmt.Errorf("encode recheck %s: %w", r.id, err)
	}
	sealed, err := b.cfg.Vault.Seal(ctx, text, r.sealContext())
	if err != nil {
		return nil, fmt.Errorf("seal recheck %s: %w", r.id, err)
	}
	return sealed, nil
}

// item is a new recheck. It outlives the time that it may take by the time that
// a verdict is kept.
func (b *Book) item(ctx context.Context, r kept) (store.Item, error) {
	sealed, err := b.seal(ctx, r)
	if err != nil {
		return store.Item{}, err
	}
	return store.Item{Key: keyOf(r.id), Expires: r.created.Add(patience + keep), Attrs: store.Attrs{
		accountAttr: r.Account, keyAttr: r.Key, testAttr: r.Test, modeAttr: string(r.Mode), policyAttr: r.Policy,
		vendorsAttr: r.Vendors, urlAttr: r.WebhookURL, createdAttr: r.created.UnixMilli(),
		retryAttr: r.RetryAt.UnixMilli(), attemptAttr: r.attempt, stateAttr: sealed,
	}}, nil
}

// kept reads an item.
func (b *Book) kept(ctx context.Context, item store.Item) (kept, error) {
	r := kept{
		id: strings.TrimPrefix(item.Key.Part, partPrefix),
		Draft: Draft{
			Key: item.Str(keyAttr), Account: item.Str(accountAttr), Test: item.Bool(testAttr),
			Mode: verify.Mode(item.Str(modeAttr)), Policy: item.Str(policyAttr), Vendors: item.Bool(vendorsAttr),
			WebhookURL: item.Str(urlAttr), RetryAt: time.UnixMilli(item.Int(retryAttr)).UTC(),
		},
		created: time.UnixMilli(item.Int(createdAttr)).UTC(), attempt: item.Int(attemptAttr), done: item.Bool(doneAttr),
	}
	text, err := b.cfg.Vault.Open(ctx, item.Bytes(stateAttr), r.sealContext())
	if err != nil {
		return kept{}, fmt.Errorf("open recheck %s: %w", r.id, err)
	}
	if err := json.Unmarshal(text, &r.state); err != nil {
		return kept{}, fmt.Errorf("read recheck %s: %w", r.id, err)
	}
	r.Email = r.Given
	return r, nil
}

// move changes the item to what r is now, if it still is at the attempt before.
// Further operations are written along. store.ErrCondition when it is not.
func (b *Book) move(ctx context.Context, r kept, also ...store.Op) error {
	sealed, err := b.seal(ctx, r)
	if err != nil {
		return err
	}
	u := store.Update{
		Key: keyOf(r.id), Set: store.Attrs{stateAttr: sealed, attemptAttr: r.attempt, retryAttr: r.RetryAt.UnixMilli()},
		If: []store.Cond{store.Equal(attemptAttr, r.attempt-1), store.Missing(doneAttr)},
	}
	if r.done {
		u.Set[doneAttr], u.Expires = true, b.cfg.Now().Add(keep)
	}
	if err := b.cfg.Table.Transact(ctx, append([]store.Op{store.UpdateOp(u)}, also...)); err != nil {
		return fmt.Errorf("keep recheck %s: %w", r.id, err)
	}
	return nil
}
