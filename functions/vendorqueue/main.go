// Command vendorqueue is the Lambda function that a queue feeds with what
// requests to functions/providers did not reach in their time.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("vendorqueue", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault = kms.Open(f.AWS, f.Config.AWS.VaultKey)
		f.Ports.VendorQueue = sqs.Open(f.AWS, f.Config.AWS.VendorQueue)
		finish, err := app.ProvidersQueue(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Queue(finish, f.Ports.Log), f.Ports.Log)
	})
}
