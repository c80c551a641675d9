package reply

// The words of refusals by class, as fold writes them: lower case, no accents,
// no apostrophes, hyphens as spaces. A "*" stands for the rest of a word; rows
// of several phrases must stand in the text together. Here are those that are
// not about a mailbox, see mailboxwords.go and languages.go.

// blocklistWords name a blocklist, or say that we are on one.
var blocklistWords = []string{
	"blocklist*", "block list*", "blacklist*", "black list*", "dnsbl*", "rbl", "rbls",
	"is listed", "listed at", "listed on", "listed by", "delist*",
	"spamhaus", "barracuda reputation", "spamcop", "sorbs", "abusix", "uceprotect", "cloudmark",
	"senderscore", "mailspike", "blocked using",
	"denylist*", "deny list", "liste noire", "lista negra", "lista nera", "schwarze liste", "черный список", "黑 名 单", "黑 名 單",
}

// listLabels are labels of the host names of blocklists; listNames are domains
// of operators under which they publish theirs.
var (
	listLabels = []string{
		"dnsbl", "rbl", "surbl", "uribl", "blocklist", "blacklist",
		"spamhaus", "spamcop", "sorbs", "abusix", "uceprotect", "barracudacentral", "cloudmark", "senderscore", "mailspike",
	}
	listNames = []string{"ipcheck.proofpoint.com", "prs.proofpoint.com", "zen.mimecast.org"}
)

// policyWords are about us, our name, our sender or what we might send,
// whatever else the text says.
var policyWords = []string{
	"reputation", "banned",
	"reverse dns", "ptr", "rdns", "reverse hostname", "reverse host name", "reverse lookup", "helo", "ehlo",
	"spf", "dmarc", "dkim", "unauthenticated",
	"sender address rejected", "sender denied", "sender verify", "sender domain", "mailfrom domain", "domain of sender",
	"not accepted for policy", "policy reasons", "local policy", "policy restrictions", "security policy", "security policies",
	"administrative prohibition", "administratively prohibited", "envelope blocked",
	"unsolicited", "spam", "spammer*", "spamming", "antispam", "spamtrap*", "junk mail", "junkmail", "suspicious", "abuse", "abusive",
	"virus*", "malware", "phishing", "malicious", "spoof*", "invalid dns", "resource record", "resource records", "forged", "directory harvest*", "dictionary attack*", "垃 圾 邮 件", "迷 惑 メ ー ル",
	"dynamic ip*", "dynamic address*", "dialup", "residential",
	"whitelist*", "white list", "allowlist*", "may send", "may not send", "authorized to send", "authorised to send",
	"allowed to send", "permitted to send", "permission to send",
	"country", "geo", "geoip", "geolocation", "geoblock*", "geograph*",
}

// bannedWords say that somebody is unwelcome, blockedWords that somebody or
// something is stopped; beside a word for us it is we who are.
var (
	bannedWords  = []string{"banned", "reputation"}
	blockedWords = []string{"block", "blocked", "blocking", "gesperrt", "bloque", "bloquee", "bloqueado", "bloqueada", "bloccato", "bloccata", "geblokkeerd",
		"zablokowan*", "zablokovan*", "blokiran*", "blokeret", "blokkert", "blockerad", "engellen*", "diblokir", "заблокирован*", "заблокован*"}
)

// hostWords and senderWords name us without saying what is wrong; vagueWords a
// rule without saying which, a part of the message, or what we lack. They yield
// to words that say more (rate, greylisting, TLS) and to nothing else.
var (
	hostWords = []string{
		"client host", "client address", "your ip", "your ips", "your server", "your servers", "your host", "your hostname",
		"your network", "your domain", "your mail server", "your mail servers", "your mailserver", "your email server", "your access", "your mail address", "your mailbox", "you are using",
		"sending ip", "sending ips", "sending server", "sending host", "sending mta", "sending mtas", "ip address", "adresse ip",
		"your account", "your email address", "you have sent", "you are sending", "outgoing mail", "outbound mail", "for sending", "from sending", "ip 地 址",
		"source address", "originating address", "remote address", "connecting address", "peer address", "reply address",
		"ihre ip", "ihre adresse", "ihr server", "ihr mailserver", "ihre domain", "ihr konto", "votre ip", "votre adresse", "votre serveur", "votre domaine", "votre compte",
		"su ip", "su direccion", "su servidor", "su dominio", "su cuenta", "tu cuenta", "seu ip", "seu servidor", "seu dominio", "seu endereco", "sua conta", "tuo ip", "tuo indirizzo", "tuo account",
		"uw ip", "uw server", "uw adres", "uw domein", "uw account",
	}
	senderWords = []string{
		"sender", "senders", "mail from", "mailfrom", "envelope from", "from address", "return path",
		"absender*", "expediteur*", "emetteur*", "mittent*", "remitente*", "remetente*", "afzender*", "avsaendar*", "avsender*", "afsender*", "laehettaej*", "lahettaj*", "saatja*",
		"nadawc*", "odesilatel*", "odosielatel*", "felado*", "kueldo*", "expeditor*", "gonderen*", "gonderici*", "goenderen*", "goenderici*", "posiljatelj*", "posiljalac*", "pengirim",
		"отправител*", "відправник*", "подател*", "αποστολέα*", "发 件 人", "发 信 人", "发 送 者", "寄 件", "送 信 者", "送 信 元", "差 出 人", "발신자*", "보낸",
		"return address", "from unknown", "your from", "from field", "from header",
		"your address is", "your address failed", "of your address", "verification failed for", "callback",
	}
	vagueWords = []string{
		"policy", "policies", "content", "you are not", "header", "headers", "attachment", "attachments", "reply to address",
		"srs", "batv", "mail filter", "message filter",
		"authentication required", "authentication is required", "requires authentication", "authentication failed", "login failed", "smtp auth", "smtp authentication", "password", "credentials",
		"members", "nonmembers", "strangers", "post to", "posting", "no bounces", "bounces are", "bulk", "junk",
	}
)

// domainPolicyWords tell that the rule is the recipient domain's, not its
// operator's.
var domainPolicyWords = [][]string{
	{"gcdp"},
	{"domains email policy"},
	{"organization*", "policy"}, {"organizations", "policies"},
	{"organisation*", "policy"}, {"organisations", "policies"},
	{"rejected by destination domain"},
}

var tlsWords = []string{
	"must issue starttls", "starttls first", "starttls required", "starttls is required",
	"tls required", "tls is required", "requires tls", "require tls",
	"encryption required", "encryption is required", "encryption needed", "requires encryption",
}

var rateWords = []string{
	"too many connections", "too many concurrent", "too many recipients", "too many messages", "too many recent messages",
	"too many errors", "too many sessions", "too many unknown", "too many invalid", "too many bad", "too many failed", "too many nonexistent",
	"too many non existent", "too much mail", "slow down", "email quota exceeded",
	"relay limit exceeded", "thread limit exceeded", "sending quota", "sending limit", "daily quota", "hourly quota", "outgoing quota", "daily limit", "hourly limit",
	"rate limit*", "ratelimit*", "rate that", "too quickly", "too fast", "throttl*", "frequency limited",
	"excessive", "concurrent", "multiple regions", "busy",
	"max message per connection", "max messages per connection",
}

var rateRows = [][]string{
	{"exceed*", "limit*", "hour*"}, {"exceed*", "limit*", "minute*"}, {"exceed*", "limit*", "daily"},
	{"exceed*", "hour"}, {"exceed*", "sending limit*"}, {"exceed*", "connection*", "limit*"},
	{"quota exceeded", "sending"}, {"quota exceeded", "queue"},
	{"over quota", "sending"}, {"exceeded", "sending quota"},
}

// splitWords ask for fewer recipients or domains in one transaction.
var splitWords = []string{
	"too many recipients", "multiple regions", "multiple destination domains", "domain policy size per transaction",
}

// greylistNames are greylisting by name, greyWords the ways of saying it.
var (
	greylistNames = []string{"greylist*", "graylist*", "grey list*", "gray list*", "postgrey", "sqlgrey"}
	greyWords     = []string{
		"deferred for", "come back later", "come back in", "try again in", "try again after", "retry in", "minute", "minutes",
		"first time", "unknown triplet", "resource temporarily unavailable", "resources are temporarily unavailable", "address verification in progress",
	}
)

// relayWords say that the host does not serve the domain.
var relayWords = []string{
	"relay access denied", "relay denied", "relaying denied", "relaying disallowed", "relaying prohibited", "relaying not permitted",
	"relaying not allowed", "relay not permitted", "relay not allowed", "relay is not permitted", "not permitted to relay",
	"we do not relay", "do not relay", "unable to relay", "cannot relay", "not configured to relay",
	"rcpthosts", "domain isnt in my list", "not customer", "use me as relay", "relay through",
	"unknown domain", "domain is not hosted", "domain not hosted", "domain is not local", "domain not local", "not local domain",
	"dont handle mail for", "do not handle mail for", "domain does not exist here", "no such domain", "not mx for",
}

// relayRows need both.
var relayRows = [][]string{
	{"relaying", "denied"}, {"relaying", "not allowed"}, {"relaying", "not permitted"}, {"relaying", "prohibited"}, {"accept mail for", "domain"},
}

// syncWords say that we spoke out of turn.
var syncWords = []string{"synchronization error", "smtp synchronization", "protocol synchronization", "command pipelining"}

// noMailWords stand in a 521 greeting of a host that takes no mail (RFC 7504
// §3).
var noMailWords = []string{
	"does not accept mail", "doesnt accept mail", "does not accept email", "does not accept incoming mail", "accepts no mail",
	"no mail here", "no mail service", "does not receive mail", "takes no mail",
}

// cachedCallout is what Exim says of an address that it asked another server
// about before.
const cachedCallout = "callout verification failure"

// outlookAbsent is what Outlook.com puts behind "mailbox unavailable", and only
// there: a report that does not tell the host still tells that.
const outlookAbsent = "s2017062302"

// byInactivity tells that it is the mailbox that was blocked.
const byInactivity = "blocked due to inactivity"

// internalErrors are what Dovecot's policy services and Microsoft's hosts say
// in trouble.
var internalErrors = []string{"internal error", "temporary server error"}

// otherWords are those that classify.go asks for one by one.
var otherWords = []string{cachedCallout, outlookAbsent, "starttls", "smtputf8", "from", "mailbox unavailable", byInactivity, "resolver.adr*", "in reply to rcpt to"}

// phraseLists returns every list of words.go, mailboxwords.go and languages.go.
func phraseLists() [][]string {
	lists := [][]string{
		blocklistWords, bannedWords, blockedWords, policyWords, hostWords, senderWords, vagueWords, tlsWords, rateWords, splitWords,
		greylistNames, greyWords, relayWords, syncWords, noMailWords, internalErrors, otherWords,
		mailboxFull, fullWords, fullStatements, quotaNouns, serverFull, sendingWords, notFoundWords, absentAdjectives, endedAdjectives, headNouns, kindWords, domainNouns, absentStatements, absentObjects, disabledWords,
		endedStatements, domainEnds, barredWords, laterWords, messageWords, doubtWords, deniedWords, accessWords,
		bareWords, rejectedWords, addressWords, mailboxNouns, otherNouns, placeNouns, thingNouns, ofWords, prepositions,
	}
	for _, rows := range [][][]string{domainPolicyWords, rateRows, relayRows, notFoundRows, fullRows} {
		lists = append(lists, rows...)
	}
	for i := range languages {
		l := &languages[i]
		lists = append(lists, l.mailbox, l.other, l.absent, l.none, l.phrases, l.full, l.over, l.ended)
	}
	return lists
}
