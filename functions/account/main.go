// Command account is the Lambda function behind /v1/keys, /v1/lists, /v1/bounces,
// /v1/addresses, /v1/hooks, /v1/traps, GET /v1/audit, GET /v1/usage,
// GET /v1/openapi.json and GET /docs.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/function"
)

func main() {
	function.Main("account", func(f function.Function) error {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		f.Ports.Vault = kms.Open(f.AWS, f.Config.AWS.VaultKey)
		return f.HTTP(app.Account)
	})
}
