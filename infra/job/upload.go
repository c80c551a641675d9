package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"slices"
)

// upload is how rcpt wants a list to be sent.
type upload struct {
	ID     string            `json:"upload_id"`
	URL    string            `json:"url"`
	Method string            `json:"method"`
	Fields map[string]string `json:"fields"`
}

// upload sends the list, which may have any size, and returns its id.
func (w *watch) upload(ctx context.Context) (string, error) {
	info, err := os.Stat(w.file)
	if err != nil {
		return "", err
	}
	var to upload
	about := map[string]any{"filename": filepath.Base(w.file), "size": info.Size()}
	if err := w.call(ctx, http.MethodPost, "/v1/uploads", about, &to); err != nil {
		return "", err
	}
	return to.ID, w.again(ctx, func() error { return to.send(ctx, w.file, info.Size()) })
}

// send sends the file of this size: as the body, or as the last field of a form
// as browsers make one. The form is not built in memory, and its length is told,
// without which S3 takes none.
func (to upload) send(ctx context.Context, path string, size int64) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	var before, after bytes.Buffer
	kind := ""
	if to.Method == http.MethodPost {
		if kind, err = to.form(&before, &after, filepath.Base(path)); err != nil {
			return err
		}
	}
	body := io.MultiReader(&before, io.LimitReader(f, size), &after)
	r, err := http.NewRequestWithContext(ctx, to.Method, to.URL, io.NopCloser(body))
	if err != nil {
		return err
	}
	r.ContentLength = int64(before.Len()) + size + int64(after.Len())
	if size == 0 && to.Method == http.MethodPut {
		r.Body = http.NoBody
	}
	if to.Method == http.MethodPut {
		for name, value := range to.Fields {
			r.Header.Set(name, value)
		}
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	answer, err := send(r)
	if err != nil {
		return fmt.Errorf("upload %s: %w", path, err)
	}
	return answer.Body.Close()
}

// form writes what stands before and after the file in a form (RFC 7578), and
// returns its content type.
func (to upload) form(before, after *bytes.Buffer, filename string) (kind string, err error) {
	w := multipart.NewWriter(before)
	for _, name := range slices.Sorted(maps.Keys(to.Fields)) {
		if err := w.WriteField(name, to.Fields[name]); err != nil {
			return "", err
		}
	}
	if _, err := w.CreateFormFile("file", filename); err != nil {
		return "", err
	}
	_, err = fmt.Fprintf(after, "\r\n--%s--\r\n", w.Boundary())
	return w.FormDataContentType(), err
}
