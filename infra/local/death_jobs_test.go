package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// trial is a job that is killed with its product again and again.
type trial struct {
	*product
	data, body string
	to         *receiver
	chance     *rand.Rand
	job        string

	began   time.Time
	resumed []time.Duration // from the start of a process to its first new answers
}

// launchAgain starts the product on the trial's folder.
func (d *trial) launchAgain(t *testing.T) {
	t.Helper()
	p, err := launch(t.TempDir(), []string{
		"RCPT_ADDR=127.0.0.1:0", "RCPT_DATA=" + d.data, "RCPT_DNS=" + nowhere, "RCPT_WEBHOOK_ALLOW=127.0.0.1/32",
	}, "rcpt")
	if err != nil {
		t.Fatal(err)
	}
	d.product = p
	t.Cleanup(func() { _ = p.end(syscall.SIGKILL) })
}

// newTrial starts a product on a new folder and uploads a list.
func newTrial(t *testing.T, list, options string, to *receiver) *trial {
	t.Helper()
	d := &trial{data: filepath.Join(t.TempDir(), "data"), to: to, chance: rand.New(rand.NewPCG(8, 3)), began: time.Now()}
	d.launchAgain(t)
	d.body = fmt.Sprintf(`{"upload_id":%q,"webhook_url":%q,"deadline":"1h"%s}`, d.upload(t, "drill.csv", list), to.URL, options)
	return d
}

// submit asks for the job, once however often it is called. The product may die
// under way.
func (d *trial) submit(ctx context.Context) (id string, err error) {
	status, text, err := d.fetch(ctx, "POST", "/v1/jobs", d.body, "Idempotency-Key", "drill")
	if err != nil {
		return "", err
	}
	if status != http.StatusAccepted {
		return "", fmt.Errorf("submit answers %d: %s", status, text)
	}
	var job drilled
	return unmarshaled(text, &job).ID, nil
}

// kill ends the process without a word and starts the next one.
func (d *trial) kill(t *testing.T, why string) {
	t.Helper()
	before, err := d.show(t.Context(), d.job)
	if err != nil && d.job != "" {
		t.Fatal(err)
	}
	_ = d.end(syscall.SIGKILL)
	if err := d.indiscretion(); err != nil {
		t.Error(err)
	}
	t.Logf("%6.2f s: killed %s: %s, %d of %d answered", time.Since(d.began).Seconds(), why, before.Status, before.Done, before.Total)
	d.launchAgain(t)
	if before.Status != "running" || before.Done == before.Total {
		return
	}
	began := time.Now()
	d.follow(t, d.job, func(now drilled) bool { return now.Done > before.Done || now.ended() })
	d.resumed = append(d.resumed, time.Since(began))
}

// pause waits up to so long.
func (d *trial) pause(most time.Duration) { time.Sleep(time.Duration(d.chance.Int64N(int64(most)))) }

// undisturbed is what the job comes to when nobody dies.
func undisturbed(t *testing.T, list, options string) (outcome, time.Duration) {
	t.Helper()
	d := newTrial(t, list, options, newReceiver(t, func(http.ResponseWriter, *http.Request, int) {}))
	id, err := d.submit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	o := d.outcome(t, id)
	took := time.Since(began)
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	return o, took
}

// TestJobSurvivesDeaths kills the product while a job is submitted, read,
// planned, asked, collected and told of, and wants the results, the counters, the
// usage and the one webhook of a run without deaths.
func TestJobSurvivesDeaths(t *testing.T) {
	t.Parallel()
	rows, kills, silent := 4000, 4, 0
	if drillFull() {
		rows, kills, silent = 20_000, 20, 2
	}
	list := drillList(rows)
	want, took := undisturbed(t, list, "")
	want.exact(t)

	var dying atomic.Bool // in the middle of a webhook
	struck := make(chan struct{}, silent)
	to := newReceiver(t, func(w http.ResponseWriter, r *http.Request, number int) {
		switch {
		case number <= silent && dying.Load():
			struck <- struct{}{}
			<-r.Context().Done()
		case number == silent+1:
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	d := newTrial(t, list, "", to)
	dying.Store(true)
	d.submitDying(t)
	early, late := kills/4, kills/4
	for range early - 1 {
		d.pause(took / 20)
		d.kill(t, "at the beginning")
	}
	asked := int64(kills - early - late - silent)
	for k := range asked {
		d.follow(t, d.job, func(now drilled) bool {
			return now.Total > 0 && now.Done*(asked+1) >= now.Total*(k+1) || now.ended()
		})
		d.pause(100 * time.Millisecond)
		d.kill(t, "while it asks")
	}
	d.follow(t, d.job, func(now drilled) bool { return now.Done == now.Total || now.ended() })
	for range late {
		if now, err := d.show(t.Context(), d.job); err == nil && now.ended() && !drillFull() {
			break // who dies with a webhook under way waits for half a minute
		}
		d.kill(t, "while it collects")
		d.pause(50 * time.Millisecond)
	}
	for range silent {
		<-struck
		d.kill(t, "while it tells")
	}
	d.outcome(t, d.job).alike(t, want)
	all := time.Since(d.began)
	d.toldOnce(t)
	median, last := middle(d.resumed)
	t.Logf("%d rows: %v undisturbed, %v with %d deaths; the next answers came %v after a start, %v at the latest; the webhook came %d times",
		rows, took.Round(time.Millisecond), all.Round(time.Millisecond), kills, median.Round(time.Millisecond), last.Round(time.Millisecond), len(to.all()))
}

// submitDying has the product die while it is asked for the job, which is asked
// for again then.
func (d *trial) submitDying(t *testing.T) {
	t.Helper()
	first := make(chan string, 1)
	go func() {
		id, _ := d.submit(context.WithoutCancel(t.Context()))
		first <- id
	}()
	d.pause(10 * time.Millisecond)
	d.kill(t, "while it is asked")
	id, err := d.submit(t.Context())
	if answered := <-first; err != nil || answered != "" && answered != id {
		t.Fatalf("the job is %q, %v, and was %q", id, err, answered)
	}
	d.job = id
}

// told waits until the webhook of the job is taken.
func (d *trial) told(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		_, text, err := d.fetch(t.Context(), "GET", "/v1/jobs/"+d.job+"/deliveries", "")
		if err != nil {
			t.Fatal(err)
		}
		var page struct{ Deliveries []struct{ ID, State string } }
		if all := unmarshaled(text, &page).Deliveries; len(all) == 1 && all[0].State == "delivered" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the webhook is not delivered: %s", text)
		}
	}
}

// toldOnce fails unless the webhook was one, of the only job there is.
func (d *trial) toldOnce(t *testing.T) {
	t.Helper()
	d.told(t)
	d.to.one(t, d.env.WebhookSecret)
	var list struct{ Jobs []drilled }
	if _, text, err := d.fetch(t.Context(), "GET", "/v1/jobs", ""); err != nil || len(unmarshaled(text, &list).Jobs) != 1 {
		t.Errorf("jobs are %s, %v, want one", text, err)
	}
	if err := d.end(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	if err := d.indiscretion(); err != nil {
		t.Error(err)
	}
}

// TestLongListSurvivesDeaths does the same with a list that takes a while to be
// read, planned and collected, at any moment of it.
func TestLongListSurvivesDeaths(t *testing.T) {
	if !drillFull() {
		t.Skip("takes minutes: make drill")
	}
	const rows, kills = 300_000, 20
	list := drillList(rows)
	want, took := undisturbed(t, list, `,"mode":"soft"`)
	want.exact(t)
	d := newTrial(t, list, `,"mode":"soft"`, newReceiver(t, func(http.ResponseWriter, *http.Request, int) {}))
	d.submitDying(t)
	died := 1
	for ; died < kills; died++ {
		d.pause(took * time.Duration(died) / 60) // ever longer, so that it comes further
		if now, err := d.show(t.Context(), d.job); err == nil && now.ended() {
			break
		}
		d.kill(t, "at random")
	}
	d.outcome(t, d.job).alike(t, want)
	t.Logf("%d rows: %v undisturbed, %v with %d deaths", rows, took.Round(time.Millisecond), time.Since(d.began).Round(time.Millisecond), died)
	d.toldOnce(t)
}
