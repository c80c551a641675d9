package verify

import "rcpt/internal/verdict"

// score is the chance in percent that mail to the address is delivered. The
// numbers are estimates until a customer's own bounces fit them; what is fixed
// is their order: better evidence never scores lower.
func score(e Evidence, v verdict.Verdict) int {
	s := weight(v.Reason)
	switch {
	case v.Reason == verdict.PreviouslyBounced && v.Status == verdict.Risky:
		s = min(max(5, 60-15*e.History.Recent), behind(e))
	case v.Reason == verdict.SMTPVerified && v.Role:
		s -= 2 // read by many or by none
	case v.Reason == verdict.VendorRisky && e.Vendor.Status == VendorInvalid:
		s = weight(verdict.SpamTrap)
	case v.Reason == verdict.VendorRisky && e.Vendor.Deliverability == VendorUndeliverable:
		s = weight(verdict.MailboxFull)
	case v.Reason == verdict.TemporaryFailure && e.Probe != nil && e.Probe.Answer.Missing:
		s -= 25 // a transient reply that names the user as unknown
	}
	return s
}

// behind is what an address scores whose report hides that its domain takes no mail,
// or is disposable.
func behind(e Evidence) int {
	if reason, gone := noMail(e.Route); gone {
		return weight(reason)
	}
	if weigh(e.Lists).firm {
		return weight(verdict.DisposableDomain)
	}
	return 100
}

func weight(r verdict.Reason) int {
	switch r {
	// Proof of absence. Not 0: servers err, lists age.
	case verdict.InvalidSyntax, verdict.NullMX:
		return 0
	case verdict.DomainNotFound, verdict.NoMX, verdict.MailboxNotFound, verdict.VendorInvalid:
		return 1
	case verdict.MailboxDisabled, verdict.PreviouslyBounced:
		return 3

	// The mailbox took the recipient.
	case verdict.SMTPVerified:
		return 96
	case verdict.VendorVerified:
		return 92
	case verdict.Unconfirmed:
		return 75
	case verdict.CatchAllDomain:
		return 70
	case verdict.VendorRisky:
		return 50
	case verdict.MailboxFull:
		return 35

	// A likely mistake or a mailbox without a lasting reader.
	case verdict.DisposableSuspected:
		return 45
	case verdict.SpamTrap:
		return 30
	case verdict.DisposableDomain:
		return 20
	case verdict.PossibleTypo:
		return 15

	// Nothing learned about the mailbox: what such a domain's addresses do on average.
	case verdict.SoftOK, verdict.Greylisted:
		return 65
	case verdict.RateLimited, verdict.ProbeBlocked, verdict.EgressBlocked, verdict.Deadline, verdict.Cancelled, verdict.Internal:
		return 60
	case verdict.Timeout, verdict.TemporaryFailure, verdict.VendorUndecided, verdict.ProtocolError, verdict.SMTPUTF8Required:
		return 50
	case verdict.UnclearReply, verdict.ConnectionFailed, verdict.DNSFailure:
		return 40
	case verdict.RelayDenied, verdict.MXUnreachable:
		return 15
	}
	return 50
}
