// Command deadletter is the Lambda function behind the dead letters of the queue
// of probes: what nobody could deal with comes to its end.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("deadletter", func(f function.Function) error {
		f.Ports.Control = dynamo.Open(f.AWS, f.Config.AWS.ControlTable)
		f.Ports.Vault, f.Ports.Blob = kms.Open(f.AWS, f.Config.AWS.VaultKey), s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.ProbeQueue, f.Ports.DeliveryQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue), sqs.Open(f.AWS, f.Config.AWS.DeliveryQueue)
		f.Ports.Jobs = sfn.Open(f.AWS, f.Config.AWS.StateMachine)
		handle, err := app.DeadLetter(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Queue(handle, f.Ports.Log), f.Ports.Log)
	})
}
