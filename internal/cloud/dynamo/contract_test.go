package dynamo_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"

	"rcpt/internal/cloud/cloudtest"
	"rcpt/internal/cloud/dynamo"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// The shape of the two tables is one; that of the cache is swept by TTL, here by
// the real time, so its clock is far ahead.
//
// Moto was weighed as a second opinion and is none: in 5.2.5 no lock keeps two
// requests apart, so that capped counters pass their cap and transactions lose
// money; a comparison of two types may hold; an ADD to a text answers 500; a
// token of a transaction is not honored; an item ends at 405,000 octets.
func TestContractOnDynamoDBLocal(t *testing.T) {
	t.Run("control", func(t *testing.T) { contract(t, false, time.Now()) })
	t.Run("cache", func(t *testing.T) { contract(t, true, time.Now().AddDate(1, 0, 0)) })
}

func contract(t *testing.T, swept bool, start time.Time) {
	client := dynamodb.NewFromConfig(cloudtest.Config(t, cloudtest.DynamoDBLocal))
	clock := storetest.NewClock(start)
	storetest.Table(t, func(t *testing.T) store.Table {
		return dynamo.New(client, cloudtest.Table(t, client, swept), dynamo.Options{Now: clock.Now, Timeout: time.Minute})
	}, clock)
}
