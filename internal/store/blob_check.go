package store

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// CheckBlobName reports with ErrValue or ErrLimit what is wrong with the name of
// a blob.
func CheckBlobName(name string) error {
	if len(name) > MaxBlobName {
		return fmt.Errorf("%w: name of %d octets", ErrLimit, len(name))
	}
	if !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
		return fmt.Errorf("%w: name %q", ErrValue, name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w: segment %q in name %q", ErrValue, segment, name)
		}
	}
	return nil
}

// CheckPresign reports with ErrValue or ErrLimit what is wrong with the life of
// a link.
func CheckPresign(ttl time.Duration) error {
	switch {
	case ttl <= 0:
		return fmt.Errorf("%w: link that lives %v", ErrValue, ttl)
	case ttl > MaxPresign:
		return fmt.Errorf("%w: link that lives %v", ErrLimit, ttl)
	}
	return nil
}
