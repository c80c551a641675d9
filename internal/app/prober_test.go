package app

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/httpapi"
	"rcpt/internal/keys"
	"rcpt/internal/store"
	"rcpt/internal/verdict"
	"rcpt/internal/verify"
)

// backstage is what functions without a caller stand on, for a bubble of synctest:
// embedded storage. Test keys alone are worked for.
func backstage(t *testing.T) (Ports, config.Config) {
	t.Helper()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Blob: db.Blob(),
		ProbeQueue:    db.Queue("probe", embedded.DeadLetters{Queue: "dead", Receives: 1}),
		DeliveryQueue: db.Queue("delivery", embedded.DeadLetters{}), Jobs: tasks{},
		Secret: []byte("secret"), Now: time.Now, Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}, config.Config{HELO: "probe.example", MailFrom: "verify@probe.example", SMTPPort: 25, WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// tasks is a state machine that takes everything.
type tasks struct{ store.Workflow }

func (tasks) Start(context.Context, string, []byte) error   { return nil }
func (tasks) Succeed(context.Context, string, []byte) error { return nil }
func (tasks) Heartbeat(context.Context, string) error       { return nil }

// work hands the messages of a queue to a function until none has come for an
// hour.
func work(t *testing.T, from store.Queue, handle func(context.Context, batch.Message) error) (handled int) {
	t.Helper()
	for range 180 {
		deliveries, err := from.Receive(t.Context(), 10, 20*time.Second, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range deliveries {
			var m batch.Message
			if err := json.Unmarshal([]byte(d.Body), &m); err != nil {
				t.Fatal(err)
			}
			if err := handle(t.Context(), m); err != nil {
				t.Error(err)
			}
			if err := from.Delete(t.Context(), d.Receipt); err != nil {
				t.Fatal(err)
			}
			handled++
		}
	}
	return handled
}

// shardOf sends a shard of a running job of a test key.
func shardOf(t *testing.T, p Ports, emails ...string) batch.Job {
	t.Helper()
	book := Batch(p)
	job, err := book.Create(t.Context(), batch.Draft{
		Account: "acme", Key: "k1", Test: true, Options: batch.Options{Mode: verify.Full, Policy: verify.DefaultPolicy()},
	})
	if err != nil {
		t.Fatal(err)
	}
	var shard plan.Shard
	for n, email := range emails {
		item := &plan.Item{Email: email}
		item.Rows.Add(int64(n))
		shard.Items = append(shard.Items, item)
	}
	name := batch.FilesOf(job.ID).Shard(0, 0, "x")
	for _, err := range []error{
		book.Read(t.Context(), job, int64(len(emails)), 1), book.Write(t.Context(), name, shard.Write), book.Plan(t.Context(), job, 1),
		book.Send(t.Context(), job, batch.Message{Kind: batch.KindShard, Job: job.ID, Items: name}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return job
}

func TestTheProberWorksOnJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cfg := backstage(t)
		handle, err := Prober(cfg, p)
		if err != nil {
			t.Fatal(err)
		}
		job := shardOf(t, p, "alice@ok.test", "nobody@ok.test", "alice@greylist.test", "alice@mail.example")
		work(t, p.ProbeQueue, handle)
		got, err := Batch(p).Load(t.Context(), job.ID)
		if err != nil || !got.Complete() || got.Done.Rows != 4 || got.Done.ByReason[verdict.SMTPVerified] != 2 || got.Done.ByReason[verdict.DNSFailure] != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
		days, err := Meter(p).Usage(t.Context(), "k1", time.Now().AddDate(0, 0, -1), time.Now())
		if err != nil || len(days) != 1 || days[0].Counts["job_full"]["VALID"] != 2 {
			t.Errorf("usage %v, %v", days, err)
		}
	})
}

func TestDeadLettersEndJobs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cfg := backstage(t)
		handle, err := DeadLetter(cfg, p)
		if err != nil {
			t.Fatal(err)
		}
		job := shardOf(t, p, "alice@ok.test")
		work(t, p.ProbeQueue, handle) // as if they were dead
		got, err := Batch(p).Load(t.Context(), job.ID)
		if err != nil || !got.Complete() || got.Done.ByReason[verdict.Internal] != 1 {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestARecheckGoesFromTheInterfaceToTheWebhook: functions/verify accepts it,
// functions/prober carries it out, the queue of deliveries has its webhook.
func TestARecheckGoesFromTheInterfaceToTheWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, cfg := backstage(t)
		handle, err := Prober(cfg, p)
		if err != nil {
			t.Fatal(err)
		}
		key, _, err := Keys(p).Create(t.Context(), keys.Draft{Account: "acme", Test: true, Policy: []byte(`"b2c_strict"`)})
		if err != nil {
			t.Fatal(err)
		}
		rechecks := Rechecks(cfg, p)
		id, err := rechecks.Later(t.Context(), httpapi.Recheck{
			Key: key.ID, Account: "acme", Test: true, Email: "alice@greylist.test", Mode: verify.Full,
			WebhookURL: "http://127.0.0.1:8080/hook", RetryAt: time.Now().Add(time.Minute),
		})
		if err != nil {
			t.Fatal(err)
		}
		if pending, err := rechecks.Find(t.Context(), "acme", id); err != nil || pending == nil || pending.Verdict != nil {
			t.Errorf("pending: %+v, %v", pending, err)
		}
		if other, err := rechecks.Find(t.Context(), "other", id); other != nil || err != nil {
			t.Errorf("of another account: %+v, %v", other, err)
		}
		work(t, p.ProbeQueue, handle)
		done, err := rechecks.Find(t.Context(), "acme", id)
		if err != nil || done == nil || done.Verdict == nil || done.Verdict.Status != verdict.Valid || done.Verdict.Policy != "b2c_strict" {
			t.Errorf("done: %+v, %v", done, err)
		}
		deliveries, _, err := Deliveries(cfg, p).List(t.Context(), "acme", id, "", 10)
		if err != nil || len(deliveries) != 1 || deliveries[0].URL != "http://127.0.0.1:8080/hook" {
			t.Errorf("deliveries: %+v, %v", deliveries, err)
		}
	})
}

func TestPoliciesOfRechecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _ := backstage(t)
		own, _, err := Keys(p).Create(t.Context(), keys.Draft{Account: "acme", Policy: []byte(`{"extends":"b2b","role":"block"}`)})
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ key, name, want string }{
			{own.ID, "", "own"}, {own.ID, "own", "own"}, {own.ID, "b2b", "b2b"}, {own.ID, "gone", "default"},
			{"nobody", "", "default"}, {"nobody", "b2c_strict", "b2c_strict"},
		} {
			if got, err := policies(Keys(p))(t.Context(), tt.key, tt.name); err != nil || got.Name != tt.want {
				t.Errorf("%q of %s: %s, %v, want %s", tt.name, tt.key, got.Name, err, tt.want)
			}
		}
	})
}

func TestWithoutQueueNothingIsRechecked(t *testing.T) {
	p, cfg := backstage(t)
	p.ProbeQueue = nil
	if got := Rechecks(cfg, p); got != nil {
		t.Errorf("got %v", got)
	}
}
