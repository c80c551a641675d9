// Command verify is the Lambda function behind POST /v1/verify, POST /v1/check,
// GET /v1/health, GET /v1/lists/info and whatever no other route takes.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/egress"
	"rcpt/internal/function"
)

func main() {
	function.Main("verify", func(f function.Function) (err error) {
		f.Ports.Control, f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.ControlTable), dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		if f.Config.AWS.Bucket != "" {
			f.Ports.Blob = s3.Open(f.AWS, f.Config.AWS.Bucket)
		}
		f.Ports.Egress = egress.NewWatch(f.Ports.Cache, f.Ports.Now, f.Ports.Log)
		if f.Ports.Sim, err = app.World(f.Config, f.Ports); err != nil {
			return err
		}
		return f.HTTP(app.Verify)
	})
}
