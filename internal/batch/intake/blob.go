package intake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"rcpt/internal/store"
)

// ErrReplaced: the list is no longer the one that the job began with.
var ErrReplaced = errors.New("list was replaced")

// ErrForbidden: the list is a file that we are not allowed to read.
var ErrForbidden = errors.New("list may not be read")

// FromBlob is the Source of a list in a Blob. With a version that is not empty
// it fails with ErrReplaced when the blob is another one by now. ErrForbidden.
func FromBlob(ctx context.Context, blob store.Blob, name, version string) Source {
	return func(offset int64) (io.ReadCloser, error) {
		file, info, err := blob.Open(ctx, name, offset, -1, "")
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w: %w", ErrForbidden, err)
		}
		if err != nil {
			return nil, err
		}
		if version != "" && info.Version != version {
			return nil, errors.Join(fmt.Errorf("%w: %s", ErrReplaced, name), file.Close())
		}
		return file, nil
	}
}
