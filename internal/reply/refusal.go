package reply

// refusal reads a refused RCPT that is not about us.
func (q *question) refusal() Meaning {
	if q.is(2, 2) {
		return Meaning{Class: MailboxFull, Rule: "code:full"}
	}
	if q.full() {
		return Meaning{Class: MailboxFull, Rule: "words:full"}
	}
	if q.code < 500 {
		return q.transient()
	}
	if m, found := q.notFound(); found {
		return m
	}
	if q.disabled() {
		// "Account disabled, access denied" does not decide.
		// Nor does "account blocked", by itself.
		weak := q.text.any(accessWords) || q.text.any(barredWords) && !q.is(2, 1) && !q.text.has(byInactivity)
		return Meaning{Class: MailboxDisabled, Weak: weak, Rule: "words:disabled"}
	}
	if m, found := q.maybeNotFound(); found {
		return m
	}
	return q.permanent()
}

// full reports whether the mailbox is over quota. The host's own disk (x.3.1)
// and the size of the message (x.3.4) are something else.
func (q *question) full() bool {
	t := &q.text
	switch {
	case t.any(mailboxFull):
		return true
	case t.any(serverFull):
		return false
	case t.any(fullWords), t.anyAll(fullRows), t.overQuota():
		return true
	}
	if _, sure := t.states(fullStatements, func(l *language) []string { return l.full }); sure {
		return true
	}
	// 552 is RFC 5321's code for it, 422 and 431 are other people's.
	fullCode := q.code == 552 || q.code == 422 || q.code == 431
	return fullCode && (q.enhanced == Enhanced{} || q.is(2, 0)) && q.text.any(addressWords) && !q.saysNotFound() && !q.disabled()
}

// overQuota reports whether a text in another language than English says that
// some quota is exceeded, other than one for sending.
func (t *text) overQuota() bool {
	if !t.any(quotaNouns) || t.any(sendingWords) {
		return false
	}
	for i := range languages {
		if t.any(languages[i].over) {
			return true
		}
	}
	return false
}

// notFound reads a 5yz as "there is no such mailbox", if it says so.
func (q *question) notFound() (Meaning, bool) {
	t := &q.text
	switch {
	case q.is(1, 1), q.is(1, 3), q.is(1, 6):
		return q.codeNotFound()
	case q.is(1, 10) && !t.ends(notFoundWords) && !t.has("resolver.adr*"):
		return Meaning{Class: DomainTakesNoMail, Rule: "code:null-mx"}, true
	}
	if !wordCode(q.code) || q.isDomain() || q.isMedia() || t.any(doubtWords) || !q.saysNotFound() {
		return Meaning{}, false
	}
	// "User unknown or access denied" does not decide.
	return Meaning{Class: MailboxNotFound, Weak: t.any(accessWords), Rule: "words:not-found"}, true
}

// codeNotFound reads the enhanced codes for an absent mailbox. Servers put them
// on other refusals too, so a text that tells of something else is believed.
func (q *question) codeNotFound() (Meaning, bool) {
	t := &q.text
	says := q.saysNotFound()
	if t.any(doubtWords) || t.any(accessWords) || t.any(barredWords) {
		return Meaning{Class: MailboxNotFound, Weak: true, Rule: "code:not-found"}, says
	}
	return Meaning{Class: MailboxNotFound, Weak: !says && (t.any(messageWords) || t.prose() && !t.namesMailbox()), Rule: "code:not-found"}, true
}

// isDomain reports whether the enhanced code is about the recipient's domain
// (RFC 3463 §3.2) and the text names it too.
func (q *question) isDomain() bool { return q.is(1, 2) && q.text.any(domainNouns) }

// isMedia reports whether the enhanced code is about the message's content (RFC
// 3463 §3.7).
func (q *question) isMedia() bool { return q.between(6, 0, 999) }

// maybeNotFound reads wording that is used for absent mailboxes and for other
// things: most of it is weak.
func (q *question) maybeNotFound() (Meaning, bool) {
	t := &q.text
	if !wordCode(q.code) || q.isDomain() || q.isMedia() || t.any(doubtWords) || t.any(accessWords) {
		return Meaning{}, false
	}
	vague, _ := t.absent()
	switch {
	case q.is(1, 0) && t.any(addressWords):
		// "Address rejected." and no more is Cisco's text for it.
		return Meaning{Class: MailboxNotFound, Weak: !t.only(rejectedWords), Rule: "code:address-rejected"}, true
	case q.code == 550 && t.has("mailbox unavailable"):
		return Meaning{Class: MailboxNotFound, Weak: q.host != "" || !t.has(outlookAbsent), Rule: "words:mailbox-unavailable"}, true
	case q.code == 550 && t.has(cachedCallout):
		// What the server behind Exim said, Exim no longer tells.
		return Meaning{Class: MailboxNotFound, Weak: true, Rule: "exim:cached-callout"}, true
	case vague:
		return Meaning{Class: MailboxNotFound, Weak: true, Rule: "words:not-found-what"}, true
	}
	return Meaning{}, false
}

// saysNotFound reports whether the text names the mailbox and its absence.
func (q *question) saysNotFound() bool {
	t := &q.text
	if t.ends(notFoundWords) || t.anyAll(notFoundRows) || t.has("resolver.adr*") {
		return true
	}
	if _, sure := t.absent(); sure || t.object(absentObjects) || t.beside(absentAdjectives) {
		return true
	}
	for i := range languages {
		if l := &languages[i]; t.any(l.phrases) || t.object(l.none) {
			return true
		}
	}
	return false
}

// disabled reports whether a 5yz says that the mailbox is out of use.
func (q *question) disabled() bool {
	if q.is(7, 13) || q.between(7, 17, 18) {
		return true
	}
	if q.is(2, 1) && !q.text.any(messageWords) && !q.text.any(accessWords) && !q.text.any(laterWords) {
		return true
	}
	if !q.is(2, 1) && !wordCode(q.code) || q.text.any(laterWords) || q.text.any(domainEnds) {
		return false
	}
	if q.text.any(disabledWords) || q.text.any(barredWords) || q.text.beside(endedAdjectives) {
		return true
	}
	_, sure := q.text.states(endedStatements, func(l *language) []string { return l.ended })
	return sure
}

// wordCode reports whether words beside a reply code can be about a mailbox:
// RFC 5321's codes for it, qmail's 511 and its like.
func wordCode(code int) bool {
	return code >= 550 && code <= 554 || code >= 510 && code <= 513
}

// transient reads what is left of the 4yz.
func (q *question) transient() Meaning {
	missing := (q.is(1, 1) || q.saysNotFound()) && !q.text.any(doubtWords) && !q.text.has("unverified address")
	switch {
	case missing:
		return Meaning{Class: TemporaryFailure, ProbablyMissing: true, Rule: "words:probably-missing"}
	case q.between(5, 1, 2) || q.is(5, 4):
		return Meaning{Class: ProtocolError, Rule: "code:protocol"}
	case q.text.any(internalErrors): // Postfix gives its policy server's trouble 4.7.1 too
		return Meaning{Class: TemporaryFailure, Rule: "words:internal-error"}
	case q.between(7, 0, 999):
		return Meaning{Class: BlockedByPolicy, Rule: "code:x.7"}
	}
	return Meaning{Class: TemporaryFailure, Rule: "code:4yz"}
}

// permanent reads what is left of the 5yz, after RFC 3463 §3.
func (q *question) permanent() Meaning {
	switch {
	case q.code <= 504 || q.code == 555 || q.between(5, 1, 999):
		return Meaning{Class: ProtocolError, Rule: "code:protocol"}
	case q.between(7, 0, 999):
		return Meaning{Class: BlockedByPolicy, Rule: "code:x.7"}
	case q.text.any(deniedWords):
		return Meaning{Class: BlockedByPolicy, Rule: "words:denied"}
	case q.isMedia():
		return Meaning{Class: BlockedByPolicy, Rule: "code:content"}
	case q.is(1, 2):
		return Meaning{Class: RelayDenied, Rule: "code:bad-domain"}
	case q.is(1, 4), q.between(2, 3, 4), q.between(3, 0, 999), q.is(4, 0), q.between(4, 2, 999):
		return Meaning{Class: TemporaryFailure, Rule: "code:their-system"}
	}
	return Meaning{Class: Unclear, Weak: q.code == 550 && q.text.only(bareWords), Rule: "none"}
}
