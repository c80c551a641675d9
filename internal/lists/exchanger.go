package lists

import "strings"

// ExchangerKind says what a mail exchanger's owner does with mail.
type ExchangerKind string

// The kinds of exchangers.
const (
	Mailboxes ExchangerKind = "mailboxes"  // keeps it for people: a mailbox provider
	Gateway   ExchangerKind = "gateway"    // filters it for paying companies, as no service for throw-away addresses does
	Forwarder ExchangerKind = "forwarder"  // passes it on; a privacy relay among others
	Inboxes   ExchangerKind = "inboxes"    // hands it to programs
	Throwaway ExchangerKind = "disposable" // shows it to anybody: a domain born today is disposable by its MX
	Parked    ExchangerKind = "parked"     // stands for a domain that nobody uses
)

// Exchanger is who stands behind an MX host. The zero value means unknown.
type Exchanger struct {
	Name string        `json:"name,omitempty"`
	Kind ExchangerKind `json:"kind,omitempty"`
}

// Business reports whether only paying companies have the exchanger: a weak
// listing of a domain behind it is a mistake. Google's is no proof, for services
// for throw-away addresses use it.
func (e Exchanger) Business() bool { return e.Kind == Gateway || e.Name == microsoft365 }

const microsoft365 = "Microsoft 365"

// Exchanger looks up an MX host name by its longest known suffix. The names are
// the vendors' own, from their setup pages.
func (t *Table) Exchanger(mxHost string) Exchanger {
	host := fold(mxHost)
	if e, _, ok := bySuffix(t.exchangers, host); ok {
		return e
	}
	switch {
	case host == "" || host == "localhost": // "." is a null MX (RFC 7505)
		return Exchanger{"none", Parked}
	case strings.HasPrefix(host, "inbound-smtp.") && strings.HasSuffix(host, ".amazonaws.com"):
		return Exchanger{"Amazon SES", Inboxes} // inbound-smtp.REGION.amazonaws.com
	}
	return Exchanger{}
}

// Provider returns the mailbox provider, gateway or forwarder behind an MX host
// name; "" if unknown, or if it serves nobody.
func (t *Table) Provider(mxHost string) string { return t.Exchanger(mxHost).Provider() }

// Provider returns the name unless the exchanger serves nobody.
func (e Exchanger) Provider() string {
	if e.Kind == Throwaway || e.Kind == Parked {
		return ""
	}
	return e.Name
}

// exchangers returns the table of exchangers by suffix of the host name.
func exchangers() map[string]Exchanger {
	table := make(map[string]Exchanger, 150)
	add := func(kind ExchangerKind, name string, suffixes ...string) {
		for _, suffix := range suffixes {
			table[suffix] = Exchanger{name, kind}
		}
	}
	addMailboxes(add)
	addHosting(add)
	addGateways(add)
	addThrowaways(add)
	return table
}

// addMailboxes adds providers known to everybody.
func addMailboxes(add func(ExchangerKind, string, ...string)) {
	add(Mailboxes, "Google", "google.com", "googlemail.com")
	add(Mailboxes, microsoft365, "mail.protection.outlook.com", "mx.microsoft",
		"mail.protection.office365.us", "mail.protection.partner.outlook.cn")
	add(Mailboxes, "Outlook.com", "olc.protection.outlook.com")
	add(Mailboxes, "Yahoo", "yahoodns.net")
	add(Mailboxes, "Yahoo Japan", "mail.yahoo.co.jp")
	add(Mailboxes, "iCloud", "mail.icloud.com")
	add(Mailboxes, "Proton", "protonmail.ch")
	add(Mailboxes, "Fastmail", "messagingengine.com")
	add(Mailboxes, "Tuta", "tutanota.de")
	add(Mailboxes, "Zoho", "zoho.com", "zoho.eu", "zoho.in", "zoho.com.au", "zoho.jp", "zohomail.com")
	add(Mailboxes, "Yandex", "mx.yandex.net", "mx.yandex.ru")
	add(Mailboxes, "Mail.ru", "mxs.mail.ru", "emx.mail.ru")
	add(Mailboxes, "Tencent", "qq.com")
	add(Mailboxes, "NetEase", "mxmail.netease.com", "qiye.163.com")
	add(Mailboxes, "Alibaba", "mxhichina.com", "qiye.aliyun.com")
	addCountries(add)
}

// addCountries adds the large mailbox providers of one country, whose exchangers
// have names of their own domains.
func addCountries(add func(ExchangerKind, string, ...string)) {
	add(Mailboxes, "GMX", "gmx.net")
	add(Mailboxes, "WEB.DE", "web.de")
	add(Mailboxes, "T-Online", "t-online.de")
	add(Mailboxes, "mailbox.org", "mailbox.org")
	add(Mailboxes, "Posteo", "posteo.de")
	add(Mailboxes, "Orange", "orange.fr")
	add(Mailboxes, "Free", "mx1.free.fr", "mx2.free.fr") // subscribers have names below free.fr
	add(Mailboxes, "La Poste", "laposte.net")
	add(Mailboxes, "SFR", "sfr.fr")
	add(Mailboxes, "Libero", "libero.it")
	add(Mailboxes, "Seznam", "seznam.cz")
	add(Mailboxes, "WP", "wp.pl")
	add(Mailboxes, "Onet", "onet.pl")
	add(Mailboxes, "Interia", "interia.pl")
	add(Mailboxes, "Comcast", "comcast.net")
	add(Mailboxes, "Naver", "naver.com")
	add(Mailboxes, "Kakao", "hanmail.net", "daum.net")
}

// addHosting adds companies who host mail with domains.
func addHosting(add func(ExchangerKind, string, ...string)) {
	add(Mailboxes, "Rackspace", "emailsrvr.com")
	add(Mailboxes, "GoDaddy", "secureserver.net")
	add(Mailboxes, "Namecheap", "privateemail.com")
	add(Mailboxes, "Titan", "titan.email")
	add(Mailboxes, "Hostinger", "hostinger.com")
	add(Mailboxes, "IONOS", "kundenserver.de", "ionos.com", "1and1.com")
	add(Mailboxes, "OVH", "ovh.net")
	add(Mailboxes, "Gandi", "mail.gandi.net")
	add(Mailboxes, "Infomaniak", "infomaniak.ch")
	add(Mailboxes, "Strato", "rzone.de")
	add(Mailboxes, "Migadu", "migadu.com")
	add(Mailboxes, "DreamHost", "mail.dreamhost.com")
	add(Mailboxes, "one.com", "one.com")
	add(Mailboxes, "Intermedia", "serverdata.net")
	add(Mailboxes, "SiteGround", "mailspamprotection.com")
	add(Forwarder, "Cloudflare Email Routing", "mx.cloudflare.net")
	add(Forwarder, "Namecheap forwarding", "registrar-servers.com")
	add(Forwarder, "SimpleLogin", "simplelogin.co")
	add(Forwarder, "addy.io", "anonaddy.me")
	add(Forwarder, "Forward Email", "forwardemail.net")
	add(Forwarder, "ImprovMX", "improvmx.com")
	add(Inboxes, "Mailgun", "mailgun.org")
	add(Inboxes, "SendGrid", "mx.sendgrid.net")
	add(Inboxes, "Postmark", "inbound.postmarkapp.com")
}

// addGateways adds filters that companies pay for.
func addGateways(add func(ExchangerKind, string, ...string)) {
	add(Gateway, "Proofpoint", "pphosted.com", "ppe-hosted.com")
	add(Gateway, "Mimecast", "mimecast.com", "mimecast.co.za", "mimecast-offshore.com")
	add(Gateway, "Barracuda", "barracudanetworks.com")
	add(Gateway, "Cisco", "iphmx.com")
	add(Gateway, "Broadcom", "messagelabs.com")
	add(Gateway, "Forcepoint", "mailcontrol.com")
	add(Gateway, "Trellix", "fireeyecloud.com")
	add(Gateway, "Trend Micro", "tmes.trendmicro.com", "tmes.trendmicro.eu", "hes.trendmicro.com")
	add(Gateway, "Sophos", "hydra.sophos.com")
	add(Gateway, "Hornetsecurity", "hornetsecurity.com", "antispameurope.com")
	add(Gateway, "Cloudflare Area 1", "mxrecord.io", "mxrecord.mx")
	add(Gateway, "SpamExperts", "antispamcloud.com", "spamexperts.com", "spamexperts.eu", "spamexperts.net")
	add(Gateway, "AppRiver", "arsmtp.com")
}

// addThrowaways adds services for throw-away addresses, and parking.
func addThrowaways(add func(ExchangerKind, string, ...string)) {
	for _, name := range []string{
		"in.mail.tm", "mx.temp-mail.io", "temp-mail.org", "mailinator.com", "mx.powered.name", "smtp.yopmail.com",
		"mx.1secmail.com", "mx.moakt.com", "mx.discard.email", "mailnesia.com", "emailfake.com", "email-fake.com",
		"generator.email", "prd-smtp.10minutemail.com", "papierkorb.me",
	} {
		add(Throwaway, name, name)
	}
	add(Parked, "Above.com", "park-mx.above.com")
	add(Parked, "h-email.net", "mail.h-email.net")
	add(Parked, "HugeDomains", "hugedomains.com")
}
