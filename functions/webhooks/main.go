// Command webhooks is the Lambda function behind POST /v1/report-bounce and the
// webhooks of ESPs: /v1/hooks/{esp}/{token}, /v1/report-bounce/{source}.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/function"
)

func main() {
	function.Main("webhooks", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault = kms.Open(f.AWS, f.Config.AWS.VaultKey)
		return f.HTTP(app.Webhooks)
	})
}
