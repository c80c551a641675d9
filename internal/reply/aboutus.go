package reply

// ruleVague is the rule of words that may be about the mailbox's policy too.
const ruleVague = "words:some-policy"

// aboutUs applies the rules for refusals that are not about the mailbox.
func (q *question) aboutUs() (Meaning, bool) {
	t := &q.text
	names := q.namesList()
	listed := q.listed(names)
	rate := t.any(rateWords) || t.any(splitWords) || t.anyAll(rateRows)
	switch {
	case names:
		return Meaning{Class: BlockedByPolicy, Listed: listed, Rule: "words:blocklist"}, true
	case t.anyAll(domainPolicyWords):
		return Meaning{Class: BlockedByPolicy, DomainOnly: true, Rule: "words:domain-policy"}, true
	case t.any(policyWords):
		return Meaning{Class: BlockedByPolicy, Listed: listed, Rule: "words:about-us"}, true
	case q.codeAboutUs(rate):
		return Meaning{Class: BlockedByPolicy, Listed: listed, Rule: "code:about-us"}, true
	case q.is(6, 7) || t.has("smtputf8"):
		return Meaning{Class: SMTPUTF8Required, Rule: "code:smtputf8"}, true
	case q.quote < 0 && t.any(tlsWords) || q.between(7, 10, 11) || q.code == 530 && t.has("starttls"):
		return Meaning{Class: TLSRequired, Rule: "words:tls"}, true
	case rate || q.is(4, 5) || q.is(5, 3) || q.is(7, 28) || q.between(2, 121, 122):
		return Meaning{Class: RateLimited, Rule: "words:rate"}, true
	case q.code < 500 && (t.any(greylistNames) || t.any(greyWords)):
		return Meaning{Class: Greylisted, Rule: "words:greylisted"}, true
	case t.any(greylistNames) && q.quote < 0:
		return Meaning{Class: Unclear, Rule: "words:greylisted-for-good"}, true
	case q.sender || t.any(hostWords) || t.any(senderWords):
		return Meaning{Class: BlockedByPolicy, Listed: listed, Rule: "words:names-us"}, true
	case t.any(blockedWords) && !q.barred():
		return Meaning{Class: BlockedByPolicy, Listed: listed, Rule: "words:blocked"}, true
	case t.any(syncWords):
		return Meaning{Class: ProtocolError, Rule: "words:synchronization"}, true
	case q.stage == Rcpt && q.quote < 0 && (t.any(relayWords) || t.anyAll(relayRows)):
		return Meaning{Class: RelayDenied, Rule: "words:relay"}, true
	case t.any(vagueWords) && !t.any(mailboxFull):
		return Meaning{Class: BlockedByPolicy, Rule: ruleVague}, true
	}
	return Meaning{}, false
}

// barred reports whether it is the mailbox that was blocked, or that is full
// and blocked therefore.
func (q *question) barred() bool {
	t := &q.text
	return t.has(byInactivity) || t.any(mailboxFull) || t.any(barredWords) && !q.is(7, 1)
}

// codeAboutUs reports whether the enhanced code is about us whatever the text:
// our sender (x.1.7, x.1.8), DKIM, SPF, reverse DNS and the like (RFC 7372, RFC
// 7505), and Microsoft's 5.7.5zz to 4.7.7zz, of which the 4yz may be throttling.
func (q *question) codeAboutUs(rate bool) bool {
	switch {
	case q.between(1, 7, 8), q.between(7, 7, 9), q.between(7, 20, 27), q.is(7, 29):
		return true
	case q.enhanced.Class == 5:
		return q.between(7, 500, 699)
	}
	return q.between(7, 500, 799) && !rate
}

// namesList reports whether the text names a blocklist.
func (q *question) namesList() bool {
	return q.text.any(blocklistWords) || q.text.listed(q.host, q.domain)
}

// listed reports whether the text says that we are on a list, which it names,
// or banned. What a quoted reply says so of is the host that quotes it, not us.
func (q *question) listed(names bool) bool {
	if q.depth > 0 || q.quote >= 0 {
		return false
	}
	t := &q.text
	host := q.named || t.any(hostWords)
	return names || host && t.any(blockedWords) || t.any(bannedWords) && (host || t.any(senderWords))
}
