package sqs_test

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/sqs"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

func client(t *testing.T) *sdk.Client {
	return sdk.NewFromConfig(cloudtest.Config(t, cloudtest.Moto))
}

func open(t *testing.T) (queue, dead store.Queue) {
	url, deadURL := create(t)
	return sqs.New(client(t), url, sqs.Options{}), sqs.New(client(t), deadURL, sqs.Options{})
}

// create makes two queues with names of their own, as template.yaml does.
func create(t *testing.T) (queue, dead string) {
	c := client(t)
	one := func(name string, attributes map[string]string) string {
		t.Helper()
		out, err := c.CreateQueue(t.Context(), &sdk.CreateQueueInput{QueueName: &name, Attributes: attributes})
		if err != nil {
			t.Fatalf("CreateQueue: %v", err)
		}
		t.Cleanup(func() {
			if _, err := c.DeleteQueue(context.Background(), &sdk.DeleteQueueInput{QueueUrl: out.QueueUrl}); err != nil {
				t.Errorf("DeleteQueue: %v", err)
			}
		})
		return aws.ToString(out.QueueUrl)
	}
	name := fmt.Sprintf("rcpt-%d-%d", os.Getpid(), opened.Add(1))
	dead = one(name+"-dead", nil)
	out, err := c.GetQueueAttributes(t.Context(), &sdk.GetQueueAttributesInput{QueueUrl: &dead, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn}})
	if err != nil {
		t.Fatalf("GetQueueAttributes: %v", err)
	}
	policy := fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, out.Attributes["QueueArn"], storetest.DeadAfter)
	return one(name, map[string]string{"RedrivePolicy": policy}), dead
}

var opened atomic.Int64

func TestContractOnMoto(t *testing.T) {
	client(t)
	storetest.Queue(t, storetest.QueueTest{Open: open})
}
