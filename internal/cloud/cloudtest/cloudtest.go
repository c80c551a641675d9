// Package cloudtest connects the tests of the adapters below cloud to stand-ins
// for AWS, and puts faults between the two (faults.go). `make test-aws` installs
// the stand-ins, starts them and says through the environment where they are;
// without that a test skips and tells so.
package cloudtest

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
)

// The stand-ins, by the environment variable that holds the URL of each.
const (
	DynamoDBLocal = "RCPT_TEST_DYNAMODB" // DynamoDB alone, by AWS
	Moto          = "RCPT_TEST_MOTO"     // all services
)

// Config returns the configuration with which a client reaches a stand-in. The
// test is skipped when its variable is not set, and fails when it names anything
// but a loopback address.
func Config(t testing.TB, standIn string) aws.Config {
	t.Helper()
	endpoint := os.Getenv(standIn)
	if endpoint == "" {
		t.Skipf("%s is not set: run this test by make test-aws", standIn)
	}
	parsed, err := url.Parse(endpoint)
	if err != nil {
		t.Fatalf("%s: %v", standIn, err)
	}
	if ip, err := netip.ParseAddr(parsed.Hostname()); err != nil || !ip.IsLoopback() {
		t.Fatalf("%s is %s: want a loopback address", standIn, endpoint)
	}
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: &endpoint,
		// DynamoDB Local takes letters and digits only.
		Credentials: credentials.NewStaticCredentialsProvider("rcpt", "rcpt", ""),
	}
}

// Nowhere returns the configuration of a client that reaches nothing: every call
// is to be answered by a Fault.
func Nowhere() aws.Config {
	return aws.Config{
		Region:       "us-east-1",
		BaseEndpoint: aws.String("http://127.0.0.1:1"),
		Credentials:  credentials.NewStaticCredentialsProvider("rcpt", "rcpt", ""),
	}
}

// tables counts the tables made, so that each has a name of its own.
var tables atomic.Int64

// Table makes a table as the template has it, under a name of its own, and
// removes it when the test is over. swept tells whether expired items may be
// removed, which is then done by the real time.
func Table(t testing.TB, client *dynamodb.Client, swept bool) (name string) {
	t.Helper()
	name = fmt.Sprintf("t%d-%d-%s", os.Getpid(), tables.Add(1), strings.ToLower(t.Name()[:4]))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := client.CreateTable(ctx, &dynamodb.CreateTableInput{
		TableName:   &name,
		BillingMode: types.BillingModePayPerRequest,
		AttributeDefinitions: []types.AttributeDefinition{
			{AttributeName: aws.String("PK"), AttributeType: types.ScalarAttributeTypeB},
			{AttributeName: aws.String("SK"), AttributeType: types.ScalarAttributeTypeB},
		},
		KeySchema: []types.KeySchemaElement{
			{AttributeName: aws.String("PK"), KeyType: types.KeyTypeHash},
			{AttributeName: aws.String("SK"), KeyType: types.KeyTypeRange},
		},
	})
	if err != nil {
		t.Fatalf("create table: %v", err)
	}
	t.Cleanup(func() {
		_, err := client.DeleteTable(context.Background(), &dynamodb.DeleteTableInput{TableName: &name})
		if err != nil {
			t.Errorf("delete table: %v", err)
		}
	})
	if !swept {
		return name
	}
	_, err = client.UpdateTimeToLive(ctx, &dynamodb.UpdateTimeToLiveInput{
		TableName: &name,
		TimeToLiveSpecification: &types.TimeToLiveSpecification{
			AttributeName: aws.String("_exp"), Enabled: aws.Bool(true),
		},
	})
	if err != nil {
		t.Fatalf("enable TTL: %v", err)
	}
	return name
}
