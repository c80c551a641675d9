// Command prober is the Lambda function behind the queue of probes: a message is
// one attempt at a shard of a job, or at a recheck.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/egress"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("prober", func(f function.Function) (err error) {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault, f.Ports.Blob = kms.Open(f.AWS, f.Config.AWS.VaultKey), s3.Open(f.AWS, f.Config.AWS.Bucket)
		f.Ports.ProbeQueue, f.Ports.DeliveryQueue = sqs.Open(f.AWS, f.Config.AWS.ProbeQueue), sqs.Open(f.AWS, f.Config.AWS.DeliveryQueue)
		f.Ports.Jobs = sfn.Open(f.AWS, f.Config.AWS.StateMachine)
		f.Ports.Egress = egress.NewWatch(f.Ports.Cache, f.Ports.Now, f.Ports.Log)
		if f.Ports.Sim, err = app.World(f.Config, f.Ports); err != nil {
			return err
		}
		handle, err := app.Prober(f.Config, f.Ports)
		if err != nil {
			return err
		}
		return trigger.Start(trigger.Queue(handle, f.Ports.Log), f.Ports.Log)
	})
}
