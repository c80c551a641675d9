package refresh

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
	"rcpt/internal/store"
)

// Names and sizes of the blobs.
const (
	folder      = "lists/"
	pointerName = folder + "current.json"
	reportName  = folder + "lists.json"
	copyFolder  = folder + "sources/"

	maxPointer  = 64 << 10
	maxSnapshot = 64 << 20 // 16 times that of today
	maxState    = 64 << 20
)

func snapshotName(digest string) string { return folder + digest + ".bin" }
func stateName(digest string) string    { return folder + digest + ".json" }
func copyName(digest string) string     { return copyFolder + digest + ".gz" }

// errUnreadable is a blob that is not what was written, or gone. The work goes
// on without it.
var errUnreadable = errors.New("unreadable")

// Pointer names the table in use. It is what lists/current.json holds.
type Pointer struct {
	Snapshot  string    `json:"snapshot"`           // SHA-256 of the table, in hex; "": the built-in one
	Built     time.Time `json:"built"`              // that of the table
	Hosts     int       `json:"hosts"`              // that of the table
	Published time.Time `json:"published"`          // when the pointer was written
	Rollback  bool      `json:"rollback,omitempty"` // by hand: the table may be older and smaller than the one before
}

// readPointer returns the pointer and its version; both are zero if there is
// none. errUnreadable, with the version, when it is no pointer.
func readPointer(ctx context.Context, blob store.Blob) (Pointer, string, error) {
	text, info, err := read(ctx, blob, pointerName, maxPointer, "")
	if errors.Is(err, store.ErrNotFound) {
		return Pointer{}, "", nil
	}
	if err != nil {
		return Pointer{}, info.Version, err
	}
	p, err := parsePointer(text)
	return p, info.Version, err
}

func parsePointer(text []byte) (Pointer, error) {
	var p Pointer
	if err := json.Unmarshal(text, &p); err != nil {
		return Pointer{}, fmt.Errorf("%s is %w: %w", pointerName, errUnreadable, err)
	}
	if !isDigest(p.Snapshot) && (p.Snapshot != "" || !p.Rollback) {
		return Pointer{}, fmt.Errorf("%s is %w: snapshot %.80q", pointerName, errUnreadable, p.Snapshot)
	}
	return p, nil
}

// isDigest reports whether s is a SHA-256 in hex. It becomes a part of names.
func isDigest(s string) bool {
	return len(s) == 2*sha256.Size && strings.Trim(s, "0123456789abcdef") == ""
}

// read returns a whole blob. errUnreadable when it is larger than limit; else
// the errors of Blob.Open.
func read(ctx context.Context, blob Files, name string, limit int64, unless string) ([]byte, store.BlobInfo, error) {
	r, info, err := blob.Open(ctx, name, 0, -1, unless)
	if err != nil {
		return nil, info, fmt.Errorf("read %s: %w", name, err)
	}
	if info.Size > limit {
		return nil, info, errors.Join(fmt.Errorf("%s of %d octets is %w", name, info.Size, errUnreadable), r.Close())
	}
	data, err := io.ReadAll(r)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, info, fmt.Errorf("read %s: %w", name, err)
	}
	return data, info, nil
}

// state is what a run goes on from: what the table in use was made with.
type state struct {
	Report  Report              `json:"report"`
	Sources map[string]kept     `json:"sources"` // by URL
	Pending map[string][]string `json:"pending"` // names in quarantine, by the time they came (RFC 3339)

	table *lists.Table // the table itself
}

// kept is what is known of a source that answered at least once.
type kept struct {
	Copy  string    `json:"copy"` // SHA-256 of the last good copy
	ETag  string    `json:"etag,omitempty"`
	Hosts int       `json:"hosts"` // of that copy
	Good  time.Time `json:"good"`  // when it was fetched or confirmed
}

// since returns the names in quarantine.
func (s state) since() map[string]time.Time {
	names := make(map[string]time.Time)
	for text, hosts := range s.Pending {
		if begin, err := time.Parse(time.RFC3339, text); err == nil {
			for _, host := range hosts {
				names[host] = begin
			}
		}
	}
	return names
}

// lists reports whether the table has the host.
func (s state) lists(host string) bool { return s.table.HasHost(host) }

// readState returns what the pointer's table was made with. What cannot be read
// is as on the first day, and errUnreadable tells it.
func (j *Job) readState(ctx context.Context, p Pointer) (state, error) {
	s := state{table: j.Table}
	if p.Snapshot == "" {
		return s, nil
	}
	table, err := readTable(ctx, j.Blob, p.Snapshot)
	if err != nil {
		return s, asUnreadable(err)
	}
	s.table = table
	text, _, err := read(ctx, j.Blob, stateName(p.Snapshot), maxState, "")
	if err == nil {
		if err = json.Unmarshal(text, &s); err != nil {
			s = state{table: table}
			err = fmt.Errorf("%s is %w: %w", stateName(p.Snapshot), errUnreadable, err)
		}
	}
	return s, asUnreadable(err)
}

// LastRun returns when a run ended last, whatever came of it; the zero time if
// none did.
func LastRun(ctx context.Context, blob store.Blob) (time.Time, error) {
	info, err := blob.Stat(ctx, reportName)
	if errors.Is(err, store.ErrNotFound) {
		return time.Time{}, nil
	}
	return info.Modified, err
}

// asUnreadable makes an absent blob one that cannot be read.
func asUnreadable(err error) error {
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, ErrNoTable) {
		return fmt.Errorf("%w: %w", errUnreadable, err)
	}
	return err
}

// readTable returns a published table. ErrNoTable when there is none, or not the
// one that was written.
func readTable(ctx context.Context, blob Files, digest string) (*lists.Table, error) {
	data, _, err := read(ctx, blob, snapshotName(digest), maxSnapshot, "")
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, errUnreadable) {
		return nil, fmt.Errorf("%w: %w", ErrNoTable, err)
	}
	if err != nil {
		return nil, err
	}
	if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != digest {
		return nil, fmt.Errorf("%w: %s has another digest", ErrNoTable, snapshotName(digest))
	}
	table, err := lists.Open(string(data))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrNoTable, snapshotName(digest), err)
	}
	return table, nil
}

// readCopy returns the hosts of a copy, by the rules of today. errUnreadable
// when it is not what was written.
func (j *Job) readCopy(ctx context.Context, digest string) ([]string, error) {
	if !isDigest(digest) {
		return nil, errUnreadable
	}
	packed, _, err := read(ctx, j.Blob, copyName(digest), maxSource, "")
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, errUnreadable
	}
	sum := sha256.New()
	var hosts []string
	lines := bufio.NewScanner(io.TeeReader(&capped{r, maxSource}, sum))
	for lines.Scan() {
		if host, reject := build.Clean(lines.Text()); reject == "" {
			hosts = append(hosts, host)
		}
	}
	if lines.Err() != nil || hex.EncodeToString(sum.Sum(nil)) != digest {
		return nil, errUnreadable
	}
	return hosts, nil
}

// packCopy returns the digest of a copy, and the blob.
func packCopy(hosts []string) (digest string, packed []byte, err error) {
	plain := []byte(strings.Join(hosts, "\n"))
	sum := sha256.Sum256(plain)
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, err = w.Write(plain)
	err = errors.Join(err, w.Close())
	return hex.EncodeToString(sum[:]), out.Bytes(), err
}
