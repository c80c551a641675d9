// Command webhooks is the Lambda function behind POST /v1/report-bounce and the
// webhooks of ESPs: /v1/hooks/{esp}/{token}, /v1/report-bounce/{source}.
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
		fmt.Fprintln(os.Stderr, "webhooks:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run() error {
	told := telemetry.New("webhooks", os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction("webhooks", os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	handler, err := app.Webhooks(cfg, app.Ports{
		Control: dynamo.Open(aws, cfg.AWS.ControlTable), Cache: dynamo.Open(aws, cfg.AWS.CacheTable), Vault: kms.Open(aws, cfg.AWS.VaultKey),
		Secret: []byte(cfg.Secret.Reveal()),
		Log:    told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark, Now: time.Now,
	})
	if err != nil {
		return err
	}
	return trigger.Start(trigger.HTTP(handler, told.Log), told.Log)
}
