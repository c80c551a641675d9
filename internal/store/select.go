package store

import "context"

// maxScanned bounds the items that one Select goes through, so that a filter that
// fits few answers in time.
const maxScanned = 10 * MaxPageItems

// Select reads up to limit items of a query that are wanted (nil: all are), from
// as many pages as that takes. It goes on behind query.After; query.Limit is its
// own. When few are wanted the page may hold fewer items, or none, although more
// follow. The errors are Table.Query's.
func Select(ctx context.Context, table Table, query Query, wants func(Item) bool, limit int) (selected Page, err error) {
	query.Limit = 0
	if wants == nil {
		query.Limit = limit
		wants = func(Item) bool { return true }
	}
	for scanned := 0; scanned < maxScanned; {
		page, err := table.Query(ctx, query)
		if err != nil {
			return Page{}, err
		}
		scanned += len(page.Items)
		for i, item := range page.Items {
			if !wants(item) {
				continue
			}
			if selected.Items = append(selected.Items, item); len(selected.Items) < limit {
				continue
			}
			if selected.Next = page.Next; i < len(page.Items)-1 {
				selected.Next = Cursor(item.Key.Sort)
			}
			return selected, nil
		}
		if query.After = page.Next; query.After == "" {
			break
		}
	}
	selected.Next = query.After
	return selected, nil
}
