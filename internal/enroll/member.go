package enroll

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
	"rcpt/internal/vendors"
)

// Member is an address of a sequence.
type Member struct {
	ID           string       `json:"id"`    // 32 letters and digits; no other sequence's
	Email        string       `json:"email"` // as given when it was enrolled
	State        State        `json:"state"`
	Verification Verification `json:"verification"`
	Findings     []Finding    `json:"findings"`             // what else speaks against it
	Provider     vendors.Name `json:"provider,omitempty"`   // the vendor that gave the verdict
	Raw          string       `json:"raw_status,omitempty"` // in the vendor's words
	Detail       string       `json:"detail,omitempty"`     // why there is no verdict, for people
	EnrolledAt   time.Time    `json:"enrolled_at"`          // UTC, to the millisecond
}

// State is what is to be done about a member.
type State string

// The states.
const (
	Enrolled State = "enrolled" // nothing
	Review   State = "review"   // a person should look at it
	Waiting  State = "pending"  // its verification is under way
)

// States returns all states.
func States() []State { return []State{Enrolled, Review, Waiting} }

// Verification is what vendors made of a member.
type Verification string

// The verifications. The first four are verdicts.
const (
	Valid    Verification = "valid"
	Risky    Verification = "risky"
	Unknown  Verification = "unknown"
	Invalid  Verification = "invalid"  // came after it was enrolled: until then time did not allow
	Deadline Verification = "deadline" // time did not allow; it is finished in the background
	Failed   Verification = "failed"   // no vendor gave a verdict
	None     Verification = "none"     // there was no vendor to ask
)

// Verifications returns all of them.
func Verifications() []Verification {
	return []Verification{Valid, Risky, Unknown, Invalid, Deadline, Failed, None}
}

func (v Verification) judged() bool { return slices.Contains(Verifications()[:4], v) }

// Finding is something that is no proof and that a person should know.
type Finding string

// The findings.
const (
	SoftBounced  Finding = "soft_bounce"
	OnTrapDomain Finding = "spam_trap"
	MayBeBurner  Finding = "disposable_suspected"
)

// Findings returns all of them.
func Findings() []Finding { return []Finding{SoftBounced, OnTrapDomain, MayBeBurner} }

// settle works out the state.
func (m *Member) settle() {
	switch v := m.Verification; {
	case v == Deadline:
		m.State = Waiting
	case len(m.Findings) > 0, v == Risky, v == Unknown, v == Invalid, v == Failed:
		m.State = Review
	default:
		m.State = Enrolled
	}
}

// maxDetail bounds what of a vendor's words is kept, in octets.
const maxDetail = 300

// capped cuts a text at a whole character.
func capped(text string) string {
	if len(text) <= maxDetail {
		return text
	}
	return strings.ToValidUTF8(text[:maxDetail], "") + "…"
}

// sealContext binds sealed addresses to their key. It is one for all of a key, so
// that many are sealed with one data key.
func sealContext(k Key) map[string]string {
	return map[string]string{"purpose": "sequence", "account": k.Account, "key": k.ID}
}

// attrs are what of a member is not sealed.
func (m *Member) attrs() store.Attrs {
	findings := make([]string, len(m.Findings))
	for i, f := range m.Findings {
		findings[i] = string(f)
	}
	return store.Attrs{
		"state": string(m.State), "verification": string(m.Verification), "findings": strings.Join(findings, " "),
		"provider": string(m.Provider), "raw": m.Raw, "detail": m.Detail,
	}
}

// item is a member as it is stored.
func (p *pass) item(ctx context.Context, c *candidate) (store.Item, error) {
	sealed, err := p.cfg.Vault.Seal(ctx, []byte(c.given), sealContext(p.Key))
	if err != nil {
		return store.Item{}, fmt.Errorf("seal address of member: %w", err)
	}
	attrs := c.member.attrs()
	attrs["address"], attrs["enrolled_at"], attrs["request"] = sealed, c.member.EnrolledAt.UnixMilli(), p.token
	return store.Item{Key: memberKey(p.Key.ID, p.Sequence, c.id), Attrs: attrs}, nil
}

// open reads a member and its address.
func (g *Gate) open(ctx context.Context, key Key, item store.Item) (Member, error) {
	email, err := g.cfg.Vault.Open(ctx, item.Bytes("address"), sealContext(key))
	if err != nil {
		return Member{}, fmt.Errorf("open address of member %s: %w", item.Key.Sort, err)
	}
	return memberOf(item, string(email)), nil
}

// memberOf reads a member whose address is known.
func memberOf(item store.Item, email string) Member {
	m := Member{
		ID: item.Key.Sort, Email: email, State: State(item.Str("state")), Verification: Verification(item.Str("verification")),
		Findings: []Finding{}, Provider: vendors.Name(item.Str("provider")), Raw: item.Str("raw"), Detail: item.Str("detail"),
		EnrolledAt: time.UnixMilli(item.Int("enrolled_at")).UTC(),
	}
	for finding := range strings.FieldsSeq(item.Str("findings")) {
		m.Findings = append(m.Findings, Finding(finding))
	}
	return m
}

// find reads members by their ids.
func (g *Gate) find(ctx context.Context, key, sequence string, ids []string) (map[string]store.Item, error) {
	names := make([]store.Key, len(ids))
	for i, id := range ids {
		names[i] = memberKey(key, sequence, id)
	}
	items, err := g.cfg.Table.BatchGet(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read members: %w", err)
	}
	found := make(map[string]store.Item, len(items))
	for _, item := range items {
		found[item.Key.Sort] = item
	}
	return found, nil
}
