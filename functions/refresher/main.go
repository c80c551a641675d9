// Command refresher is the Lambda function that the clock calls once a day to
// fetch the public lists and to put a checked table in their place. An event of
// an operator can do more: see package refresh.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/cloud"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/config"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "refresher:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run() error {
	told := telemetry.New("refresher", os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction("refresher", os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	refresh := app.Refresher(cfg, app.Ports{
		Blob: s3.Open(aws, cfg.AWS.Bucket),
		Log:  told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark, Now: time.Now,
	})
	return trigger.Start(trigger.Task(refresh, told.Log), told.Log)
}
