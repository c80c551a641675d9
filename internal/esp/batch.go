package esp

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"rcpt/internal/address"
	"rcpt/internal/overlay"
)

// batch gathers what one request says.
type batch struct {
	Delivery
	source   string
	received time.Time
	seen     map[string]struct{} // ids
	ignored  map[Ignored]int     // by Name and Why
}

func newBatch(source string, received time.Time) *batch {
	return &batch{
		source:   source,
		received: received.UTC(),
		seen:     make(map[string]struct{}),
		ignored:  make(map[Ignored]int),
	}
}

// report is one event as a parser judged it: a reason, or why there is none.
type report struct {
	name   string // the ESP's name of the event
	reason overlay.Reason
	why    Why // set: ignored, whatever the reason

	email  string    // as given: blanks and a display name may be around it
	at     time.Time // when it happened; zero: not known
	id     []string  // what tells it from others, joined; if all are empty, address, reason, name and time do
	detail string    // the diagnostic
}

// add takes one report in. It is ignored if it says so, names no address that
// can be read, or has an id that was there before.
func (b *batch) add(r report) {
	if r.why != "" {
		b.ignore(r.name, r.why)
		return
	}
	email, ok := mailbox(r.email)
	if !ok {
		b.ignore(r.name, NoAddress)
		return
	}
	if strings.Join(r.id, "") == "" {
		r.id = []string{"", email, string(r.reason), r.name, r.at.UTC().Format(time.RFC3339Nano)}
	}
	id := b.source + ":" + eventID(r.id)
	if _, repeated := b.seen[id]; repeated {
		b.ignore(r.name, Repeated)
		return
	}
	b.seen[id] = struct{}{}
	b.Events = append(b.Events, overlay.Event{
		Email:      email,
		Reason:     r.reason,
		OccurredAt: plausible(r.at, b.received),
		ID:         id,
		Source:     b.source,
		Detail:     clean(r.detail, 300),
	})
}

// maxNames bounds how many names of ignored events one request can make us
// keep apart.
const maxNames = 64

// ignore counts an event that makes no report.
func (b *batch) ignore(name string, why Why) {
	key := Ignored{Name: clean(name, 60), Why: why}
	if _, known := b.ignored[key]; !known {
		if len(b.Ignored) >= maxNames {
			key.Name = "others"
		}
		if _, known = b.ignored[key]; !known {
			b.Ignored = append(b.Ignored, key)
		}
	}
	b.ignored[key]++
}

// delivery returns what was gathered.
func (b *batch) delivery() Delivery {
	for i, n := range b.Ignored {
		b.Ignored[i].Count = b.ignored[n]
	}
	return b.Delivery
}

// plausible is the time of an event as it is reported: none before 2000, when
// clocks that were never set have theirs, and none after the arrival.
func plausible(at, received time.Time) time.Time {
	if at.Year() < 2000 {
		return time.Time{}
	}
	if at.After(received) {
		return received
	}
	return at.UTC()
}

// named is the id of an event that its ESP names: the name, and a hash of what
// the event is about, for the ESPs' own samples and test buttons write one name
// on events of every kind. Without a name there is no id.
func named(name string, about ...string) []string {
	if name == "" {
		return nil
	}
	for i, text := range about {
		if email, ok := mailbox(text); ok {
			text = email // however it is written
		}
		about[i] = strings.ToLower(text)
	}
	hash := strings.TrimPrefix(eventID(append(about, "")), "#")
	return []string{name + "-" + hash[:8]} // the name stays readable
}

// eventID makes one id of its parts. A single plain one stays readable; all
// else is hashed, since it can be long and hold an address.
func eventID(parts []string) string {
	if len(parts) == 1 && plain(parts[0]) {
		return parts[0]
	}
	h := sha256.New()
	for _, part := range parts {
		// The lengths keep ("a", "bc") and ("ab", "c") apart.
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	return "#" + hex.EncodeToString(h.Sum(nil)[:20])
}

// plain reports whether an id may be kept as it is: up to 120 octets that no
// address has together.
func plain(id string) bool {
	for i := 0; i < len(id); i++ {
		c := id[i]
		if !letterOrDigit(c) && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return id != "" && len(id) <= 120
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// mailbox reads the address in "ana@example.org" or "Ana <ana@example.org>" and
// returns its wire form. What address.Parse refuses is no address: a check of
// it says invalid_syntax without our help.
func mailbox(text string) (string, bool) {
	text = strings.TrimSpace(text)
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "", false // a line end in a name: the name is somebody else's text
	}
	if open := strings.LastIndexByte(text, '<'); open >= 0 && strings.HasSuffix(text, ">") {
		text = text[open+1 : len(text)-1]
	}
	a, err := address.Parse(text)
	if err != nil {
		return "", false
	}
	return a.String(), true
}

// clean returns text in one line of printable characters, at most limit runes.
func clean(text string, limit int) string {
	var b strings.Builder
	space, n := false, 0
	for _, c := range text {
		if c == ' ' || c == utf8.RuneError || !unicode.IsPrint(c) {
			space = n > 0
			continue
		}
		if space && n < limit {
			b.WriteByte(' ')
			n++
		}
		if n >= limit {
			break
		}
		b.WriteRune(c)
		space = false
		n++
	}
	return strings.TrimRight(b.String(), " ")
}
