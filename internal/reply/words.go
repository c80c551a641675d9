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
	"virus*", "malware", "phishing", "malicious", "spoof*", "forged", "directory harvest*", "dictionary attack*", "垃 圾 邮 件", "迷 惑 メ ー ル",
	"dynamic ip*", "dynamic address*", "dialup", "residential",
	"whitelist*", "white list", "allowlist*", "may send", "may not send", "authorized to send", "authorised to send",
	"allowed to send", "permitted to send", "permission to send",
	"country", "geo", "geoip", "geolocation", "geoblock*", "geograph*",
}

// bannedWords say that somebody is unwelcome, blockedWords that somebody or
// something is stopped; beside a word for us it is we who are.
var (
	bannedWords  = []string{"banned", "reputation"}
	blockedWords = []string{"block", "blocked", "blocking", "gesperrt", "bloque", "bloquee", "bloqueado", "bloqueada", "bloccato", "geblokkeerd", "заблокирован*"}
)

// hostWords and senderWords name us without saying what is wrong; vagueWords a
// rule without saying which, a part of the message, or what we lack. They yield
// to words that say more (rate, greylisting, TLS) and to nothing else.
var (
	hostWords = []string{
		"client host", "client address", "your ip", "your ips", "your server", "your servers", "your host", "your hostname",
		"your network", "your domain", "your mail server", "your mail servers", "your mailserver", "your email server", "your access",
		"sending ip", "sending ips", "sending server", "sending host", "sending mta", "sending mtas", "ip address", "adresse ip",
		"your account", "your email address", "you have sent", "you are sending", "outgoing mail", "outbound mail", "for sending", "from sending", "ip 地 址",
	}
	senderWords = []string{
		"sender", "senders", "mail from", "mailfrom", "envelope from", "from address", "return path",
		"absender", "expediteur", "mittente", "remitente", "afzender", "nadawca", "отправител*", "发 件 人", "发 信 人", "寄 件", "送 信 者",
		"return address", "from unknown", "your from", "from field", "from header",
		"your address is", "your address failed", "of your address", "verification failed for", "callback",
	}
	vagueWords = []string{
		"policy", "policies", "content", "you are not", "header", "headers", "attachment", "attachments", "reply to address",
		"srs", "batv", "mail filter", "message filter",
		"authentication required", "authentication is required", "requires authentication", "authentication failed", "login failed", "smtp auth",
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
	"relay limit exceeded", "thread limit exceeded",
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

var fullWords = []string{
	"mailbox full", "mailbox is full", "inbox is full", "inbox full", "mailbox quota", "over quota", "overquota",
	"quota exceeded", "exceeded quota", "exceeds quota", "over storage quota", "exceeded storage", "exceeds storage",
	"storage allocation", "out of storage", "no space left for user", "mailbox size limit",
	"boite pleine", "boite aux lettres pleine", "postfach voll", "postfach ist voll", "speicherplatz",
	"casella piena", "buzon lleno", "caixa cheia", "mailbox is over", "quota is exceeded", "quota violation", "disk quota", "почтовый ящик переполнен",
	"邮 箱 已 满", "空 间 不 足", "信 箱 已 滿",
}

// fullStatements say it of their subject; see absentStatements.
var fullStatements = []string{"is full", "is currently full"}

// fullRows need both; serverFull is the host's disk, not a mailbox.
var (
	fullRows = [][]string{
		{"insufficient disk space", "mailbox"}, {"insufficient disk space", "user"}, {"not enough storage", "mailbox"}, {"not enough space", "mailbox"},
		{"exceed*", "quota"}, {"boite", "pleine"}, {"postfach", "voll"}, {"casella", "piena"}, {"buzon", "lleno"}, {"buzon", "cuota"},
		{"caixa", "cheia"}, {"skrzynka", "pelna"}, {"schranka", "plna"}, {"postvak", "vol"}, {"ящик", "переполнен"},
		{"insufficient storage", "mailbox"}, {"insufficient storage", "user"}, {"insufficient storage", "recipient"},
	}
	serverFull = []string{"insufficient system", "system storage", "message size", "message too large", "message exceeds"}
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

// notFoundWords name the mailbox and its absence in one phrase.
var notFoundWords = []string{
	"user unknown", "unknown user", "user is unknown", "no such user", "no such mailbox", "no such recipient", "no such address",
	"no such person", "no such account", "unknown recipient", "recipient unknown", "recipient is unknown", "unknown mailbox",
	"mailbox unknown", "unknown account", "unknown email address", "unknown virtual user", "unknown local user",
	"no such virtual user", "no such local user", "no such email*", "invalid email address", "bad recipient address",
	"bad destination mailbox", "not known user", "no valid mailbox", "validrcptto", "not user of",
	"invalid recipient", "invalid mailbox", "invalid address", "unknown address", "address unknown", "addressee unknown",
	"no mailbox here", "not valid mailbox", "not valid recipient", "not valid user", "not valid address",
	"recipient not in list", "not in recipient list", "unknown local part", "local part unknown",
	"unrouteable address", "unroutable address", "undeliverable address", "not our customer",
	"no account", "doesnt have account", "does not have account", "user not known", "unknown or illegal alias",
	"utilisateur inconnu", "adresse inconnue", "destinataire inconnu", "destinataire invalide",
	"benutzer unbekannt", "empfaenger unbekannt", "unbekannter benutzer", "unbekannter empfaenger", "unbekannter nutzer",
	"usuario desconocido", "utente sconosciuto", "gebruiker onbekend", "onbekende gebruiker", "onbekende ontvanger",
	"okaend mottagare", "okaend anvaendare", "ukendt modtager", "ukendt bruger", "ukjent mottaker", "ukjent bruker", "neznamy uzivatel",
	"нет такого пользователя", "неизвестный пользователь", "неизвестный получатель",
	"用 户 不 存 在", "无 此 用 户", "帐 号 不 存 在", "账 号 不 存 在", "邮 箱 不 存 在", "收 件 人 不 存 在", "地 址 不 存 在", "使 用 者 不 存 在", "信 箱 不 存 在",
	"ユ ー ザ ー が 見 つ か り ま せ ん", "ユ ー ザ ー は 存 在 し ま せ ん", "ア ド レ ス は 存 在 し ま せ ん", "사용자를 찾을 수 없습니다", "존재하지 않는 사용자",
}

// notFoundRows need both.
var notFoundRows = [][]string{
	{"user doesnt have", "account"}, {"user does not have", "account"}, {"no one", "by that name"},
	{"no user", "name"}, {"no mailbox", "name"},
}

// absentStatements say that something is absent; what, its subject tells: a
// domain, a host and a DNS record can be "not found" too.
var absentStatements = []string{
	"not found", "could not be found", "cannot be found", "not exist", "not exists", "doesnt exist", "dont exist", "didnt exist",
	"nonexistent", "non existent", "no longer exists", "not listed in", "unallocated", "not known",
	"is unknown", "not registered", "not recognized", "not recognised", "no longer on server", "does not appear to exist", "not in use", "isnt in use",
	"unrouteable", "unroutable", "unbekannt", "unbekannter", "nicht bekannt", "existiert nicht", "nicht gefunden",
	"n existe pas", "n existe plus", "introuvable", "inconnu", "inconnue", "no existe", "no encontrado", "no encontrada", "desconocido",
	"non esiste", "non trovato", "non trovata", "sconosciuto", "inesistente", "inexistente", "nao existe", "nao encontrado", "nao encontrada",
	"bestaat niet", "niet gevonden", "onbekend", "nieznany", "nie istnieje", "nie ma takiego", "neexistuje", "finns inte", "findes ikke",
	"finnes ikke", "bulunamadi", "nu exista", "не найден", "не существует", "неизвестен",
}

// absentObjects say that something is absent, what stands behind them.
var absentObjects = []string{
	"no such", "there is no", "could not find", "couldnt find", "unable to find", "cannot find", "cant find", "can not find", "did not find",
	"not valid", "isnt valid", "dont exists",
}

// disabledWords name the mailbox and its end in one phrase.
var disabledWords = []string{
	"account closed", "account is closed", "account has been closed", "mailbox closed",
	"mailbox frozen", "mailbox is frozen", "mailbox owner has changed", "blocked due to inactivity", "not accepting messages",
	"no longer works here", "no longer employed",
}

// domainEnds say it of the domain or its contract.
var domainEnds = []string{
	"domain account", "hosting account", "domain suspended", "domain is suspended", "domain expired", "domain disabled",
	"domain is disabled",
}

// barredWords say with 5.2.1 that the mailbox is the one that was blocked.
var barredWords = []string{
	"account is blocked", "account blocked", "user is blocked", "user blocked", "mailbox is blocked", "mailbox blocked",
}

// endedStatements say that something is out of use; see absentStatements.
var endedStatements = []string{
	"disabled", "inactive", "suspended", "temporarily suspended", "deactivated", "discontinued", "locked", "expired",
	"no longer valid", "no longer active", "no longer in use", "no longer available", "no longer accepts mail", "not active", "terminated", "is closed",
	"has been deleted", "was deleted", "has been removed",
}

// doubtWords stand beside "unknown user" where the server could not find out.
var doubtWords = []string{
	"temporary", "temporarily", "lookup failed", "lookup failure", "try again later", "try later",
	"unable to verify", "cannot verify", "could not verify", "cant verify", "could not complete",
	"retry later", "please retry", "at moment", "internal error", "database error", "server unavailable", "being migrated", "maintenance",
}

// laterWords stand beside "inactive" where it is said of the moment.
var laterWords = []string{"try again later", "try later", "retry later", "please retry", "at moment", "locked by", "maintenance"}

// deniedWords say that access was denied, to whom they do not say; accessWords
// also cover hints at it, which make "mailbox unavailable" worthless.
var (
	deniedWords = []string{"access denied", "denied", "refused"}
	accessWords = []string{
		"access", "refused", "denied", "not authorized", "not authorised", "not permitted", "prohibited", "not allowed",
		"restricted", "only accepts", "accepts only", "external", "outside",
	}
)

// messageWords say that the message was refused, before or after it was sent.
var messageWords = []string{
	"message rejected", "message refused", "message not accepted", "message denied", "mail rejected", "mail refused", "mail not accepted",
	"delivery of this message", "email rejected",
}

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

// mailboxNouns and otherNouns are what statements can be about. Behind one of
// the prepositions placeNouns are not: "is on this server not known".
var (
	mailboxNouns = []string{
		"user", "users", "username", "userid", "mailbox", "mailboxes", "inbox", "recipient", "recipients", "address", "addresses",
		"addressee", "account", "accounts", "person", "alias", "email", "customer", "subscriber", "member", "part",
		"utilisateur", "destinataire", "adresse", "compte", "benutzer", "empfaenger", "postfach", "konto", "usuario", "destinatario",
		"cuenta", "direccion", "utente", "casella", "gebruiker", "uzytkownik", "uzytkownika", "odbiorca", "adresat", "skrzynka",
		"boite", "buzon", "conta", "endereco", "indirizzo", "ontvanger", "mottagare", "mottagaren", "anvaendare", "anvaendaren", "modtager",
		"mottaker", "bruker", "bruger", "uzivatel", "schranka", "kullanici", "alici", "utilizator", "emailadresse", "mailadresse",
		"empfaengers", "empfaengeradresse",
		"пользователь", "пользователя", "получатель", "ящик", "адрес", "адресат",
	}
	otherNouns = []string{
		"sender", "domain", "domains", "host", "hosts", "hostname", "name", "record", "records", "dns", "mx", "ip", "server", "servers",
		"mailserver", "client", "clients", "network", "service", "system", "relay", "relaying", "route", "zone", "site", "page", "url", "file", "message",
		"certificate", "key", "tls", "starttls", "command", "option", "feature", "extension", "vrfy", "expn", "license", "password",
		"authentication", "auth", "login", "connection", "session", "verification", "verify", "check", "callout", "lookup", "sending",
		"submission", "subdomain", "tenant", "signature", "list", "rule", "token", "ticket", "time", "timer",
		"domaine", "dominio", "domein", "domena", "hote", "servidor", "serveur", "servico",
		"attachment", "attachments", "database", "store", "mailer", "process", "credentials",
		"domaene", "domaen", "dominiu", "домен", "сервер", "хост", "сообщение",
	}
	placeNouns   = []string{"server", "system", "servidor", "serveur"}
	prepositions = []string{"on", "in", "at", "by", "from", "within", "with", "en", "em", "na", "auf", "im", "sur", "su", "op"}
)

// phraseLists returns every list of words.go.
func phraseLists() [][]string {
	lists := [][]string{
		blocklistWords, bannedWords, blockedWords, policyWords, hostWords, senderWords, vagueWords, tlsWords, rateWords, splitWords,
		greylistNames, greyWords, fullWords, serverFull, relayWords, syncWords, notFoundWords, absentStatements, absentObjects, disabledWords,
		fullStatements, endedStatements, domainEnds, barredWords, laterWords, messageWords, doubtWords, deniedWords, accessWords, noMailWords,
		bareWords, rejectedWords, addressWords, mailboxNouns, otherNouns, placeNouns, prepositions,
		otherWords,
	}
	lists = append(lists, domainPolicyWords...)
	lists = append(lists, rateRows...)
	lists = append(lists, relayRows...)
	lists = append(lists, notFoundRows...)
	return append(lists, fullRows...)
}
