// Command egresscheck is the Lambda function that the clock calls to find out
// whether our way out to port 25 is open, and whether our address is listed.
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
	"rcpt/internal/config"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "egresscheck:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run() error {
	told := telemetry.New("egresscheck", os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction("egresscheck", os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	check := app.EgressCheck(cfg, app.Ports{
		Cache: dynamo.Open(aws, cfg.AWS.CacheTable),
		Log:   told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark, Now: time.Now,
	})
	return trigger.Start(trigger.Scheduled(check, told.Log), told.Log)
}
