// Command account is the Lambda function behind /v1/keys, /v1/lists, /v1/bounces,
// /v1/addresses, /v1/hooks, /v1/traps, GET /v1/audit, GET /v1/usage,
// GET /v1/openapi.json and GET /docs.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/cloud"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/config"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "account:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run() error {
	told := telemetry.New("account", os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction("account", os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	handler, err := app.Account(cfg, app.Ports{
		Control: dynamo.Open(aws, cfg.AWS.ControlTable), Cache: dynamo.Open(aws, cfg.AWS.CacheTable), Vault: kms.Open(aws, cfg.AWS.VaultKey),
		Secret: []byte(cfg.Secret.Reveal()),
		Log:    told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark, Now: time.Now,
	})
	if err != nil {
		return err
	}
	return trigger.Start(trigger.HTTP(handler, told.Log), told.Log)
}
