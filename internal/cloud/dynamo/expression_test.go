package dynamo

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"rcpt/internal/store"
)

// DynamoDB takes expressions of 4 KB with 300 operators; the port's limits keep
// every call below ("Expression limits", Developer Guide).
func TestExpressionsStayWithinTheirLimits(t *testing.T) {
	bounded := func(n int) (conds []store.Cond) {
		for i := range n {
			conds = append(conds, store.AtMost(fmt.Sprint("bounded", i), 1))
		}
		return conds
	}
	add, set, remove := map[string]int64{}, store.Attrs{}, []string{}
	for i := range store.MaxNames {
		add[fmt.Sprint("add", i)] = 1
		set[fmt.Sprint("set", i)] = "x"
		remove = append(remove, fmt.Sprint("remove", i))
	}
	for claim, u := range map[string]store.Update{
		"adds":               {Add: add, If: bounded(store.MaxConds), Expires: time.Unix(1, 0)},
		"adds, one of many":  {Add: add, If: []store.Cond{store.Any(bounded(store.MaxConds - 1)...)}},
		"sets":               {Set: set, If: bounded(store.MaxConds), Expires: time.Unix(1, 0)},
		"removes":            {Remove: remove, If: bounded(store.MaxConds)},
		"nothing whatsoever": {},
	} {
		u.Key = store.Key{Part: "p"}
		if err := u.Check(); err != nil {
			t.Fatalf("%s: %v", claim, err)
		}
		e := newExpression(1)
		for _, text := range []string{*e.change(u), *e.updateCondition(u)} {
			if operators := countOperators(text); len(text) > 4096 || operators > 300 {
				t.Errorf("%s: %d octets, %d operators: %.80s...", claim, len(text), operators, text)
			}
		}
	}
}

func countOperators(text string) (n int) {
	for _, operator := range []string{" AND ", " OR ", "NOT (", "attribute_", "<", ">", "="} {
		n += strings.Count(text, operator)
	}
	return n - strings.Count(text, "<=") - strings.Count(text, ">=")
}
