package enroll

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"rcpt/internal/store"
)

// Once names a request, so that it is carried out once however often it is sent.
type Once struct {
	Name string            // the Idempotency-Key, 1 to 255 octets; "": none
	Body [sha256.Size]byte // of the request
}

const (
	// onceLife is how long a name is known.
	onceLife = 24 * time.Hour

	// claimLife is how long a request that has no answer yet keeps others away:
	// longer than any takes. Then its process is dead, and the next may begin.
	claimLife = time.Minute

	// closeTime bounds the writes that end a claim. They go on when the caller has
	// hung up.
	closeTime = 2 * time.Second

	// maxAnswer bounds an answer that is read back, in octets.
	maxAnswer = 4 << 20
)

// claim is the right to carry out a request.
type claim struct {
	token string // the same for every try of one request, another for any other
	turn  int64  // of the claim of a named one; 0: it has no name
}

func (g *Gate) onceKey(r Request) store.Key {
	return store.Key{Part: "IDEM#" + r.Key.ID, Sort: "enroll#" + g.digest("once", r.Key.ID, r.Sequence, r.Once.Name)}
}

// begin claims a request, or returns the answer that it had.
func (g *Gate) begin(ctx context.Context, r Request) (claim, *Result, error) {
	chance := make([]byte, 16)
	if _, err := io.ReadFull(g.cfg.Random, chance); err != nil {
		return claim{}, nil, fmt.Errorf("draw name of request: %w", err)
	}
	fresh := claim{token: hex.EncodeToString(chance)}
	if r.Once.Name == "" {
		return fresh, nil, nil
	}
	fresh.turn = 1
	now := g.cfg.Now()
	item := store.Item{Key: g.onceKey(r), Expires: now.Add(onceLife), Attrs: store.Attrs{
		"body": r.Once.Body[:], "token": fresh.token, "turn": fresh.turn, "until": now.Add(claimLife).UnixMilli(),
	}}
	err := g.cfg.Table.Put(ctx, item, store.Absent())
	if errors.Is(err, store.ErrCondition) {
		return g.again(ctx, r)
	}
	if err != nil {
		return claim{}, nil, fmt.Errorf("claim request: %w", err)
	}
	return fresh, nil, nil
}

// again is begin for a name that is known.
func (g *Gate) again(ctx context.Context, r Request) (claim, *Result, error) {
	item, err := g.cfg.Table.Get(ctx, g.onceKey(r))
	if errors.Is(err, store.ErrNotFound) {
		return claim{}, nil, ErrInProgress // it ended this moment
	}
	if err != nil {
		return claim{}, nil, fmt.Errorf("read request: %w", err)
	}
	if !bytes.Equal(item.Bytes("body"), r.Once.Body[:]) {
		return claim{}, nil, ErrReused
	}
	if sealed := item.Bytes("answer"); sealed != nil {
		answer, err := g.answer(ctx, r, sealed)
		return claim{}, answer, err
	}
	now := g.cfg.Now()
	if item.Int("until") > now.UnixMilli() {
		return claim{}, nil, ErrInProgress
	}
	// Whoever began it is dead. Members that it wrote carry the token.
	turn := item.Int("turn")
	_, err = g.cfg.Table.Update(ctx, store.Update{
		Key: item.Key, Set: store.Attrs{"turn": turn + 1, "until": now.Add(claimLife).UnixMilli()},
		If: []store.Cond{store.Equal("turn", turn), store.Missing("answer")},
	})
	if errors.Is(err, store.ErrCondition) {
		return claim{}, nil, ErrInProgress
	}
	if err != nil {
		return claim{}, nil, fmt.Errorf("claim request: %w", err)
	}
	return claim{token: item.Str("token"), turn: turn + 1}, nil, nil
}

// keep stores the answer. Without it the request is carried out again when it
// comes again, and comes to the same.
func (g *Gate) keep(ctx context.Context, r Request, c claim, result Result) {
	if c.turn == 0 {
		return
	}
	sealed, err := g.sealAnswer(ctx, r, result)
	if err == nil {
		err = g.end(ctx, r, c, store.Attrs{"answer": sealed})
	}
	if err != nil {
		g.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "answer of enrolment not kept", slog.String("error", err.Error()))
		g.release(ctx, r, c)
	}
}

// release lets the next try begin at once.
func (g *Gate) release(ctx context.Context, r Request, c claim) {
	if c.turn == 0 {
		return
	}
	if err := g.end(ctx, r, c, store.Attrs{"until": int64(0)}); err != nil {
		g.cfg.Log.LogAttrs(ctx, slog.LevelWarn, "claim of enrolment not released", slog.String("error", err.Error()))
	}
}

func (g *Gate) end(ctx context.Context, r Request, c claim, set store.Attrs) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTime)
	defer cancel()
	_, err := g.cfg.Table.Update(ctx, store.Update{
		Key: g.onceKey(r), Set: set, If: []store.Cond{store.Equal("turn", c.turn), store.Missing("answer")},
	})
	return err
}

// sealAnswer packs an answer, for it has to fit into an item: addresses of 256 KB
// and what is said of them.
func (g *Gate) sealAnswer(ctx context.Context, r Request, result Result) ([]byte, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if err := json.NewEncoder(z).Encode(result); err != nil {
		return nil, fmt.Errorf("encode answer: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack answer: %w", err)
	}
	return g.cfg.Vault.Seal(ctx, packed.Bytes(), sealContext(r.Key))
}

func (g *Gate) answer(ctx context.Context, r Request, sealed []byte) (*Result, error) {
	packed, err := g.cfg.Vault.Open(ctx, sealed, sealContext(r.Key))
	if err != nil {
		return nil, fmt.Errorf("open answer: %w", err)
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("unpack answer: %w", err)
	}
	var result Result
	if err := json.NewDecoder(io.LimitReader(z, maxAnswer)).Decode(&result); err != nil {
		return nil, fmt.Errorf("decode answer: %w", err)
	}
	return &result, nil
}
