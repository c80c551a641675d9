package dynamo

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"rcpt/internal/store"
)

// Get is one consistent GetItem.
func (t *Table) Get(ctx context.Context, key store.Key) (store.Item, error) {
	if err := key.Check(); err != nil {
		return store.Item{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Item{}, err
	}
	var out *dynamodb.GetItemOutput
	err := t.call(ctx, always, func(ctx context.Context) (err error) {
		out, err = t.client.GetItem(ctx, &dynamodb.GetItemInput{
			TableName: &t.name, Key: encodeKey(key), ConsistentRead: aws.Bool(true),
		})
		return err
	})
	if err != nil {
		return store.Item{}, fmt.Errorf("read item: %w", err)
	}
	item, err := decodeItem(out.Item)
	if err != nil {
		return store.Item{}, fmt.Errorf("read item: %w", err)
	}
	if !item.Present() || item.Expired(t.now()) {
		return store.Item{}, store.ErrNotFound
	}
	return item, nil
}

// Query is one consistent Query. It asks for one item more than the page may
// have, so that Next is empty when nothing follows; DynamoDB itself tells only
// that it stopped.
func (t *Table) Query(ctx context.Context, query store.Query) (store.Page, error) {
	if err := query.Check(); err != nil {
		return store.Page{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Page{}, err
	}
	limit := query.Limit
	if limit == 0 || limit > store.MaxPageItems {
		limit = store.MaxPageItems
	}
	input := t.queryInput(query, limit+1)
	var out *dynamodb.QueryOutput
	err := t.call(ctx, always, func(ctx context.Context) (err error) {
		out, err = t.client.Query(ctx, input)
		return err
	})
	if err != nil {
		return store.Page{}, fmt.Errorf("query: %w", err)
	}
	page, err := t.page(out, limit)
	if err != nil {
		return store.Page{}, fmt.Errorf("query: %w", err)
	}
	return page, nil
}

func (t *Table) queryInput(query store.Query, limit int) *dynamodb.QueryInput {
	input := &dynamodb.QueryInput{
		TableName:                 &t.name,
		ConsistentRead:            aws.Bool(true),
		ScanIndexForward:          aws.Bool(!query.Descending),
		Limit:                     aws.Int32(int32(limit)),
		KeyConditionExpression:    aws.String(attrPart + "=:p"),
		ExpressionAttributeValues: attrs{":p": encodeValue([]byte(query.Part))},
	}
	// What begins with a prefix is kept under what begins with its cursor; only
	// the cursor of no prefix would leave most items out.
	if query.Prefix != "" {
		*input.KeyConditionExpression += " AND begins_with(" + attrSort + ",:s)"
		input.ExpressionAttributeValues[":s"] = encodeValue([]byte(store.Cursor(query.Prefix)))
	}
	if sort, set := query.Start(); set {
		input.ExclusiveStartKey = encodeKey(store.Key{Part: query.Part, Sort: sort})
	}
	return input
}

func (t *Table) page(out *dynamodb.QueryOutput, limit int) (store.Page, error) {
	var page store.Page
	last := out.LastEvaluatedKey
	if len(out.Items) > limit {
		out.Items = out.Items[:limit]
		last = out.Items[limit-1]
	}
	if last != nil {
		key, err := decodeKey(last)
		if err != nil {
			return store.Page{}, err
		}
		page.Next = store.Cursor(key.Sort)
	}
	var err error
	page.Items, err = t.living(nil, out.Items)
	return page, err
}

// living appends the items that are not expired.
func (t *Table) living(items []store.Item, encoded []attrs) ([]store.Item, error) {
	now := t.now()
	for _, one := range encoded {
		item, err := decodeItem(one)
		if err != nil {
			return nil, err
		}
		if !item.Expired(now) {
			items = append(items, item)
		}
	}
	return items, nil
}

// maxGet is how many keys a BatchGetItem takes.
const maxGet = 100

// BatchGet is one consistent BatchGetItem for each 100 keys, and again for those
// DynamoDB left unprocessed: by lack of throughput, or because an answer is full
// at 16 MB.
func (t *Table) BatchGet(ctx context.Context, keys []store.Key) ([]store.Item, error) {
	seen := make(map[store.Key]bool, len(keys))
	var wanted []attrs
	for _, key := range keys {
		if err := key.Check(); err != nil {
			return nil, err
		}
		if !seen[key] {
			seen[key] = true
			wanted = append(wanted, encodeKey(key))
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var found []store.Item
	for part := range slices.Chunk(wanted, maxGet) {
		var err error
		if found, err = t.batchGet(ctx, found, part); err != nil {
			return nil, fmt.Errorf("read items: %w", err)
		}
	}
	return found, nil
}

func (t *Table) batchGet(ctx context.Context, found []store.Item, keys []attrs) ([]store.Item, error) {
	for idle := 0; len(keys) > 0; {
		var out *dynamodb.BatchGetItemOutput
		err := t.call(ctx, always, func(ctx context.Context) (err error) {
			out, err = t.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{
				RequestItems: map[string]types.KeysAndAttributes{t.name: {Keys: keys, ConsistentRead: aws.Bool(true)}},
			})
			return err
		})
		if err != nil {
			return nil, err
		}
		if found, err = t.living(found, out.Responses[t.name]); err != nil {
			return nil, err
		}
		left := out.UnprocessedKeys[t.name].Keys
		if idle, err = t.unprocessed(ctx, idle, len(keys), len(left)); err != nil {
			return nil, err
		}
		keys = left
	}
	return found, nil
}

// unprocessed waits when DynamoDB left some of a batch. It counts the tries that
// came to nothing, and gives up after as many as a call would.
func (t *Table) unprocessed(ctx context.Context, idle, sent, left int) (int, error) {
	if left == 0 {
		return 0, nil
	}
	if left < sent {
		idle = 0
	}
	idle++
	if idle >= maxTries || !t.pause(ctx, idle) {
		if err := ctx.Err(); err != nil {
			return idle, err
		}
		return idle, fmt.Errorf("%w: %d of a batch left unprocessed", store.ErrThrottled, left)
	}
	return idle, nil
}
