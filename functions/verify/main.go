// Command verify is the Lambda function behind POST /v1/verify, POST /v1/check
// and GET /v1/health.
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
		fmt.Fprintln(os.Stderr, "verify:", err)
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
	secret := []byte(cfg.Secret.Reveal())
	if len(secret) == 0 {
		if secret, err = embedded.Secret(cfg.Data); err != nil {
			return err
		}
	}
	handler, err := app.Verify(cfg, app.Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: secret,
		Log: slog.New(slog.NewJSONHandler(os.Stdout, nil)), Now: time.Now,
	})
	if err != nil {
		return err
	}
	lambda.Start(trigger.HTTP(handler))
	return nil
}
