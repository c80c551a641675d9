package intake

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"rcpt/internal/embedded"
	"rcpt/internal/store"
)

func TestAListIsReadFromABlobAndNotAnotherOne(t *testing.T) {
	ctx := context.Background()
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	blob := db.Blob()
	info, err := blob.Put(ctx, "lists/a", strings.NewReader("a@x.test\nb@x.test\n"))
	if err != nil {
		t.Fatal(err)
	}
	source := FromBlob(ctx, blob, "lists/a", info.Version)
	r, err := Open(source, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	state := r.State()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if r, err = Resume(source, state, Options{}); err != nil {
		t.Fatal(err)
	}
	if row, err := r.Next(); err != nil || row.Email != "b@x.test" || row.Number != 1 {
		t.Errorf("got %v, %v", row, err)
	}
	if _, err := r.Next(); err != io.EOF {
		t.Errorf("behind the last row: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := blob.Put(ctx, "lists/a", strings.NewReader("c@x.test\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := Resume(source, state, Options{}); !errors.Is(err, ErrReplaced) {
		t.Errorf("of another list: %v", err)
	}
	if _, err := Open(FromBlob(ctx, blob, "lists/b", ""), Options{}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("of no list: %v", err)
	}
}

func TestTroubleOfTheStoreIsNotTheLists(t *testing.T) {
	lost := io.ErrUnexpectedEOF // as a connection that ends within a body has it
	for _, list := range []string{strings.Repeat("a@x.test\n", 50_000), zip(strings.Repeat("a@x.test\n", 500_000))} {
		r, err := Open(func(int64) (io.ReadCloser, error) {
			return io.NopCloser(io.MultiReader(strings.NewReader(list[:len(list)/2]), failing{lost})), nil
		}, Options{})
		for err == nil {
			_, err = r.Next()
		}
		var e *Error
		if !errors.Is(err, lost) || errors.As(err, &e) {
			t.Errorf("the error is %v", err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }
