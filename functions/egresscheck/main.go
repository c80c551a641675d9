// Command egresscheck is the Lambda function that the clock calls to find out
// whether our way out to port 25 is open, and whether our address is listed.
package main

import (
	"rcpt/internal/app"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/function"
	"rcpt/internal/trigger"
)

func main() {
	function.Main("egresscheck", func(f function.Function) error {
		f.Ports.Cache = dynamo.Open(f.AWS, f.Config.AWS.CacheTable)
		return trigger.Start(trigger.Scheduled(app.EgressCheck(f.Config, f.Ports), f.Ports.Log), f.Ports.Log)
	})
}
