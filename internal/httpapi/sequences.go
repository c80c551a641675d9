package httpapi

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strings"
	"time"

	"rcpt/internal/enroll"
	"rcpt/internal/keys"
	"rcpt/internal/verify"
)

// maxEnrolment bounds the body of an enrolment, in octets (contract, "Rate
// headers").
const maxEnrolment = 256 << 10

func enrollKey(k keys.Key) enroll.Key { return enroll.Key{ID: k.ID, Account: k.Account, Test: k.Test} }

// sequenceOf reads the id of a sequence in the path, which is the caller's own.
func sequenceOf(r *http.Request) (string, error) {
	id := r.PathValue("sequence")
	if !enroll.IsSequence(id) {
		return "", badRequest("the id of a sequence has 1 to 128 letters, digits, and . _ : - of ASCII; the first is a letter or digit")
	}
	return id, nil
}

// enroll answers POST /v1/sequences/{sequence}/enroll, and counts who got in:
//
//	enrolments  addresses, by the status of the gate
func (a *api) enroll(w http.ResponseWriter, r *http.Request, c *call) error {
	request, err := a.readEnrolment(w, r, c)
	if err != nil {
		return err
	}
	deadline, leave, err := a.enterVendors(w, r, c)
	if err != nil {
		return err
	}
	defer leave()
	ctx, cancel := context.WithTimeout(r.Context(), deadline.Sub(a.Now()))
	defer cancel()
	result, err := a.Gate.Enroll(ctx, request)
	if err != nil {
		return err
	}
	a.Metric("enrolments", float64(len(result.Enrolled)), "gate", string(result.Gate.Status))
	return writeJSON(w, http.StatusOK, result)
}

func (a *api) readEnrolment(w http.ResponseWriter, r *http.Request, c *call) (enroll.Request, error) {
	request := enroll.Request{Key: enrollKey(c.key)}
	var err error
	if request.Sequence, err = sequenceOf(r); err != nil {
		return request, err
	}
	if _, err := readQuery(r); err != nil {
		return request, err
	}
	body, err := readBody(w, r, maxEnrolment)
	if err != nil {
		return request, err
	}
	var emails maybe[[]string]
	if err := decodeObject(body, map[string]any{"emails": &emails}); err != nil {
		return request, err
	}
	if request.Emails, err = bulkOf(emails); err != nil {
		return request, err
	}
	if request.Rules, err = rulesOf(c.key); err != nil {
		return request, err
	}
	request.Once, err = onceOf(r.Header, body)
	return request, err
}

// rulesOf is what the policy of a key says of what is no proof.
func rulesOf(k keys.Key) (enroll.Rules, error) {
	p, err := verify.ParsePolicy(k.Policy)
	return enroll.Rules{
		SoftBounced: p.SoftBounced, SoftBouncedRepeated: p.SoftBouncedRepeated,
		SpamTrap: p.SpamTrap, DisposableSuspected: p.DisposableSuspected,
	}, err
}

// maxOnce is the longest Idempotency-Key, in octets.
const (
	onceHeader = "Idempotency-Key"
	maxOnce    = 255
)

// onceOf reads the header Idempotency-Key ("The Idempotency-Key HTTP Header
// Field", IETF draft, 2025, whose quotes are taken as part of the key).
func onceOf(h http.Header, body []byte) (enroll.Once, error) {
	all := h.Values(onceHeader)
	if len(all) == 0 {
		return enroll.Once{}, nil
	}
	notPrintable := func(c rune) bool { return c < ' ' || c > '~' }
	if name := all[0]; len(all) > 1 || name == "" || len(name) > maxOnce || strings.ContainsFunc(name, notPrintable) {
		return enroll.Once{}, requestError{field: onceHeader, detail: "the header Idempotency-Key has 1 to 255 printable characters of ASCII, once"}
	}
	return enroll.Once{Name: all[0], Body: sha256.Sum256(body)}, nil
}

// sequenceShape is a sequence with a page of its members.
type sequenceShape struct {
	ID        string          `json:"sequence_id"`
	Total     int64           `json:"total"` // members, whatever is asked for
	CreatedAt time.Time       `json:"created_at"`
	UpdatedAt time.Time       `json:"updated_at"`
	Members   []enroll.Member `json:"members"`
	Next      *string         `json:"next"`
}

// showSequence answers GET /v1/sequences/{sequence} with its members.
func (a *api) showSequence(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := sequenceOf(r)
	if err != nil {
		return err
	}
	q, err := readQuery(r, "email", "limit", "next", "review", "state", "verification")
	if err != nil {
		return err
	}
	filter, err := q.members()
	if err != nil {
		return err
	}
	next, limit, err := q.page()
	if err != nil {
		return err
	}
	s, err := a.Gate.Find(r.Context(), enrollKey(c.key), id)
	if err != nil {
		return err
	}
	shape := sequenceShape{ID: s.ID, Total: s.Members, CreatedAt: wireTime(s.CreatedAt), UpdatedAt: wireTime(s.UpdatedAt)}
	shape.Members, next, err = a.Gate.List(r.Context(), enrollKey(c.key), id, filter, next, limit)
	if err != nil {
		return err
	}
	shape.Next = cursor(next)
	return writeJSON(w, http.StatusOK, shape)
}

// members reads which members are asked for.
func (q query) members() (f enroll.Filter, err error) {
	if f.State, err = wordIn(q, "state", enroll.States()); err != nil {
		return f, err
	}
	if f.Verification, err = wordIn(q, "verification", enroll.Verifications()); err != nil {
		return f, err
	}
	if review, given := q["review"]; given {
		if review != "true" {
			return f, badField("review", "must be true; leave it out for all members")
		}
		if f.State != "" {
			return f, badField("review", "is given beside state; give one of them")
		}
		f.State = enroll.Review
	}
	if text, given := q["email"]; given {
		f.Address, err = emailOf(&text)
	}
	return f, err
}

// wordIn is the parameter as one of some words; absent, it is empty.
func wordIn[T ~string](q query, name string, words []T) (T, error) {
	text, given := q[name]
	if !given {
		return "", nil
	}
	var all []string
	for _, word := range words {
		if string(word) == text {
			return word, nil
		}
		all = append(all, string(word))
	}
	return "", badField(name, "must be one of %s", strings.Join(all, ", "))
}

// deleteSequence answers DELETE /v1/sequences/{sequence}.
func (a *api) deleteSequence(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := sequenceOf(r)
	if err != nil {
		return err
	}
	if err := a.Gate.Delete(r.Context(), enrollKey(c.key), id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removeMember answers DELETE /v1/sequences/{sequence}/members/{member}.
func (a *api) removeMember(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := sequenceOf(r)
	if err != nil {
		return err
	}
	if err := a.Gate.Remove(r.Context(), enrollKey(c.key), id, r.PathValue("member")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// removeMembers answers DELETE /v1/sequences/{sequence}/members. The addresses
// stand in the body, for paths are logged on the way to us.
func (a *api) removeMembers(w http.ResponseWriter, r *http.Request, c *call) error {
	id, err := sequenceOf(r)
	if err != nil {
		return err
	}
	addresses, err := readAddresses(w, r, map[string]any{})
	if err != nil {
		return err
	}
	removed, err := a.Gate.RemoveAddresses(r.Context(), enrollKey(c.key), id, addresses...)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, struct {
		ID      string `json:"sequence_id"`
		Removed int    `json:"removed"`
	}{id, removed})
}
