package trigger

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// reportTime is kept back of an invocation's time, to report which messages are
// not done. Without that report all of them come again, those done included.
const reportTime = time.Second

// Queue returns a Lambda handler of SQS events that gives each message, decoded
// from JSON, to handle. The messages of an event are handled at the same time,
// and each stands for itself: those whose handle returned an error, or panicked,
// are reported (the event source must have ReportBatchItemFailures) and come
// again, the others do not. The context ends a second before the invocation.
//
// So an error of handle means "deliver it again". What will never succeed handle
// records itself, and returns nil. Messages come more than once and in any order;
// handle bears that.
//
// A body that is not the JSON of an M is poison: it would never be understood. It
// is logged by its id and acknowledged.
func Queue[M any](handle func(context.Context, M) error, log *slog.Logger) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return func(ctx context.Context, e events.SQSEvent) (events.SQSEventResponse, error) {
		if end, ok := ctx.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, end.Add(-reportTime))
			defer cancel()
		}
		if len(e.Records) == 0 {
			log.LogAttrs(ctx, slog.LevelError, "malformed event", slog.String("trigger", "queue"))
		}
		failed := make([]bool, len(e.Records))
		var all sync.WaitGroup
		for i, record := range e.Records {
			all.Go(func() { failed[i] = !deliver(ctx, record, handle, log) })
		}
		all.Wait()
		response := events.SQSEventResponse{BatchItemFailures: []events.SQSBatchItemFailure{}} // [] and not null
		for i, again := range failed {
			if again {
				response.BatchItemFailures = append(response.BatchItemFailures,
					events.SQSBatchItemFailure{ItemIdentifier: e.Records[i].MessageId})
			}
		}
		return response, nil
	}
}

// deliver hands one message over and reports whether it is done with.
func deliver[M any](ctx context.Context, record events.SQSMessage, handle func(context.Context, M) error, log *slog.Logger) (done bool) {
	about := []slog.Attr{
		slog.String("message", record.MessageId),
		slog.String("received", record.Attributes["ApproximateReceiveCount"]), // how many times, this one included
	}
	var m M
	if err := json.Unmarshal([]byte(record.Body), &m); err != nil {
		log.LogAttrs(ctx, slog.LevelError, "malformed message", about...)
		return true
	}
	if err := safely(ctx, log, func() error { return handle(ctx, m) }); err != nil {
		log.LogAttrs(ctx, severity(ctx), "message not done", append(about, slog.String("error", err.Error()))...)
		return false
	}
	return true
}
