package dynamo

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"rcpt/internal/store"
)

// expression collects the names and values that the expressions of one request
// refer to. Names are always referred to by placeholders: many are reserved
// words, and an expression may have 4 KB whatever they are called.
type expression struct {
	now    int64
	refs   map[string]string // placeholder by name
	names  map[string]string // name by placeholder
	values attrs
}

func newExpression(now int64) *expression {
	return &expression{now: now, refs: map[string]string{}, names: map[string]string{}, values: attrs{}}
}

// name returns the placeholder of an attribute by the name it is kept under.
func (e *expression) name(kept string) string {
	ref, has := e.refs[kept]
	if !has {
		ref = "#" + strconv.Itoa(len(e.refs))
		e.refs[kept] = ref
		e.names[ref] = kept
	}
	return ref
}

func (e *expression) value(v any) string {
	ref := ":" + strconv.Itoa(len(e.values))
	e.values[ref] = encodeValue(v)
	return ref
}

// valuesOrNil is nil when there are none: DynamoDB refuses an empty map.
func (e *expression) valuesOrNil() attrs {
	if len(e.values) == 0 {
		return nil
	}
	return e.values
}

func (e *expression) exists() string { return "attribute_exists(" + e.name(attrPart) + ")" }
func (e *expression) absent() string { return "attribute_not_exists(" + e.name(attrPart) + ")" }

// unexpired holds for an item that is not expired and for nothing.
func (e *expression) unexpired() string {
	expires := e.name(attrExpires)
	return "(attribute_not_exists(" + expires + ") OR " + expires + " > " + e.value(e.now) + ")"
}

// dead holds for nothing and for an expired item.
func (e *expression) dead() string {
	return e.absent() + " OR " + e.name(attrExpires) + " <= " + e.value(e.now)
}

// condition writes the conditions of a Put, Delete or CheckOp; nil when there
// are none. What they say of an absent item needs no asking (store.AllHold of the
// zero Item), so they are written out for a living one only.
func (e *expression) condition(conds []store.Cond) *string {
	if len(conds) == 0 {
		return nil
	}
	all := e.exists() + " AND " + e.unexpired() + " AND " + e.all(conds)
	if store.AllHold(conds, store.Item{}) {
		all += " OR " + e.dead()
	}
	return &all
}

// updateCondition writes the conditions of an update. It never holds for an
// expired item, whose attributes must not come back to life.
func (e *expression) updateCondition(u store.Update) *string {
	all := []string{e.unexpired()}
	if len(u.If) > 0 {
		living := e.exists() + " AND " + e.all(u.If)
		if store.AllHold(u.If, store.Item{}) {
			living += " OR " + e.absent()
		}
		all = append(all, "("+living+")")
	}
	if beyond := e.beyond(u.Add); len(beyond) > 0 {
		all = append(all, "NOT ("+strings.Join(beyond, " OR ")+")")
	}
	joined := strings.Join(all, " AND ")
	return &joined
}

// beyond says of each Add when it would leave the range of int64, which
// DynamoDB, whose numbers have 38 digits, would let it. A comparison with a
// missing attribute or one of another type is false; the ADD itself refuses the
// latter.
func (e *expression) beyond(add map[string]int64) []string {
	var tests []string
	for _, attr := range slices.Sorted(maps.Keys(add)) {
		switch amount := add[attr]; {
		case amount > 0:
			tests = append(tests, e.name(nameOf(attr))+">"+e.value(math.MaxInt64-amount))
		case amount < 0:
			tests = append(tests, e.name(nameOf(attr))+"<"+e.value(math.MinInt64-amount))
		}
	}
	return tests
}

func (e *expression) all(conds []store.Cond) string {
	parts := make([]string, len(conds))
	for i, c := range conds {
		parts[i] = e.one(c)
	}
	return strings.Join(parts, " AND ")
}

// one writes a condition on an item that is there and not expired.
func (e *expression) one(c store.Cond) string {
	switch c.Test {
	case store.TestExists:
		return e.exists()
	case store.TestAbsent:
		return e.absent()
	case store.TestHas:
		return "attribute_exists(" + e.name(nameOf(c.Attr)) + ")"
	case store.TestMissing:
		return "attribute_not_exists(" + e.name(nameOf(c.Attr)) + ")"
	case store.TestEqual:
		return e.name(nameOf(c.Attr)) + "=" + e.value(c.Value)
	case store.TestAtMost:
		return e.compare(c, "<=")
	case store.TestAtLeast:
		return e.compare(c, ">=")
	}
	parts := make([]string, len(c.Conds))
	for i, inner := range c.Conds {
		parts[i] = e.one(inner)
	}
	return "(" + strings.Join(parts, " OR ") + ")"
}

// compare relies on a comparison with an attribute of another type being false.
func (e *expression) compare(c store.Cond, operator string) string {
	name := e.name(nameOf(c.Attr))
	compared := name + operator + e.value(c.Value)
	if !c.Holds(store.Item{}) {
		return compared
	}
	return "(attribute_not_exists(" + name + ") OR " + compared + ")"
}

// change writes what an update does. One that would only take attributes away
// sets a mark: that a REMOVE alone makes an item where there is none is nowhere
// documented.
func (e *expression) change(u store.Update) *string {
	var set, add, remove []string
	for _, attr := range slices.Sorted(maps.Keys(u.Set)) {
		set = append(set, e.name(nameOf(attr))+"="+e.value(u.Set[attr]))
	}
	if !u.Expires.IsZero() {
		set = append(set, e.name(attrExpires)+"="+e.value(u.Expires.Unix()))
	}
	for _, attr := range slices.Sorted(maps.Keys(u.Add)) {
		add = append(add, e.name(nameOf(attr))+" "+e.value(u.Add[attr]))
	}
	for _, attr := range u.Remove {
		remove = append(remove, e.name(nameOf(attr)))
	}
	if len(set)+len(add) == 0 {
		set = append(set, e.name(attrMark)+"="+e.value(true))
	}
	var parts []string
	for _, clause := range []struct {
		word    string
		actions []string
	}{{"SET ", set}, {"ADD ", add}, {"REMOVE ", remove}} {
		if len(clause.actions) > 0 {
			parts = append(parts, clause.word+strings.Join(clause.actions, ","))
		}
	}
	joined := strings.Join(parts, " ")
	return &joined
}

// allOld has DynamoDB return the item on which a condition failed.
const allOld = types.ReturnValuesOnConditionCheckFailureAllOld
