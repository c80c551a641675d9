// Package cloud tells the adapters below it which AWS they speak to, and as whom.
// A main of functions/ opens with it the ones it needs and hands them to app:
//
//	aws, err := cloud.Open(os.Getenv, told.Instrument)
//	table := dynamo.Open(aws, cfg.AWS.ControlTable)
//
// It imports none of them, because a binary carries the SDK of every service that
// is imported and sets it up at each cold start. Nothing else in the product
// knows that there is AWS.
//
// Opening costs nothing: a client resolves names and connects when it is first
// used. All clients share one HTTP client, so that a function holds one set of
// connections, whatever it talks to.
//
// The environment is that of Lambda: AWS_REGION, AWS_ACCESS_KEY_ID,
// AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN are always there and do not change
// while the process lives ("Working with Lambda environment variables", seen
// November 2026). So the SDK's own search for credentials, through files, single
// sign-on and instance metadata, is left out: it would add 2 MB to each binary
// and read files at each cold start. Endpoints can be led elsewhere by the
// SDK's own AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_<SERVICE>.
package cloud

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/smithy-go/middleware"
)

// Config is what adapters are opened with: region, identity, connections.
type Config = aws.Config

// ErrEnvironment: this is not the environment of a Lambda function.
var ErrEnvironment = errors.New("missing in the environment")

// Open reads the environment through lookup. ErrEnvironment when what Lambda sets
// is not there. Instrument, which may be nil, adds to the options of each client,
// for tracing.
func Open(lookup func(name string) string, instrument func(*[]func(*middleware.Stack) error)) (aws.Config, error) {
	var missing []string
	need := func(name string) string {
		value := lookup(name)
		if value == "" {
			missing = append(missing, name)
		}
		return value
	}
	config := aws.Config{
		Region: need("AWS_REGION"),
		Credentials: credentials.NewStaticCredentialsProvider(
			need("AWS_ACCESS_KEY_ID"), need("AWS_SECRET_ACCESS_KEY"), lookup("AWS_SESSION_TOKEN")),
		HTTPClient:    client(),
		RetryMode:     aws.RetryModeStandard, // three tries with backoff and jitter, where an adapter does not know better
		ConfigSources: []any{endpoints(lookup)},
	}
	if url := lookup("AWS_ENDPOINT_URL"); url != "" {
		config.BaseEndpoint = &url // that of one service goes before it
	}
	if instrument != nil {
		instrument(&config.APIOptions)
	}
	if len(missing) > 0 {
		return aws.Config{}, fmt.Errorf("%w: %s", ErrEnvironment, strings.Join(missing, ", "))
	}
	return config, nil
}

// client returns the HTTP client of all services. Each call is bounded by its
// context and, where the service is quick, by its adapter. What stands here is
// for what those cannot see.
func client() aws.HTTPClient {
	return awshttp.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) {
		// The services are next door. A packet that was lost is sent again after 1 s
		// (RFC 6298 §2.1).
		d.Timeout = 3 * time.Second
	}).WithTransportOptions(func(t *http.Transport) {
		t.TLSHandshakeTimeout = 3 * time.Second
		// The longest poll of a queue takes 20 s.
		t.ResponseHeaderTimeout = 25 * time.Second
		// Hundreds of probes of one process share a table; the SDK keeps 10, and
		// each further one would cost a handshake.
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 200, 100
	})
}

// endpoints finds the endpoints of single services in the environment, as the
// SDK's own configuration does (AWS SDKs and Tools Reference Guide, "Service-specific
// endpoints").
type endpoints func(name string) string

// GetServiceBaseEndpoint is the SDK's question, asked with the service's name
// such as "DynamoDB".
func (e endpoints) GetServiceBaseEndpoint(_ context.Context, service string) (url string, found bool, _ error) {
	url = e("AWS_ENDPOINT_URL_" + strings.ToUpper(strings.ReplaceAll(service, " ", "_")))
	return url, url != "", nil
}
