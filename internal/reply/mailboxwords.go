package reply

// The words that may speak about a mailbox, written as in words.go; those of
// other languages than English are in languages.go.

// mailboxFull name the mailbox and that it has no room in one phrase: nothing
// else in the text makes them mean the server's disk or a message's size.
var mailboxFull = []string{
	"mailbox full", "mailbox is full", "mailbox is currently full", "inbox full", "inbox is full", "account is full", "mailbox over quota", "user over quota",
	"user is over quota", "mailbox is over", "mailbox quota exceeded",
}

// fullWords say it of the mailbox's room.
var fullWords = []string{
	"mailbox quota", "over quota", "overquota", "quota exceeded", "over storage quota", "exceeded storage", "exceeds storage",
	"storage allocation", "out of storage", "no space left for user", "mailbox size limit", "quota is exceeded", "quota violation", "disk quota", "quota full", "quota is full",
	"insufficient mailbox storage", "mailbox storage full", "mailbox storage is full", "mailbox storage limit", "storage quota", "storage is full", "storage full", "storage is exhausted", "mailbox exceed*", "mailbox has exceeded", "mailbox size exceed*",
	"maximum mailbox size", "mailbox limit exceeded", "mailbox limits exceeded", "mailbox limit reached", "mailbox limit is", "mailbox is too large", "mailbox capacity", "mailbox reached", "mailbox has reached", "over storage limit", "over its storage", "exceeded its storage", "user full", "account full", "recipient full", "maildir full", "maildir is full", "full mailbox",
	"speicherplatz", "no hay espacio", "sin espacio", "sem espaco", "plus d espace", "spazio esaurito", "spazio insufficiente", "espacio insuficiente", "邮 箱 已 满", "空 间 不 足", "信 箱 已 滿", "邮 箱 容 量 已 满", "超 出 邮 箱 容 量", "い っ ぱ い", "容 量 を 超 え", "메일함이 가득", "용량 초과",
}

// fullStatements say it of their subject; see absentStatements.
var fullStatements = []string{"is full", "is currently full", "is now full", "is too full", "temporarily full", "is out of space", "has run out of space", "has no space", "has no more space", "has reached maximum size"}

// fullRows need both; quotaNouns a word of the same language for "exceeded";
// serverFull is the host's disk or a message, sendingWords what one may send.
var (
	fullRows = [][]string{
		{"insufficient disk space", "mailbox"}, {"insufficient disk space", "user"}, {"not enough space", "mailbox"}, {"not enough free space", "mailbox"}, {"not enough storage", "mailbox"}, {"not enough room", "mailbox"}, {"no space", "mailbox"}, {"no more space", "mailbox"},
		{"exceed*", "quota"}, {"reached", "quota"}, {"quota", "reached"}, {"over", "quota"}, {"exceed*", "mailbox size"}, {"exceed*", "size of mailbox"}, {"exceed*", "storage limit"},
		{"insufficient storage", "mailbox"}, {"insufficient storage", "user"}, {"insufficient storage", "recipient"}, {"insufficient space", "mailbox"},
	}
	quotaNouns   = []string{"quota", "quotas", "cuota", "cota", "kvota", "kvot", "kvoten", "kota", "kotasi", "квота", "limit miejsca"}
	serverFull   = []string{"insufficient system", "system storage", "message size", "message too large", "message exceeds", "space left on device", "server storage"}
	sendingWords = []string{"sending", "envio", "envoi", "versand", "invio", "verzend*", "wysylk*", "отправк*", "gonderim", "goenderim", "slanja", "messages per", "hourly", "daily"}
)

// notFoundWords name the mailbox and its absence in one phrase. None counts
// where it goes on: "unknown recipient domain".
var notFoundWords = []string{
	"user unknown", "unknown user", "no such user", "no such mailbox", "no such recipient", "no such address",
	"no such person", "no such account", "unknown recipient", "unknown mailbox",
	"unknown account", "unknown email address", "unknown virtual user", "unknown local user", "unknown rcpt",
	"no such virtual user", "no such local user", "no such email*", "invalid email address", "bad recipient address",
	"bad destination mailbox", "not known user", "no valid mailbox", "no valid recipient", "no valid user", "not local user", "not local recipient", "not local mailbox", "validrcptto", "not user of",
	"invalid recipient", "invalid mailbox", "invalid address", "invalid rcpt", "unknown address",
	"no mailbox here", "no mailbox found", "no user found", "no account found", "no recipient found", "no matching user", "no matching mailbox", "no matching recipient",
	"not valid mailbox", "not valid recipient", "not valid user", "not valid address",
	"recipient not in list", "not in recipient list", "not in list of recipients", "unknown local part", "local part unknown",
	"unrouteable address", "unroutable address", "undeliverable address", "not our customer",
	"no account", "doesnt have account", "does not have account", "user not known", "unknown or illegal alias",
	"user has moved", "recipient has moved", "addressee has moved",
}

// absentAdjectives say it of the noun right before or behind them, which is one
// of headNouns with kindWords between at most; endedAdjectives that it is out of
// use.
var (
	absentAdjectives = []string{"unknown", "invalid", "nonexistent", "unrecognized", "unrecognised", "incorrect", "wrong", "bad", "not valid", "not defined"}
	endedAdjectives  = []string{"deleted", "removed", "closed", "cancelled", "canceled", "abandoned"}
	headNouns        = []string{"user", "username", "mailbox", "inbox", "recipient", "address", "addressee", "account", "alias"}
	kindWords        = []string{"local", "mail", "email", "user", "recipient", "destination", "virtual", "target"}
)

// notFoundRows need both.
var notFoundRows = [][]string{
	{"user doesnt have", "account"}, {"user does not have", "account"}, {"no one", "by that name"},
	{"no user", "name"}, {"no mailbox", "name"}, {"no recipient", "name"}, {"no account", "name"},
}

// absentStatements say that something is absent; what, its subject tells: a
// domain, a host and a DNS record can be "not found" too.
var absentStatements = []string{
	"not found", "could not be found", "cannot be found", "not exist", "not exists", "doesnt exist", "dont exist", "didnt exist", "never existed",
	"nonexistent", "non existent", "no longer exist", "no longer exists", "not listed in", "unallocated", "not known", "isnt known",
	"is unknown", "not registered", "not recognized", "not recognised", "no longer on server", "does not appear to exist", "does not seem to exist", "not in use", "isnt in use",
	"not in our database", "not in our directory", "not in our system", "not in our user list", "not in our records", "not in directory", "not in database",
	"not in user database", "could not be located", "cannot be located", "does not live here", "has no mailbox", "has no account",
	"is not valid", "isnt valid", "is invalid", "unrouteable", "unroutable",
}

// absentObjects say that something is absent, what stands behind them.
var absentObjects = []string{
	"no such", "there is no", "could not find", "couldnt find", "unable to find", "cannot find", "cant find", "can not find", "did not find",
	"could not locate", "unable to locate", "cannot locate", "do not have such", "dont have such", "not valid", "isnt valid", "dont exists",
}

// disabledWords name the mailbox and its end in one phrase.
var disabledWords = []string{
	"account closed", "account is closed", "account has been closed", "mailbox closed",
	"mailbox frozen", "mailbox is frozen", "mailbox owner has changed", byInactivity, "not accepting messages",
	"no longer works here", "no longer work here", "no longer works for", "no longer employed", "no longer with company", "no longer with organi*", "has left company", "has left organi*",
	"left our company", "left our organi*",
	"用 户 被 锁 定", "用 户 已 被 锁 定", "帐 号 被 锁 定", "帐 号 已 停 用", "账 号 已 停 用", "邮 箱 已 停 用", "用 户 已 被 禁 用",
}

// domainEnds say it of the domain or its contract.
var domainEnds = []string{
	"domain account", "hosting account", "domain suspended", "domain is suspended", "domain expired", "domain disabled",
	"domain is disabled",
}

// barredWords say that the mailbox is the one that was blocked: with 5.2.1 for
// sure, without it a sender's account may be meant.
var barredWords = []string{
	"account is blocked", "account blocked", "account has been blocked", "user is blocked", "user blocked", "user has been blocked",
	"mailbox is blocked", "mailbox blocked", "mailbox has been blocked", "contact has been blocked",
	"postfach gesperrt", "postfach ist gesperrt", "postfach wurde gesperrt", "konto gesperrt", "konto ist gesperrt", "konto wurde gesperrt", "compte bloque", "compte est bloque",
	"cuenta bloqueada", "conta bloqueada", "casella bloccata", "account bloccato", "account geblokkeerd", "konto zablokowane", "konto jest zablokowane", "schranka zablokovana",
	"schranka je zablokovana", "ящик заблокирован", "пользователь заблокирован", "аккаунт заблокирован",
}

// endedStatements say that something is out of use; see absentStatements.
var endedStatements = []string{
	"disabled", "inactive", "suspended", "temporarily suspended", "deactivated", "discontinued", "locked", "expired", "frozen", "decommissioned", "retired",
	"no longer valid", "no longer active", "no longer in use", "no longer used", "no longer available", "no longer accepts mail", "no longer accepting mail", "not active", "terminated", "is closed",
	"has been closed", "was closed", "has been deleted", "was deleted", "has been removed", "was removed", "has been cancelled", "has been canceled",
}

// doubtWords stand beside "unknown user" where the server could not find out.
var doubtWords = []string{
	"temporary", "temporarily", "lookup failed", "lookup failure", "try again later", "try later",
	"unable to verify", "cannot verify", "could not verify", "cant verify", "could not complete",
	"retry later", "please retry", "at moment", "internal error", "database error", "server unavailable", "being migrated", "maintenance",
}

// laterWords stand beside "inactive" where it is said of the moment.
var laterWords = []string{"try again later", "try later", "retry later", "please retry", "at moment", "locked by another", "locked by other", "locked by process", "maintenance"}

// deniedWords say that access was denied, to whom they do not say; accessWords
// also cover hints at it, which make "mailbox unavailable" worthless.
var (
	deniedWords = []string{"access denied", "denied", "refused"}
	accessWords = []string{
		"access", "refused", "denied", "not authorized", "not authorised", "not permitted", "prohibited", "not allowed",
		"restricted", "only accepts", "accepts only", "external", "outside", "contacts", "contact list",
	}
)

// messageWords say that the message was refused, before or after it was sent.
var messageWords = []string{
	"message rejected", "message refused", "message not accepted", "message denied", "mail rejected", "mail refused", "mail not accepted",
	"delivery of this message", "email rejected",
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
var addressWords = []string{"address", "recipient", "user", "mailbox", "inbox", "addressee", "account"}

// domainNouns beside 5.1.2 tell what is absent: not the mailbox.
var domainNouns = []string{"domain", "host", "dns", "mx"}

// mailboxNouns and otherNouns are what statements can be about. Behind one of
// the prepositions placeNouns are not: "is on this server not known".
var (
	mailboxNouns = []string{
		"user", "users", "username", "userid", "mailbox", "mailboxes", "inbox", "recipient", "recipients", "address", "addresses",
		"addressee", "account", "accounts", "person", "alias", "email", "customer", "subscriber", "member", "part",
	}
	otherNouns = []string{
		"sender", "domain", "domains", "host", "hosts", "hostname", "name", "record", "records", "dns", "mx", "ip", "server", "servers",
		"mailserver", "client", "clients", "network", "service", "system", "relay", "relaying", "route", "zone", "site", "page", "url", "file", "message",
		"agent", "certificate", "key", "tls", "starttls", "command", "option", "feature", "extension", "vrfy", "expn", "license", "password",
		"authentication", "auth", "login", "connection", "session", "verification", "verify", "check", "callout", "lookup", "sending",
		"submission", "subdomain", "tenant", "signature", "list", "rule", "token", "ticket", "time", "timer",
		"source", "bounce", "nameserver", "configuration", "config", "attachment", "attachments", "database", "store", "mailer", "process", "credentials",
	}
	// thingNouns are those of mailboxNouns that other things have too.
	thingNouns = []string{"address", "account", "part"}
	// ofWords stand between a noun and the mailbox it belongs to.
	ofWords      = []string{"of", "for", "to", "de", "del", "des", "du", "do", "da", "di", "dello", "della", "van", "von"}
	placeNouns   = []string{"server", "system", "servidor", "serveur"}
	prepositions = []string{"on", "in", "at", "by", "from", "within", "with", "en", "em", "na", "auf", "im", "sur", "su", "op"}
)
