package reply

import (
	"slices"
	"strings"
	"time"
)

// operator is what is known of one mail operator: how to tell it, and what its
// texts mean. Where a row matches it beats the general rules, except that no
// row makes a refusal about us one about a mailbox.
//
// A new operator is an entry here or in gateways.go; a new text is a row and a
// case in operators_test.go. Rows are tried in order.
type operator struct {
	hosts   []string // the MX host, or the name its greeting begins with, is one of these or below one
	banners []string // folded phrases of its greeting, for MX hosts under customers' names
	signs   []string // further domains whose hosts its texts name
	rows    []row
}

// row is one known refusal. Empty conditions match everything.
type row struct {
	rule     string
	codes    []int
	enhanced Enhanced // Class 0: 4 or 5; all zero: no condition
	upTo     int      // Enhanced.Detail is the first of a range up to this one
	words    []string // folded phrases, all of them

	class                     Class
	weak, listed, split, only bool // Meaning.Weak, Listed, Split, DomainOnly
	wait                      time.Duration
	// despite: the text holds one of vagueWords and is not about us all the same.
	despite bool
}

func (r *row) matches(q *question) bool {
	if r.codes != nil && !slices.Contains(r.codes, q.code) {
		return false
	}
	if r.enhanced != (Enhanced{}) && !r.matchesEnhanced(q.enhanced) {
		return false
	}
	return q.text.all(r.words)
}

func (r *row) matchesEnhanced(e Enhanced) bool {
	if e.Class != 4 && e.Class != 5 || r.enhanced.Class != 0 && r.enhanced.Class != e.Class {
		return false
	}
	return e.Subject == r.enhanced.Subject && r.enhanced.Detail <= e.Detail && e.Detail <= max(r.upTo, r.enhanced.Detail)
}

// operatorsOf returns the operators of a host; by its greeting if its name is
// nobody's. The name at the start of the greeting is the server's own (RFC 5321
// §4.3.1).
func operatorsOf(host, banner string) []*operator {
	host = strings.TrimSuffix(host, ".")
	if found := operatorsAt(host); found != nil || banner == "" {
		return found
	}
	name, _, _ := strings.Cut(banner, " ")
	found := operatorsAt(name)
	t := fold(banner)
	for _, o := range operators {
		if t.any(o.banners) && !slices.Contains(found, o) {
			found = append(found, o)
		}
	}
	return found
}

// signed returns the operators whose hosts a text names: their help pages, or
// the server that speaks. A bounce report often tells no more of the host.
func signed(text string) []*operator {
	var found []*operator
	for name := range strings.FieldsFuncSeq(text, func(c rune) bool { return c != '.' && c != '-' && !wordRune(c) }) {
		name = strings.Trim(name, ".-")
		if strings.IndexByte(name, '.') < 0 {
			continue
		}
		for _, o := range operators {
			if (under(name, o.hosts) || under(name, o.signs)) && !slices.Contains(found, o) {
				found = append(found, o)
			}
		}
	}
	return found
}

// operatorsAt returns the operators of a host name.
func operatorsAt(host string) []*operator {
	var found []*operator
	for _, o := range operators {
		if under(host, o.hosts) {
			found = append(found, o)
		}
	}
	return found
}

// operators are the operators of mailboxes. Several can match one host; the
// narrower one stands first.
var operators = []*operator{
	&gmail, &outlook, &microsoft, &exchange, &yahoo, &icloud, &unitedInternet, &tOnline, &mailRu, &yandex, &tencent, &netease,
	&zoho, &comcast, &orange, &proofpoint, &mimecast, &barracuda, &symantec, &trendMicro, &cisco, &sophos, &openSMTPD,
}

var gmail = operator{
	hosts:   []string{"google.com", "googlemail.com"},
	banners: []string{"gsmtp"},
	rows: []row{
		{rule: "gmail:tls-required", words: []string{"tls required"}, class: TLSRequired},
		{rule: "gmail:domain-policy", words: []string{"gcdp"}, class: BlockedByPolicy, only: true},
		{rule: "gmail:domain-policy", words: []string{"domains email policy"}, class: BlockedByPolicy, only: true},
		{rule: "gmail:not-in-whitelist", words: []string{"not in whitelist"}, class: BlockedByPolicy, only: true},
		{rule: "gmail:unusual-rate", words: []string{"unusual rate of unsolicited mail"}, class: RateLimited, listed: true},
		{rule: "gmail:unusual-rate", enhanced: Enhanced{0, 7, 28}, class: RateLimited, listed: true},
		{rule: "gmail:receiving-rate", words: []string{"receiving mail too quickly"}, class: RateLimited},
		{rule: "gmail:receiving-rate", words: []string{"receiving mail at rate"}, class: RateLimited},
		// We ask about one domain per transaction, so this is a bug of ours.
		{rule: "gmail:multiple-domains", words: []string{"multiple destination domains"}, class: ProtocolError, split: true},
		{rule: "gmail:split", enhanced: Enhanced{0, 5, 3}, class: RateLimited, split: true},
		{rule: "gmail:split", words: []string{"domain policy size per transaction"}, class: RateLimited, split: true},
		{rule: "gmail:over-quota", enhanced: Enhanced{0, 2, 2}, class: MailboxFull},
		{rule: "gmail:over-quota", words: []string{"out of storage space"}, class: MailboxFull},
		{rule: "gmail:disabled", enhanced: Enhanced{5, 2, 1}, words: []string{"is disabled"}, class: MailboxDisabled},
		{rule: "gmail:no-such-account", enhanced: Enhanced{5, 1, 1}, class: MailboxNotFound},
		{rule: "gmail:bad-address", codes: []int{553}, enhanced: Enhanced{5, 1, 2}, upTo: 3, words: []string{"not valid rfc"}, class: MailboxNotFound},
	},
}

// outlook is Microsoft for consumers: Outlook.com, Hotmail, Live, MSN.
var outlook = operator{
	hosts: []string{"olc.protection.outlook.com"},
	signs: []string{"prod.protection.outlook.com"}, // shared with Microsoft 365, which has no text of these rows
	rows: []row{
		{rule: "outlook:mailbox-unavailable", codes: []int{550}, enhanced: Enhanced{5, 5, 0}, words: []string{"mailbox unavailable"}, class: MailboxNotFound},
		{rule: "outlook:mailbox-unavailable", codes: []int{550}, words: []string{"s2017062302"}, class: MailboxNotFound},
		{rule: "outlook:multiple-regions", words: []string{"multiple regions"}, class: RateLimited, split: true},
		{rule: "outlook:block-list", words: []string{"our block list"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:block-list", words: []string{"s3140"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:block-list", words: []string{"s3150"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:block-list", words: []string{"ou 001"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:block-list", words: []string{"ou 002"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:block-list", words: []string{"sc 001"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:hourly-limit", enhanced: Enhanced{5, 2, 121}, upTo: 122, class: RateLimited},
		{rule: "outlook:reputation-rate", words: []string{"rp 001"}, class: RateLimited},
		{rule: "outlook:reputation-rate", words: []string{"rp 002"}, class: RateLimited},
		{rule: "outlook:reputation-rate", words: []string{"rp 003"}, class: RateLimited},
		{rule: "outlook:dynamic-address", words: []string{"dy 001"}, class: BlockedByPolicy, listed: true},
		{rule: "outlook:dynamic-address", words: []string{"dy 002"}, class: BlockedByPolicy, listed: true},
	},
}

// microsoft is Microsoft 365, and what its consumer hosts have in common with
// it.
var microsoft = operator{
	hosts: []string{"protection.outlook.com", "mx.microsoft", "mail.eo.outlook.com"},
	signs: []string{"prod.outlook.com", "aka.ms"},
	rows: []row{
		// One text for the whole transaction: it does not say which of the addresses.
		{rule: "microsoft:all-rejected", words: []string{"all recipient addresses rejected"}, class: Unclear, weak: true},
		{rule: "microsoft:edge-blocked", codes: []int{550}, enhanced: Enhanced{5, 4, 1}, words: []string{"recipient address rejected", "access denied"}, class: MailboxNotFound},
		{rule: "microsoft:recipient-not-found", enhanced: Enhanced{5, 1, 10}, class: MailboxNotFound},
		{rule: "microsoft:tenant-gone", enhanced: Enhanced{5, 7, 64}, class: RelayDenied},
		{rule: "microsoft:banned", enhanced: Enhanced{5, 7, 511}, class: BlockedByPolicy, listed: true},
		{rule: "microsoft:banned", enhanced: Enhanced{5, 7, 606}, upTo: 649, class: BlockedByPolicy, listed: true},
		{rule: "microsoft:throttled", enhanced: Enhanced{4, 7, 500}, class: RateLimited, listed: true},
		{rule: "microsoft:throttled", enhanced: Enhanced{4, 7, 650}, upTo: 651, class: RateLimited, listed: true},
		{rule: "microsoft:throttled", enhanced: Enhanced{4, 7, 501}, upTo: 799, class: RateLimited},
		{rule: "microsoft:mail-flow", enhanced: Enhanced{4, 4, 4}, class: TemporaryFailure},
	},
}

// exchange is Exchange Server on premises; Microsoft 365 has the same banner,
// but is known by its host name before.
var exchange = operator{
	banners: []string{"microsoft esmtp mail service"},
	rows: []row{
		{rule: "exchange:recipient-not-found", enhanced: Enhanced{5, 1, 10}, class: MailboxNotFound},
		{rule: "exchange:non-accepted-domain", enhanced: Enhanced{5, 7, 54}, class: RelayDenied},
		{rule: "exchange:not-authenticated", words: []string{"client was not authenticated"}, class: BlockedByPolicy},
	},
}

var yahoo = operator{
	hosts: []string{"yahoodns.net", "yahoo.com", "aol.com"},
	signs: []string{"yahooinc.com"},
	rows: []row{
		{rule: "yahoo:no-account", words: []string{"this user doesnt have", "account"}, class: MailboxNotFound},
		{rule: "yahoo:deferred", words: []string{"tss0*"}, class: BlockedByPolicy, listed: true},
		{rule: "yahoo:deferred", words: []string{"tss1*"}, class: BlockedByPolicy, listed: true},
		{rule: "yahoo:block-list", words: []string{"bl2*"}, class: BlockedByPolicy, listed: true},
		{rule: "yahoo:unknown-recipients", words: []string{"vs1 ip"}, class: RateLimited},
		{rule: "yahoo:unknown-recipients", words: []string{"vs1 mf"}, class: RateLimited},
	},
}

var icloud = operator{
	hosts: []string{"mail.icloud.com"},
	rows: []row{
		{rule: "icloud:inactive", enhanced: Enhanced{5, 1, 1}, words: []string{"inactive email address"}, class: MailboxDisabled},
		{rule: "icloud:blocked", words: []string{"blocked", "support.proofpoint.com"}, class: BlockedByPolicy, listed: true},
		{rule: "icloud:local-policy", words: []string{"cs01"}, class: BlockedByPolicy},
		{rule: "icloud:local-policy", words: []string{"hm07"}, class: BlockedByPolicy},
		{rule: "icloud:local-policy", words: []string{"hm08"}, class: BlockedByPolicy},
	},
}

// unitedInternet is GMX, web.de, mail.com, IONOS. Its servers have no enhanced
// codes and say "mailbox unavailable" for absent ones and for nothing else.
var unitedInternet = operator{
	hosts: []string{"gmx.net", "gmx.com", "gmx.de", "web.de", "mail.com", "kundenserver.de", "ionos.com", "ionos.de", "ionos.co.uk",
		"ionos.fr", "ionos.es", "ionos.it", "perfora.net", "1and1.com", "1and1.co.uk", "1and1.fr", "1and1.es"},
	banners: []string{"nemesis esmtp"},
	rows: []row{
		{rule: "gmx:storage", words: []string{"storage allocation"}, class: MailboxFull},
		{rule: "gmx:changing-helo", words: []string{"changing helo"}, class: BlockedByPolicy},
		{rule: "gmx:rate", words: []string{"too many unknown recipients"}, class: RateLimited},
		{rule: "gmx:rate", words: []string{"rate limit*"}, class: RateLimited},
		{rule: "gmx:block-list", words: []string{"block listed"}, class: BlockedByPolicy, listed: true},
		{rule: "gmx:blocked", codes: []int{554}, words: []string{"service not available"}, class: BlockedByPolicy},
		{rule: "gmx:blocked", codes: []int{554}, words: []string{"no smtp service"}, class: BlockedByPolicy},
		{rule: "gmx:mailbox-unavailable", codes: []int{550}, words: []string{"mailbox unavailable"}, class: MailboxNotFound},
	},
}

var tOnline = operator{
	hosts: []string{"t-online.de"},
	rows: []row{
		{rule: "t-online:blocked", codes: []int{554}, words: []string{"problem occurred"}, class: BlockedByPolicy, listed: true},
	},
}

var mailRu = operator{
	hosts: []string{"mail.ru"},
	rows: []row{
		// The same text begins with "invalid mailbox" for every reason.
		{rule: "mail.ru:disabled", words: []string{"account is disabled"}, class: MailboxDisabled},
		{rule: "mail.ru:disabled", words: []string{"user is terminated"}, class: MailboxDisabled},
	},
}

var yandex = operator{
	hosts: []string{"yandex.ru", "yandex.net", "yandex.com"},
	rows: []row{
		{rule: "yandex:account-blocked", words: []string{"policy rejection on target address"}, class: MailboxDisabled, despite: true},
		{rule: "yandex:come-back-later", codes: []int{451}, words: []string{"service is currently unavailable"}, class: Greylisted},
		{rule: "yandex:message-rate", words: []string{"exceeded message rate limit"}, class: RateLimited},
	},
}

// tencent is QQ and exmail.
var tencent = operator{
	hosts: []string{"qq.com"},
	rows: []row{
		{rule: "qq:rate", words: []string{"mailbox unavailable or access denied"}, class: RateLimited},
		{rule: "qq:frequency", words: []string{"frequency limited"}, class: RateLimited},
		{rule: "qq:suspected-ip", words: []string{"suspected spam ip"}, class: BlockedByPolicy, listed: true},
		{rule: "qq:blocked", words: []string{"connection denied"}, class: BlockedByPolicy},
	},
}

// netease is 163, 126, yeah.net. The letters name a rule about us.
var netease = operator{
	hosts: []string{"163.com", "126.com", "netease.com", "yeah.net"},
	rows: []row{
		{rule: "netease:reputation", words: []string{"hl rep"}, class: BlockedByPolicy, listed: true},
		{rule: "netease:rate", words: []string{"hl ifc"}, class: RateLimited},
		{rule: "netease:rate", words: []string{"mi dmc"}, class: RateLimited},
		{rule: "netease:rate", words: []string{"mi sfq"}, class: RateLimited},
		{rule: "netease:spam", words: []string{"dt spm"}, class: BlockedByPolicy},
		{rule: "netease:refused", words: []string{"null sender"}, class: BlockedByPolicy},
		{rule: "netease:refused", words: []string{"local user only"}, class: BlockedByPolicy},
		{rule: "netease:refused", words: []string{"authentication is required"}, class: BlockedByPolicy},
	},
}

var zoho = operator{
	hosts: []string{"zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.com.cn", "zoho.jp"},
	rows: []row{
		{rule: "zoho:domain-policy", words: []string{"rejected by destination domain"}, class: BlockedByPolicy, only: true},
		{rule: "zoho:domain-policy", words: []string{"restricted by policy"}, class: BlockedByPolicy, only: true},
	},
}

var comcast = operator{
	hosts: []string{"comcast.net"},
	rows: []row{
		// Both texts carry 4.1.1.
		{rule: "comcast:over-quota", words: []string{"user over quota"}, class: MailboxFull},
		{rule: "comcast:rate", words: []string{"too many recent messages"}, class: RateLimited},
		{rule: "comcast:blocked", words: []string{"comcast block"}, class: BlockedByPolicy, listed: true},
	},
}

// orange is Orange, Wanadoo, Free, SFR.
var orange = operator{
	hosts: []string{"orange.fr", "wanadoo.fr", "free.fr", "sfr.fr", "proxad.net"},
	rows: []row{
		{rule: "orange:inactivity", codes: []int{550}, words: []string{"blocked due to inactivity"}, class: MailboxDisabled},
		{rule: "orange:connections", words: []string{"ofr004*"}, class: RateLimited},
		{rule: "orange:blocked", words: []string{"ofr006*"}, class: BlockedByPolicy, listed: true},
		{rule: "orange:blocked", words: []string{"adresse ip source bloquee"}, class: BlockedByPolicy, listed: true},
	},
}
