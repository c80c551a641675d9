package store

import (
	"context"
	"errors"
	"io"
	"time"
)

// ErrUnchanged: the blob is still the one whose version the caller named.
var ErrUnchanged = errors.New("blob unchanged")

// Limits of a Blob. Sizes are in octets.
const (
	MaxBlobName = 900            // as UTF-8: what S3 takes, less room for a prefix of the deployment
	MaxBlobPage = 1000           // names of one BlobPage
	MaxPresign  = 12 * time.Hour // a link lives no longer
)

// Blob keeps files under names. It is safe for concurrent use.
//
// Names are UTF-8 of 1 to MaxBlobName octets in segments divided by "/"; no
// segment is empty, "." or "..", and none holds a control character. There are
// no folders: a prefix is any beginning of a name.
//
// Consistency. A reader sees a blob whole, the old one or the new one, never a
// part. A read or list sees every Put that was acknowledged before it began.
// Of two Puts under one name at once, one is last.
//
// Versions. BlobInfo.Version is an opaque text that changes with the content; the
// same content may, but need not, have the same version again.
//
// Every method may fail with ErrThrottled, Put and Delete with ErrUnknown.
type Blob interface {
	// Put writes r to its end under the name, replacing what was there, if all
	// that opts ask for holds, else ErrCondition and nothing is written. When r
	// fails, nothing is written and its error is returned. Memory does not grow
	// with the length of r. The Modified it returns may be off by what the write
	// takes.
	Put(ctx context.Context, name string, r io.Reader, opts ...PutOption) (BlobInfo, error)

	// Open returns the content from offset on, length octets of it or all there
	// is for a negative length; the caller closes it. Reading past the end is
	// io.EOF, an offset behind it no error. ErrNotFound when there is no such
	// blob; ErrUnchanged when unless is not empty and is its version.
	Open(ctx context.Context, name string, offset, length int64, unless string) (io.ReadCloser, BlobInfo, error)

	// Stat returns what Open would tell. ErrNotFound when there is none.
	Stat(ctx context.Context, name string) (BlobInfo, error)

	// List returns one page of the names that begin with prefix, in byte order,
	// behind after, which need not exist.
	List(ctx context.Context, prefix, after string, limit int) (BlobPage, error)

	// Delete removes blobs. That one is not there is no error.
	Delete(ctx context.Context, names ...string) error

	// LinkGet returns a URL with which anyone can read the blob until ttl has
	// passed; on AWS it also ends with the credentials that signed it. A browser is
	// told to save it as filename. The blob need not exist.
	LinkGet(ctx context.Context, name, filename string, ttl time.Duration) (string, error)

	// LinkPut returns what a client needs to write the blob itself until ttl has
	// passed, at most size octets of it.
	LinkPut(ctx context.Context, name string, size int64, ttl time.Duration) (UploadLink, error)
}

// BlobInfo tells of one blob.
type BlobInfo struct {
	Name     string
	Size     int64     // octets
	Version  string    // changes with the content
	Modified time.Time // UTC, whole seconds
}

// BlobPage is what a List found.
type BlobPage struct {
	Blobs []BlobInfo
	Next  string // the after of the next page; "": there is none
}

// UploadLink is how a client uploads one file: a request of Method to URL. With
// POST the Fields come first in a multipart form (RFC 7578) and the file last,
// under "file"; with PUT the file is the body and the Fields are headers.
type UploadLink struct {
	URL     string
	Method  string // POST or PUT
	Fields  map[string]string
	Expires time.Time // UTC
}

// PutOption is a condition of a Put.
type PutOption struct {
	Once  bool   // only if there is no blob under the name
	Match string // only if the blob is of this version
}

// Once lets a Put write only where nothing is: ErrCondition otherwise.
func Once() PutOption { return PutOption{Once: true} }

// Match lets a Put replace only the blob of this version: ErrCondition otherwise,
// also when there is none.
func Match(version string) PutOption { return PutOption{Match: version} }
