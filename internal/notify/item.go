package notify

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"rcpt/internal/store"
)

// The item of a delivery:
//
//	DLV#<account>#<subject> / <id>
//
//	key url state created            as in Delivery
//	round attempt                    the attempt that is due, or was the last
//	due                              when, Unix ms
//	queued                           the attempt of this round whose message is known to be sent; 0: none
//	claimed                          until when somebody makes the attempt, Unix ms
//	ended                            Unix ms
//	log                              JSON, the latest attempts
//	version                          counts the records and rounds, so that none is written over
//
// Its body is the blob deliveries/<hash of the account>/<subject>/<id>.
const part = "DLV#"

func itemKey(account, subject, id string) store.Key {
	return store.Key{Part: part + account + "#" + subject, Sort: id}
}

// blobPrefix begins the names of the bodies of one subject. Accounts are hashed,
// for their names take characters that those of blobs do not.
func blobPrefix(account, subject string) string {
	return "deliveries/" + accountHash(account) + "/" + subject + "/"
}

// accountHash stands for an account where its name cannot.
func accountHash(account string) string {
	hash := sha256.Sum256([]byte(account))
	return hex.EncodeToString(hash[:16])
}

// entry is an Attempt in the log.
type entry struct {
	Round    int    `json:"round"`
	Number   int    `json:"n"`
	At       int64  `json:"at"` // Unix ms
	Took     int64  `json:"ms"`
	Status   int    `json:"status,omitempty"`
	Error    string `json:"error,omitempty"`
	Response string `json:"response,omitempty"`
}

func deliveryOf(item store.Item) (Delivery, error) {
	account, subject, _ := strings.Cut(strings.TrimPrefix(item.Key.Part, part), "#")
	d := Delivery{
		ID: item.Key.Sort, Account: account, Key: item.Str("key"), Subject: subject, URL: item.Str("url"), State: State(item.Str("state")),
		Round: int(item.Int("round")), Attempt: int(item.Int("attempt")),
		CreatedAt: timeOf(item.Int("created")), EndedAt: timeOf(item.Int("ended")),
	}
	if d.State == Pending {
		d.NextAt = timeOf(item.Int("due"))
	}
	var err error
	d.Attempts, err = attemptsOf(item)
	return d, err
}

func attemptsOf(item store.Item) ([]Attempt, error) {
	var log []entry
	if text := item.Bytes("log"); len(text) > 0 {
		if err := json.Unmarshal(text, &log); err != nil {
			return nil, fmt.Errorf("read attempts of delivery %s: %w", item.Key.Sort, err)
		}
	}
	attempts := make([]Attempt, len(log))
	for i, e := range log {
		attempts[i] = Attempt{e.Round, e.Number, timeOf(e.At), time.Duration(e.Took) * time.Millisecond, e.Status, e.Error, e.Response}
	}
	return attempts, nil
}

// logOf writes the latest attempts.
func logOf(attempts []Attempt) ([]byte, error) {
	attempts = attempts[max(0, len(attempts)-MaxLog):]
	log := make([]entry, len(attempts))
	for i, a := range attempts {
		log[i] = entry{a.Round, a.Number, a.At.UnixMilli(), a.Took.Milliseconds(), a.Status, a.Error, a.Response}
	}
	return json.Marshal(log)
}

// timeOf reads Unix milliseconds; 0, a missing attribute, is no time.
func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// isName reports whether a text may stand for a subject or an id: in keys, in
// names of blobs, and in what is signed, where a dot would divide.
func isName(s string) bool {
	return s != "" && len(s) <= 100 && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}
