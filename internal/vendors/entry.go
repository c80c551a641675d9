package vendors

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"rcpt/internal/store"
)

// Action says what a verification was for.
type Action string

// The actions, as on the wire: "action_type".
const (
	Manual    Action = "manual"
	Bulk      Action = "bulk"
	Enrolment Action = "sequence_enrollment"
	Job       Action = "job"
	Realtime  Action = "realtime"
)

// State is how far a verification came.
type State string

// The states.
const (
	Answered State = "answered"
	Cached   State = "cached"
	Failed   State = "failed"
	Open     State = "open" // under way, or its process died: a call may have been paid that is not counted
)

// Step is what happened at one key.
type Step struct {
	Vendor  Name          `json:"provider"`
	KeyID   int64         `json:"key_id"`
	Outcome string        `json:"outcome"` // "answered", a Class, "paused", "busy" or "deadline"
	Error   string        `json:"error,omitempty"`
	Latency time.Duration `json:"latency,omitempty"`
}

// The outcomes of a Step beside those of a Class.
const (
	stepAnswered = "answered"
	stepPaused   = "paused"   // the key rests, it was not asked
	stepBusy     = "busy"     // no place among the calls at once came free in time
	stepDeadline = "deadline" // too little time was left to ask
)

// Entry is a line of an account's log.
type Entry struct {
	ID      string // names the entry within the account; later ones sort after earlier ones
	At      time.Time
	APIKey  string // id of the API key that asked
	Action  Action
	Subject string // what it was for: id of a sequence, of a job; ""
	Email   string
	State   State
	Vendor  Name // who answered; of Open: who is being asked
	KeyID   int64
	Result  Result
	Cost    int64 // micro-dollars, by list price
	Latency time.Duration
	Trace   []Step
	Error   string // of Failed
}

// stored is what of an entry is kept as JSON: nothing asks for it alone.
type stored struct {
	Disposable *bool    `json:"disposable,omitempty"`
	Role       *bool    `json:"role,omitempty"`
	CatchAll   *bool    `json:"catch_all,omitempty"`
	Confidence *float64 `json:"confidence,omitempty"`
	Trace      []Step   `json:"trace,omitempty"`
	Error      string   `json:"error,omitempty"`
	Doubt      Doubt    `json:"doubt,omitempty"`
}

// attrs writes the outcome of an entry; what does not change is written when it
// begins.
func (e Entry) attrs() store.Attrs {
	more, err := json.Marshal(stored{
		Disposable: e.Result.Disposable, Role: e.Result.Role, CatchAll: e.Result.CatchAll, Confidence: e.Result.Confidence,
		Trace: e.Trace, Error: e.Error, Doubt: e.Result.Doubt,
	})
	if err != nil { // numbers are between 0 and 1
		more = nil
	}
	return store.Attrs{
		"state": string(e.State), "vendor": string(e.Vendor), "key_id": e.KeyID,
		"status": string(e.Result.Status), "deliverability": string(e.Result.Deliverability), "raw": e.Result.Raw,
		"cost": e.Cost, "latency_us": e.Latency.Microseconds(), "more": more,
	}
}

// entryOf reads an entry but for its address, which is sealed.
func entryOf(item store.Item) Entry {
	var more stored
	if json.Unmarshal(item.Bytes("more"), &more) != nil {
		more = stored{} // of another version: what it told beside is lost, the entry is not
	}
	return Entry{
		ID: entryID(item.Key.Sort), At: time.UnixMicro(item.Int("at_us")).UTC(),
		APIKey: item.Str("api_key"), Action: Action(item.Str("action")), Subject: item.Str("subject"),
		State: State(item.Str("state")), Vendor: Name(item.Str("vendor")), KeyID: item.Int("key_id"),
		Result: Result{
			Status: Status(item.Str("status")), Deliverability: Deliverability(item.Str("deliverability")), Raw: item.Str("raw"),
			Disposable: more.Disposable, Role: more.Role, CatchAll: more.CatchAll, Confidence: more.Confidence, Doubt: more.Doubt,
		},
		Cost: item.Int("cost"), Latency: time.Duration(item.Int("latency_us")) * time.Microsecond,
		Trace: more.Trace, Error: more.Error,
	}
}

const (
	logPart = "LOG#"

	// logTime is of one width, so that its order is that of time.
	logTime = "20060102T150405.000000Z"

	// logLife is how long entries and counts are kept: usage is reported for up
	// to a year.
	logLife = 400 * 24 * time.Hour
)

func logKey(account, id string) store.Key {
	return store.Key{Part: logPart + account, Sort: strings.Replace(id, "-", "#", 1)}
}

// newEntryID joins time and chance. In a URL "#" would begin the fragment.
func newEntryID(at time.Time, chance string) string { return at.UTC().Format(logTime) + "-" + chance }

func entryID(sort string) string { return strings.Replace(sort, "#", "-", 1) }

// isEntryID keeps anything else out of storage keys.
func isEntryID(id string) bool {
	when, chance, ok := strings.Cut(id, "-")
	_, err := time.Parse(logTime, when)
	return ok && err == nil && len(when) == len(logTime) && len(chance) == chanceLetters && strings.Trim(chance, chanceAlphabet) == ""
}

const (
	chanceAlphabet = "abcdefghijklmnopqrstuvwxyz234567"
	chanceOctets   = 10
	chanceLetters  = chanceOctets * 8 / 5

	// shards spread the counts of an account's day over items, so that one
	// account's rush does not meet the limit of writes to one item.
	shards = 8
)

// usageKey names the shard that an entry is counted in: always the same one.
func usageKey(account string, e Entry) store.Key {
	sum := 0
	for _, letter := range []byte(e.ID) {
		sum += int(letter)
	}
	return store.Key{Part: usagePart(account, sum%shards), Sort: e.At.Format(time.DateOnly) + usageDimension}
}

// usageDimension leaves room beside the counts of vendors.
const usageDimension = "#vendors"

func usagePart(account string, shard int) string { return "USE#" + account + "#" + strconv.Itoa(shard) }

// counts are the counters of a day that an answered entry adds to. A counter is
// named by what it counts, and its money by the same name under cost.
func (e Entry) counts() map[string]int64 {
	add := map[string]int64{}
	for _, name := range []string{"all", "p/" + string(e.Vendor), "a/" + string(e.Action), "d/" + string(e.Result.Deliverability)} {
		add["calls/"+name] = 1
		add["cost/"+name] = e.Cost
	}
	return add
}
