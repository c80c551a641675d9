// Command providers is the Lambda function behind /v1/email-verifiers.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/function"
)

func main() {
	function.Main("providers", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault = kms.Open(f.AWS, f.Config.AWS.VaultKey)
		f.Ports.VendorQueue = sqs.Open(f.AWS, f.Config.AWS.VendorQueue)
		return f.HTTP(app.Providers)
	})
}
