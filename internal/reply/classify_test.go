package reply

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

// own is what the tests' prober sends.
var own = Own{
	Recipient: "alice@corp.example",
	Sender:    "verify@probe.example",
	HELO:      "probe1.probe.example",
	IP:        netip.MustParseAddr("192.0.2.25"),
}

// lines splits a wire text at its line ends.
func lines(wire string) []string { return strings.Split(wire, "\n") }

// ask classifies a reply given as wire text.
func ask(t *testing.T, wire string, a Asked) Meaning {
	t.Helper()
	r, err := Parse(lines(wire))
	if err != nil {
		t.Fatalf("Parse(%q): %v", wire, err)
	}
	return Classify(r, a)
}

// claim is one row of a table: a reply to RCPT of alice@corp.example and what
// it means. Rule and RetryAfter are compared where given.
type claim struct {
	name string
	host string
	wire string
	want Meaning
}

func check(t *testing.T, claims []claim) {
	t.Helper()
	for _, c := range claims {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, c.wire, Asked{Stage: Rcpt, Host: c.host, Own: own})
			want := c.want
			if want.Rule == "" {
				want.Rule = got.Rule
			}
			if want.RetryAfter == 0 {
				want.RetryAfter = got.RetryAfter
			}
			if got != want {
				t.Errorf("%q\n got %+v\nwant %+v", c.wire, got, want)
			}
		})
	}
}

// The shapes of meaning that the tables repeat.
var (
	accepted  = Meaning{Class: Accepted}
	missing   = Meaning{Class: MailboxNotFound}
	weak      = Meaning{Class: MailboxNotFound, Weak: true}
	full      = Meaning{Class: MailboxFull}
	disabled  = Meaning{Class: MailboxDisabled}
	grey      = Meaning{Class: Greylisted}
	rate      = Meaning{Class: RateLimited}
	rateHard  = Meaning{Class: RateLimited, Listed: true}
	split     = Meaning{Class: RateLimited, Split: true}
	blocked   = Meaning{Class: BlockedByPolicy}
	listed    = Meaning{Class: BlockedByPolicy, Listed: true}
	domain    = Meaning{Class: BlockedByPolicy, DomainOnly: true}
	relay     = Meaning{Class: RelayDenied}
	tls       = Meaning{Class: TLSRequired}
	utf8Need  = Meaning{Class: SMTPUTF8Required}
	temporary = Meaning{Class: TemporaryFailure}
	maybe     = Meaning{Class: TemporaryFailure, ProbablyMissing: true}
	protocol  = Meaning{Class: ProtocolError}
	noMail    = Meaning{Class: DomainTakesNoMail}
	unclear   = Meaning{Class: Unclear}
	bare      = Meaning{Class: Unclear, Weak: true}
)

func TestCodesThatNeedNoWords(t *testing.T) {
	check(t, []claim{
		{"250 accepts", "", "250 2.1.5 Ok", accepted},
		{"251 accepts and forwards", "", "251 User not local; will forward", accepted},
		{"252 cannot tell", "", "252 2.0.0 Cannot VRFY user", Meaning{Class: AcceptedUnverified}},
		{"words do not undo 250", "", "250 user unknown, spam, blocked", accepted},
		{"a banner is no proof", "", "220 mx.corp.example ESMTP", Meaning{Class: AcceptedUnverified}},
		{"a goodbye is no proof", "", "221 2.0.0 Bye", Meaning{Class: AcceptedUnverified}},
		{"accepted in two codes is no proof", "", "550-no\n250 ok", Meaning{Class: AcceptedUnverified}},
		{"354 is out of step", "", "354 go ahead", protocol},
		{"1yz is out of step", "", "150 wait", protocol},
		{"9yz is out of step", "", "950 user unknown", protocol},
		{"000 is out of step", "", "000", protocol},
	})
}

func Test421IsNeverAboutTheMailbox(t *testing.T) {
	check(t, []claim{
		{"no words", "", "421 4.3.0 closing connection", temporary},
		{"user unknown", "", "421 4.1.1 user unknown", temporary},
		{"mailbox full", "", "421 4.2.2 mailbox full", temporary},
		{"relaying", "", "421 relaying denied", temporary},
		{"greylisted", "", "421 4.7.1 Greylisted, come back later", grey},
		{"rate", "", "421 4.7.0 too many connections", rate},
		{"blocklist", "", "421 4.7.1 rejected, see zen.spamhaus.org", listed},
		{"tls", "", "421 4.7.0 TLS required", tls},
		{"code about us", "", "421 4.7.25 no", blocked},
	})
}

func TestWordsAboutUs(t *testing.T) {
	for _, c := range []struct {
		text string
		want Meaning
	}{
		{"554 5.7.1 rejected, in our block list", listed},
		{"554 5.7.1 address on local blocklist", listed},
		{"550 5.7.1 192.0.2.25 is on a blacklist", listed},
		{"550 black list", listed},
		{"550 blacklisted", listed},
		{"550 found in dnsbl", listed},
		{"550 see http://rbl.corp.example/lookup/192.0.2.25", listed},
		{"550 5.1.1 refused by RBL", listed},
		{"550 192.0.2.25 is listed", listed},
		{"550 listed at bl.corp.example", listed},
		{"550 listed on corp.example", listed},
		{"550 listed by corp.example", listed},
		{"550 to delist visit corp.example", listed},
		{"554 5.7.1 https://www.spamhaus.org/query/ip/192.0.2.25", listed},
		{"554 5.7.1 blocked using Barracuda Reputation", listed},
		{"554 spamcop", listed},
		{"554 https://bl.spamcop.net/w?192.0.2.25", listed},
		{"554 sorbs", listed},
		{"554 abusix", listed},
		{"554 uceprotect", listed},
		{"554 dnsbl-1.uceprotect.net", listed},
		{"554 cloudmark", listed},
		{"554 senderscore", listed},
		{"554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.25", listed},
		{"554 mailspike", listed},
		{"550 5.7.1 your reputation is poor", blocked},
		{"550 5.7.1 [192.0.2.25] has a poor reputation", listed},
		{"550 banned", blocked},
		{"550 sender banned", listed},
		{"554 5.7.1 Client host blocked using ours", listed},
		{"554 5.7.1 Client host rejected: Access denied", blocked},
		{"550 5.1.1 your IP may not", blocked},
		{"550 5.1.1 sending IP unwelcome", blocked},
		{"550 5.1.1 your server misbehaves", blocked},
		{"550 5.1.1 your host misbehaves", blocked},
		{"550 5.1.1 no reverse DNS", blocked},
		{"550 5.1.1 no PTR record found", blocked},
		{"550 5.1.1 rDNS does not exist", blocked},
		{"450 4.7.1 cannot find your reverse hostname", blocked},
		{"550 5.1.1 HELO name does not exist", blocked},
		{"550 5.1.1 EHLO not found", blocked},
		{"550 5.1.1 SPF record not found", blocked},
		{"550 5.1.1 DMARC not found", blocked},
		{"550 5.1.1 DKIM not found", blocked},
		{"550 5.1.1 unauthenticated mail", blocked},
		{"550 5.1.1 Sender address rejected: user unknown", blocked},
		{"550 5.1.1 sender denied", blocked},
		{"550 Sender verify failed", blocked},
		{"550 5.1.1 sender domain does not exist", blocked},
		{"550 5.1.1 mailfrom domain not found", blocked},
		{"553 5.1.1 Domain of sender address does not exist", blocked},
		{"550 not accepted for policy reasons", blocked},
		{"550 5.1.1 policy reasons", blocked},
		{"550 5.1.1 local policy", blocked},
		{"550 5.1.1 policy restrictions", blocked},
		{"550 Administrative prohibition", blocked},
		{"550 5.1.1 unsolicited mail", blocked},
		{"550 5.1.1 spam", blocked},
		{"550 5.1.1 suspicious", blocked},
		{"550 5.1.1 abuse", blocked},
		{"550 5.1.1 your country", blocked},
		{"550 5.1.1 geo restriction", blocked},
		{"550 5.1.1 geographic restriction", blocked},
		{"550 5.1.1 envelope blocked", blocked},
		{"550 5.1.1 security policies", blocked},
		{"550 5.1.7 no such user", blocked},
		{"550 5.1.8 no such user", blocked},
		{"550 5.7.7 no such user", blocked},
		{"550 5.7.9 no such user", blocked},
		{"550 5.7.20 no such user", blocked},
		{"550 5.7.26 no such user", blocked},
		{"550 5.7.27 no such user", blocked},
		{"550 5.7.29 no such user", blocked},
		{"550 5.7.511 no such user", blocked},
		{"550 5.7.606 no such user", blocked},
		{"450 4.7.500 no", blocked},
		{"450 4.7.700 no", blocked},
		{"450 4.7.700 server busy", rate},
		{"550 5.1.1 <verify@probe.example>: user unknown", blocked},
		{"550 5.1.1 user unknown in MAIL FROM", blocked},
		{"550 5.1.1 <alice@corp.example> user unknown or blocked", blocked},
		{"550 5.1.1 message content refused", blocked},
		{"550 5.1.1 contains a virus", blocked},
		{"550 5.1.1 Adresse IP inconnue", blocked},
		{"550 unbekannter Absender", blocked},
		{"550 mittente sconosciuto", blocked},
		{"550 5.1.1 Dynamic IP addresses are not accepted", blocked},
		{"550 5.1.1 dialup line", blocked},
		{"550 5.1.1 recipient has not whitelisted you", blocked},
		{"550 5.1.1 You are not authorized to send to this recipient", blocked},
		{"550 5.1.1 antispam filter", blocked},
		{"550 5.1.1 directory harvest attack", blocked},
		{"550 5.1.1 found on our internal denylist", listed},
		{"550 No account with that name may send from here", blocked},
		{"550 anonymous or unknown user may not send mail", blocked},
		{"550 You are not a valid user of this service", blocked},
		{"550 Your account is disabled, contact support", blocked},
		{"550 Account suspended: outgoing mail has been disabled for this account", blocked},
		{"550 The domain in your email address does not exist", blocked},
		{"550 5.7.1 The return address is an unknown address", blocked},
		{"550 5.7.1 The address in your From: field does not exist", blocked},
		{"550 From header: invalid address", blocked},
		{"550 5.6.0 Invalid address in To: header", blocked},
		{"550 5.6.1 user unknown", blocked},
		{"554 attachment for unknown user", blocked},
		{"554 5.2.1 : (HVU:B1) http://postmaster.info.aol.com/errors/554hvub1.html", blocked},
		{"550 неизвестный отправитель", blocked},
		{"550 发件人地址不存在", blocked},
		{"550 IP地址不存在", blocked},
		{"550 Your address is not registered here", blocked},
		{"554 垃圾邮件", blocked},
		{"550 rejected by organization policy", domain},
		{"550 5.7.1 your organisation's security policy", domain},
	} {
		check(t, []claim{{c.text, "", c.text, c.want}})
	}
}

func TestShortWordsMatchWholeWordsOnly(t *testing.T) {
	check(t, []claim{
		{"rbl in sporbl", "", "550 5.1.1 sporbl", missing},
		{"able in disabled", "", "550 user account disabled", disabled},
		{"spam in a product's name", "", "550 5.1.1 mxspamfilter01 says no", weak},
		{"spam in a host name", "", "550 5.1.1 mx.spam-filter.other.example says no", weak},
		{"busy in a host name", "", "550 5.1.1 mail.busy.example says no", weak},
		{"geo in a host name", "", "550 5.1.1 geo.other.example says no", weak},
		{"helo in othello", "", "550 5.1.1 othello says no", weak},
		{"words of the URL's path", "", "550 5.1.1 see https://corp.example/spam/blocked?q=your-ip", weak},
		{"words of a URL without scheme", "", "550 5.1.1 see corp.example/spam/blocked.", missing},
		{"an IP address is no enhanced code", "", "550 host 5.1.1.1 rejected", unclear},
		{"an enhanced code later in the text is none", "", "550 something 5.1.1 here", unclear},
		{"full stop between two words", "", "550 Origin unknown. User must log in", unclear},
		{"colon between two words", "", "550 unknown: user must log in", unclear},
		{"the recipient's own domain names no list", "", "550 5.1.1 spamhaus says no", listed},
	})
	a := Asked{Stage: Rcpt, Host: "mx1.rbl.example", Own: Own{Recipient: "alice@rbl.example"}}
	if got := ask(t, "550 5.1.1 mx1.rbl.example: no such user at rbl.example", a); got.Class != MailboxNotFound {
		t.Errorf("domain whose name is a blocklist's label: got %+v, want not found", got)
	}
}

func TestTLSDemanded(t *testing.T) {
	check(t, []claim{
		{"530 starttls", "", "530 5.7.0 Must issue a STARTTLS command first", tls},
		{"530 other words", "", "530 please use STARTTLS", tls},
		{"530 authentication", "", "530 5.7.0 Authentication required", blocked},
		{"530 bare", "", "530", blocked},
		{"x.7.10", "", "550 5.7.10 no", tls},
		{"x.7.11", "", "450 4.7.11 no", tls},
		{"starttls first", "", "454 4.7.0 STARTTLS first", tls},
		{"tls required", "", "450 TLS required", tls},
		{"encryption required", "", "550 encryption required", tls},
		{"requires tls", "", "550 5.1.1 this host requires TLS", tls},
	})
}

func TestRate(t *testing.T) {
	check(t, []claim{
		{"too many connections", "", "421 too many connections", rate},
		{"too many connections from your IP", "", "550 5.7.1 too many connections from your IP", rate},
		{"too many recipients", "", "452 4.5.3 Error: too many recipients", split},
		{"552 too many recipients", "", "552 too many recipients", split},
		{"too many messages", "", "450 too many messages", rate},
		{"too many errors", "", "550 5.1.1 too many errors", rate},
		{"rate limit", "", "450 rate limit exceeded", rate},
		{"rate that", "", "550 5.2.1 receives mail at a rate that is too high", rate},
		{"too quickly", "", "550 5.2.1 too quickly", rate},
		{"too fast", "", "450 too fast", rate},
		{"throttled", "", "450 throttled", rate},
		{"throttling", "", "450 throttling", rate},
		{"frequency limited", "", "550 frequency limited", rate},
		{"exceeded limit hour", "", "550 exceeded the limit of messages per hour", rate},
		{"excessive", "", "450 excessive use", rate},
		{"concurrent", "", "450 no more concurrent sessions", rate},
		{"too many unknown users", "", "550 too many unknown users", rate},
		{"too many nonexistent recipients", "", "550 5.7.1 You sent to too many nonexistent recipients", rate},
		{"daily limit", "", "550 5.2.1 account has exceeded the daily limit for incoming messages", rate},
		{"exceeded per hour", "", "550 domain has exceeded the max emails per hour", rate},
		{"sending limit", "", "450 4.7.1 You've exceeded your sending limit", rate},
		{"too much mail", "", "450 too much mail", rate},
		{"Google's quota of the sender", "", "550 5.7.1 Email quota exceeded.", rate},
		{"Google's limit of its relay", "", "450 4.2.1 Peak SMTP relay limit exceeded for customer.", rate},
		{"slow down", "", "452 slow down", rate},
		{"Exchange's thread limit", "", "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded", rate},
		{"multiple regions", "", "452 4.5.3 Recipients belong to multiple regions ATTR1", split},
		{"busy", "", "450 4.3.2 server busy", rate},
		{"max message per connection", "", "421 Max message per connection reached", rate},
		{"sending quota exceeded", "", "550 quota exceeded for sending", rate},
		{"queue quota exceeded", "", "452 queue quota exceeded", rate},
		{"x.4.5", "", "450 4.4.5 no", rate},
		{"x.5.3", "", "450 4.5.3 no", split},
		{"5.5.3", "", "550 5.5.3 no", split},
		{"x.7.28", "", "550 5.7.28 no", rate},
		{"5.2.121", "", "554 5.2.121 no", rate},
		{"5.2.122", "", "554 5.2.122 no", rate},
		{"over not found", "", "550 5.1.1 user unknown, too many errors", rate},
	})
}

func TestGreylisting(t *testing.T) {
	check(t, []claim{
		{"greylisted", "", "450 4.2.0 <alice@corp.example>: Recipient address rejected: Greylisted", grey},
		{"greylisting", "", "451 4.7.1 Greylisting in action, please come back in 00:05:00", grey},
		{"graylisted", "", "451 graylisted", grey},
		{"gray list", "", "451 on the gray list", grey},
		{"grey-list", "", "451 on the grey-list", grey},
		{"postgrey", "", "450 see http://postgrey.corp.example/help, postgrey", grey},
		{"sqlgrey", "", "450 sqlgrey", grey},
		{"deferred for", "", "450 deferred for 300 seconds", grey},
		{"come back later", "", "451 come back later", grey},
		{"try again in", "", "451 4.7.1 try again in 20 seconds", grey},
		{"retry in", "", "450 retry in 20 s", grey},
		{"minutes", "", "450 wait 5 minutes", grey},
		{"first time", "", "450 seen for the first time", grey},
		{"unknown triplet", "", "450 unknown triplet", grey},
		{"Mimecast's words", "", "451 Internal resource temporarily unavailable", grey},
		{"address verification", "", "450 4.1.1 <alice@corp.example>: Recipient address rejected: unverified address: Address verification in progress", grey},
		{"names us besides", "", "450 greylisted, your server will try again", grey},
		{"a blocklist besides", "", "450 greylisted because of zen.spamhaus.org", listed},
		{"for good is no greylisting", "", "550 5.1.1 greylisted", unclear},
	})
}

func TestFull(t *testing.T) {
	check(t, []claim{
		{"5.2.2", "", "552 5.2.2 no", full},
		{"4.2.2", "", "452 4.2.2 no", full},
		{"552 with a mailbox word", "", "552 mailbox exceeds what it may hold", full},
		{"552 without", "", "552 exceeds what it may hold", unclear},
		{"552 not found", "", "552 mailbox not found", missing},
		{"552 disabled", "", "552 mailbox is disabled", disabled},
		{"422", "", "422 mailbox has no room", full},
		{"431", "", "431 mailbox has no room", full},
		{"mailbox full", "", "450 mailbox full", full},
		{"mailbox is full", "", "550 mailbox <alice@corp.example> is full", full},
		{"over quota", "", "550 user is over quota", full},
		{"quota exceeded", "", "550 Quota exceeded", full},
		{"exceeded storage", "", "552 exceeded storage allocation", full},
		{"out of storage", "", "452 the inbox is out of storage space", full},
		{"insufficient storage", "", "452 insufficient storage for the mailbox", full},
		{"no space left for user", "", "550 no space left for user", full},
		{"mailbox size limit", "", "550 mailbox size limit reached", full},
		{"French", "", "550 Boîte pleine", full},
		{"German", "", "550 Postfach voll", full},
		{"German storage", "", "550 nicht genug Speicherplatz", full},
		{"Italian", "", "550 casella piena", full},
		{"Spanish", "", "550 buzón lleno", full},
		{"Portuguese", "", "550 caixa cheia", full},
		{"over its quota", "", "550 user exceeded his mailbox quota", full},
		{"exceeded the quota", "", "552 El buzón ha excedido su cuota", full},
		{"said of the mailbox", "", "554 mailbox of alice@corp.example is full", full},
		{"over the limit", "", "550 User's mailbox is over the limit", full},
		{"quota violation", "", "550 quota violation", full},
		{"disk space of the mailbox", "", "550 Insufficient disk space in user's mailbox", full},
		{"not enough storage", "", "550 Not enough storage space in mailbox", full},
		{"the list is full", "", "550 the list is full", unclear},
		{"French, inflected", "", "552 La boîte aux lettres du destinataire est pleine", full},
		{"German, inflected", "", "550 Das Postfach des Empfängers ist voll", full},
		{"Italian, inflected", "", "552 Casella di posta piena", full},
		{"Dutch", "", "552 Het postvak van de ontvanger is vol", full},
		{"Polish", "", "552 skrzynka odbiorcy jest pełna", full},
		{"Russian", "", "552 Почтовый ящик переполнен", full},
		{"Chinese", "", "552 邮箱已满", full},
		{"Chinese, no space", "", "550 收件人空间不足", full},
		{"the host's disk", "", "452 4.3.1 Insufficient system storage", temporary},
		{"message size", "", "552 5.3.4 Message size exceeds fixed limit of this mailbox", temporary},
		{"over quota about us", "", "552 5.2.2 your IP is over quota", blocked},
	})
}

func TestNotFound(t *testing.T) {
	check(t, []claim{
		{"5.1.1", "", "550 5.1.1", missing},
		{"5.1.1 with strange text", "", "550 5.1.1 tuntematon", missing},
		{"5.1.1 at the end", "", "550 sorry, nothing here (#5.1.1)", weak},
		{"5.1.3", "", "553 5.1.3 no", missing},
		{"501 5.1.3", "", "501 5.1.3 no", missing},
		{"5.1.6", "", "550 5.1.6 moved", missing},
		{"5.1.10 null MX", "", "550 5.1.10 recipient domain has a null MX", noMail},
		{"5.1.10 RecipientNotFound", "", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found by SMTP address lookup", missing},
		{"556", "", "556 5.1.10 no mail", noMail},
		{"5.1.0 with address words", "", "550 #5.1.0 Address rejected.", missing},
		{"5.1.0 with more words", "", "550 5.1.0 recipient frobnicated", weak},
		{"5.1.0 about a message", "", "550 5.1.0 message rejected by recipient", weak},
		{"5.1.0 without", "", "550 5.1.0 frobnicated", unclear},
		{"5.1.0 access", "", "550 5.1.0 address rejected: access denied", blocked},
		{"5.4.1 from nobody known", "", "550 5.4.1 Recipient address rejected: Access denied", blocked},
	})
	for _, words := range []string{
		"user unknown", "unknown user", "no such user", "no such mailbox", "no such recipient", "no such address", "no such person",
		"user not found", "mailbox could not be found", "this recipient does not exist", "account doesn't exist", "address not exist",
		"unknown recipient", "recipient unknown", "invalid recipient", "Invalid-Recipient", "invalid mailbox", "invalid address", "unknown address",
		"addressee unknown", "sorry, no mailbox here by that name", "not a valid mailbox", "not a valid recipient",
		"recipient not in list", "not in recipient list", "unknown local part", "unknown local-part", "Unrouteable address", "unroutable address",
		"address is unrouteable", "undeliverable address", "not our customer", "no account by that name", "this user doesn't have an account",
		"user not known", "unknown or illegal alias", "recipient mailbox unallocated", "user not listed in the directory",
		"utilisateur inconnu", "adresse inconnue", "Adresse d'au moins un destinataire invalide", "Benutzer unbekannt", "Empfänger unbekannt",
		"empfaenger unbekannt", "unbekannter Empfänger", "usuario desconocido", "el usuario no existe", "utente sconosciuto",
		"casella inesistente", "usuário inexistente", "gebruiker onbekend", "nieznany użytkownik",
		"Empfängeradresse existiert nicht", "Konto wurde nicht gefunden", "cette adresse n'existe pas", "destinataire introuvable",
		"la cuenta no encontrada", "l'indirizzo non esiste", "utente non trovato", "conta não encontrada", "o usuário não existe",
		"het postvak bestaat niet, onbekende gebruiker", "konto nie istnieje", "uživatel neexistuje", "mottagaren finns inte", "okänd mottagare",
		"brugeren, ukendt modtager", "kullanıcı, alıcı bulunamadı", "utilizator nu există", "пользователь не найден", "ящик не существует",
		"用户不存在", "收件人地址不存在", "使用者不存在", "宛先のメールアドレスは存在しません", "ユーザーが見つかりません", "존재하지 않는 사용자",
		"<alice@corp.example> does not exist", "<alice@corp.example>: not found", "<alice>... not found on this server",
		"Mailbox for alice does not exist", "alice: no such user", "user <alice@corp.example> unknown", "user (alice@corp.example) unknown", `user "alice" unknown`,
	} {
		for _, code := range []string{"550 ", "551 ", "553 ", "554 ", "550 5.7.1 ", "550 5.0.0 "} {
			check(t, []claim{{code + words, "", code + words, missing}})
		}
		check(t, []claim{{"450 " + words, "", "450 " + words, maybe}})
	}
	check(t, []claim{
		{"no valid mailbox", "", "550 sorry, no valid mailbox here by that name", missing},
		{"validrcptto", "", "553 sorry, this recipient is not in my validrcptto list (#5.7.1)", missing},
		{"no user by that name", "", "550 No user by that name", missing},
		{"the object follows", "", "550 The mail server could not find mailbox for alice@corp.example", missing},
		{"no such kind of user", "", "550 no such imaginary user", missing},
		{"not a valid kind of user", "", "550 Recipient is not a valid local user", missing},
		{"not in use", "", "550 This email address isn't in use here", missing},
		{"not registered", "", "550 alice@corp.example is not a registered gateway user", missing},
		{"not on this server", "", "550 Der Empfänger ist auf diesem Server nicht bekannt", missing},
		{"no user at that host", "", "550 mail server not found", unclear},
		{"whose database", "", "550 user database is not found", unclear},
		{"whose domain", "", "550 There is no such domain", relay},
		{"whose host", "", "550 could not find host of user", unclear},
		{"whose record", "", "550 there is no address record", unclear},
		{"whose agent", "", "550 could not find user database", unclear},
		{"credentials", "", "550 not valid credentials of user", blocked},
		{"an address, not valid for what", "", "550 SRS address not valid", blocked},
		{"512", "", "512 unknown user", missing},
		{"no longer on the server", "", "550 recipient no longer on server: alice@corp.example", missing},
		{"Coremail", "", "550 local server don't exists that user", missing},
		{"Coremail's other", "", "550 not user of this server", missing},
		{"552", "", "552 1 Requested mail action aborted, mailbox not found", missing},

		// Codes yield to what the words say.
		{"Weak: 5.1.1 and the message", "", "550 5.1.1 Message rejected", weak},
		{"Weak: 5.1.1 and access, user unknown", "", "550 5.1.1 user unknown, access denied", weak},
		{"Weak: 5.1.1 and doubt, user unknown", "", "550 5.1.1 user unknown, try again later", weak},
		{"Weak: 5.1.1 and prose that names no mailbox", "", "550 5.1.1 I will not talk to you", weak},
		{"5.1.1 and prose that says unknown", "", "550 5.1.1 what you seek is unknown", missing},
		{"Weak: 5.1.1 and something else not found", "", "550 5.1.1 certificate not found in our table", weak},
		{"5.1.1 and maintenance", "", "550 5.1.1 mailbox in maintenance", unclear},
		{"5.1.1 and authentication", "", "550 5.1.1 Authentication required for this recipient", blocked},
		{"Weak: mailbox unavailable to whom", "", "550 user unknown to external hosts", weak},
		{"5.1.1 and access", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: Access denied", blocked},
		{"5.1.1 and refused", "", "550 5.1.1 Message refused by recipient", blocked},
		{"5.1.1 and restricted", "", "550 5.1.1 this recipient is restricted", unclear},
		{"5.1.1 and doubt", "", "550 5.1.1 Cannot verify recipient: internal error", unclear},
		{"5.1.1 and migration", "", "550 5.1.1 Mailbox moved: user is being migrated, please retry later", unclear},
		{"5.1.1 and relaying", "", "550 5.1.1 Relaying to <alice@corp.example> denied", relay},
		{"5.1.1 and another domain", "", "550 5.1.1 domain is not hosted here", relay},

		{"Weak: mailbox unavailable", "", "550 Requested action not taken: mailbox unavailable", weak},
		{"mailbox unavailable or access denied", "", "550 Mailbox unavailable or access denied", blocked},
		{"mailbox unavailable, no access", "", "550 mailbox unavailable, no access", unclear},
		{"RFC 5321's own sentence", "", "550 Requested action not taken: mailbox unavailable (e.g., mailbox not found, no access, or command rejected for policy reasons)", blocked},
		{"Weak: only without the bare local part", "", "550 User alice unknown", weak},
		{"Weak: in brackets, which servers use too", "", "550 user (alice) unknown", weak},
		{"Weak: said of a bare local part", "", "550 alice does not exist", weak},
		{"Weak: not found, but what", "", "550 not found", weak},
		{"Weak: unknown or denied", "", "550 user unknown or access denied", weak},
		{"domain not found", "", "550 domain not found", unclear},
		{"the domain of the user does not exist", "", "550 the user's domain does not exist", unclear},
		{"host not found", "", "550 Host or domain name not found", unclear},
		{"unrouteable domain", "", `550 Unrouteable mail domain "corp.example"`, unclear},
		{"DNS record not found", "", "550 MX record not found", unclear},
		{"dominio no existe", "", "550 el dominio no existe", unclear},
		{"the server could not find out", "", "550 unknown user: lookup failure", unclear},
		{"quoted temporary", "", "550 unable to verify: user unknown", unclear},
		{"code without words about mailboxes", "", "555 user unknown", protocol},
		{"571 is policy", "", "571 user unknown", blocked},
		{"541 is policy", "", "541 user unknown", blocked},
		{"521 is the host", "", "521 5.1.1 user unknown", blocked},
	})
}

func TestDisabled(t *testing.T) {
	check(t, []claim{
		{"5.2.1", "", "550 5.2.1 no", disabled},
		{"5.7.13", "", "550 5.7.13 no", disabled},
		{"5.7.17", "", "550 5.7.17 no", disabled},
		{"5.7.18", "", "550 5.7.18 no", disabled},
		{"disabled", "", "550 the account is disabled", disabled},
		{"inactive", "", "550 inactive user", disabled},
		{"suspended", "", "550 User suspended", disabled},
		{"deactivated", "", "554 mailbox deactivated", disabled},
		{"discontinued", "", "550 this address has been discontinued", disabled},
		{"locked", "", "550 mailbox locked", disabled},
		{"account closed", "", "550 account closed", disabled},
		{"expired", "", "550 account expired", disabled},
		{"no longer valid", "", "550 address no longer valid", disabled},
		{"no longer active", "", "550 <alice@corp.example> is no longer active", disabled},
		{"mailbox frozen", "", "550 mailbox frozen", disabled},
		{"owner changed", "", "550 mailbox owner has changed", disabled},
		{"temporarily suspended", "", "550 mailbox temporarily suspended", disabled},
		{"mailbox unavailable because disabled", "", "550 mailbox unavailable: account disabled", disabled},
		{"4yz", "", "450 4.2.1 mailbox disabled", temporary},
		{"terminated", "", "550 This user's account has been terminated", disabled},
		{"closed", "", "550 this mailbox is closed", disabled},
		{"deleted", "", "550 user has been deleted", disabled},
		{"no longer in use", "", "550 address no longer in use", disabled},
		{"no longer works here", "", "550 alice no longer works here", disabled},
		{"5.2.1 blocked account", "", "550 5.2.1 User account is blocked", disabled},
		{"Weak: blocked account, maybe a sender's, without code", "", "550 User account is blocked", Meaning{Class: MailboxDisabled, Weak: true}},
		{"5.2.1 about the message", "", "550 5.2.1 : we will not accept delivery of this message.", unclear},
		{"5.2.1 message not accepted", "", "550 5.2.1 Message not accepted", bare},
		{"5.2.1 about access", "", "550 5.2.1 Delivery to this recipient is restricted to the group", unclear},
		{"Weak: 5.2.1 access, disabled", "", "550 5.2.1 access denied, account disabled", Meaning{Class: MailboxDisabled, Weak: true}},
		{"maintenance", "", "550 5.2.1 mailbox in maintenance", unclear},
		{"the domain's account", "", "550 domain account expired", unclear},
		{"members only", "", "550 5.2.1 posting is disabled for non-members", blocked},
		{"of the moment", "", "550 User inactive, try later", unclear},
		{"locked by a process", "", "550 mailbox locked by another process", unclear},
		{"connection closed", "", "550 connection is closed", unclear},
		{"rate wins", "", "550 5.2.1 too quickly", rate},
		{"certificate expired", "", "550 certificate expired", unclear},
		{"VRFY disabled", "", "550 VRFY is disabled", unclear},
		{"domain suspended", "", "550 domain suspended", unclear},
		{"IP suspended", "", "550 your IP is suspended", blocked},
		{"nobody disabled", "", "550 disabled", unclear},
	})
}

func TestRelay(t *testing.T) {
	check(t, []claim{
		{"relay access denied", "", "554 5.7.1 <alice@corp.example>: Relay access denied", relay},
		{"relaying denied", "", "550 5.7.1 Relaying denied", relay},
		{"relay not permitted", "", "550 relay not permitted", relay},
		{"we do not relay", "", "550 we do not relay", relay},
		{"not permitted to relay", "", "550 you are not permitted to relay", relay},
		{"rcpthosts", "", "553 not in rcpthosts", relay},
		{"not configured to relay", "", "550 not configured to relay", relay},
		{"domain isn't in my list", "", "553 sorry, that domain isn't in my list of allowed hosts (#5.7.1)", relay},
		{"not a customer", "", "550 not a customer", relay},
		{"whatever the code", "", "550 5.1.1 relaying denied", relay},
		{"relaying mail", "", "550 relaying mail to corp.example is not allowed", relay},
		{"unknown domain", "", "550 unknown domain", relay},
		{"not hosted here", "", "553 sorry, this domain is not hosted here", relay},
		{"no mail for that domain", "", "550 5.7.1 We don't accept mail for that domain", relay},
		{"over not found", "", "550 5.1.1 user unknown, relay access denied", relay},
		{"the word alone is no relaying", "", "550 5.1.1 User unknown in relay recipient table", missing},
		{"x.1.2 like relaying", "", "550 5.1.2 no", relay},
	})
}

func TestWhatIsLeft(t *testing.T) {
	check(t, []claim{
		{"500", "", "500 what", protocol},
		{"501", "", "501 syntax", protocol},
		{"503", "", "503 5.5.1 need MAIL", protocol},
		{"504", "", "504 no", protocol},
		{"x.5.1", "", "550 5.5.1 no", protocol},
		{"x.5.2", "", "550 5.5.2 no", protocol},
		{"x.5.4", "", "450 4.5.4 no", protocol},
		{"other 4yz", "", "451 4.3.0 Temporary lookup failure", temporary},
		{"other 4yz without code", "", "451 later", temporary},
		{"other 4.7.z", "", "450 4.7.1 later", blocked},
		{"4.7.1 user unknown", "", "450 4.7.1 user unknown", maybe},
		{"450 4.1.1", "", "450 4.1.1 <alice@corp.example>: Recipient address rejected: User unknown", maybe},
		{"450 4.1.1 unverified", "", "450 4.1.1 <alice@corp.example>: Recipient address rejected: unverified address: connect timed out", temporary},
		{"other 5.7.z", "", "550 5.7.1 no", blocked},
		{"access denied", "", "550 Access denied", blocked},
		{"refused", "", "550 refused", blocked},
		{"access table", "", "554 5.7.1 <alice@corp.example>: Recipient address rejected: Access denied", blocked},
		{"bare 550", "", "550", bare},
		{"requested action not taken", "", "550 Requested action not taken", bare},
		{"rejected", "", "550 <alice@corp.example> rejected", bare},
		{"recipient address rejected", "", "550 5.0.0 <alice@corp.example>: Recipient address rejected", bare},
		{"bare 554", "", "554", unclear},
		{"unknown words", "", "550 frobnicated", unclear},
		{"unknown code", "", "577 frobnicated", unclear},
		{"5.1.4", "", "550 5.1.4 ambiguous", temporary},
		{"5.2.3", "", "550 5.2.3 too long", temporary},
		{"5.3.0", "", "550 5.3.0 no", temporary},
		{"5.4.4", "", "550 5.4.4 no route", temporary},
		{"5.6.7", "", "550 5.6.7 no", utf8Need},
		{"553 SMTPUTF8", "", "553 address needs SMTPUTF8", utf8Need},
		{"class 2 does not count", "", "550 2.1.1 no", bare},
		{"codes that differ take back a statement", "", "550-5.1.1 no\n553 5.1.1 no", protocol},
		{"codes that differ close no domain", "", "550-5.1.10 no\n556 5.1.10 no", protocol},
		{"enhanced codes that differ are none", "", "550-5.7.1 no\n550 5.1.1 no", bare},
	})
}

func TestQuotedReplies(t *testing.T) {
	const head = "550 5.1.1 <alice@corp.example>: Recipient address rejected: undeliverable address: "
	check(t, []claim{
		{"inner user unknown", "", head + "host mx.inner.test[192.0.2.1] said: 550 5.1.1 <al@inner.test>: User unknown (in reply to RCPT TO command)", missing},
		{"inner word only", "", head + "unknown user: \"alice\"", missing},
		{"inner full", "", head + "host mx.inner.test[192.0.2.1] said: 552 5.2.2 no (in reply to RCPT TO command)", full},
		{"inner greylisted", "", head + "host mx.inner.test[192.0.2.1] said: 450 4.2.0 Greylisted (in reply to RCPT TO command)", grey},
		{"inner transient", "", head + "host mx.inner.test[192.0.2.1] said: 451 4.3.0 no", temporary},
		{"inner block lists the host that asked", "", head + "host mx.inner.test[192.0.2.1] said: 554 5.7.1 Client host blocked using zen.spamhaus.org", blocked},
		{"inner refusal of MAIL", "", head + "host mx.inner.test[192.0.2.1] said: 550 5.1.1 no (in reply to end of DATA command)", blocked},
		{"inner access denied", "", head + "host mx.inner.test[192.0.2.1] said: 554 5.7.1 Access denied", blocked},
		{"no route", "", head + "mail for corp.example loops back to myself", unclear},
		{"no such host", "", head + "Host or domain name not found. Name service error for name=mx.corp.example type=A: Host not found", unclear},
		{"outer transient", "", "450 4.1.1 <alice@corp.example>: Recipient address rejected: undeliverable address: host mx.inner.test[192.0.2.1] said: 550 5.1.1 User unknown", maybe},
		{"Exim's callout", "", "550-Callout verification failed:\n550 550 unknown user", missing},
		{"Exim's callout, coded", "", "550-Callout verification failed:\n550 550-5.1.1 unknown", missing},
		{"Exim's callout of the sender", "", "550-Verification failed for <verify@probe.example>\n550-Called: 192.0.2.1\n550-Response: 550 unknown user\n550 Sender verify failed", blocked},
		{"callout, inner policy", "", "550 Callout verification failed: 550 5.7.1 no", blocked},
		{"twice quoted", "", head + "host a.test[192.0.2.1] said: 550 5.1.1 host b.test[192.0.2.2] said: 451 4.3.0 no", temporary},
		{"inner relaying denied", "", head + "host mx.inner.test[192.0.2.1] said: 554 5.7.1 Relay access denied", unclear},
		{"inner TLS", "", head + "host mx.inner.test[192.0.2.1] said: 530 5.7.0 Must issue a STARTTLS command first", unclear},
		{"quoted without end", "", strings.Repeat("550 5.1.1 host mx.inner.test said: ", 6) + "550 5.1.1 no", unclear},
		{"inner domain takes no mail", "", head + "host mx.inner.test[192.0.2.1] said: 556 5.1.10 no", unclear},
		{"inner, whoever quotes it", hostGmail, head + "host mx.inner.test[192.0.2.1] said: 451 4.3.0 no", temporary},
		{"a callback to our MX", "", "550 verification failed, mx.probe.example said: 550 5.1.1 unknown user", blocked},
		{"a callback by name", "", "550 callback said: 550 5.1.1 unknown user", blocked},
		{"Barracuda's", hostBarracuda, "550 permanent failure for one or more recipients (alice@corp.example:550 5.1.1 <al@inner.test>: Recipient address rejected: User unknown)", missing},
		{"Barracuda's, inner transient", hostBarracuda, "550 permanent failure for one or more recipients (alice@corp.example:451 4.3.0 no)", temporary},
		{"Barracuda's, inner block", hostBarracuda, "550 permanent failure for one or more recipients (alice@corp.example:554 5.7.1 no)", blocked},
		{"inner edge block of Microsoft's", "", head + "host corp-example.mail.protection.outlook.com[192.0.2.1] said: 550 5.4.1 Recipient address rejected: Access denied (in reply to RCPT TO command)", missing},
		{"nothing behind", "", "550 <alice@corp.example> undeliverable address", missing},
	})
}

func TestOtherStagesNeverSpeakAboutAMailbox(t *testing.T) {
	for _, c := range []struct {
		name  string
		stage Stage
		wire  string
		want  Meaning
	}{
		{"greeting 220", Greeting, "220 mx.corp.example ESMTP", accepted},
		{"greeting 421", Greeting, "421 4.3.2 not now", temporary},
		{"greeting 421 rate", Greeting, "421 4.7.0 too many connections from your IP", rate},
		{"greeting 450", Greeting, "450 not now", temporary},
		{"greeting 554", Greeting, "554 no SMTP service here", blocked},
		{"greeting 554 takes no mail", Greeting, "554 mx.corp.example does not accept mail", blocked},
		{"greeting 521", Greeting, "521 no", blocked},
		{"greeting 521 takes no mail", Greeting, "521 mx.corp.example does not accept mail", noMail},
		{"greeting 521 from us", Greeting, "521 does not accept mail from dynamic addresses", blocked},
		{"greeting 521 our address", Greeting, "521 does not accept mail: [192.0.2.25]", blocked},
		{"greeting 521 listed", Greeting, "521 does not accept mail, blacklisted", listed},
		{"greeting 556", Connect, "556 no mail", noMail},
		{"greeting 550 user unknown", Greeting, "550 5.1.1 user unknown", blocked},
		{"greeting poor reputation", Greeting, "554-mx.corp.example\n554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.", listed},
		{"EHLO 502", Ehlo, "502 5.5.2 what", protocol},
		{"EHLO 504 our name", Ehlo, "504 5.5.2 <probe1.probe.example>: Helo command rejected: need fully-qualified hostname", blocked},
		{"EHLO 550", Ehlo, "550 no", blocked},
		{"EHLO 421", Ehlo, "421 no", temporary},
		{"STARTTLS 220", StartTLS, "220 2.0.0 Ready", accepted},
		{"STARTTLS 454", StartTLS, "454 4.7.0 TLS not available", temporary},
		{"STARTTLS 501", StartTLS, "501 5.5.4 no parameters", protocol},
		{"MAIL 250", Mail, "250 2.1.0 Ok", accepted},
		{"MAIL 252", Mail, "252 ok", accepted},
		{"MAIL 530 starttls", Mail, "530 5.7.0 Must issue a STARTTLS command first", tls},
		{"MAIL 530 authentication", Mail, "530 5.7.1 Client was not authenticated", blocked},
		{"MAIL 550 user unknown", Mail, "550 5.1.1 user unknown", blocked},
		{"MAIL 552 full", Mail, "552 5.2.2 mailbox full", blocked},
		{"MAIL 452 full", Mail, "452 4.2.2 mailbox full", temporary},
		{"MAIL 452 disk", Mail, "452 4.3.1 Insufficient system storage", temporary},
		{"MAIL 450 user unknown", Mail, "450 4.1.1 user unknown", temporary},
		{"MAIL 550 disabled", Mail, "550 5.2.1 account disabled", blocked},
		{"MAIL 550 relaying", Mail, "550 relaying denied", blocked},
		{"MAIL 451 sender", Mail, "451 4.1.8 Domain of sender address does not resolve", blocked},
		{"MAIL 450 4.7.1", Mail, "450 4.7.1 later", blocked},
		{"MAIL greylisted", Mail, "451 greylisted", grey},
		{"MAIL 503", Mail, "503 5.5.1 nested MAIL", protocol},
		{"MAIL 555", Mail, "555 5.5.4 unsupported", protocol},
		{"MAIL 553 SMTPUTF8", Mail, "553 5.6.7 no", utf8Need},
		{"MAIL 354", Mail, "354 go", protocol},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, c.wire, Asked{Stage: c.stage, Own: own})
			got.Rule, got.RetryAfter = "", 0
			if got != c.want {
				t.Errorf("%s %q\n got %+v\nwant %+v", c.stage, c.wire, got, c.want)
			}
		})
	}
}

func TestStatedWaits(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"Greylisted, please try again in 300 seconds":  300 * time.Second,
		"Greylisted for 5 minutes":                     5 * time.Minute,
		"try again in 20 seconds":                      20 * time.Second,
		"please come back in 00:05:00":                 5 * time.Minute,
		"come back in 01:00:10.":                       time.Hour + 10*time.Second,
		"retry in 1 hour and 30 minutes":               90 * time.Minute,
		"wait at least 10 min, then retry":             10 * time.Minute,
		"try again in 300s":                            300 * time.Second,
		"try again in 5-10 minutes":                    10 * time.Minute,
		"try again in a minute":                        time.Minute,
		"retry after 5 minutes and within 4 hours":     5 * time.Minute,
		"try again 2 minutes later":                    2 * time.Minute,
		"greylisted":                                   0,
		"try again in 5":                               0,
		"at most 100 messages per 5 minutes":           0,
		"received 12:30:05, greylisted":                0,
		"try again in 99999999 seconds":                0,
		"try again in 9999999 hours":                   0,
		"in 0 seconds":                                 0,
		"try again in 90 00 01, greylisted":            0,
		"<alice@corp.example> deferred for 60 seconds": time.Minute,
	} {
		if got := ask(t, "451 4.7.1 "+text, Asked{Stage: Rcpt, Own: own}).RetryAfter; got != want {
			t.Errorf("%q: got %v, want %v", text, got, want)
		}
	}
}
