package embedded

import (
	"bytes"
	"context"
	"fmt"

	bolt "go.etcd.io/bbolt"

	"rcpt/internal/store"
)

func (t *table) Query(ctx context.Context, query store.Query) (store.Page, error) {
	if err := query.Check(); err != nil {
		return store.Page{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Page{}, err
	}
	var page store.Page
	err := t.bolt.View(func(tx *bolt.Tx) (err error) {
		page, err = readPage(newScan(items(tx).Cursor(), query), query.Limit, t.now().Unix())
		return err
	})
	if err != nil {
		return store.Page{}, fmt.Errorf("query: %w", err)
	}
	return page, nil
}

func readPage(s *scan, limit int, now int64) (store.Page, error) {
	if limit == 0 || limit > store.MaxPageItems {
		limit = store.MaxPageItems
	}
	var page store.Page
	size := 0
	for seen := 0; s.key != nil; seen++ {
		// seen bounds the time spent on items that have expired.
		if len(page.Items) == limit || seen == store.MaxPageItems || size >= store.MaxPageSize {
			page.Next = store.Cursor(s.last)
			return page, nil
		}
		key, err := splitKey(s.key)
		if err != nil {
			return store.Page{}, err
		}
		if !expired(s.value, now) {
			item, err := decodeItem(key, s.value)
			if err != nil {
				return store.Page{}, err
			}
			page.Items = append(page.Items, item)
			size += len(s.key) + len(s.value)
		}
		s.last = key.Sort
		s.advance()
	}
	return page, nil
}

// scan walks over the keys of a query in its order. key is nil at the end.
type scan struct {
	cursor     *bolt.Cursor
	descending bool
	prefix     []byte
	key, value []byte
	last       string // sort key of the item before
}

func newScan(cursor *bolt.Cursor, query store.Query) *scan {
	s := &scan{cursor: cursor, descending: query.Descending, prefix: joinKey(query.Part, query.Prefix)}
	after, resumed := query.Start()
	from := joinKey(query.Part, after)
	switch {
	case s.descending && resumed:
		s.seekBefore(from)
	case s.descending:
		s.seekBefore(afterPrefix(s.prefix))
	case resumed:
		s.set(cursor.Seek(from))
		if bytes.Equal(s.key, from) {
			s.advance()
		}
	default:
		s.set(cursor.Seek(s.prefix))
	}
	return s
}

// seekBefore goes to the last key below bound.
func (s *scan) seekBefore(bound []byte) {
	if key, _ := s.cursor.Seek(bound); key == nil {
		s.set(s.cursor.Last())
		return
	}
	s.set(s.cursor.Prev())
}

func (s *scan) advance() {
	if s.descending {
		s.set(s.cursor.Prev())
		return
	}
	s.set(s.cursor.Next())
}

func (s *scan) set(key, value []byte) {
	if !bytes.HasPrefix(key, s.prefix) {
		key = nil
	}
	s.key, s.value = key, value
}
