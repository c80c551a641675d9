// Command verify is the Lambda function behind POST /v1/verify, POST /v1/check,
// GET /v1/health, GET /v1/lists/info and whatever no other route takes.
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
	"rcpt/internal/cloud/s3"
	"rcpt/internal/config"
	"rcpt/internal/egress"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

// version is the build's, set by the linker (-X main.version=...).
var version = "dev"

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "verify:", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run() error {
	told := telemetry.New("verify", os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction("verify", os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	ports := app.Ports{
		Control: dynamo.Open(aws, cfg.AWS.ControlTable), Cache: dynamo.Open(aws, cfg.AWS.CacheTable), Secret: []byte(cfg.Secret.Reveal()),
		Log: told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark, Version: version, Now: time.Now,
	}
	if cfg.AWS.Bucket != "" {
		ports.Blob = s3.Open(aws, cfg.AWS.Bucket)
	}
	ports.Egress = egress.NewWatch(ports.Cache, ports.Now, ports.Log)
	if ports.Sim, err = app.World(cfg, ports); err != nil {
		return err
	}
	handler, err := app.Verify(cfg, ports)
	if err != nil {
		return err
	}
	return trigger.Start(trigger.HTTP(handler, told.Log), told.Log)
}
