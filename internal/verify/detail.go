package verify

import (
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// detail is a sentence for people where status and reason leave the cause
// open. It is empty otherwise.
func detail(e Evidence, v verdict.Verdict) string {
	switch {
	case e.Syntax != nil:
		return e.Syntax.Error()
	case v.Reason == verdict.ProtocolError && e.Address.TooLong():
		return "the address is longer than SMTP can ask for (RFC 5321 §4.5.3.1); it may exist, but cannot be verified"
	case v.Reason == verdict.MXUnreachable && e.Address.Literal():
		return "the domain is an address literal; only mailboxes of named domains are asked for"
	case v.Reason == verdict.MXUnreachable && e.Probe != nil && e.Probe.Answer.Class == smtpprobe.Unreachable:
		return "no exchanger of the domain has a public address"
	case v.Reason == verdict.MXUnreachable && e.Probe != nil:
		return "no name of the domain's exchangers has an address"
	case v.Reason == verdict.ProbeBlocked && e.Probe != nil && e.Probe.Answer.Class == reply.TLSRequired:
		return "the exchanger takes no mail in clear and TLS could not be agreed on"
	case v.Reason == verdict.DNSFailure && e.Probe != nil:
		return e.Probe.Answer.Text // of the exchanger's name
	case (v.Reason == verdict.DNSFailure || v.Reason == verdict.MXUnreachable) && e.Route.Detail != "":
		return e.Route.Detail
	case v.Status == verdict.Unknown && e.Vendor != nil && e.Vendor.Error != "":
		return "no paid verifier could help: " + e.Vendor.Error
	}
	return ""
}
