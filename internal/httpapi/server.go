package httpapi

import (
	"net/http"
	"time"
)

// Server returns a server for use without a gateway, with limits that keep
// thousands of idle or slow connections harmless. The caller sets the address.
func Server(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h,

		// A head arrives in one packet or two.
		ReadHeaderTimeout: 5 * time.Second,

		// Head and body: 5 MB in this time is what a slow line carries.
		ReadTimeout: 30 * time.Second,

		// Counts from the end of the head, so it covers a body that takes all of
		// ReadTimeout and the longest answer, 25 s.
		WriteTimeout: 60 * time.Second,

		// Longer than the 30 s for which common clients keep a connection, so that
		// it is the client who closes and no request meets a closing connection.
		IdleTimeout: 90 * time.Second,

		// Our heads have a few hundred octets; net/http reserves it per connection
		// only as it is used.
		MaxHeaderBytes: 16 << 10,
	}
}
