package main

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"rcpt/internal/store"
)

const (
	// lease is how long a message stays with a process that has died. On AWS it is
	// longer than the function may run; here it is short and made longer while the
	// function runs, so that after a kill nobody waits long. A process that stands
	// still for as long loses its messages, and its work on them.
	lease = 6 * time.Second

	// receives is how often a message is taken up at most. On AWS 5, but there
	// nobody ends the process while it works.
	receives = 10

	// After a failure a message comes again after firstPause, then four times as
	// long each time.
	firstPause = 2 * time.Second
	maxPause   = 5 * time.Minute

	// ending is what is left, when the process ends, to say what became of a
	// message.
	ending = 5 * time.Second
)

// poller stands where Lambda stands between a queue of SQS and a function: it
// takes messages, makes an event of each one, as with a batch size of 1, calls
// the function, and deletes what is done.
type poller struct {
	queue  store.Queue
	name   string
	handle func(context.Context, events.SQSEvent) (events.SQSEventResponse, error)
	atOnce int           // calls of the function
	atRest int           // and calls of it that only wait by now, see slots
	limit  time.Duration // of one call: the function's Timeout in template.yaml
	log    *slog.Logger
}

// run works until ctx ends, and returns when no call is under way any more.
// Messages that are not done then are due at once for the next run.
func (p poller) run(ctx context.Context) {
	places := newSlots(p.atOnce, p.atRest)
	var busy sync.WaitGroup
	defer busy.Wait()
	told := ""
	for {
		n := places.reserve(ctx)
		if n == 0 {
			return
		}
		got, err := p.queue.Receive(ctx, n, store.MaxPoll, lease)
		places.giveBack(n - len(got))
		for _, d := range got {
			busy.Go(func() { places.use(func() { p.deliver(ctx, d) }) })
		}
		problem := ""
		if err != nil && ctx.Err() == nil {
			problem = err.Error()
			wait(ctx, time.Second)
		}
		if problem != "" && problem != told {
			p.log.Error("receive messages", "queue", p.name, "error", problem)
		}
		told = problem
	}
}

// deliver calls the function with one message and does with the message what
// Lambda would do.
func (p poller) deliver(ctx context.Context, d store.Delivery) {
	call, end := context.WithTimeout(ctx, p.limit)
	release := p.hold(call, end, d.Receipt)
	answer, err := p.handle(call, p.event(d))
	release()

	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), ending)
	defer cancel()
	switch {
	case err == nil && len(answer.BatchItemFailures) == 0:
		err = p.queue.Delete(last, d.Receipt)
	case ctx.Err() != nil:
		err = p.queue.Extend(last, d.Receipt, 0)
	default:
		err = p.queue.Extend(last, d.Receipt, pause(d.Received))
	}
	if err != nil && !errors.Is(err, store.ErrLease) { // it comes again when its lease ends
		p.log.Error("settle message", "queue", p.name, "message", d.ID, "error", err.Error())
	}
}

// hold keeps the message ours until release is called. When it is lost all the
// same, the call is broken off: another one may be at it.
func (p poller) hold(call context.Context, end context.CancelFunc, receipt string) (release func()) {
	var holding sync.WaitGroup
	holding.Go(func() {
		for {
			if wait(call, lease/3); call.Err() != nil {
				return
			}
			err := p.queue.Extend(call, receipt, lease)
			if errors.Is(err, store.ErrLease) {
				end()
			}
		}
	})
	return func() {
		end()
		holding.Wait()
	}
}

// pause is how long a message waits that was received so often and not done.
func pause(received int) time.Duration {
	d := firstPause
	for range received - 1 {
		if d = 4 * d; d >= maxPause {
			return maxPause
		}
	}
	return d
}

// event is the delivery as Lambda hands it over.
func (p poller) event(d store.Delivery) events.SQSEvent {
	attributes := map[string]string{
		"ApproximateReceiveCount": strconv.Itoa(d.Received),
		"SentTimestamp":           strconv.FormatInt(d.Sent.UnixMilli(), 10),
	}
	if d.Group != "" {
		attributes["MessageGroupId"] = d.Group
	}
	return events.SQSEvent{Records: []events.SQSMessage{{
		MessageId: d.ID, ReceiptHandle: d.Receipt, Body: d.Body, Attributes: attributes,
		EventSource: "aws:sqs", EventSourceARN: "arn:aws:sqs:local:local:" + p.name, AWSRegion: "local",
	}}}
}
