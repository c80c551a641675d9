// Command account is the Lambda function behind /v1/keys, GET /v1/audit,
// GET /v1/usage, GET /v1/openapi.json and GET /docs.
//
// Until the AWS adapters exist its state lives in the folder RCPT_DATA of the
// instance.
package main

import (
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"

	"rcpt/internal/app"
	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/trigger"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "account:", err)
		os.Exit(1)
	}
}

func run() error {
	host, _ := os.Hostname()
	cfg, err := config.Read(os.Getenv, host)
	if err != nil {
		return err
	}
	db, err := embedded.Open(cfg.Data, embedded.Options{})
	if err != nil {
		return err
	}
	handler, err := app.Account(cfg, app.Ports{
		Control: db.Control(), Vault: db.Vault(),
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)), Now: time.Now,
	})
	if err != nil {
		return err
	}
	lambda.Start(trigger.HTTP(handler))
	return nil
}
