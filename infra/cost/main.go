// Command cost prints what rcpt costs on AWS: fixed per month, for 1,000
// real-time checks, and for a batch job of a million rows. The calls a check makes
// stand in calls.json, which the tests of infra/test-aws/flow measure and compare;
// those of a job are reckoned (batch.go). Prices are those of us-east-1, on demand,
// without free tier, as of November 2026.
package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"text/tabwriter"
)

// calls is what one request makes, as measured.
//
//go:embed calls.json
var calls []byte

// Call is one kind of request, on average.
type Call struct {
	Reads  float64 `json:"reads"`  // read units of DynamoDB
	Writes float64 `json:"writes"` // write units
	Lines  float64 `json:"lines"`  // octets logged, metrics among them
}

// Prices in USD.
const (
	gatewayRequest = 1.00 / 1e6
	lambdaRequest  = 0.20 / 1e6
	lambdaSecond   = 0.0000133334 / 4 // of 256 MB, arm64
	readUnit       = 0.125 / 1e6
	writeUnit      = 0.625 / 1e6
	logOctet       = 0.50 / 1e9
	natOctet       = (0.045 + 0.09) / 1e9

	// Lambda asks X-Ray about each invocation, whose default rule takes the first of
	// each second and 5 % of the others: all of them where there is less to do.
	trace = 5.00 / 1e6

	natGateway  = 32.85         // a month
	natInstance = 3.07 + 8*0.08 // t4g.nano, and its volume of 8 GB
	address     = 3.65
	key         = 1.00
	secret      = 0.40
	alarm       = 0.10 // for each metric that it looks at
	metric      = 0.30
	dashboard   = 3.00
)

// Durations that no machine of ours can measure: a warm answer and a probe of a
// responsive server, in seconds, and the octets of a session with what DNS and
// TLS add.
const (
	warm    = 0.15
	probed  = 0.8
	session = 6000
)

// What template.yaml and infra/vpc.yaml watch, and the metrics of our own that are
// seen in a month with traffic: their number grows with functions and providers.
const (
	watched = 44
	metrics = 60
)

// The queues that Lambda looks into, empty or not: five times at once, 20 s long
// ("Using Lambda with Amazon SQS", Lambda Developer Guide).
const (
	sources = 5
	polls   = 5 * 30.4 * 24 * 3600 / 20 // a month
)

func main() {
	var measured map[string]Call
	if err := json.Unmarshal(calls, &measured); err != nil {
		fmt.Fprintln(os.Stderr, "cost: calls.json:", err)
		os.Exit(1)
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(out, "1,000 checks\tgateway\tLambda\tDynamoDB\tlogs\tegress\ttraces\tUSD\t")
	for _, kind := range []string{"cached", "soft", "full"} {
		row(out, kind, measured[kind], kind == "full")
	}
	_ = out.Flush()
	fmt.Println()
	if err := job(os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
	fmt.Println()
	month(os.Stdout)
}

// row prints 1,000 checks of one kind.
func row(out *tabwriter.Writer, kind string, c Call, probes bool) {
	seconds, octets := warm, 0.0
	if probes {
		seconds, octets = probed, session
	}
	parts := []float64{
		gatewayRequest, lambdaRequest + seconds*lambdaSecond, c.Reads*readUnit + c.Writes*writeUnit, c.Lines * logOctet, octets * natOctet, trace,
	}
	_, _ = fmt.Fprintf(out, "%s\t", kind)
	sum := 0.0
	for _, p := range parts {
		sum += 1000 * p
		_, _ = fmt.Fprintf(out, "%.5f\t", 1000*p)
	}
	_, _ = fmt.Fprintf(out, "%.4f\t\n", sum)
}

// month prints what is paid though nobody asks.
func month(out *os.File) {
	idle := key + secret + watched*alarm + metrics*metric + dashboard + sources*polls*queueRequest
	_, _ = fmt.Fprintf(out, "a month, idle: %.2f USD with NatMode gateway, %.2f with instance, %.2f with none\n",
		idle+natGateway+address, idle+natInstance+address, idle)
}
