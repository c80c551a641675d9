// Command collector is the Lambda function of the last steps of a job: it waits
// for the shards, and answers become results.
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
	function.Main("collector", func(f function.Function) error {
		f.Ports.Control = dynamo.Open(f.AWS, f.Config.AWS.ControlTable)
		f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.ProbeQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue)
		f.Ports.Jobs = sfn.Open(f.AWS, f.Config.AWS.StateMachine)
		f.Ports.DeliveryQueue = sqs.Open(f.AWS, f.Config.AWS.DeliveryQueue)
		step, err := app.Collector(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Task(step, f.Ports.Log), f.Ports.Log)
	})
}
