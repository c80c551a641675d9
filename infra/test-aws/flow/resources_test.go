package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awss3 "github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	awssfn "github.com/aws/aws-sdk-go-v2/service/sfn"
	awssqs "github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"rcpt/infra/statemachine"
	"rcpt/internal/cloud/cloudtest"
)

// queue is one of the template's.
type queue struct{ url, arn string }

// resources are what jobs need besides tables and key.
type resources struct {
	name    string // of the installation; in the names of what has one
	bucket  string
	queues  map[string]queue // by the template's names: ProbeQueue, ProbeDead, ...
	machine string           // ARN
}

var installations atomic.Int64

// provide makes what the template makes: queues with their dead letters, the
// bucket that tells of dropped files, the state machine. Names are new each time.
func (s *stack) provide() {
	s.t.Helper()
	s.name = fmt.Sprintf("flow-%d-%d-%d", os.Getpid(), time.Now().Unix(), installations.Add(1))
	template, err := os.ReadFile("../../../template.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	s.queues = make(map[string]queue)
	for _, of := range []string{"Probe", "Delivery", "Vendor", "Drop"} {
		dead := s.queue(of+"Dead", nil)
		redrive, _ := json.Marshal(map[string]string{
			"deadLetterTargetArn": dead.arn, "maxReceiveCount": deployed(s.t, template, of+"Queue", "maxReceiveCount"),
		})
		s.queue(of+"Queue", map[string]string{
			"RedrivePolicy":     string(redrive),
			"VisibilityTimeout": deployed(s.t, template, of+"Queue", "VisibilityTimeout"),
		})
	}
	s.makeBucket()
	s.makeMachine()
}

// deployed finds a setting of a resource in the template.
func deployed(t *testing.T, template []byte, resource, setting string) string {
	t.Helper()
	_, text, there := strings.Cut(string(template), "\n  "+resource+":")
	text, _, _ = strings.Cut(text, "\n  "+strings.TrimSuffix(resource, "Queue")+"Dead:") // which stands behind each
	found := regexp.MustCompile(`\b` + setting + `: (\d+)`).FindStringSubmatch(text)
	if !there || found == nil {
		t.Fatalf("template.yaml: %s has no %s", resource, setting)
	}
	return found[1]
}

func (s *stack) queue(name string, attributes map[string]string) queue {
	s.t.Helper()
	client := awssqs.NewFromConfig(s.moto)
	made, err := client.CreateQueue(s.t.Context(), &awssqs.CreateQueueInput{QueueName: aws.String(s.name + "-" + name), Attributes: attributes})
	if err != nil {
		s.t.Fatalf("create queue %s: %v", name, err)
	}
	about, err := client.GetQueueAttributes(s.t.Context(), &awssqs.GetQueueAttributesInput{
		QueueUrl: made.QueueUrl, AttributeNames: []types.QueueAttributeName{types.QueueAttributeNameQueueArn},
	})
	if err != nil {
		s.t.Fatalf("look at queue %s: %v", name, err)
	}
	s.queues[name] = queue{url: *made.QueueUrl, arn: about.Attributes["QueueArn"]}
	return s.queues[name]
}

// files is the client of the bucket.
func (s *stack) files() *awss3.Client {
	return awss3.NewFromConfig(s.moto, func(o *awss3.Options) { o.UsePathStyle = true })
}

// makeBucket makes the bucket; moto itself tells the queue of dropped files, as S3
// does.
func (s *stack) makeBucket() {
	s.t.Helper()
	s.bucket = s.name
	if _, err := s.files().CreateBucket(s.t.Context(), &awss3.CreateBucketInput{Bucket: &s.bucket}); err != nil {
		s.t.Fatalf("create bucket: %v", err)
	}
	_, err := s.files().PutBucketNotificationConfiguration(s.t.Context(), &awss3.PutBucketNotificationConfigurationInput{
		Bucket: &s.bucket,
		NotificationConfiguration: &s3types.NotificationConfiguration{QueueConfigurations: []s3types.QueueConfiguration{{
			QueueArn: aws.String(s.queues["DropQueue"].arn), Events: []s3types.Event{"s3:ObjectCreated:*"},
			Filter: &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{
				{Name: s3types.FilterRuleNamePrefix, Value: aws.String("drop/")},
			}}},
		}}},
	})
	if err != nil {
		s.t.Fatalf("have the queue told of dropped files: %v", err)
	}
}

// makeMachine makes the state machine that is deployed, over functions of this
// installation.
func (s *stack) makeMachine() {
	s.t.Helper()
	definition := strings.NewReplacer("${PlannerArn}", s.arn("planner"), "${CollectorArn}", s.arn("collector")).Replace(string(statemachine.Job))
	cloudtest.Execute(s.t)
	client := awssfn.NewFromConfig(s.moto)
	made, err := client.CreateStateMachine(s.t.Context(), &awssfn.CreateStateMachineInput{
		Name: aws.String(s.name + "-jobs"), Definition: &definition, RoleArn: aws.String("arn:aws:iam::123456789012:role/rcpt"),
	})
	if err != nil {
		s.t.Fatalf("create state machine: %v", err)
	}
	s.machine = *made.StateMachineArn
	s.t.Cleanup(func() {
		if _, err := client.DeleteStateMachine(context.Background(), &awssfn.DeleteStateMachineInput{StateMachineArn: &s.machine}); err != nil {
			s.t.Errorf("delete state machine: %v", err)
		}
	})
}

// arn names a function of this installation.
func (s *stack) arn(function string) string {
	return "arn:aws:lambda:us-east-1:123456789012:function:" + s.name + "-" + function
}
