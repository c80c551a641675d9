package lists

// disposableDomains returns domains for throw-away addresses and who lists
// them. The names under .test belong to the simulated mail internet.
func disposableDomains() map[string]Tier {
	return map[string]Tier{
		"disposable.test":           Curated,
		"disposable-families.test":  Families,
		"disposable-family.test":    Family,
		"disposable-suspected.test": Aggregator,

		"10minutemail.com":   Curated,
		"discard.email":      Curated,
		"dispostable.com":    Curated,
		"emailfake.com":      Curated,
		"emailondeck.com":    Curated,
		"fakeinbox.com":      Curated,
		"generator.email":    Curated,
		"getnada.com":        Curated,
		"grr.la":             Curated,
		"guerrillamail.biz":  Curated,
		"guerrillamail.com":  Curated,
		"guerrillamail.de":   Curated,
		"guerrillamail.info": Curated,
		"guerrillamail.net":  Curated,
		"guerrillamail.org":  Curated,
		"maildrop.cc":        Curated,
		"mailinator.com":     Curated,
		"mailnesia.com":      Curated,
		"mintemail.com":      Curated,
		"moakt.com":          Curated,
		"mohmal.com":         Curated,
		"sharklasers.com":    Curated,
		"temp-mail.org":      Curated,
		"tempail.com":        Curated,
		"tempr.email":        Curated,
		"throwawaymail.com":  Curated,
		"trashmail.com":      Curated,
		"yopmail.com":        Curated,
		"yopmail.fr":         Curated,
		"yopmail.net":        Curated,
	}
}

// freeDomains returns the domains of providers where anyone gets a mailbox, and
// the confidence.
func freeDomains() map[string]string {
	return map[string]string{
		"free-suspected.test": Low,

		"126.com": High, "163.com": High, "aol.com": High, "bk.ru": High, "fastmail.com": High,
		"free.fr": High, "freenet.de": High, "gmail.com": High, "gmx.com": High, "gmx.de": High,
		"gmx.net": High, "googlemail.com": High, "hotmail.co.uk": High, "hotmail.com": High,
		"hotmail.fr": High, "icloud.com": High, "laposte.net": High, "libero.it": High, "live.com": High,
		"mac.com": High, "mail.com": High, "mail.ru": High, "me.com": High, "msn.com": High,
		"naver.com": High, "orange.fr": High, "outlook.com": High, "pm.me": High, "proton.me": High,
		"protonmail.com": High, "qq.com": High, "seznam.cz": High, "t-online.de": High, "tuta.com": High,
		"tutanota.com": High, "web.de": High, "wp.pl": High, "yahoo.co.uk": High, "yahoo.com": High,
		"yahoo.fr": High, "yandex.com": High, "yandex.ru": High, "ymail.com": High, "zoho.com": High,
	}
}

// relayDomains returns the domains of privacy relays.
func relayDomains() map[string]string {
	const (
		simpleLogin = "SimpleLogin"
		addy        = "addy.io"
		protonPass  = "Proton Pass"
		spamgourmet = "Spamgourmet"
	)
	return map[string]string{
		"privaterelay.appleid.com": "Apple Hide My Email",
		"mozmail.com":              "Firefox Relay",
		"relay.firefox.com":        "Firefox Relay",
		"duck.com":                 "DuckDuckGo",

		"simplelogin.com": simpleLogin, "simplelogin.co": simpleLogin, "simplelogin.fr": simpleLogin,
		"simplelogin.io": simpleLogin, "aleeas.com": simpleLogin, "slmail.me": simpleLogin,
		"slmails.com": simpleLogin, "8alias.com": simpleLogin, "8shield.net": simpleLogin,
		"dralias.com": simpleLogin, "silomails.com": simpleLogin,

		"passmail.com": protonPass, "passmail.net": protonPass,
		"passinbox.com": protonPass, "passfwd.com": protonPass,

		"addy.io": addy, "anonaddy.com": addy, "anonaddy.me": addy,
		"addymail.com": addy, "4wrd.cc": addy, "mailer.me": addy,

		"use.startmail.com": "StartMail", "33mail.com": "33Mail", "erine.email": "erine.email",
		"forwardemail.net": "Forward Email", "improvmx.com": "ImprovMX",
		"spamgourmet.com": spamgourmet, "spamgourmet.net": spamgourmet, "spamgourmet.org": spamgourmet,
		"opayq.com": "IronVest", "ironvest.com": "IronVest",
	}
}

// typoDomains returns slips of the keyboard and what was meant. A name that may
// be somebody's own mail domain does not belong here.
func typoDomains() map[string]string {
	const gmail, hotmail, yahoo, outlook = "gmail.com", "hotmail.com", "yahoo.com", "outlook.com"
	return map[string]string{
		"gmal.com": gmail, "gmial.com": gmail, "gmai.com": gmail,
		"hotmial.com": hotmail, "yaho.com": yahoo, "outlok.com": outlook,

		// No such top-level domain.
		"gmailcom": gmail, "gmail.con": gmail, "gmail.cmo": gmail, "gmail.comm": gmail,
		"hotmail.con": hotmail, "yahoo.con": yahoo, "outlook.con": outlook,
	}
}

// providerSuffixes returns who runs the MX hosts below a suffix.
func providerSuffixes() map[string]string {
	const (
		google, microsoft = "Google", "Microsoft 365"
		zoho, yandex      = "Zoho", "Yandex"
		mimecast, yahoo   = "Mimecast", "Yahoo"
		proofpoint        = "Proofpoint"
		tencent, netease  = "Tencent", "NetEase"
		ionos, mailRu     = "IONOS", "Mail.ru"
	)
	return map[string]string{
		"google.com": google, "googlemail.com": google,
		"mail.protection.outlook.com": microsoft, "mx.microsoft": microsoft,
		"mail.protection.office365.us": microsoft, "mail.protection.partner.outlook.cn": microsoft,
		"olc.protection.outlook.com": "Outlook.com",
		"yahoodns.net":               yahoo, "mail.yahoo.co.jp": "Yahoo Japan",
		"mail.icloud.com": "iCloud", "protonmail.ch": "Proton",
		"messagingengine.com": "Fastmail", "tutanota.de": "Tuta",
		"zoho.com": zoho, "zoho.eu": zoho, "zoho.in": zoho, "zoho.com.au": zoho, "zoho.jp": zoho, "zohomail.com": zoho,
		"mx.yandex.net": yandex, "mx.yandex.ru": yandex, "mxs.mail.ru": mailRu, "emx.mail.ru": mailRu,
		"qq.com": tencent, "mxmail.netease.com": netease, "qiye.163.com": netease,
		"mxhichina.com": "Alibaba", "qiye.aliyun.com": "Alibaba",

		"pphosted.com": proofpoint, "ppe-hosted.com": proofpoint,
		"mimecast.com": mimecast, "mimecast.co.za": mimecast, "mimecast-offshore.com": mimecast,
		"barracudanetworks.com": "Barracuda", "iphmx.com": "Cisco", "messagelabs.com": "Broadcom",
		"mailcontrol.com": "Forcepoint", "fireeyecloud.com": "Trellix", "hydra.sophos.com": "Sophos",
		"hornetsecurity.com": "Hornetsecurity", "antispameurope.com": "Hornetsecurity",
		"tmes.trendmicro.com": "Trend Micro", "tmes.trendmicro.eu": "Trend Micro",
		"mxrecord.io": "Cloudflare Area 1", "mx.cloudflare.net": "Cloudflare Email Routing",

		"emailsrvr.com": "Rackspace", "secureserver.net": "GoDaddy", "privateemail.com": "Namecheap",
		"titan.email": "Titan", "hostinger.com": "Hostinger", "ovh.net": "OVH", "mail.gandi.net": "Gandi",
		"kundenserver.de": ionos, "ionos.com": ionos, "1and1.com": ionos,
		"infomaniak.ch": "Infomaniak", "rzone.de": "Strato", "migadu.com": "Migadu",
		"mail.dreamhost.com": "DreamHost", "one.com": "one.com",
		"simplelogin.co": "SimpleLogin", "anonaddy.me": "addy.io",
		"forwardemail.net": "Forward Email", "improvmx.com": "ImprovMX",
	}
}
