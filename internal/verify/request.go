package verify

import (
	"time"

	"rcpt/internal/verdict"
)

// Mode says how far a check goes.
type Mode string

// The modes. Soft stops before SMTP: syntax, lists and DNS only.
const (
	Soft Mode = "soft"
	Full Mode = "full"
)

// Request asks for the verdict on one address.
type Request struct {
	Scope    string    // the id of the key that asks: cache and overlay are kept per key
	Email    string    // as given
	Mode     Mode      // the zero value is Full
	Policy   Policy    //
	Received time.Time // when the request arrived; latency counts from here
	Deadline time.Time // when the verdict must be there; the zero value means no deadline
	Fresh    bool      // pass the cache: ask anew, for the canary too
	Explain  bool      // attach the evidence

	// Vendors: paid verifiers are asked, with the keys of Account, about what stays
	// UNKNOWN in full mode. Of the time until Deadline the exchangers then have 60
	// percent.
	Vendors bool
	Account string
	Job     string // id of the job that the request belongs to, for the vendors' log; ""

	// Later names UNKNOWN verdicts that the caller will ask about again, so that
	// nothing is paid for them yet. Nil: none.
	Later func(verdict.Verdict) bool
}
