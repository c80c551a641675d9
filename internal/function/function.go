// Package function is what every Lambda function begins with: its settings, who
// is told, and the way to AWS. The mains of functions/ add which adapters they
// open and what they serve.
//
// Adapters are opened by the mains and not here: a binary carries the clients
// that it names, and nothing of the others.
package function

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"rcpt/internal/app"
	"rcpt/internal/cloud"
	"rcpt/internal/config"
	"rcpt/internal/telemetry"
	"rcpt/internal/trigger"
)

// version is the build's, set by the linker (-X rcpt/internal/function.version=...).
var version = "dev"

// Function is a Lambda function before it serves.
type Function struct {
	Config config.Config
	AWS    cloud.Config
	Ports  app.Ports // those that need no adapter: log, metrics, traces, clock, secret, version
}

// Main runs the function of this name, the same as its folder in functions/,
// until the process ends. What keeps it from beginning is told in one line on
// stderr, and the exit code is 1.
func Main(name string, serve func(Function) error) {
	if err := run(name, serve); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func run(name string, serve func(Function) error) error {
	told := telemetry.New(name, os.Getenv, os.Stdout)
	cfg, err := config.ReadFunction(name, os.Getenv)
	aws, awsErr := cloud.Open(os.Getenv, told.Instrument)
	if err := errors.Join(err, awsErr); err != nil {
		return err
	}
	return serve(Function{Config: cfg, AWS: aws, Ports: app.Ports{
		Secret: []byte(cfg.Secret.Reveal()), Version: version, Now: time.Now,
		Log: told.Log, Metric: told.Metric, Step: told.Step, Mark: telemetry.Mark,
	}})
}

// HTTP serves requests of the HTTP API with what build makes of the settings and
// ports.
func (f Function) HTTP(build func(config.Config, app.Ports) (http.Handler, error)) error {
	handler, err := build(f.Config, f.Ports)
	if err != nil {
		return err
	}
	return trigger.Start(trigger.HTTP(handler, f.Ports.Log), f.Ports.Log)
}
