package cloud_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go/middleware"

	"rcpt/internal/cloud"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/cloud/kms"
	"rcpt/internal/cloud/s3"
	"rcpt/internal/cloud/sfn"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/store"
)

// service stands in for AWS: it answers 400 with an error of its own and hands
// over what it was asked.
func service(t *testing.T) (url string, asked <-chan *http.Request) {
	t.Helper()
	requests := make(chan *http.Request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		requests <- r
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"__type":"ValidationException","message":"no"}`)
	}))
	t.Cleanup(server.Close)
	return server.URL, requests
}

// env is the environment of a Lambda function.
func env(more ...string) func(string) string {
	values := map[string]string{
		"AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "session",
	}
	for i := 0; i+1 < len(more); i += 2 {
		values[more[i]] = more[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestAdaptersCallTheirServiceAsTheFunction(t *testing.T) {
	for _, c := range []struct {
		claim, endpoint, target string
		call                    func(context.Context, aws.Config) error
	}{
		{"Table", "AWS_ENDPOINT_URL_DYNAMODB", "DynamoDB_20120810.GetItem", func(ctx context.Context, c aws.Config) error {
			_, err := dynamo.Open(c, "control").Get(ctx, store.Key{Part: "p"})
			return err
		}},
		{"Vault", "AWS_ENDPOINT_URL_KMS", "TrentService.GenerateDataKey", func(ctx context.Context, c aws.Config) error {
			_, err := kms.Open(c, "key").Seal(ctx, []byte("x"), nil)
			return err
		}},
		{"Queue", "AWS_ENDPOINT_URL_SQS", "AmazonSQS.SendMessageBatch", func(ctx context.Context, c aws.Config) error {
			return sqs.Open(c, "https://sqs.eu-central-1.amazonaws.com/1/probes").Send(ctx, store.Message{Body: "x"})
		}},
		{"Workflow", "AWS_ENDPOINT_URL_SFN", "AWSStepFunctions.StartExecution", func(ctx context.Context, c aws.Config) error {
			return sfn.Open(c, "arn:aws:states:eu-central-1:1:stateMachine:jobs").Start(ctx, "job", []byte(`{}`))
		}},
	} {
		for _, name := range []string{c.endpoint, "AWS_ENDPOINT_URL"} {
			t.Run(c.claim+" by "+name, func(t *testing.T) {
				url, asked := service(t)
				t.Setenv(name, url) // the SDK looks for itself, too
				opened, err := cloud.Open(env(name, url), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := c.call(t.Context(), opened); err == nil {
					t.Error("a refusal is no error")
				}
				select {
				case r := <-asked:
					signature := r.Header.Get("Authorization")
					if r.Header.Get("X-Amz-Target") != c.target || r.Header.Get("X-Amz-Security-Token") != "session" ||
						!strings.Contains(signature, "AKIAEXAMPLE/") || !strings.Contains(signature, "/eu-central-1/") {
						t.Errorf("asked %v", r.Header)
					}
				default:
					t.Error("the service was not asked")
				}
			})
		}
	}
}

func TestBucketStandsInThePathOfAStandIn(t *testing.T) {
	url, asked := service(t)
	t.Setenv("AWS_ENDPOINT_URL_S3", url)
	opened, err := cloud.Open(env("AWS_ENDPOINT_URL_S3", url), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s3.Open(opened, "files").Open(t.Context(), "lists/current", 0, -1, ""); err == nil {
		t.Error("a refusal is no error")
	}
	if r := <-asked; r.URL.Path != "/files/lists/current" || !strings.HasPrefix(url, "http://"+r.Host) {
		t.Errorf("asked %s at %s", r.URL.Path, r.Host)
	}
}

func TestOpenTellsEverythingThatIsMissing(t *testing.T) {
	_, err := cloud.Open(func(string) string { return "" }, nil)
	want := "missing in the environment: AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"
	if !errors.Is(err, cloud.ErrEnvironment) || err.Error() != want {
		t.Errorf("the error is %v, want %s", err, want)
	}
}

func TestEveryCallPassesTheInstrument(t *testing.T) {
	url, asked := service(t)
	calls := 0
	opened, err := cloud.Open(env("AWS_ENDPOINT_URL", url), func(options *[]func(*middleware.Stack) error) {
		*options = append(*options, func(*middleware.Stack) error { calls++; return nil })
	})
	if err != nil {
		t.Fatal(err)
	}
	_, _ = dynamo.Open(opened, "control").Get(t.Context(), store.Key{Part: "p"})
	_, _ = kms.Open(opened, "key").Seal(t.Context(), nil, nil)
	if calls < 2 || len(asked) < 2 {
		t.Errorf("%d calls passed it, %d were made", calls, len(asked))
	}
}
