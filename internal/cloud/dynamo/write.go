package dynamo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"rcpt/internal/store"
)

// Put is one PutItem.
func (t *Table) Put(ctx context.Context, item store.Item, conds ...store.Cond) error {
	if err := store.PutOp(item, conds...).Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e := newExpression(t.now().Unix())
	input := &dynamodb.PutItemInput{TableName: &t.name, Item: encodeItem(item), ConditionExpression: e.condition(conds)}
	if input.ConditionExpression != nil {
		input.ExpressionAttributeNames, input.ExpressionAttributeValues = e.names, e.valuesOrNil()
	}
	err := t.call(ctx, never, func(ctx context.Context) error {
		_, err := t.client.PutItem(ctx, input)
		return err
	})
	return written(err)
}

// Delete is one DeleteItem.
func (t *Table) Delete(ctx context.Context, key store.Key, conds ...store.Cond) error {
	if err := store.DeleteOp(key, conds...).Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e := newExpression(t.now().Unix())
	input := &dynamodb.DeleteItemInput{TableName: &t.name, Key: encodeKey(key), ConditionExpression: e.condition(conds)}
	if input.ConditionExpression != nil {
		input.ExpressionAttributeNames, input.ExpressionAttributeValues = e.names, e.valuesOrNil()
	}
	err := t.call(ctx, never, func(ctx context.Context) error {
		_, err := t.client.DeleteItem(ctx, input)
		return err
	})
	return written(err)
}

// written turns the error of a single write into the port's.
func written(err error) error {
	if err == nil {
		return nil
	}
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		return store.ErrCondition
	}
	if isInvalid(err) {
		return fmt.Errorf("write item: %w: %w", store.ErrValue, err)
	}
	return fmt.Errorf("write item: %w", err)
}

// maxAfresh is how often an update looks again when the item it meets is expired
// the one time and not the next: another writer is quicker.
const maxAfresh = 4

// Update is one UpdateItem. It does not touch an expired item; that is replaced,
// in a second call, by what the update makes of nothing.
func (t *Table) Update(ctx context.Context, update store.Update) (store.Item, error) {
	if err := checkUpdate(update); err != nil {
		return store.Item{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Item{}, err
	}
	for range maxAfresh {
		now := t.now()
		after, standing, err := t.update(ctx, update, now.Unix())
		if err == nil {
			return after, nil
		}
		if !errors.Is(err, store.ErrCondition) {
			return store.Item{}, t.judge(ctx, []store.Op{store.UpdateOp(update)}, err)
		}
		if standing.Expired(now) {
			fresh, err := t.afresh(ctx, update)
			if errors.Is(err, errRevived) {
				continue
			}
			return fresh, err
		}
		if store.AllHold(update.If, standing) {
			// Then it was an Add that would have left its range.
			if _, err := update.Apply(standing); err != nil {
				return store.Item{}, err
			}
			continue
		}
		return standing, store.ErrCondition
	}
	return store.Item{}, fmt.Errorf("update item: %w: others write it all the time", store.ErrThrottled)
}

// checkUpdate also sees what is certain to be too large: it would have to be sent
// to be refused.
func checkUpdate(u store.Update) error {
	if err := u.Check(); err != nil {
		return err
	}
	return store.Item{Key: u.Key, Attrs: u.Set}.Check()
}

// update is the one call of an ordinary Update. With ErrCondition comes the item
// as it stands, expired or not.
func (t *Table) update(ctx context.Context, u store.Update, now int64) (after, standing store.Item, err error) {
	e := newExpression(now)
	input := &dynamodb.UpdateItemInput{
		TableName: &t.name, Key: encodeKey(u.Key),
		UpdateExpression: e.change(u), ConditionExpression: e.updateCondition(u),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.valuesOrNil(),
		ReturnValues: types.ReturnValueAllNew, ReturnValuesOnConditionCheckFailure: allOld,
	}
	var out *dynamodb.UpdateItemOutput
	err = t.call(ctx, never, func(ctx context.Context) (err error) {
		out, err = t.client.UpdateItem(ctx, input)
		return err
	})
	if failed := (*types.ConditionalCheckFailedException)(nil); errors.As(err, &failed) {
		standing, err = decodeItem(failed.Item)
		if err == nil {
			err = store.ErrCondition
		}
		return store.Item{}, standing, err
	}
	if err != nil {
		return store.Item{}, store.Item{}, err
	}
	after, err = decodeItem(out.Attributes)
	return after, store.Item{}, err
}

// errRevived: the item that was expired is not any more.
var errRevived = errors.New("item is no longer expired")

// afresh writes what the update makes of nothing over an expired item.
func (t *Table) afresh(ctx context.Context, u store.Update) (store.Item, error) {
	if !store.AllHold(u.If, store.Item{}) {
		return store.Item{}, store.ErrCondition
	}
	fresh, err := u.Apply(store.Item{})
	if err != nil {
		return store.Item{}, err
	}
	err = t.Put(ctx, fresh, store.Absent())
	if errors.Is(err, store.ErrCondition) {
		return store.Item{}, errRevived
	}
	if err != nil {
		return store.Item{}, err
	}
	return decodeItem(encodeItem(fresh)) // a copy, with its expiry in whole seconds
}

// maxPut is how many items a BatchWriteItem takes.
const maxPut = 25

// BatchPut is one BatchWriteItem for each 25 items, and again for those DynamoDB
// left unprocessed.
func (t *Table) BatchPut(ctx context.Context, items []store.Item) error {
	seen := make(map[store.Key]bool, len(items))
	requests := make([]types.WriteRequest, len(items))
	for i, item := range items {
		if err := item.Check(); err != nil {
			return fmt.Errorf("item %d: %w", i, err)
		}
		if seen[item.Key] {
			return fmt.Errorf("item %d: %w: key named twice in one batch", i, store.ErrValue)
		}
		seen[item.Key] = true
		requests[i].PutRequest = &types.PutRequest{Item: encodeItem(item)}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for part := range slices.Chunk(requests, maxPut) {
		if err := t.batchPut(ctx, part); err != nil {
			return fmt.Errorf("write items: %w", err)
		}
	}
	return nil
}

func (t *Table) batchPut(ctx context.Context, requests []types.WriteRequest) error {
	for idle := 0; len(requests) > 0; {
		var out *dynamodb.BatchWriteItemOutput
		err := t.call(ctx, never, func(ctx context.Context) (err error) {
			out, err = t.client.BatchWriteItem(ctx, &dynamodb.BatchWriteItemInput{
				RequestItems: map[string][]types.WriteRequest{t.name: requests},
			})
			return err
		})
		if err != nil {
			return err
		}
		left := out.UnprocessedItems[t.name]
		if idle, err = t.unprocessed(ctx, idle, len(requests), len(left)); err != nil {
			return err
		}
		requests = left
	}
	return nil
}
