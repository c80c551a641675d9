package reply

// The words of refusals by class, as fold writes them: lower case, no accents,
// no apostrophes, hyphens as spaces. A "*" stands for the rest of a word; rows
// of several phrases must stand in the text together.

// blocklistWords name a blocklist, or say that we are on one.
var blocklistWords = []string{
	"blocklist*", "block list*", "blacklist*", "black list*", "dnsbl*", "rbl", "rbls",
	"is listed", "listed at", "listed on", "listed by", "delist*",
	"spamhaus", "barracuda reputation", "spamcop", "sorbs", "abusix", "uceprotect", "cloudmark",
	"senderscore", "mailspike", "blocked using",
	"liste noire", "lista negra", "lista nera", "schwarze liste",
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
	"unsolicited", "spam", "spammer*", "spamming", "suspicious", "abuse", "abusive", "virus*", "malware", "phishing",
	"country", "geo", "geoip", "geolocation", "geoblock*", "geograph*",
}

// bannedWords say that somebody is unwelcome, blockedWords that somebody or
// something is stopped; beside a word for us it is we who are.
var (
	bannedWords  = []string{"banned", "reputation"}
	blockedWords = []string{"block", "blocked", "blocking", "gesperrt"}
)

// hostWords and senderWords name us without saying what is wrong, vagueWords a
// rule without saying which. They yield to words that say more (rate,
// greylisting, TLS) and to nothing else.
var (
	hostWords = []string{
		"client host", "client address", "your ip", "your ips", "your server", "your servers", "your host", "your hostname",
		"your network", "your domain", "your mail server", "your mailserver", "your email server", "your access",
		"sending ip", "sending ips", "sending server", "sending host", "sending mta", "sending mtas", "ip address", "adresse ip",
	}
	senderWords = []string{
		"sender", "senders", "mail from", "mailfrom", "envelope from", "from address", "return path",
		"absender", "expediteur", "mittente", "remitente", "afzender", "nadawca", "verification failed for", "callback",
	}
	vagueWords = []string{"policy", "policies", "content"}
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
	"too many errors", "too many sessions", "too many unknown recipients", "too many invalid recipients", "too many bad recipients", "too many failed recipients",
	"rate limit*", "ratelimit*", "rate that", "too quickly", "too fast", "throttl*", "frequency limited",
	"excessive", "concurrent", "multiple regions", "busy",
	"max message per connection", "max messages per connection",
}

var rateRows = [][]string{
	{"exceed*", "limit*", "hour*"}, {"exceed*", "limit*", "minute*"}, {"exceed*", "connection*", "limit*"},
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
		"first time", "unknown triplet", "resource temporarily unavailable", "address verification in progress",
	}
)

var fullWords = []string{
	"mailbox full", "mailbox is full", "inbox is full", "inbox full", "mailbox quota", "over quota", "overquota",
	"quota exceeded", "exceeded quota", "exceeds quota", "over storage quota", "exceeded storage", "exceeds storage",
	"storage allocation", "out of storage", "no space left for user", "mailbox size limit",
	"boite pleine", "boite aux lettres pleine", "postfach voll", "postfach ist voll", "speicherplatz",
	"casella piena", "buzon lleno", "caixa cheia",
}

// fullRows need both; serverFull is the host's disk, not a mailbox.
var (
	fullRows = [][]string{
		{"insufficient storage", "mailbox"}, {"insufficient storage", "user"}, {"insufficient storage", "recipient"},
	}
	serverFull = []string{"insufficient system", "system storage", "message size", "message too large", "message exceeds"}
)

// relayWords say that the host does not serve the domain.
var relayWords = []string{
	"relay access denied", "relay denied", "relaying denied", "relaying disallowed", "relaying prohibited", "relaying not permitted",
	"relaying not allowed", "relay not permitted", "relay not allowed", "relay is not permitted", "not permitted to relay",
	"we do not relay", "do not relay", "unable to relay", "cannot relay", "not configured to relay",
	"rcpthosts", "domain isnt in my list", "not customer", "use me as relay",
}

// syncWords say that we spoke out of turn.
var syncWords = []string{"synchronization error", "smtp synchronization", "protocol synchronization", "command pipelining"}

// notFoundWords name the mailbox and its absence in one phrase.
var notFoundWords = []string{
	"user unknown", "unknown user", "user is unknown", "no such user", "no such mailbox", "no such recipient", "no such address",
	"no such person", "no such account", "unknown recipient", "recipient unknown", "recipient is unknown", "unknown mailbox",
	"mailbox unknown", "unknown account",
	"invalid recipient", "invalid mailbox", "invalid address", "unknown address", "address unknown", "addressee unknown",
	"no mailbox here", "not valid mailbox", "not valid recipient", "not valid user", "not valid address",
	"recipient not in list", "not in recipient list", "unknown local part", "local part unknown",
	"unrouteable address", "unroutable address", "undeliverable address", "not our customer",
	"no account", "doesnt have account", "does not have account", "user not known", "unknown or illegal alias",
	"utilisateur inconnu", "adresse inconnue", "destinataire inconnu", "destinataire invalide",
	"benutzer unbekannt", "empfaenger unbekannt", "unbekannter benutzer", "unbekannter empfaenger", "unbekannter nutzer",
	"usuario desconocido", "utente sconosciuto", "gebruiker onbekend",
}

// absentStatements say that something is absent; what, its subject tells: a
// domain, a host and a DNS record can be "not found" too.
var absentStatements = []string{
	"not found", "could not be found", "cannot be found", "not exist", "not exists", "doesnt exist", "dont exist", "didnt exist",
	"nonexistent", "non existent", "no longer exists", "not listed in", "unallocated", "not known",
	"unrouteable", "unroutable", "unbekannt", "unbekannter", "no existe", "inesistente", "inexistente", "nieznany",
}

// disabledWords name the mailbox and its end in one phrase.
var disabledWords = []string{
	"account closed", "account is closed", "account has been closed", "mailbox closed",
	"mailbox frozen", "mailbox is frozen", "mailbox owner has changed", "blocked due to inactivity",
}

// endedStatements say that something is out of use; see absentStatements.
var endedStatements = []string{
	"disabled", "inactive", "suspended", "temporarily suspended", "deactivated", "discontinued", "locked", "expired",
	"no longer valid", "no longer active",
}

// doubtWords stand beside "unknown user" where the server could not find out.
var doubtWords = []string{
	"temporary", "temporarily", "lookup failed", "lookup failure", "try again later", "try later",
	"unable to verify", "cannot verify", "could not verify", "cant verify", "could not complete",
}

// deniedWords say that access was denied, to whom they do not say; accessWords
// also cover hints at it, which make "mailbox unavailable" worthless.
var (
	deniedWords = []string{"access denied", "refused"}
	accessWords = []string{"access", "refused", "denied", "not authorized", "not authorised", "not permitted", "prohibited", "not allowed"}
)

// noMailWords stand in a 521 greeting of a host that takes no mail (RFC 7504
// §3).
var noMailWords = []string{
	"does not accept mail", "doesnt accept mail", "does not accept email", "does not accept incoming mail", "accepts no mail",
	"no mail here", "no mail service", "does not receive mail", "takes no mail",
}

// bareWords make up refusals that say nothing: "Requested action not taken".
var bareWords = []string{
	"requested", "mail", "action", "not", "taken", "rejected", "reject", "rejecting", "recipient", "address", "addresses", "message",
	"command", "failed", "error", "permanent", "failure", "sorry", "accepted", "ok", "this", "is", "was", "by", "server", "for",
	"aborted", "to", "rcpt", "email", "no", "delivery",
}

// rejectedWords make up the refusals that mean an absent mailbox with 5.1.0:
// "Address rejected."
var rejectedWords = []string{"address", "recipient", "user", "mailbox", "rejected", "invalid", "unknown", "is"}

// addressWords make 5.1.0 (RFC 3463 §3.2, "other address status") a statement
// about the recipient; a mailbox noun with 552 makes it full.
var addressWords = []string{"address", "recipient", "user", "mailbox", "addressee", "account"}

// cachedCallout is what Exim says of an address that it asked another server
// about before; internalError, what Dovecot's policy services say in trouble.
const (
	cachedCallout = "callout verification failure"
	internalError = "internal error"
)

// otherWords are those that classify.go asks for one by one.
var otherWords = []string{cachedCallout, internalError, "starttls", "smtputf8", "from", "mailbox unavailable", "blocked due to inactivity", "resolver.adr*", "in reply to rcpt to"}

// mailboxNouns and otherNouns are what statements can be about.
var (
	mailboxNouns = []string{
		"user", "users", "username", "userid", "mailbox", "mailboxes", "inbox", "recipient", "recipients", "address", "addresses",
		"addressee", "account", "accounts", "person", "alias", "email", "customer", "subscriber", "member", "part",
		"utilisateur", "destinataire", "adresse", "compte", "benutzer", "empfaenger", "postfach", "konto", "usuario", "destinatario",
		"cuenta", "direccion", "utente", "casella", "gebruiker", "uzytkownik", "odbiorca", "adresat", "skrzynka",
	}
	otherNouns = []string{
		"sender", "domain", "domains", "host", "hosts", "hostname", "name", "record", "records", "dns", "mx", "ip", "server", "servers",
		"mailserver", "client", "clients", "network", "service", "system", "relay", "relaying", "route", "zone", "site", "page", "url", "file", "message",
		"certificate", "key", "tls", "starttls", "command", "option", "feature", "extension", "vrfy", "expn", "license", "password",
		"authentication", "auth", "login", "connection", "session", "verification", "verify", "check", "callout", "lookup", "sending",
		"submission", "subdomain", "tenant", "signature", "list", "rule", "token", "ticket", "time", "timer",
		"domaine", "dominio", "domein", "domena", "hote", "servidor", "serveur", "servico",
	}
	prepositions = []string{"on", "in", "at", "by", "from", "within", "with", "en", "em", "na", "auf", "im", "sur", "su", "op"}
)

// phraseLists returns every list of words.go.
func phraseLists() [][]string {
	lists := [][]string{
		blocklistWords, bannedWords, blockedWords, policyWords, hostWords, senderWords, vagueWords, tlsWords, rateWords, splitWords,
		greylistNames, greyWords, fullWords, serverFull, relayWords, syncWords, notFoundWords, absentStatements, disabledWords,
		endedStatements, doubtWords, deniedWords, accessWords, noMailWords, bareWords, rejectedWords, addressWords, mailboxNouns, otherNouns, prepositions,
		otherWords,
	}
	lists = append(lists, domainPolicyWords...)
	lists = append(lists, rateRows...)
	return append(lists, fullRows...)
}
