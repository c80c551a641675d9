package httpapi

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Bounds of the limit of a list: enough for a screen, and a page that is read in
// one call to the store.
const (
	defaultPage = 50
	maxPage     = 200
)

// query is the parameters behind the question mark, each given once.
type query map[string]string

// readQuery reads the parameters with these names. It returns a requestError for
// any other name, for one given twice and for what is not UTF-8: a filter that
// was ignored would give an answer to another question.
func readQuery(r *http.Request, names ...string) (query, error) {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest("the query cannot be read; write it as name=value&name=value with octets escaped by %%")
	}
	q := make(query, len(values))
	for name, all := range values {
		switch {
		case len(names) == 0:
			return nil, requestError{field: name, detail: "there is no such query parameter; this path has none with this method"}
		case !slices.Contains(names, name):
			return nil, requestError{field: name, detail: "there is no such query parameter; there are " + strings.Join(names, ", ")}
		case len(all) > 1:
			return nil, badField(name, "is given twice")
		case !utf8.ValidString(all[0]):
			return nil, badField(name, "is not UTF-8")
		}
		q[name] = all[0]
	}
	return q, nil
}

// number is the parameter as a whole number from low to high; absent, it is
// otherwise.
func (q query) number(name string, low, high, otherwise int) (int, error) {
	text, given := q[name]
	if !given {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < low || n > high || strconv.Itoa(n) != text {
		return 0, badField(name, "must be a whole number from %d to %d", low, high)
	}
	return n, nil
}

// page is the part of a list that is asked for: up to limit items behind next.
func (q query) page() (next string, limit int, err error) { return q.pageTo(maxPage, defaultPage) }

// pageTo is page for a list with bounds of its own.
func (q query) pageTo(most, otherwise int) (next string, limit int, err error) {
	next, given := q["next"]
	if given && next == "" {
		return "", 0, badField("next", "must be what an earlier page gave; leave it out for the first one")
	}
	limit, err = q.number("limit", 1, most, otherwise)
	return next, limit, err
}

// cursor is the next of an answer: null when there is no more.
func cursor(next string) *string {
	if next == "" {
		return nil
	}
	return &next
}

// shaped is a list in the form of an answer; never nil, which JSON would show as
// null.
func shaped[T, S any](list []T, shape func(T) S) []S {
	shapes := make([]S, len(list))
	for i, one := range list {
		shapes[i] = shape(one)
	}
	return shapes
}

// accountFor is the account whose things are asked for: the one named if the key
// may see it, else the one given. To others than the operator only their own
// exists.
func (q query) accountFor(c *call, otherwise string) (string, error) {
	account, given := q["account"]
	switch {
	case !given:
		return otherwise, nil
	case account == "" || utf8.RuneCountInString(account) > maxAccount:
		return "", badField("account", "must have 1 to %d characters", maxAccount)
	case !seenBy(c.key, account):
		return "", errAccount
	}
	return account, nil
}
