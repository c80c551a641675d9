// Command verify is the Lambda function behind POST /v1/verify, POST /v1/check,
// GET /v1/health, GET /v1/lists/info and whatever no other route takes.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3read"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/egress"
	"rcpt/internal/function"
)

func main() {
	function.Main("verify", func(f function.Function) (err error) {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault, f.Ports.ProbeQueue = kms.Open(f.AWS, f.Config.AWS.VaultKey), sqs.Open(f.AWS, f.Config.AWS.ProbeQueue)
		if f.Config.AWS.Bucket != "" { // only read: the client of S3 would take 5 MB
			if f.Ports.ListFiles, err = s3read.Open(f.AWS, f.Config.AWS.Bucket); err != nil {
				return err
			}
		}
		f.Ports.Egress = egress.NewWatch(f.Ports.Cache, f.Ports.Now, f.Ports.Log)
		if f.Ports.Sim, err = app.World(f.Config, f.Ports); err != nil {
			return err
		}
		return f.HTTP(app.Verify)
	})
}
