package keys

import (
	"context"
	"fmt"
	"strings"

	"rcpt/internal/store"
)

// List returns up to limit keys of an account, or of all accounts when account
// is empty, revoked ones among them, in the order of their ids. It goes on
// behind after, the next of an earlier page; next is empty when there are no
// more. ErrCursor when after is nothing of the kind.
func (b *Book) List(ctx context.Context, account, after string, limit int) (keys []Key, next string, err error) {
	query := store.Query{Part: allPart, Prefix: keyPart, Limit: limit}
	if account != "" {
		query.Part = accountPart(account)
	}
	if after != "" {
		if !isID(after) {
			return nil, "", ErrCursor
		}
		query.After = keyPart + after
	}
	page, err := b.table.Query(ctx, query)
	if err != nil {
		return nil, "", fmt.Errorf("list keys: %w", err)
	}
	keys, err = b.keysOf(ctx, page.Items)
	return keys, strings.TrimPrefix(page.Next, keyPart), err
}

// keysOf reads the keys that rows name, in the order of the rows.
func (b *Book) keysOf(ctx context.Context, rows []store.Item) ([]Key, error) {
	names := make([]store.Key, len(rows))
	for i, row := range rows {
		names[i] = itemKey(strings.TrimPrefix(row.Key.Sort, keyPart))
	}
	items, err := b.table.BatchGet(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	found := make(map[store.Key]store.Item, len(items))
	for _, item := range items {
		found[item.Key] = item
	}
	var keys []Key
	for _, name := range names {
		if item, ok := found[name]; ok {
			keys = append(keys, keyOf(item))
		}
	}
	return keys, nil
}
