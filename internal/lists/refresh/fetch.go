package refresh

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"

	"rcpt/internal/lists/build"
)

// Limits of a source.
const (
	maxSource  = 16 << 20 // octets, as sent and as unpacked
	maxLine    = 4096     // octets: no list of hosts has longer ones
	maxJunk    = 0.10     // of the lines may be no hosts: less than any error page has
	maxAtOnce  = 4        // sources fetched at a time
	maxETag    = 1024
	userAgent  = "rcpt-lists/1"
	acceptable = "text/plain, text/csv, application/octet-stream;q=0.9, */*;q=0.1"
)

// sourceCopy is what a source says, now or when it was last heard.
type sourceCopy struct {
	source Source
	report SourceReport
	hosts  []string // sorted, distinct, clean; nil: nothing is known
	kept   kept     // zero: it never answered
	new    []byte   // the copy to be kept; nil: it is there
}

// fresh reports whether the source answered in this run.
func (c *sourceCopy) fresh() bool { return c.report.Problem == "" }

// fetchAll asks every source. What cannot be had is replaced by the last good
// copy.
func (j *Job) fetchAll(ctx context.Context, last state, accept []string) []sourceCopy {
	copies := make([]sourceCopy, len(j.Sources))
	places := make(chan struct{}, maxAtOnce)
	var all sync.WaitGroup
	for i, s := range j.Sources {
		all.Go(func() {
			places <- struct{}{}
			defer func() { <-places }()
			copies[i] = j.fetch(ctx, s, last, slices.Contains(accept, s.Name) || slices.Contains(accept, s.URL))
		})
	}
	all.Wait()
	return copies
}

// fetch asks one source and judges its answer against the last good copy.
func (j *Job) fetch(ctx context.Context, s Source, last state, accepted bool) sourceCopy {
	c := sourceCopy{source: s, kept: last.Sources[s.URL]}
	c.report = SourceReport{Name: s.Name, URL: s.URL, Family: s.Family}
	var err error
	if c.hosts, err = j.readCopy(ctx, c.kept.Copy); err != nil {
		c.kept.ETag = "" // what we do not have must come again
	}
	ctx, cancel := context.WithTimeout(ctx, j.Timeout)
	defer cancel()
	found, etag, err := j.get(ctx, s, c.kept.ETag)
	c.report.Lines, c.report.Rejects = found.lines, found.rejects
	switch {
	case errors.Is(err, errNotModified):
		c.kept.Good = j.Now().UTC()
	case err == nil && c.kept.Hosts > 0 && !accepted && outside(len(found.hosts), c.kept.Hosts):
		err = fmt.Errorf("%d hosts after %d", len(found.hosts), c.kept.Hosts)
	case err == nil:
		c.hosts = found.hosts
		c.kept = kept{ETag: etag, Hosts: len(found.hosts), Good: j.Now().UTC()}
		c.kept.Copy, c.new, err = packCopy(found.hosts)
	}
	if err != nil && !errors.Is(err, errNotModified) {
		c.report.Problem = err.Error()
	}
	c.report.Hosts, c.report.Good = len(c.hosts), c.kept.Good
	return c
}

// outside reports whether a list changed by more than a day's measure.
func outside(now, before int) bool {
	least, most := leastSource*float64(before)-slack, mostSource*float64(before)+slack
	return float64(now) < least || float64(now) > most
}

var (
	errNotModified = errors.New("not modified")
	errTooLarge    = fmt.Errorf("more than %d MiB", maxSource>>20)
	errNoList      = errors.New("no list of hosts")
)

// get fetches a list, unless it is still the one of that ETag.
func (j *Job) get(ctx context.Context, s Source, etag string) (list, string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
	if err != nil {
		return list{}, "", err
	}
	r.Header.Set("User-Agent", userAgent)
	r.Header.Set("Accept", acceptable)
	if etag != "" {
		r.Header.Set("If-None-Match", etag)
	}
	answer, err := j.Client.Do(r)
	if err != nil {
		return list{}, "", err
	}
	defer func() { _ = answer.Body.Close() }()
	switch {
	case answer.StatusCode == http.StatusNotModified && etag != "":
		return list{}, "", errNotModified
	case answer.StatusCode != http.StatusOK:
		return list{}, "", fmt.Errorf("status %d", answer.StatusCode)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); strings.Contains(kind, "html") {
		return list{}, "", fmt.Errorf("%s: %w", kind, errNoList)
	}
	found, err := parse(answer.Body, s.Family == Popular)
	fresh := answer.Header.Get("ETag")
	if len(fresh) > maxETag {
		fresh = ""
	}
	return found, fresh, err
}

// list is what a source holds.
type list struct {
	hosts   []string // sorted, distinct, clean
	lines   int
	rejects map[build.Reject]int
}

// parse reads a list, or the head of a list of popular sites, within the limits.
func parse(body io.Reader, popular bool) (list, error) {
	plain, err := unpacked(body)
	if err != nil {
		return list{}, err
	}
	found := list{rejects: make(map[build.Reject]int)}
	junk := 0
	lines := bufio.NewScanner(plain)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		found.lines++
		line := lines.Text()
		if popular {
			line = site(line)
		}
		host, reject := build.Clean(line)
		if reject == "" {
			found.hosts = append(found.hosts, host)
		} else if reject != build.Empty {
			found.rejects[reject]++
			if reject != build.PublicSuffix {
				junk++
			}
		}
		if popular && len(found.hosts) == popularSites {
			break
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return list{}, fmt.Errorf("a line of more than %d octets: %w", maxLine, errNoList)
	} else if err != nil {
		return list{}, err
	}
	if len(found.hosts) == 0 || float64(junk) > 1+maxJunk*float64(found.lines) {
		return list{}, fmt.Errorf("%d of %d lines are no hosts: %w", junk, found.lines, errNoList)
	}
	slices.Sort(found.hosts)
	found.hosts = slices.Compact(found.hosts)
	return found, nil
}

// site returns the first column that may be a host: "1,1,google.com,com,...".
func site(line string) string {
	for field := range strings.SplitSeq(line, ",") {
		if field = strings.Trim(field, ` "`); strings.Contains(field, ".") {
			return field
		}
	}
	return line
}

// unpacked reads what a body holds, in plain or as gzip, up to the limit.
func unpacked(body io.Reader) (io.Reader, error) {
	packed := bufio.NewReader(&capped{body, maxSource})
	if magic, _ := packed.Peek(2); string(magic) != "\x1f\x8b" {
		return packed, nil
	}
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return nil, fmt.Errorf("unpack: %w", err)
	}
	return &capped{plain, maxSource}, nil
}

// capped is a reader that fails behind its limit.
type capped struct {
	io.Reader
	left int64
}

func (c *capped) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, errTooLarge
	}
	return n, err
}
