package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// ListURL is a list of disposable hosts on the web, or one of popular sites.
type ListURL struct {
	// Family says who makes the list, and with it how firm its word is:
	// "reviewed", "fakefilter" and "castle" are curated by people; "community",
	// "mailchecker", "wesbos" and "aggregates" (collections of other lists, the
	// default) are not. "popular" is a list of popular sites, whose names no
	// other list can make disposable overnight. "default" stands for the built-in
	// sources and has no URL.
	Family string
	URL    string // https; http only in networks of RCPT_PROBE_ALLOW
}

// DefaultLists is the Family of the built-in sources.
const DefaultLists = "default"

// listFamilies are the other families.
func listFamilies() []string {
	return []string{"reviewed", "fakefilter", "castle", "community", "mailchecker", "wesbos", "aggregates", "popular"}
}

// lists reads "off", or URLs with their families:
// default,castle=https://lists.example/today.txt,https://lists.example/all.txt. A
// list without one of popular sites brings the built-in one.
func (r *reader) lists(name string) []ListURL {
	value := r.text(name, DefaultLists)
	if value == "off" {
		return nil
	}
	var all []ListURL
	for _, one := range list(value) {
		l, ok := listURL(one)
		if !ok {
			r.reject(name, value, fmt.Sprintf("off, or default and [family=]URL, divided by commas, with a family of %s and an https URL; %q is none",
				strings.Join(listFamilies(), ", "), one))
			return nil
		}
		all = append(all, l)
	}
	return all
}

func listURL(text string) (ListURL, bool) {
	if text == DefaultLists {
		return ListURL{Family: DefaultLists}, true
	}
	l := ListURL{"aggregates", text}
	if family, address, ok := strings.Cut(text, "="); ok && !strings.ContainsAny(family, ":/") {
		l = ListURL{family, address}
	}
	u, err := url.Parse(l.URL)
	usable := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && u.Fragment == ""
	return l, usable && slices.Contains(listFamilies(), l.Family)
}
