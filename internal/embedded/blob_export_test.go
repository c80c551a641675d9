package embedded

import (
	"crypto/rand"
	"time"

	"rcpt/internal/store"
)

// OpenBlobs opens the files alone, as another process beside the one that has
// the tables.
func OpenBlobs(dir string) (store.Blob, error) {
	return openBlobs(dir, Options{Now: time.Now, Rand: rand.Reader})
}
