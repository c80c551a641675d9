package store

import (
	"context"
	"fmt"
	"slices"
	"testing"
)

// shelf is a Table of one partition that can only be queried, in pages of three.
type shelf struct {
	Table
	items   []Item
	queries int
}

func (s *shelf) Query(_ context.Context, q Query) (page Page, err error) {
	s.queries++
	start, set := q.Start()
	for _, item := range s.items {
		if set && item.Key.Sort <= start {
			continue
		}
		if len(page.Items) == 3 || q.Limit > 0 && len(page.Items) == q.Limit {
			page.Next = Cursor(page.Items[len(page.Items)-1].Key.Sort)
			return page, nil
		}
		page.Items = append(page.Items, item)
	}
	return page, nil
}

// numbered is a shelf of items 0 to n-1.
func numbered(n int) *shelf {
	s := new(shelf)
	for i := range n {
		s.items = append(s.items, Item{Key: Key{Part: "p", Sort: fmt.Sprintf("%05d", i)}, Attrs: Attrs{"n": int64(i)}})
	}
	return s
}

func TestSelectGoesThroughAllPages(t *testing.T) {
	even := func(item Item) bool { return item.Int("n")%2 == 0 }
	for _, c := range []struct {
		claim string
		items int
		wants func(Item) bool
		limit int
		want  []int // items of each page
	}{
		{"nothing there", 0, nil, 2, []int{0}},
		{"all", 7, nil, 2, []int{2, 2, 2, 1}},
		{"all, more than a page holds", 7, nil, 5, []int{5, 2}},
		{"the last item fills the last page", 6, nil, 3, []int{3, 3}},
		{"some", 7, even, 3, []int{3, 1}},
		{"some, the last one fills the page", 7, even, 4, []int{4}},
		{"none", 7, func(Item) bool { return false }, 2, []int{0}},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := numbered(c.items)
			var pages []int
			var seen []string
			for q := (Query{Part: "p"}); ; {
				page, err := Select(t.Context(), s, q, c.wants, c.limit)
				if err != nil {
					t.Fatal(err)
				}
				pages = append(pages, len(page.Items))
				for _, item := range page.Items {
					seen = append(seen, item.Key.Sort)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if !slices.Equal(pages, c.want) || !slices.IsSorted(seen) || len(slices.Compact(seen)) != sum(c.want) {
				t.Errorf("pages of %v items, want %v: %v", pages, c.want, seen)
			}
		})
	}
}

func sum(numbers []int) (total int) {
	for _, n := range numbers {
		total += n
	}
	return total
}

func TestSelectGivesUpForNowWhenFewAreWanted(t *testing.T) {
	s := numbered(maxScanned + 10)
	page, err := Select(t.Context(), s, Query{Part: "p"}, func(Item) bool { return false }, 1)
	if err != nil || len(page.Items) != 0 || page.Next == "" {
		t.Fatalf("%d items, next %q, %v", len(page.Items), page.Next, err)
	}
	if read := s.queries * 3; read > maxScanned+3 {
		t.Errorf("%d items were gone through", read)
	}
	last := func(item Item) bool { return item.Int("n") == maxScanned+9 }
	if page, err = Select(t.Context(), s, Query{Part: "p", After: page.Next}, last, 1); err != nil || len(page.Items) != 1 || page.Next != "" {
		t.Errorf("going on finds %d items, next %q, %v", len(page.Items), page.Next, err)
	}
}
