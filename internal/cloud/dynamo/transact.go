package dynamo

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"rcpt/internal/store"
)

// Transact is one TransactWriteItems under a token of its own. An update that
// meets an expired item has it refused; the next one puts what the update makes
// of nothing in its place.
func (t *Table) Transact(ctx context.Context, ops []store.Op) error {
	if err := checkOps(ops); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil || len(ops) == 0 {
		return err
	}
	tx := transaction{table: t, ops: ops, fresh: make([]bool, len(ops))}
	for range maxAfresh {
		err := tx.send(ctx)
		cancelled := (*types.TransactionCanceledException)(nil)
		if errors.Is(err, store.ErrThrottled) || !errors.As(err, &cancelled) || isInvalid(err) {
			return t.judge(ctx, ops, err)
		}
		if err := tx.explain(cancelled.CancellationReasons); err != nil {
			return err
		}
	}
	return fmt.Errorf("transact: %w: others write the items all the time", store.ErrThrottled)
}

func checkOps(ops []store.Op) error {
	if err := store.CheckOps(ops); err != nil {
		return err
	}
	size := 0
	for i, op := range ops {
		item := store.Item{Key: op.Key, Attrs: op.Item.Attrs}
		if op.Kind == store.OpUpdate {
			if err := checkUpdate(op.Update); err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
			item.Attrs = op.Update.Set
		}
		size += item.Size()
	}
	if size > store.MaxTransact {
		return fmt.Errorf("%w: transaction of %d octets", store.ErrLimit, size)
	}
	return nil
}

// transaction is a Transact under way.
type transaction struct {
	table *Table
	ops   []store.Op
	fresh []bool // the update's item is expired: it is put afresh
}

func (tx *transaction) send(ctx context.Context) error {
	now := tx.table.now()
	input := &dynamodb.TransactWriteItemsInput{TransactItems: make([]types.TransactWriteItem, len(tx.ops))}
	for i, op := range tx.ops {
		if tx.fresh[i] {
			item, err := op.Update.Apply(store.Item{})
			if err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
			op = store.PutOp(item, store.Absent())
		}
		input.TransactItems[i] = tx.table.write(op, now.Unix())
	}
	high, err := tx.table.number()
	if err != nil {
		return err
	}
	low, err := tx.table.number()
	if err != nil {
		return err
	}
	token := fmt.Sprintf("%016x%016x", high, low)
	input.ClientRequestToken = &token
	return tx.table.call(ctx, withToken, func(ctx context.Context) error {
		_, err := tx.table.client.TransactWriteItems(ctx, input)
		return err
	})
}

// write is an operation as DynamoDB has it.
func (t *Table) write(op store.Op, now int64) types.TransactWriteItem {
	e := newExpression(now)
	switch op.Kind {
	case store.OpPut:
		put := &types.Put{TableName: &t.name, Item: encodeItem(op.Item), ConditionExpression: e.condition(op.If)}
		if put.ConditionExpression != nil {
			put.ExpressionAttributeNames, put.ExpressionAttributeValues = e.names, e.valuesOrNil()
			put.ReturnValuesOnConditionCheckFailure = allOld
		}
		return types.TransactWriteItem{Put: put}
	case store.OpUpdate:
		u := op.Update
		u.If = op.If
		return types.TransactWriteItem{Update: &types.Update{
			TableName: &t.name, Key: encodeKey(op.Key),
			UpdateExpression: e.change(u), ConditionExpression: e.updateCondition(u),
			ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.valuesOrNil(),
			ReturnValuesOnConditionCheckFailure: allOld,
		}}
	case store.OpDelete:
		del := &types.Delete{TableName: &t.name, Key: encodeKey(op.Key), ConditionExpression: e.condition(op.If)}
		if del.ConditionExpression != nil {
			del.ExpressionAttributeNames, del.ExpressionAttributeValues = e.names, e.valuesOrNil()
		}
		return types.TransactWriteItem{Delete: del}
	}
	return types.TransactWriteItem{ConditionCheck: &types.ConditionCheck{
		TableName: &t.name, Key: encodeKey(op.Key), ConditionExpression: e.condition(op.If),
		ExpressionAttributeNames: e.names, ExpressionAttributeValues: e.valuesOrNil(),
	}}
}

// explain finds out why conditions failed. It is nil when that lay in expired
// items, and the next send will treat them as such; else a TransactError, or the
// fault of an update.
func (tx *transaction) explain(reasons []types.CancellationReason) error {
	if len(reasons) != len(tx.ops) {
		return fmt.Errorf("transact: %d reasons for %d operations", len(reasons), len(tx.ops))
	}
	for i, reason := range reasons {
		if text(reason.Code) != reasonCondition {
			continue
		}
		if tx.ops[i].Kind != store.OpUpdate {
			return &store.TransactError{Index: i}
		}
		if err := tx.explainUpdate(i, reason.Item); err != nil {
			return err
		}
	}
	return nil
}

func (tx *transaction) explainUpdate(i int, encoded attrs) error {
	if tx.fresh[i] {
		tx.fresh[i] = false // another writer was here
		return nil
	}
	op := tx.ops[i]
	standing, err := decodeItem(encoded)
	if err != nil {
		return fmt.Errorf("operation %d: %w", i, err)
	}
	if standing.Expired(tx.table.now()) {
		standing, tx.fresh[i] = store.Item{}, true
	}
	if !store.AllHold(op.If, standing) {
		return &store.TransactError{Index: i}
	}
	if _, err := op.Update.Apply(standing); err != nil {
		return fmt.Errorf("operation %d: %w", i, err)
	}
	return nil
}

// judge turns the error of writes into the port's. When DynamoDB found fault with
// the call, the items tell which: an Add to a text, or an item or transaction
// that grows too large. This costs a read, of a call that should not have been.
func (t *Table) judge(ctx context.Context, ops []store.Op, cause error) error {
	if cause == nil {
		return nil
	}
	if !isInvalid(cause) {
		return fmt.Errorf("write items: %w", cause)
	}
	keys := make([]store.Key, len(ops))
	for i, op := range ops {
		keys[i] = op.Key
	}
	found, err := t.BatchGet(ctx, keys)
	if err != nil {
		return fmt.Errorf("write items: %w: %w", store.ErrValue, cause)
	}
	current := make(map[store.Key]store.Item, len(found))
	for _, item := range found {
		current[item.Key] = item
	}
	size := 0
	for i, op := range ops {
		before, after := current[op.Key], op.Item
		if op.Kind == store.OpUpdate {
			if after, err = op.Update.Apply(before); err != nil {
				return fmt.Errorf("operation %d: %w", i, err)
			}
		}
		size += max(before.Size(), after.Size())
	}
	if size > store.MaxTransact {
		return fmt.Errorf("%w: transaction of %d octets", store.ErrLimit, size)
	}
	return fmt.Errorf("write items: %w: %w", store.ErrValue, cause)
}
