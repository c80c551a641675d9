package verify

import (
	"time"

	"rcpt/internal/address"
	"rcpt/internal/lists/tenant"
	"rcpt/internal/mx"
	"rcpt/internal/pace"
	"rcpt/internal/reply"
	"rcpt/internal/smtpprobe"
	"rcpt/internal/verdict"
)

// Decide turns evidence into a verdict under a policy. It is pure: the same
// evidence gives the same verdict, so every rule is a row of a test.
//
// The hard rule: INVALID needs positive proof that mail to this address cannot
// arrive. A refusal that speaks about us or about the moment is UNKNOWN with
// its reason, whatever its code.
//
// The order: syntax, the key's own reports, the domain, disposable lists, spam
// trap, the mailbox, and where all that leaves it open a vendor. The first that
// speaks decides. A slip of the keyboard makes nothing worse than RISKY: if the
// mailbox exists, somebody may well read it.
func Decide(e Evidence, p Policy) verdict.Verdict {
	v := facts(e)
	v.Status, v.Reason = judge(e)
	own := v.Reason
	if v.Status == verdict.Unknown && e.Vendor.answered() {
		v.Status, v.Reason = byVendor(e, own)
		credit(e, &v)
	}
	v.CatchAll = v.CatchAll || v.Status == verdict.CatchAll
	v.RetryAt = retryAt(e, v)
	v.Score = score(e, v)
	v.Policy = p.Name
	v.Action = advise(e, p, v)
	if v.Reason == verdict.VendorUndecided { // the advice is that of what we know: to wait, if waiting helps
		asIfAlone := v
		asIfAlone.Reason = own
		v.Action = advise(e, p, asIfAlone)
	}
	v.Detail = detail(e, v)
	return v
}

// advise draws the advice for a verdict. A report of the key's own goes before what
// is known of the domain, but makes the advice no milder.
func advise(e Evidence, p Policy, v verdict.Verdict) verdict.Action {
	action := p.Action(v)
	if _, gone := noMail(e.Route); gone {
		action = stricter(action, p.Invalid)
	}
	if weigh(e.Lists).firm {
		action = stricter(action, p.Disposable)
	}
	return action
}

// facts copies what stands beside a verdict, whatever it is.
func facts(e Evidence) verdict.Verdict {
	l := e.Lists
	v := verdict.Verdict{
		Email: e.Given, AccountHistory: e.History, SpamTrap: e.Trap, Cached: e.Cached, CheckedAt: e.Gathered.UTC(),
		FreeProvider: l.Free.Listed, Relay: l.Relay != "", RelayName: l.Relay, Role: l.Role.Class != "", RoleClass: l.Role.Class,
		ListVersion: l.Version, ListAgeHours: l.AgeHours,
		MXFound: e.Route.TakesMail(), MXHost: e.Route.Host, MXProvider: l.Exchanger.Provider(),
	}
	if e.Syntax == nil {
		v.Tag = e.Address.Tag()
		v.Canonical = e.Address.Canonical()
		listed(e, &v)
	} else if meant, ok := address.Within(e.Given); ok {
		// As lists from mail programs have them. The text is no address, but there is
		// a mailbox in it that may well live.
		v.Suggestion = meant.String()
	}
	if e.Probe != nil {
		v.CatchAll = e.Probe.Of() == TakesAny
		if e.Probe.Answer.Host != "" {
			v.MXHost = e.Probe.Answer.Host
		}
	}
	return v
}

// listed adds what the lists say of the domain, weighed against the other
// evidence.
func listed(e Evidence, v *verdict.Verdict) {
	d := weigh(e.Lists)
	v.Disposable, v.DisposableSource = d.holds(), d.source
	if d.holds() {
		v.DisposableTier = string(e.Lists.Disposable.Tier)
	}
	if certainty := slip(e); certainty != "" {
		v.TypoOf, v.TypoCertainty, v.Suggestion = e.Lists.Typo.Meant, certainty, suggestion(e.Address, e.Lists.Typo)
	}
	v.ClosedProvider = e.Lists.Closed && e.Lists.Tenant.List != tenant.Allow
	v.TrapRisk = trapRisk(e, v.TypoCertainty)
	v.Lists = matches(e, d)
}

// credit notes what else a vendor said, and that the verdict is its, if it is.
func credit(e Evidence, v *verdict.Verdict) {
	s := e.Vendor
	v.CatchAll = v.CatchAll || s.CatchAll != nil && *s.CatchAll
	if e.vendorDisposable() && !v.Disposable {
		v.Disposable, v.DisposableSource = true, verdict.ByVendor
	}
	if v.Status != verdict.Unknown {
		v.Provider, v.CheckedAt, v.Cached = s.Name, s.At.UTC(), v.Cached && s.Cached
	}
}

func judge(e Evidence) (verdict.Status, verdict.Reason) {
	if e.Syntax != nil {
		return verdict.Invalid, verdict.InvalidSyntax
	}
	if e.History.Matched {
		if e.History.PreviousReason == "soft_bounce" {
			return verdict.Risky, verdict.PreviouslyBounced
		}
		return verdict.Invalid, verdict.PreviouslyBounced
	}
	if reason, gone := noMail(e.Route); gone {
		return verdict.Invalid, reason
	}
	switch d := weigh(e.Lists); {
	case d.firm:
		return verdict.Disposable, verdict.DisposableDomain
	case d.holds():
		return verdict.Risky, verdict.DisposableSuspected
	case e.Trap:
		return verdict.Risky, verdict.SpamTrap
	}
	status, reason := mailbox(e)
	if status != verdict.Invalid && slip(e) != "" {
		return verdict.Risky, verdict.PossibleTypo
	}
	return status, reason
}

// noMail reports the answers of DNS that prove that a domain takes no mail. A
// name server that fails proves nothing.
func noMail(r Route) (verdict.Reason, bool) {
	switch r.Status {
	case mx.NXDomain:
		return verdict.DomainNotFound, true
	case mx.NullMX:
		return verdict.NullMX, true
	case mx.NoMail:
		return verdict.NoMX, true
	}
	return "", false
}

// mailbox judges what was learned about the mailbox itself.
func mailbox(e Evidence) (verdict.Status, verdict.Reason) {
	switch {
	case e.Address.Literal():
		return verdict.Unknown, verdict.MXUnreachable // a host named by number has no exchanger to ask
	case e.Route.Status == mx.Failed, e.Route.Status == mx.Timeout:
		return verdict.Unknown, verdict.DNSFailure
	case e.Route.Status == mx.Unresolvable:
		return verdict.Unknown, verdict.MXUnreachable
	case e.Lost == LostInternal:
		return verdict.Unknown, verdict.Internal
	case e.Route.TakesMail() && e.Mode == Soft:
		return verdict.Unknown, verdict.SoftOK
	case e.Route.TakesMail() && e.Address.TooLong():
		return verdict.Unknown, verdict.ProtocolError // SMTP has no room for it; it may exist all the same
	case e.Probe == nil && e.Lost == LostCancelled:
		return verdict.Unknown, verdict.Cancelled
	case e.Probe == nil:
		return verdict.Unknown, verdict.Deadline
	}
	return probed(*e.Probe)
}

// probed judges the reply to RCPT, with the canary and the control beside it.
func probed(p Probe) (verdict.Status, verdict.Reason) {
	switch p.Answer.Class {
	case "": // not asked
		if p.CatchAll == TakesAny {
			return verdict.CatchAll, verdict.CatchAllDomain
		}
	case reply.Accepted, reply.AcceptedUnverified:
		return accepted(p)
	case reply.MailboxNotFound, reply.MailboxDisabled, reply.Unclear:
		return refused(p)
	case reply.MailboxFull:
		return verdict.Risky, verdict.MailboxFull
	case reply.DomainTakesNoMail:
		if p.Answer.Stage == reply.Rcpt && p.Answer.Code/100 == 5 {
			return verdict.Invalid, verdict.NullMX
		}
		return verdict.Unknown, verdict.ProbeBlocked
	}
	return verdict.Unknown, undecided(p.Answer)
}

func accepted(p Probe) (verdict.Status, verdict.Reason) {
	switch p.Of() {
	case TakesAny:
		return verdict.CatchAll, verdict.CatchAllDomain
	case Checks:
		if p.Answer.Class == reply.Accepted {
			return verdict.Valid, verdict.SMTPVerified
		}
	case CatchAllUnknown:
		if p.Answer.Class == reply.AcceptedUnverified { // 252: it takes whatever it is given
			return verdict.CatchAll, verdict.CatchAllDomain
		}
	}
	return verdict.Risky, verdict.Unconfirmed
}

// refused asks for proof before a mailbox is called absent: the refusal came
// to RCPT with a permanent code, where the words are weak the control was
// accepted, and the operator is not in one of its hours of knowing nobody.
//
// Words that say nothing at all ("550 Rejected") need more than postmaster as
// control: many servers, Exim as it is shipped, take postmaster's mail even from
// those they block.
func refused(p Probe) (verdict.Status, verdict.Reason) {
	a := p.Answer
	switch {
	case a.Stage != reply.Rcpt || a.Code/100 != 5:
		return verdict.Unknown, verdict.UnclearReply
	case a.Weak && !p.Control.Accepted():
		return verdict.Unknown, verdict.UnclearReply
	case a.Class == reply.Unclear && !(a.Weak && sameRefusal(a, p.Canary) && (p.Peer || a.Rule != noRule)):
		return verdict.Unknown, verdict.UnclearReply
	case p.HoldNotFound:
		return verdict.Unknown, verdict.TemporaryFailure
	case a.Class == reply.MailboxDisabled:
		return verdict.Invalid, verdict.MailboxDisabled
	}
	return verdict.Invalid, verdict.MailboxNotFound
}

// noRule is the Rule of a refusal that no table of package reply knows.
const noRule = "none"

// sameRefusal reports that a mailbox that cannot exist was refused in the very
// same words.
func sameRefusal(a, canary smtpprobe.Answer) bool {
	return canary.Stage == reply.Rcpt && canary.Code == a.Code && canary.Enhanced == a.Enhanced && canary.Text == a.Text
}

// undecided names the reason of an answer that says nothing about the mailbox.
func undecided(a smtpprobe.Answer) verdict.Reason {
	switch a.Class {
	case reply.Greylisted:
		return verdict.Greylisted
	case reply.Timeout:
		return verdict.Timeout
	case reply.RateLimited:
		return verdict.RateLimited
	case reply.BlockedByPolicy, reply.TLSRequired:
		return verdict.ProbeBlocked
	case reply.RelayDenied:
		return verdict.RelayDenied
	case reply.TemporaryFailure:
		return verdict.TemporaryFailure
	case reply.SMTPUTF8Required:
		return verdict.SMTPUTF8Required
	case reply.ProtocolError:
		return verdict.ProtocolError
	case smtpprobe.ConnectionFailed:
		return verdict.ConnectionFailed
	case smtpprobe.Unreachable, smtpprobe.Unresolvable:
		return verdict.MXUnreachable
	case smtpprobe.DNSFailure:
		return verdict.DNSFailure
	case smtpprobe.EgressClosed:
		return verdict.EgressBlocked
	case smtpprobe.Held:
		if a.Why == pace.Busy {
			return verdict.RateLimited
		}
		return verdict.ProbeBlocked
	case smtpprobe.NotAsked:
		return verdict.Deadline
	case smtpprobe.Fault, "":
		return verdict.Internal
	}
	return verdict.UnclearReply
}

// Waits where the server stated none (smtp-probing.md §11, §14).
const (
	greylistWait  = 6 * time.Minute
	temporaryWait = 30 * time.Minute
	absentHold    = 24 * time.Hour
)

// retryAt is when another check may bring more. A stated wait gets a fifth on
// top: servers count from their own clock.
func retryAt(e Evidence, v verdict.Verdict) *time.Time {
	open := v.Status == verdict.Unknown || v.Reason == verdict.Unconfirmed || v.Reason == verdict.MailboxFull
	if e.Probe == nil || e.Gathered.IsZero() || !open {
		return nil
	}
	a := e.Probe.undecided()
	var wait time.Duration
	switch {
	case !a.Until.IsZero():
		until := a.Until.UTC()
		return &until
	case v.Reason == verdict.TemporaryFailure && e.Probe.HoldNotFound:
		wait = absentHold
	case a.Retry > 0:
		wait = a.Retry + a.Retry/5
	case a.Class == reply.Greylisted:
		wait = greylistWait
	case a.Class == reply.TemporaryFailure, a.Class == reply.RateLimited:
		wait = temporaryWait
	default:
		return nil
	}
	at := e.Gathered.Add(wait).UTC()
	return &at
}
