package reply

import "time"

// The operators that filter mail for others, and the server software whose
// texts need a row of their own. Most of what Postfix, Exim, qmail, sendmail
// and the like say is read by the general rules.

var proofpoint = operator{
	hosts: []string{"pphosted.com", "ppe-hosted.com"},
	rows: []row{
		{rule: "proofpoint:marked-invalid", codes: []int{550}, words: []string{"user email address is marked as invalid"}, class: MailboxNotFound},
		// The directory is asked while we wait; an answer is there within seconds.
		{rule: "proofpoint:verifying", words: []string{"address verification in progress"}, class: Greylisted, wait: 10 * time.Second},
		{rule: "proofpoint:blocked", words: []string{"blocked", "ipcheck.proofpoint.com"}, class: BlockedByPolicy, listed: true},
		{rule: "proofpoint:blocked", words: []string{"blocked using"}, class: BlockedByPolicy, listed: true},
	},
}

var mimecast = operator{
	hosts: []string{"mimecast.com", "mimecast.co.za", "mimecast-offshore.com"},
	rows: []row{
		// Mimecast documents 60 s at least and 12 h at most.
		{rule: "mimecast:greylisted", codes: []int{451}, words: []string{"resource temporarily unavailable"}, class: Greylisted, wait: time.Minute},
		{rule: "mimecast:greylisted", codes: []int{451}, words: []string{"resources are temporarily unavailable"}, class: Greylisted, wait: time.Minute},
		{rule: "mimecast:policy", words: []string{"header or envelope policy"}, class: BlockedByPolicy},
		{rule: "mimecast:policy", words: []string{"rejected by header"}, class: BlockedByPolicy},
		{rule: "mimecast:reputation", words: []string{"poor reputation"}, class: BlockedByPolicy, listed: true},
		{rule: "mimecast:relay", words: []string{"open relay not allowed"}, class: RelayDenied},
		{rule: "mimecast:busy", words: []string{"unable to process connection"}, class: RateLimited},
		{rule: "mimecast:sender-blocked", words: []string{"sender address blocked"}, class: BlockedByPolicy, listed: true},
	},
}

var barracuda = operator{
	hosts: []string{"barracudanetworks.com"},
	rows: []row{
		{rule: "barracuda:unknown", words: []string{"cuda nsu"}, class: MailboxNotFound},
		{rule: "barracuda:policy", words: []string{"policy rejection"}, class: BlockedByPolicy},
		{rule: "barracuda:blocked", words: []string{"blocked"}, class: BlockedByPolicy},
		{rule: "barracuda:license", words: []string{"license expired"}, class: TemporaryFailure},
	},
}

// symantec is Symantec Email Security.cloud, Broadcom, MessageLabs.
var symantec = operator{
	hosts: []string{"messagelabs.com"},
	rows: []row{
		{rule: "messagelabs:policy", words: []string{"connection rejected by policy"}, class: BlockedByPolicy},
		{rule: "messagelabs:policy", codes: []int{450}, words: []string{"requested action aborted"}, class: BlockedByPolicy},
		{rule: "messagelabs:relay", words: []string{"use me", "relay"}, class: RelayDenied},
	},
}

var trendMicro = operator{
	hosts: []string{"trendmicro.com", "trendmicro.eu", "trendmicro.co.jp"},
	rows: []row{
		{rule: "trendmicro:blocked", words: []string{"block send er"}, class: BlockedByPolicy},
		{rule: "trendmicro:blocked", words: []string{"block sender"}, class: BlockedByPolicy},
		{rule: "trendmicro:blocked", words: []string{"block rcpt"}, class: BlockedByPolicy},
		{rule: "trendmicro:blocked", words: []string{"ers customized block"}, class: BlockedByPolicy},
		{rule: "trendmicro:no-domain", words: []string{"no domain"}, class: RelayDenied},
	},
}

// cisco is Cisco Cloud Email Security; IronPort hosts on premises are read by
// the general rules.
var cisco = operator{
	hosts: []string{"iphmx.com"},
	rows: []row{
		{rule: "cisco:address-rejected", codes: []int{550}, enhanced: Enhanced{5, 1, 0}, words: []string{"address rejected"}, class: MailboxNotFound},
		{rule: "cisco:poor-reputation", words: []string{"poor reputation"}, class: BlockedByPolicy, listed: true},
	},
}

var sophos = operator{
	hosts: []string{"sophos.com"},
	rows: []row{
		{rule: "sophos:rejected", enhanced: Enhanced{5, 7, 1}, words: []string{"command rejected"}, class: BlockedByPolicy},
		{rule: "sophos:rejected", words: []string{"xgemail 0011"}, class: BlockedByPolicy},
	},
}

// openSMTPD says "Invalid recipient" whenever no rule of its takes the mail: for
// an absent user, for a domain that it does not serve, and for a client or a
// sender that its rules do not like. 524 is what an absent alias of a virtual
// domain gets, and one that does not expand (lka_session.c of OpenSMTPD 6.8 and
// 7.5). Postmaster tells which.
var openSMTPD = operator{
	banners: []string{"esmtp opensmtpd"},
	rows: []row{
		{rule: "opensmtpd:no-rule", codes: []int{550}, words: []string{"invalid recipient"}, class: MailboxNotFound, weak: true},
		{rule: "opensmtpd:no-alias", codes: []int{524}, enhanced: Enhanced{5, 2, 4}, class: MailboxNotFound, weak: true},
	},
}

// software holds rows for whatever host says them.
var software = []row{
	// Their trouble with our sender's host, of the moment.
	{rule: "exim:sender-callout", codes: []int{451}, words: []string{"could not complete sender verify callout"}, class: TemporaryFailure},
	// AOL, until Yahoo took over its mail, put the rule in brackets and a page
	// that explains it behind, with enhanced codes at random.
	{rule: "aol:policy", words: []string{"postmaster.info.aol.com"}, class: BlockedByPolicy},
	{rule: "aol:policy", words: []string{"postmaster.aol.com"}, class: BlockedByPolicy},
}
