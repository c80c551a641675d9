// Command jobs is the Lambda function behind /v1/jobs, /v1/uploads and
// /v1/webhooks/test.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
)

func main() {
	function.Main("jobs", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.Jobs = sfn.Open(f.AWS, f.Config.AWS.StateMachine)
		f.Ports.ProbeQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue)
		f.Ports.DeliveryQueue = sqs.Open(f.AWS, f.Config.AWS.DeliveryQueue)
		return f.HTTP(app.Jobs)
	})
}
