// Command refresher is the Lambda function that the clock calls once a day to
// fetch the public lists and to put a checked table in their place. An event of
// an operator can do more: see package refresh.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("refresher", func(f function.Function) error {
		f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		return trigger.Start(trigger.Task(app.Refresher(f.Config, f.Ports), f.Ports.Log), f.Ports.Log)
	})
}
