package app

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"rcpt/internal/enroll"
	"rcpt/internal/store"
	"rcpt/internal/suppress"
	"rcpt/internal/vendors"
)

// Suppression is the book of what keys do not want to mail.
func Suppression(p Ports) *suppress.Book {
	return suppress.New(suppress.Config{Table: p.Control, Vault: p.Vault, Secret: p.Secret, Now: p.Now})
}

// Gate is what stands in front of sequences.
func Gate(p Ports, v *VendorParts) *enroll.Gate {
	cfg := enroll.Config{
		Table: p.Control, Vault: p.Vault, Secret: p.Secret, Now: p.Now, Random: rand.Reader, Log: p.Log,
		Lists: Lists(p), Tenant: Tenant(p), Overlay: Overlay(p), Suppression: Suppression(p), Vendors: v.Chain,
	}
	if p.VendorQueue != nil {
		cfg.Later = func(ctx context.Context, pending enroll.Pending, delay time.Duration) error {
			return sendPending(ctx, p.VendorQueue, pending, delay)
		}
	}
	return enroll.New(cfg)
}

// VendorWork is a message of the vendor queue: the rest of a request for
// verdicts, or members of a sequence that were not verified in time.
type VendorWork struct {
	vendors.Rest
	Enrolment *enroll.Pending `json:"enrolment,omitempty"`
}

// enrolmentTurn bounds the work on one message; what is left is another one.
const enrolmentTurn = 50 * time.Second

// finishEnrolment verifies members, and queues those that are left.
func finishEnrolment(ctx context.Context, p Ports, gate *enroll.Gate, pending enroll.Pending) error {
	turn, cancel := context.WithTimeout(ctx, enrolmentTurn)
	defer cancel()
	left, err := gate.Finish(turn, pending)
	if err != nil || len(left.Members) == 0 {
		return err
	}
	return sendPending(ctx, p.VendorQueue, left, 0)
}

func sendPending(ctx context.Context, queue store.Queue, pending enroll.Pending, delay time.Duration) error {
	body, err := json.Marshal(struct {
		Enrolment enroll.Pending `json:"enrolment"`
	}{pending})
	if err != nil {
		return fmt.Errorf("encode pending members: %w", err)
	}
	sum := sha256.Sum256([]byte(pending.Account)) // a group takes no letters beyond ASCII
	if err := queue.Send(ctx, store.Message{Body: string(body), Group: hex.EncodeToString(sum[:16]), Delay: delay}); err != nil {
		return fmt.Errorf("queue pending members: %w", err)
	}
	return nil
}
