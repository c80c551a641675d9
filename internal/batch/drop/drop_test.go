package drop

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/verify"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world is a folder over embedded stores.
type world struct {
	t      *testing.T
	folder Folder
	keys   *keys.Book
	jobs   *batch.Book
}

// byHand is a state machine that nobody carries out.
type byHand struct{ store.Workflow }

func (byHand) Start(context.Context, string, []byte) error { return nil }
func (byHand) Stop(context.Context, string, string) error  { return nil }

func newWorld(t *testing.T) *world {
	t.Helper()
	now := func() time.Time { return noon }
	db, err := embedded.Open(t.TempDir(), embedded.Options{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	log := slog.New(slog.DiscardHandler)
	w := &world{t: t, keys: keys.NewBook(db.Control(), db.Vault(), now, rand.Reader)}
	w.jobs = batch.NewBook(batch.Config{
		Table: db.Control(), Blob: db.Blob(), Probes: db.Queue("probe", embedded.DeadLetters{}), Flow: byHand{}, Now: now, Log: log,
	})
	w.folder = Folder{Jobs: w.jobs, Keys: w.keys, Log: log}
	return w
}

// key makes one and returns its id.
func (w *world) key(d keys.Draft) string {
	w.t.Helper()
	d.Account = "acme"
	key, _, err := w.keys.Create(w.t.Context(), d)
	if err != nil {
		w.t.Fatal(err)
	}
	return key.ID
}

// put puts a file and tells of it so many times.
func (w *world) put(name, list string, times int) (version string) {
	w.t.Helper()
	info, err := w.jobs.Blob.Put(w.t.Context(), name, strings.NewReader(list))
	if err != nil {
		w.t.Fatal(err)
	}
	for range times {
		w.tell(name, info.Version)
	}
	return info.Version
}

func (w *world) tell(name, version string) {
	w.t.Helper()
	if err := w.folder.Accept(w.t.Context(), name, version); err != nil {
		w.t.Fatalf("%s: %v", name, err)
	}
}

func (w *world) made() []batch.Job {
	w.t.Helper()
	jobs, next, err := w.jobs.List(w.t.Context(), "acme", "", 100)
	if err != nil || next != "" {
		w.t.Fatal(next, err)
	}
	return jobs
}

func TestAFileIsAJobOfItsKey(t *testing.T) {
	w := newWorld(t)
	id := w.key(keys.Draft{Policy: []byte(`{"extends":"b2b","free":"block"}`), WebhookURL: "https://hook.example/x", Limits: &keys.Limits{Monthly: 500}})
	version := w.put("drop/"+id+"/today/My list.csv", "a@b.example\n", 1)
	policy, err := verify.ParsePolicy([]byte(`{"extends":"b2b","free":"block"}`))
	if err != nil {
		t.Fatal(err)
	}
	jobs := w.made()
	if len(jobs) != 1 {
		t.Fatalf("%d jobs", len(jobs))
	}
	want := batch.Options{
		Mode: verify.Full, Policy: policy, WebhookURL: "https://hook.example/x", Filename: "My list.csv", Drop: "today/My list.csv", Monthly: 500,
	}
	source := batch.Source{Blob: "drop/" + id + "/today/My list.csv", Version: version}
	if j := jobs[0]; !reflect.DeepEqual(j.Options, want) || j.Source != source || j.Key != id || j.Account != "acme" || j.Test || j.Status != batch.Queued {
		t.Errorf("the job is %+v", j)
	}
}

func TestPlanAndKindOfAKey(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		draft   keys.Draft
		mode    verify.Mode
		monthly int64
	}{
		{keys.Draft{Plan: keys.PlanSoft, Limits: &keys.Limits{Monthly: 5}}, verify.Soft, 5},
		{keys.Draft{Plan: "gold"}, verify.Full, 0},
		{keys.Draft{Test: true, Limits: &keys.Limits{Monthly: 5}}, verify.Full, 0},
	} {
		id := w.key(c.draft)
		w.put("drop/"+id+"/list.csv", "a@b.example\n", 1)
		jobs := w.made()
		at := slices.IndexFunc(jobs, func(j batch.Job) bool { return j.Key == id })
		if at < 0 {
			t.Fatalf("no job for %+v", c.draft)
		}
		if o := jobs[at].Options; o.Mode != c.mode || o.Monthly != c.monthly || o.Policy.Name != verify.DefaultPolicy().Name || jobs[at].Test != c.draft.Test {
			t.Errorf("%+v makes %+v", c.draft, jobs[at])
		}
	}
}

func TestAVersionIsOneJob(t *testing.T) {
	w := newWorld(t)
	id := w.key(keys.Draft{})
	name := "drop/" + id + "/list.csv"
	first := w.put(name, "a@b.example\n", 3)
	if n := len(w.made()); n != 1 {
		t.Errorf("told of three times it is %d jobs", n)
	}
	second := w.put(name, "b@b.example\n", 2)
	w.tell(name, first) // late
	jobs := w.made()
	var versions []string
	for _, j := range jobs {
		versions = append(versions, j.Source.Version)
	}
	slices.Sort(versions)
	want := []string{first, second}
	slices.Sort(want)
	if !slices.Equal(versions, want) {
		t.Errorf("the jobs are of %q, want %q", versions, want)
	}
	w.put("drop/"+id+"/copy.csv", "b@b.example\n", 1)
	if n := len(w.made()); n != 3 {
		t.Errorf("with another file there are %d jobs", n)
	}
}

func TestADeletedJobDoesNotComeBack(t *testing.T) {
	w := newWorld(t)
	id := w.key(keys.Draft{})
	version := w.put("drop/"+id+"/list.csv", "a@b.example\n", 1)
	job := w.made()[0]
	if _, err := w.jobs.Finish(t.Context(), job.ID, batch.Completed, nil, ""); err != nil {
		t.Fatal(err)
	}
	if err := w.jobs.Delete(t.Context(), "acme", job.ID); err != nil {
		t.Fatal(err)
	}
	w.tell("drop/"+id+"/list.csv", version)
	if n := len(w.made()); n != 0 {
		t.Errorf("told of again it is %d jobs", n)
	}
}

func TestWhatWillBeNoJobIsToldInAFile(t *testing.T) {
	w := newWorld(t)
	revoked := w.key(keys.Draft{})
	if err := w.keys.Revoke(t.Context(), revoked); err != nil {
		t.Fatal(err)
	}
	for id, why := range map[string]string{
		"nosuchid": "no key with the id",
		revoked:    "revoked or expired",
		w.key(keys.Draft{Scopes: []keys.Scope{keys.Verify}}):    "the scope jobs",
		w.key(keys.Draft{Policy: []byte(`{"free":"explode"}`)}): "policy of the key",
	} {
		w.put("drop/"+id+"/list.csv", "a@b.example\n", 2)
		file, err := w.jobs.Open(t.Context(), "results/"+id+"/list.csv.error.json")
		if err != nil {
			t.Errorf("%s: %v", why, err)
			continue
		}
		text, err := io.ReadAll(file)
		_ = file.Close()
		var told struct{ File, Status, Error string }
		if err := errors.Join(err, json.Unmarshal(text, &told)); err != nil || told.File != "list.csv" || told.Status != "failed" || !strings.Contains(told.Error, why) {
			t.Errorf("told is %s, %v, want %s", text, err, why)
		}
	}
	if jobs := w.made(); len(jobs) != 0 {
		t.Errorf("there are jobs: %+v", jobs)
	}
}

func TestWhatLiesElsewhereIsIgnored(t *testing.T) {
	w := newWorld(t)
	id := w.key(keys.Draft{})
	for _, name := range []string{
		"drop/list.csv", "drop/" + id, "drop/" + id + "/", "drop/" + id + "/sub/", "drop//list.csv", "drop/" + id + "//list.csv", "drop/" + id + "/../list.csv", "drop/" + id + "/.",
		"uploads/list.csv", "results/" + id + "/list.csv", "drop/" + id + "/a\nb.csv", "drop/" + id + "/" + strings.Repeat("a", store.MaxBlobName-len("drop/")-len(id)-1), "",
	} {
		w.tell(name, "1")
	}
	if jobs := w.made(); len(jobs) != 0 {
		t.Errorf("there are jobs: %+v", jobs)
	}
	page, err := w.jobs.Blob.List(t.Context(), "results/", "", 10)
	if err != nil || len(page.Blobs) != 0 {
		t.Errorf("written are %v, %v", page.Blobs, err)
	}
}

// failing cannot tell which keys there are.
type failing struct{}

var errDown = errors.New("down")

func (failing) Find(context.Context, string) (keys.Key, error) { return keys.Key{}, errDown }

func TestTroubleOfOursComesAgain(t *testing.T) {
	w := newWorld(t)
	id := w.key(keys.Draft{})
	w.folder.Keys = failing{}
	if err := w.folder.Accept(t.Context(), "drop/"+id+"/list.csv", "1"); !errors.Is(err, errDown) {
		t.Errorf("the error is %v", err)
	}
	if page, err := w.jobs.Blob.List(t.Context(), "results/", "", 10); err != nil || len(page.Blobs) != 0 {
		t.Errorf("written are %v, %v", page.Blobs, err)
	}
}
