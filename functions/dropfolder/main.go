// Command dropfolder is the Lambda function that makes jobs of the files that
// customers put into the bucket.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("dropfolder", func(f function.Function) error {
		f.Ports.Control = dynamo.Open(f.AWS, f.Config.AWS.ControlTable)
		f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.Jobs = sfn.Open(f.AWS, f.Config.AWS.StateMachine)
		f.Ports.ProbeQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue)
		accept, err := app.DropFolder(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Object(accept, f.Ports.Log), f.Ports.Log)
	})
}
