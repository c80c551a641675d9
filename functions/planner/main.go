// Command planner is the Lambda function of the first steps of a job: the list
// becomes rows, and the rows become shards.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("planner", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.ProbeQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue)
		step, err := app.Planner(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Task(step, f.Ports.Log), f.Ports.Log)
	})
}
