package trigger

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/aws/aws-lambda-go/events"
)

// File is a file that somebody put into the bucket.
type File struct {
	Name    string // as store.Blob has it
	Version string // its ETag: store.BlobInfo's
	Size    int64  // octets
}

// Object returns a Lambda handler that gives each file of a notification of S3 to
// handle. The notifications come through an SQS queue ("Amazon S3 Event
// Notifications", User Guide, seen November 2026), so that what fails is tried
// again for days and not twice: everything that Queue says holds, and a message
// with several files comes again as a whole.
//
// Names stand in notifications like values in the query of a URL: with plus signs
// for spaces, and percent signs. What is told of other things than new files, and
// the test that S3 sends when it first meets the queue, is acknowledged.
func Object(handle func(context.Context, File) error, log *slog.Logger) func(context.Context, events.SQSEvent) (events.SQSEventResponse, error) {
	return Queue(func(ctx context.Context, e events.S3Event) error {
		var failed []error
		for _, r := range e.Records {
			if strings.HasPrefix(r.EventName, "ObjectCreated:") {
				o := r.S3.Object
				failed = append(failed, handle(ctx, File{Name: o.URLDecodedKey, Version: o.ETag, Size: o.Size}))
			}
		}
		return errors.Join(failed...)
	}, log)
}
