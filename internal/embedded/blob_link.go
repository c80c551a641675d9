package embedded

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"rcpt/internal/store"
)

// errNoBase: Options.BlobURL is not set.
var errNoBase = errors.New("no URL under which links to blobs are served")

// link is what a URL lets its bearer do. It is all in the query, and signed.
type link struct {
	action   string // get or put
	name     string
	filename string // get: what a browser saves it as
	size     int64  // put: at most so many octets
	expires  int64  // seconds since 1970
}

func (b *blobs) LinkGet(ctx context.Context, name, filename string, ttl time.Duration) (string, error) {
	return b.link(ctx, link{action: "get", name: name, filename: filename}, ttl)
}

func (b *blobs) LinkPut(ctx context.Context, name string, size int64, ttl time.Duration) (store.UploadLink, error) {
	if size < 0 {
		return store.UploadLink{}, fmt.Errorf("%w: upload of %d octets", store.ErrValue, size)
	}
	url, err := b.link(ctx, link{action: "put", name: name, size: size}, ttl)
	if err != nil {
		return store.UploadLink{}, err
	}
	return store.UploadLink{URL: url, Method: http.MethodPut, Expires: time.Unix(b.expiry(ttl), 0).UTC()}, nil
}

// expiry is the last second of a link made now.
func (b *blobs) expiry(ttl time.Duration) int64 { return b.now().Add(ttl).Unix() }

func (b *blobs) link(ctx context.Context, l link, ttl time.Duration) (string, error) {
	if err := cmp.Or(ctx.Err(), store.CheckBlobName(l.name), store.CheckPresign(ttl)); err != nil {
		return "", err
	}
	if b.base == nil {
		return "", errNoBase
	}
	l.expires = b.expiry(ttl)
	query := l.query()
	query.Set("signature", base64.RawURLEncoding.EncodeToString(b.sign(l)))
	return b.base() + "?" + query.Encode(), nil
}

func (l link) query() url.Values {
	return url.Values{
		"action": {l.action}, "name": {l.name}, "filename": {l.filename},
		"size": {strconv.FormatInt(l.size, 10)}, "expires": {strconv.FormatInt(l.expires, 10)},
	}
}

// sign covers every field: the encoding of a query is the same for the same
// values and different for different ones.
func (b *blobs) sign(l link) []byte {
	mac := hmac.New(sha256.New, b.key)
	mac.Write([]byte(l.query().Encode()))
	return mac.Sum(nil)
}

// read returns the link in a query; ok is false unless we made it and it still
// lives.
func (b *blobs) read(query url.Values) (l link, ok bool) {
	l = link{action: query.Get("action"), name: query.Get("name"), filename: query.Get("filename")}
	var sizeErr, expiresErr error
	l.size, sizeErr = strconv.ParseInt(query.Get("size"), 10, 64)
	l.expires, expiresErr = strconv.ParseInt(query.Get("expires"), 10, 64)
	signature, err := base64.RawURLEncoding.DecodeString(query.Get("signature"))
	if errors.Join(sizeErr, expiresErr, err) != nil || !hmac.Equal(signature, b.sign(l)) {
		return link{}, false
	}
	return l, b.now().Unix() <= l.expires
}

// ServeHTTP does what links allow; all else is 403.
func (b *blobs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l, ok := b.read(r.URL.Query())
	w.Header().Set("Cache-Control", "private, no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch {
	case !ok:
		http.Error(w, "the link is not valid, or not any more", http.StatusForbidden)
	case l.action == "get" && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		b.serve(w, r, l)
	case l.action == "put" && r.Method == http.MethodPut:
		b.receive(w, r, l)
	default:
		http.Error(w, "the link is for something else", http.StatusForbidden)
	}
}

// serve sends the blob as a file to save.
func (b *blobs) serve(w http.ResponseWriter, r *http.Request, l link) {
	f, info, err := b.open(l.name)
	if errors.Is(err, store.ErrNotFound) {
		http.Error(w, "there is no such file", http.StatusNotFound)
		return
	}
	if err != nil {
		http.Error(w, "the file cannot be read", http.StatusInternalServerError)
		return
	}
	defer func() { _ = f.Close() }()
	disposition := mime.FormatMediaType("attachment", map[string]string{"filename": l.filename})
	w.Header().Set("Content-Disposition", cmp.Or(disposition, "attachment"))
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("ETag", strconv.Quote(info.Version))
	http.ServeContent(w, r, "", info.Modified, io.NewSectionReader(f, 0, info.Size))
}

// receive writes the body as the blob, if it comes whole and is not too long.
func (b *blobs) receive(w http.ResponseWriter, r *http.Request, l link) {
	var tooLong *http.MaxBytesError
	_, err := b.Put(r.Context(), l.name, http.MaxBytesReader(w, r.Body, l.size))
	switch {
	case errors.As(err, &tooLong):
		http.Error(w, fmt.Sprintf("the file may have %d octets", l.size), http.StatusRequestEntityTooLarge)
	case errors.Is(err, io.ErrUnexpectedEOF):
		http.Error(w, "the file did not arrive whole", http.StatusBadRequest)
	case err != nil:
		http.Error(w, "the file cannot be written", http.StatusInternalServerError)
	}
}
