package flow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"rcpt/infra/host"
	"rcpt/internal/batch"
	"rcpt/internal/batch/plan"
	"rcpt/internal/verdict"
)

// addresses makes so many addresses of a domain.
func addresses(domain string, n int) (emails []string) {
	for i := range n {
		emails = append(emails, fmt.Sprintf("user%d@%s", i, domain))
	}
	return emails
}

// answered are rows that all have one answer.
func answered(emails []string, status verdict.Status, reason verdict.Reason) (rows []row) {
	for _, email := range emails {
		rows = append(rows, row{email, status, reason})
	}
	return rows
}

// goesOnAfterGreylisting: what is greylisted is asked again when the server said,
// by whoever gets the message, and is VALID then.
func goesOnAfterGreylisting(t *testing.T, o owner) {
	var attempts atomic.Int64
	emails := append(addresses("greylist.test", 3), "nobody@greylist.test", "alice@ok.test")
	j := o.submit(t, map[string]any{"emails": emails, "deadline": "5m"}, func(_ context.Context, m batch.Message) handler {
		attempts.Store(max(attempts.Load(), m.Attempt))
		return nil
	})
	want := append(answered(emails[:3], verdict.Valid, verdict.SMTPVerified),
		row{"nobody@greylist.test", verdict.Invalid, verdict.MailboxNotFound}, row{"alice@ok.test", verdict.Valid, verdict.SMTPVerified})
	if got := o.rows(t, o.ended(t, j.ID, "completed")); !reflect.DeepEqual(got, want) {
		t.Errorf("results:\ngot  %v\nwant %v", got, want)
	}
	o.counted(t, len(emails))
	if attempts.Load() == 0 {
		t.Error("nothing was asked again")
	}
}

// shardful is how many addresses of a domain make a shard of their own.
const shardful = plan.PerShard

// isShardOf reports whether a message is the first attempt at a shard that begins
// with an address of the domain. One that comes again when the job is over is not:
// its shard is deleted.
func (o owner) isShardOf(ctx context.Context, m batch.Message, domain string) bool {
	if m.Kind != batch.KindShard || m.Attempt > 0 {
		return false
	}
	object, err := o.w.files().GetObject(ctx, &awss3.GetObjectInput{Bucket: &o.w.bucket, Key: &m.Items})
	if err != nil {
		if gone := new(types.NoSuchKey); !errors.As(err, &gone) && ctx.Err() == nil {
			o.w.t.Errorf("read shard: %v", err)
		}
		return false
	}
	defer func() { _ = object.Body.Close() }()
	shard, err := plan.ReadShard(object.Body)
	if err != nil {
		o.w.t.Errorf("read shard: %v", err)
		return false
	}
	return strings.HasSuffix(shard.Items[0].Email, "@"+domain)
}

// victims are workers that are killed when they have asked and are about to keep
// what they found.
type victims struct {
	f    *host.Function
	turn sync.Mutex // held by the one at work

	mu   sync.Mutex
	kill context.CancelFunc // of the one at work
}

func (w *works) victims(t *testing.T) *victims {
	t.Helper()
	moto, err := url.Parse(*w.moto.BaseEndpoint)
	if err != nil {
		t.Fatal(err)
	}
	v := new(victims)
	pass := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(moto) }}
	files := httptest.NewServer(http.HandlerFunc(func(to http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPut {
			pass.ServeHTTP(to, r)
			return
		}
		_, _ = io.Copy(io.Discard, r.Body) // until it is read, nobody notices that the worker is gone
		v.mu.Lock()
		v.kill()
		v.mu.Unlock()
		<-r.Context().Done()
	}))
	t.Cleanup(files.Close)
	v.f = host.New(host.Config{
		Name: "prober", Binary: binary(t, "prober"), Log: w.log, Timeout: proberTime,
		Env: append(slices.Clone(w.env), "AWS_ENDPOINT_URL_S3="+files.URL),
	})
	t.Cleanup(v.f.Close)
	return v
}

// invoke lets a worker work until it is killed.
func (v *victims) invoke(ctx context.Context, event []byte) (host.Result, error) {
	v.turn.Lock()
	defer v.turn.Unlock()
	end, kill := context.WithCancel(ctx)
	defer kill()
	v.mu.Lock()
	v.kill = kill
	v.mu.Unlock()
	if result, err := v.f.Invoke(end, event); err == nil {
		return result, nil
	}
	return host.Result{Failed: true}, ctx.Err()
}

// goesOnWithoutADeadShard: a shard whose worker dies each time is given up after
// five times, and its addresses are UNKNOWN; the others are not touched.
func goesOnWithoutADeadShard(t *testing.T, o owner) {
	victims := o.w.victims(t)
	var deaths atomic.Int64
	die := func(ctx context.Context, event []byte) (host.Result, error) {
		deaths.Add(1)
		return victims.invoke(ctx, event)
	}
	lost, quick := addresses("ok.test", shardful), addresses("tls.test", 3)
	j := o.submit(t, map[string]any{"emails": append(lost, quick...), "deadline": "5m"}, func(ctx context.Context, m batch.Message) handler {
		if o.isShardOf(ctx, m, "ok.test") {
			return die
		}
		return nil
	})
	want := append(answered(lost, verdict.Unknown, verdict.Internal), answered(quick, verdict.Valid, verdict.SMTPVerified)...)
	if got := o.rows(t, o.ended(t, j.ID, "completed")); !reflect.DeepEqual(got, want) {
		t.Errorf("results:\ngot  %v\nwant %v", got, want)
	}
	// Messages that come several times die several times.
	if n := deaths.Load(); n < 5 || n > 5 && o.w.times == 1 {
		t.Errorf("%d workers died, want 5", n)
	}
	o.counted(t, len(quick))
}

// endsAtItsDeadline: a tar pit, and a shard whose worker comes too late, do not
// keep a job from ending in time with what it has.
func endsAtItsDeadline(t *testing.T, o owner) {
	over, done := make(chan struct{}), make(chan struct{})
	came := sync.OnceFunc(func() { close(done) }) // a message may come twice
	late := func(ctx context.Context, event []byte) (host.Result, error) {
		select {
		case <-over:
		case <-ctx.Done():
			return host.Result{}, ctx.Err()
		}
		defer came()
		return o.w.probers.invoke(ctx, event)
	}
	began := time.Now()
	lost, tar, quick := addresses("ok.test", shardful), addresses("tarpit.test", 2), addresses("tls.test", 3)
	emails := slices.Concat(lost, tar, quick)
	j := o.submit(t, map[string]any{"emails": emails, "deadline": "15s"}, func(ctx context.Context, m batch.Message) handler {
		if o.isShardOf(ctx, m, "ok.test") {
			return late
		}
		return nil
	})
	j = o.ended(t, j.ID, "completed")
	if took := time.Since(began); took < 14*time.Second {
		t.Errorf("the job ended after %s", took)
	}
	before := o.rows(t, j)
	pit := before[len(lost)] // silence is noticed before the deadline or by it
	if pit.Reason != verdict.Timeout && pit.Reason != verdict.Deadline {
		t.Errorf("the tar pit: got %v", pit)
	}
	want := slices.Concat(answered(lost, verdict.Unknown, verdict.Deadline), answered(tar, verdict.Unknown, pit.Reason),
		answered(quick, verdict.Valid, verdict.SMTPVerified))
	if !reflect.DeepEqual(before, want) {
		t.Errorf("results:\ngot  %v\nwant %v", before, want)
	}
	close(over)
	<-done
	if after := o.rows(t, o.look(t, j.ID)); !reflect.DeepEqual(after, before) {
		t.Errorf("a late worker changed the results:\ngot  %v\nwant %v", after, before)
	}
}

// endsWhenCancelled: a job that hangs in a tar pit ends when it is cancelled, with
// what was found by then.
func endsWhenCancelled(t *testing.T, o owner) {
	quick, tar := addresses("ok.test", shardful), addresses("tarpit.test", 2)
	j := o.submit(t, map[string]any{"emails": append(quick, tar...), "deadline": "1h"}, nil)
	eventually(t, "the quick addresses are answered", 3*time.Minute, func() bool { return o.look(t, j.ID).Done == shardful })
	must(t, o.w.jobs, "POST", "/v1/jobs/"+j.ID+"/cancel", o.secret, "", 202)
	j = o.ended(t, j.ID, "cancelled")
	want := append(answered(quick, verdict.Valid, verdict.SMTPVerified), answered(tar, verdict.Unknown, verdict.Cancelled)...)
	if got := o.rows(t, j); !reflect.DeepEqual(got, want) {
		t.Errorf("results:\ngot  %v\nwant %v", got, want)
	}
}
