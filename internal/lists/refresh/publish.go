package refresh

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"rcpt/internal/store"
)

// tables is how many published tables stay.
const tables = 30

// unowned is the age from which on a blob that no table needs belongs to no run
// under way either.
const unowned = 24 * time.Hour

// publish writes what belongs to the table, then the table, its state and the
// report, and last the pointer, if that is still the one the run began with.
func (j *Job) publish(ctx context.Context, version string, data []byte, sources []sourceCopy, pending map[string]time.Time, r *Report) error {
	s := state{Report: *r, Sources: make(map[string]kept), Pending: make(map[string][]string)}
	for _, c := range sources {
		if c.new != nil {
			// Not once: the copy may come again because the one there is damaged.
			if _, err := j.Blob.Put(ctx, copyName(c.kept.Copy), bytes.NewReader(c.new)); err != nil {
				return err
			}
		}
		if c.kept.Hosts > 0 {
			s.Sources[c.source.URL] = c.kept
		}
	}
	for host, begin := range pending {
		day := begin.Format(time.RFC3339)
		s.Pending[day] = append(s.Pending[day], host)
	}
	for _, hosts := range s.Pending {
		slices.Sort(hosts)
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := j.once(ctx, snapshotName(r.Snapshot), data); err != nil {
		return err
	}
	if err := j.once(ctx, stateName(r.Snapshot), text); err != nil {
		return err
	}
	if err := j.writeReport(ctx, *r); err != nil {
		return err
	}
	p := Pointer{Snapshot: r.Snapshot, Built: r.Started.Truncate(time.Second), Hosts: r.Table.Hosts, Published: j.Now().UTC()}
	switch err := j.point(ctx, version, p); {
	case errors.Is(err, store.ErrCondition):
		r.Outcome = Superseded
		return nil
	case err != nil:
		return err
	}
	// The table is in use: what fails from here on is done by the next run.
	if err := j.clear(ctx, p.Snapshot); err != nil {
		r.note(fmt.Errorf("remove old tables: %w", err))
	}
	return nil
}

// once writes a blob whose name follows from its content: one that is there
// already is the same.
func (j *Job) once(ctx context.Context, name string, data []byte) error {
	_, err := j.Blob.Put(ctx, name, bytes.NewReader(data), store.Once())
	if errors.Is(err, store.ErrCondition) {
		return nil
	}
	return err
}

// point writes the pointer in the place of the one of that version, "" if there
// was none. store.ErrCondition when another run was faster.
func (j *Job) point(ctx context.Context, version string, p Pointer) error {
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	condition := store.Once()
	if version != "" {
		condition = store.Match(version)
	}
	_, err = j.Blob.Put(ctx, pointerName, bytes.NewReader(text), condition)
	return err
}

func (j *Job) writeReport(ctx context.Context, r Report) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err == nil {
		_, err = j.Blob.Put(ctx, reportName, bytes.NewReader(text))
	}
	return err
}

// rollback writes the pointer by hand. Against a run that writes it at the same
// time it tries again: a person's word counts more.
func (j *Job) rollback(ctx context.Context, snapshot string, r *Report) error {
	p := Pointer{Published: j.Now().UTC(), Rollback: true}
	info := j.Table.Info()
	if snapshot != "builtin" {
		if !isDigest(snapshot) {
			return fmt.Errorf("roll back to %.80q: %w", snapshot, ErrNoTable)
		}
		table, err := readTable(ctx, j.Blob, snapshot)
		if err != nil {
			return fmt.Errorf("roll back: %w", err)
		}
		info, p.Snapshot = table.Info(), snapshot
	}
	p.Built, p.Hosts = info.Built, info.Hosts
	const tries = 5
	for range tries {
		_, version, err := readPointer(ctx, j.Blob)
		if err != nil && !errors.Is(err, errUnreadable) {
			return err
		}
		if err = j.point(ctx, version, p); err == nil {
			r.Outcome, r.Snapshot = RolledBack, p.Snapshot
			return nil
		} else if !errors.Is(err, store.ErrCondition) {
			return err
		}
	}
	return fmt.Errorf("roll back: pointer changed %d times: %w", tries, store.ErrCondition)
}

// clear removes the oldest tables beyond those that stay, and copies of sources
// that no table needs any more.
func (j *Job) clear(ctx context.Context, current string) error {
	blobs, err := j.all(ctx)
	if err != nil {
		return err
	}
	var snapshots []store.BlobInfo
	for _, b := range blobs {
		if digest, ok := strings.CutSuffix(strings.TrimPrefix(b.Name, folder), ".bin"); ok && isDigest(digest) && digest != current {
			snapshots = append(snapshots, b)
		}
	}
	slices.SortFunc(snapshots, func(a, b store.BlobInfo) int {
		if later := b.Modified.Compare(a.Modified); later != 0 {
			return later
		}
		return strings.Compare(a.Name, b.Name)
	})
	needed := make(map[string]bool)
	j.need(ctx, current, needed)
	for _, b := range snapshots[:min(len(snapshots), tables-1)] {
		j.need(ctx, strings.TrimSuffix(strings.TrimPrefix(b.Name, folder), ".bin"), needed)
	}
	var gone []string
	for _, b := range blobs {
		young := j.Now().Sub(b.Modified) < unowned
		snapshot := strings.HasSuffix(b.Name, ".bin")
		if !needed[b.Name] && (snapshot || !young) {
			gone = append(gone, b.Name)
		}
	}
	return j.Blob.Delete(ctx, gone...)
}

// need notes what a table that stays consists of.
func (j *Job) need(ctx context.Context, digest string, needed map[string]bool) {
	needed[snapshotName(digest)], needed[stateName(digest)] = true, true
	text, _, err := read(ctx, j.Blob, stateName(digest), maxState, "")
	var s state
	if err != nil || json.Unmarshal(text, &s) != nil {
		return // a table whose run died before its state: nothing hangs on it
	}
	for _, source := range s.Sources {
		needed[copyName(source.Copy)] = true
	}
}

// all lists what runs write under names of their own.
func (j *Job) all(ctx context.Context) (blobs []store.BlobInfo, err error) {
	for after := ""; ; {
		page, err := j.Blob.List(ctx, folder, after, store.MaxBlobPage)
		if err != nil {
			return nil, err
		}
		for _, b := range page.Blobs {
			if b.Name != pointerName && b.Name != reportName {
				blobs = append(blobs, b)
			}
		}
		if after = page.Next; after == "" {
			return blobs, nil
		}
	}
}
