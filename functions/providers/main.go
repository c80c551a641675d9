// Command providers is the Lambda function behind /v1/email-verifiers and
// /v1/sequences.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3read"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
)

func main() {
	function.Main("providers", func(f function.Function) (err error) {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault = kms.Open(f.AWS, f.Config.AWS.VaultKey)
		f.Ports.VendorQueue = sqs.Open(f.AWS, f.Config.AWS.VendorQueue)
		if f.Config.AWS.Bucket != "" { // the gate goes by the refreshed lists, and only reads them
			if f.Ports.ListFiles, err = s3read.Open(f.AWS, f.Config.AWS.Bucket); err != nil {
				return err
			}
		}
		return f.HTTP(app.Providers)
	})
}
