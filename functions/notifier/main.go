// Command notifier is the Lambda function behind the queue of webhook deliveries:
// a message is one attempt.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("notifier", func(f function.Function) error {
		f.Ports.Control, f.Ports.Vault = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), kms.Open(f.AWS, f.Config.AWS.VaultKey)
		f.Ports.Blob, f.Ports.DeliveryQueue = s3.Open(f.AWS, f.Config.AWS.Bucket), sqs.Open(f.AWS, f.Config.AWS.DeliveryQueue)
		handle, err := app.Notifier(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Queue(handle, f.Ports.Log), f.Ports.Log)
	})
}
