package reply

import (
	"slices"
	"testing"
	"time"
)

// MX hosts of the operators, as their customers' zones name them.
const (
	hostGmail      = "aspmx.l.google.com"
	hostMicrosoft  = "corp-example.mail.protection.outlook.com"
	hostOutlook    = "outlook-com.olc.protection.outlook.com"
	hostYahoo      = "mta5.am0.yahoodns.net"
	hostICloud     = "mx01.mail.icloud.com"
	hostProofpoint = "mxa-00000000.gslb.pphosted.com"
	hostMimecast   = "eu-smtp-inbound-1.mimecast.com"
	hostBarracuda  = "d1.ess.barracudanetworks.com"
	hostSymantec   = "cluster1.eu.messagelabs.com"
	hostTrend      = "in.hes.trendmicro.com"
	hostCisco      = "mx1.hc1.iphmx.com"
	hostSophos     = "mx-01-eu-west-1.prod.hydra.sophos.com"
	hostGMX        = "mx00.gmx.net"
	hostWebDe      = "mx-ha02.web.de"
	hostMailCom    = "mx00.mail.com"
	hostIONOS      = "mx00.ionos.de"
	hostTOnline    = "mx00.t-online.de"
	hostMailRu     = "mxs.mail.ru"
	hostYandex     = "mx.yandex.ru"
	hostQQ         = "mx1.qq.com"
	hostNetEase    = "163mx01.mxmail.netease.com"
	hostZoho       = "mx.zoho.com"
	hostComcast    = "mx1.comcast.net"
	hostOrange     = "smtp-in.orange.fr"
	hostAmazon     = "inbound-smtp.eu-west-1.amazonaws.com"
)

func TestGmail(t *testing.T) {
	check(t, []claim{
		{"no such account", hostGmail, "550-5.1.1 The email account that you tried to reach does not exist. Please try\n550-5.1.1 double-checking the recipient's email address for typos or\n550-5.1.1 unnecessary spaces. For more information, go to\n550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1-20020a05si123.1 - gsmtp", missing},
		{"disabled", hostGmail, "550 5.2.1 The email account that you tried to reach is disabled. a1 - gsmtp", disabled},
		{"552 over quota", hostGmail, "552-5.2.2 The email account that you tried to reach is over quota.\n552 5.2.2 https://support.google.com/mail/?p=OverQuotaPerm a1 - gsmtp", full},
		{"452 out of storage", hostGmail, "452-4.2.2 The recipient's inbox is out of storage space. Please direct the\n452 4.2.2 recipient to https://support.google.com/mail/?p=OverQuotaTemp a1 - gsmtp", full},
		{"450 too quickly", hostGmail, "450 4.2.1 The user you are trying to contact is receiving mail too quickly. Please resend your message at a later time. gsmtp", rate},
		{"450 at a rate", hostGmail, "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. gsmtp", rate},
		{"550 at a rate", hostGmail, "550 5.2.1 The user you are trying to contact is receiving mail at a rate that prevents additional messages from being delivered. gsmtp", rate},
		{"unusual rate", hostGmail, "421-4.7.0 [192.0.2.25] Our system has detected an unusual rate of unsolicited mail originating from your IP address.\n421 4.7.0 To protect our users, mail has been temporarily rate limited. gsmtp", rateHard},
		{"4.7.28", hostGmail, "421 4.7.28 Gmail has detected an unusual rate of mail. gsmtp", rateHard},
		{"not in whitelist", hostGmail, "421 4.7.0 IP not in whitelist for RCPT domain, closing connection. gsmtp", domain},
		{"TLS required", hostGmail, "421 4.7.0 TLS required for RCPT domain, closing connection. gsmtp", tls},
		{"several domains", hostGmail, "451 4.3.0 Multiple destination domains per transaction is unsupported. Please try again. gsmtp", Meaning{Class: ProtocolError, Split: true}},
		{"too many recipients", hostGmail, "452 4.5.3 Your message has too many recipients. gsmtp", split},
		{"policy size", hostGmail, "452 4.5.3 Domain policy size per transaction exceeded, please try this recipient in a separate transaction. gsmtp", split},
		{"gcdp", hostGmail, "550 5.7.1 Your email to group alice@corp.example was rejected; it violates the domain's email policy. (gcdp) a1 - gsmtp", domain},
		{"5.1.3", hostGmail, "553 5.1.3 The recipient address <alice@corp.example> is not a valid RFC 5321 address. gsmtp", missing},
		{"5.1.2", hostGmail, "553-5.1.2 The address <alice@corp.example> is\n553 5.1.2 not a valid RFC-5321 address. gsmtp", missing},
		{"5.1.2 for the domain", hostGmail, "553 5.1.2 We weren't able to find the recipient domain. gsmtp", relay},
		{"about us all the same", hostGmail, "550 5.1.1 your IP is not welcome. gsmtp", blocked},
	})
}

func TestMicrosoft(t *testing.T) {
	const tail = " [BN8NAM11FT045.eop-nam11.prod.protection.outlook.com 2024-05-02T10:00:00.000Z 08DC6A0E]"
	const seen = "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302)."
	check(t, []claim{
		{"edge blocked", hostMicrosoft, "550 5.4.1 Recipient address rejected: Access denied." + tail, missing},
		{"edge blocked, new host name", "corp-example.o-v1.mx.microsoft", "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors" + tail, missing},
		{"edge blocked, told by the signature", "mx.corp.example", "550 5.4.1 Recipient address rejected: Access denied." + tail, missing},
		{"edge blocked, told by the help page", "", "550 5.4.1 Recipient address rejected: Access denied. For more information see https://aka.ms/EXOSmtpErrors", missing},
		{"edge blocked elsewhere", "mx.corp.example", "550 5.4.1 Recipient address rejected: Access denied.", blocked},
		{"signed by one operator, said by another", hostGmail, "550 5.4.1 Recipient address rejected: Access denied." + tail, blocked},
		{"all rejected", hostMicrosoft, "550 5.4.1 All recipient addresses rejected : Access denied" + tail, bare},
		{"recipient not found", hostMicrosoft, "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient alice@corp.example not found by SMTP address lookup", missing},
		{"blocked using Spamhaus", hostMicrosoft, "550 5.7.1 Service unavailable, Client host [192.0.2.25] blocked using Spamhaus. To request removal from this list see https://www.spamhaus.org/query/ip/192.0.2.25 (AS3130)", listed},
		{"banned IP", hostMicrosoft, "550 5.7.606 Access denied, banned sending IP [192.0.2.25]." + tail, listed},
		{"banned sender", hostMicrosoft, "550 5.7.511 Access denied, banned sender[192.0.2.25]." + tail, listed},
		{"busy", hostMicrosoft, "451 4.7.500 Server busy. Please try again later from [192.0.2.25]. (S77719)" + tail, rateHard},
		{"4.7.650", hostMicrosoft, "451 4.7.650 The mail server [192.0.2.25] has been temporarily rate limited due to IP reputation." + tail, rateHard},
		{"4.7.651", hostMicrosoft, "451 4.7.651 The mail server [192.0.2.25] has been temporarily rate limited due to IP reputation." + tail, rateHard},
		{"other throttling", hostMicrosoft, "451 4.7.700 PFA agent busy, please try again." + tail, rate},
		{"tenant gone", hostMicrosoft, "550 5.7.64 TenantAttribution; Relay Access Denied" + tail, relay},
		{"tenant gone, no words", hostMicrosoft, "550 5.7.64 TenantAttribution;" + tail, relay},
		{"mail flow", hostMicrosoft, "451 4.4.4 Temporary server error. Mail flow not set up." + tail, temporary},

		{"Outlook.com unavailable", hostOutlook, seen, missing},
		{"Outlook.com unavailable elsewhere", "mx.corp.example", seen, weak},
		{"Outlook.com without enhanced code", hostOutlook, "550 Requested action not taken: mailbox unavailable (S2017062302).", missing},
		{"Outlook.com regions", hostOutlook, "452 4.5.3 Recipients belong to multiple regions ATTR37" + tail, split},
		{"Outlook.com block list", hostOutlook, "550 5.7.1 Unfortunately, messages from [192.0.2.25] weren't sent. Please contact your Internet service provider since part of their network is on our block list (S3140). You can also refer your provider to http://mail.live.com/mail/troubleshooting.aspx#errors.", listed},
		{"Outlook.com S3150", hostOutlook, "550 5.7.1 messages from [192.0.2.25] weren't sent (S3150)", listed},
		{"Outlook.com OU-002", hostOutlook, "550 OU-002 (BAY004) Unfortunately, messages from 192.0.2.25 weren't sent.", listed},
		{"Outlook.com SC-001", hostOutlook, "550 SC-001 (BAY004) Unfortunately, messages from 192.0.2.25 weren't sent.", listed},
		{"Outlook.com 5.2.122", hostOutlook, "554 5.2.122 The recipient has exceeded their limit for the number of messages they can receive per hour.", rate},
		{"Outlook.com 5.2.121", hostOutlook, "554 5.2.121 Recipient's per hour message receive limit from specific sender exceeded.", rate},
		{"Outlook.com RP-001", hostOutlook, "421 RP-001 (BAY004) Unfortunately, some messages from 192.0.2.25 weren't sent.", rate},
		{"Outlook.com RP-002", hostOutlook, "421 RP-002 (BAY004)", rate},
		{"Outlook.com RP-003", hostOutlook, "421 RP-003 (BAY004)", rate},
		{"Outlook.com DY-001", hostOutlook, "550 DY-001 (BAY004) mail from dynamic addresses", listed},
		{"about us all the same", hostOutlook, "550 5.5.0 Requested action not taken: mailbox unavailable, your IP", blocked},
	})
}

func TestExchangeOnPremises(t *testing.T) {
	check(t, []claim{
		{"user unknown", "", "550 5.1.1 User unknown", missing},
		{"5.1.10", "", "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup", missing},
		{"back pressure", "", "452 4.3.1 Insufficient system resources", temporary},
		{"no relay", "", "550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain", relay},
		{"not authenticated", "", "530 5.7.1 Client was not authenticated", blocked},
		{"too many errors", "", "421 4.7.0 Too many errors on this connection, closing transmission channel", rate},
	})
	a := Asked{Stage: Rcpt, Host: "mail.corp.example", Banner: "mail.corp.example Microsoft ESMTP MAIL Service ready at Thu, 2 May 2024", Own: own}
	for wire, want := range map[string]Class{
		"550 5.1.10 no": MailboxNotFound,
		"550 5.7.54 no": RelayDenied,
		"550 5.4.1 Recipient address rejected: Access denied": BlockedByPolicy,
	} {
		if got := ask(t, wire, a); got.Class != want {
			t.Errorf("%q by the banner: got %+v, want %s", wire, got, want)
		}
	}
}

func TestYahooAndICloud(t *testing.T) {
	check(t, []claim{
		{"Yahoo no account", hostYahoo, "554 delivery error: dd This user doesn't have a yahoo.com account (alice@corp.example) [0] - mta1.mail.bf1.yahoo.com", missing},
		{"Yahoo 550 no account", hostYahoo, "550 delivery error: dd This user doesn't have an account", missing},
		{"Yahoo TSS04", hostYahoo, "421 4.7.0 [TSS04] Messages from 192.0.2.25 temporarily deferred due to unexpected volume or user complaints - 4.16.55.1; see https://postmaster.yahooinc.com/error-codes", listed},
		{"Yahoo TSS09", hostYahoo, "553 5.7.2 [TSS09] All messages from 192.0.2.25 will be permanently deferred; Retrying will NOT succeed.", listed},
		{"Yahoo TSS11", hostYahoo, "553 5.7.2 [TSS11] All messages from 192.0.2.25 will be permanently deferred", listed},
		{"Yahoo BL21", hostYahoo, "553 5.7.1 [BL21] Connections will not be accepted from 192.0.2.25, because the ip is in Spamhaus's list", listed},
		{"Yahoo BL23", hostYahoo, "553 5.7.1 [BL23] Connections not accepted from IP addresses on Spamhaus XBL", listed},
		{"Yahoo VS1-IP", hostYahoo, "451 VS1-IP Excessive unknown recipients - possible Open Relay", rate},
		{"Yahoo VS1-MF", hostYahoo, "451 VS1-MF Excessive unknown recipients - possible Open Relay", rate},
		{"Yahoo max messages", hostYahoo, "421 Max message per connection reached, closing transmission channel", rate},
		{"Yahoo too quickly", hostYahoo, "450 User is receiving mail too quickly", rate},
		{"Yahoo domain failure", hostYahoo, "452 temporary domain failure", temporary},
		{"Yahoo accepts anyone", hostYahoo, "250 recipient <alice@corp.example> ok", accepted},

		{"iCloud does not exist", hostICloud, "550 5.1.1 <alice@corp.example>: user does not exist", missing},
		{"iCloud inactive", hostICloud, "550 5.1.1 <alice@corp.example>: inactive email address", disabled},
		{"iCloud 552 full", hostICloud, "552 5.2.2 <alice@corp.example>: user is over quota", full},
		{"iCloud 450 full", hostICloud, "450 4.2.2 <alice@corp.example>: user is over quota", full},
		{"iCloud Proofpoint", hostICloud, "554 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=192.0.2.25", listed},
		{"iCloud CS01", hostICloud, "554 5.7.1 [CS01] Message rejected due to local policy.", blocked},
		{"iCloud HM07", hostICloud, "550 5.7.1 [HM07] no", blocked},
		{"iCloud HM08", hostICloud, "550 5.7.1 [HM08] no", blocked},
		{"iCloud errors", hostICloud, "421 4.7.0 mx01.mail.icloud.com Error: too many errors", rate},
		{"iCloud volume", hostICloud, "421 4.7.1 excessive volume", rate},
		{"iCloud relay", hostICloud, "554 5.7.1 <alice@corp.example>: Relay access denied", relay},
	})
}

func TestGateways(t *testing.T) {
	check(t, []claim{
		{"Proofpoint unknown", hostProofpoint, "550 5.1.1 User Unknown", missing},
		{"Proofpoint marked invalid", hostProofpoint, "550 5.7.1 <alice@corp.example>: recipient address rejected: user email address is marked as invalid", missing},
		{"Proofpoint verifying", hostProofpoint, "421 4.1.1 <alice@corp.example>: unverified address: Address verification in progress", Meaning{Class: Greylisted, RetryAfter: 10 * time.Second}},
		{"Proofpoint ipcheck", hostProofpoint, "554 Blocked - see https://ipcheck.proofpoint.com/?ip=192.0.2.25", listed},
		{"Proofpoint prs", hostProofpoint, "550 5.7.1 Service unavailable; client [192.0.2.25] blocked using prs.proofpoint.com", listed},
		{"Proofpoint relay", hostProofpoint, "550 5.7.1 Relaying denied", relay},
		{"Proofpoint sender", hostProofpoint, "550 5.1.8 <verify@probe.example>: sender address rejected: domain not found", blocked},

		{"Mimecast greylisted", hostMimecast, "451 Internal resource temporarily unavailable - https://community.mimecast.com/docs/DOC-1369#451 [abc.uk1]", Meaning{Class: Greylisted, RetryAfter: time.Minute}},
		{"Mimecast invalid", hostMimecast, "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550 [abc.uk1]", missing},
		{"Mimecast policy", hostMimecast, "550 Rejected by header based Anti-Spoofing policy", blocked},
		{"Mimecast envelope policy", hostMimecast, "550 Rejected by header or envelope policy", blocked},
		{"Mimecast prohibition", hostMimecast, "550 Administrative prohibition - envelope blocked", blocked},
		{"Mimecast 451 invalid", hostMimecast, "451 Invalid Recipient", maybe},
		{"Mimecast reputation", hostMimecast, "550 Poor Reputation Sender", listed},
		{"Mimecast list", hostMimecast, "550 rejected by zen.mimecast.org", listed},
		{"Mimecast relay", hostMimecast, "451 Open relay not allowed", relay},
		{"Mimecast busy", hostMimecast, "421 Unable to process connection at this time", rate},
		{"Mimecast sender", hostMimecast, "421 Sender address blocked", listed},

		{"Barracuda cuda_nsu", hostBarracuda, "550 cuda_nsu 5.1.1 <alice@corp.example>... User unknown", missing},
		{"Barracuda cuda_nsu alone", hostBarracuda, "550 cuda_nsu", missing},
		{"Barracuda no such user", hostBarracuda, "550 No such user (alice@corp.example)", missing},
		{"Barracuda greylisted", hostBarracuda, "451 4.7.1 <alice@corp.example>: Recipient address rejected: Greylisted for 5 minutes", Meaning{Class: Greylisted, RetryAfter: 5 * time.Minute}},
		{"Barracuda abuse", hostBarracuda, "450 4.7.1 <alice@corp.example>: Recipient address rejected: Policy Rejection- Abuse.", blocked},
		{"Barracuda blocked", hostBarracuda, "550 Blocked", blocked},
		{"Barracuda blocked for one", hostBarracuda, "550 permanent failure for one or more recipients (alice@corp.example:blocked)", blocked},
		{"Barracuda blocked elsewhere", "", "550 permanent failure for one or more recipients (alice@corp.example:blocked)", blocked},
		{"Barracuda license", hostBarracuda, "422 License Expired", temporary},

		{"MessageLabs invalid", hostSymantec, "550 Invalid recipient <alice@corp.example> (#5.1.1)", missing},
		{"MessageLabs 501 policy", hostSymantec, "501 Connection rejected by policy [7.7] 20801, please visit www.messagelabs.com/support", blocked},
		{"MessageLabs 553 policy", hostSymantec, "553-Connection rejected by policy [7.7]", blocked},
		{"MessageLabs 450", hostSymantec, "450 Requested action aborted [9] 21402", blocked},
		{"MessageLabs relay", hostSymantec, "553-you are trying to use me [server-1.tower-1.messagelabs.com] as a relay, but I have not been configured to let you [192.0.2.25, probe1.probe.example] do this.\n553 please visit www.messagelabs.com/support (#5.7.1)", relay},

		{"Trend Micro invalid", hostTrend, "554 5.7.1 <alice@corp.example>: Recipient address rejected: Invalid-Recipient", missing},
		{"Trend Micro sender", hostTrend, "554 5.7.1 <verify@probe.example>: rejected: BLOCK-SEND-ER", listed},
		{"Trend Micro recipient", hostTrend, "554 5.7.1 <alice@corp.example>: Recipient address rejected: BLOCK-RCPT", blocked},
		{"Trend Micro customized", hostTrend, "554 5.7.1 Service unavailable; ERS-Customized-Block", blocked},
		{"Trend Micro no domain", hostTrend, "554 5.7.1 <alice@corp.example>: Recipient address rejected: NO-DOMAIN", relay},

		{"Cisco rejected", hostCisco, "550 #5.1.0 Address rejected.", missing},
		{"Cisco rejected, naming it", hostCisco, "550 #5.1.0 Address rejected. <alice@corp.example> frobnicated", missing},
		{"Cisco on premises", "mail.corp.example", "550 #5.1.0 Address rejected.", missing},
		{"Cisco reputation", hostCisco, "554 Your access to this mail system has been rejected due to the sending MTA's poor reputation.", listed},

		{"Sophos unknown", hostSophos, "550 5.1.1 XGEMAIL_0003 Command rejected, recipient unknown", missing},
		{"Sophos recipient unknown", hostSophos, "550 5.1.1 <alice@corp.example>: XGEMAIL recipient unknown", missing},
		{"Sophos rejected", hostSophos, "550 5.7.1 XGEMAIL_0011 Command rejected", blocked},

		{"Zerospam not in list", "mx.zerospam.ca", "554 5.7.1 <alice@corp.example>: Recipient address rejected: Not in recipient list", missing},
		{"Zerospam greylisted", "mx.zerospam.ca", "450 4.2.0 <alice@corp.example>: Recipient address rejected: greylisted for 60 seconds", Meaning{Class: Greylisted, RetryAfter: time.Minute}},
	})
}

func TestServerSoftware(t *testing.T) {
	check(t, []claim{
		{"Postfix local", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in local recipient table", missing},
		{"Postfix virtual mailbox", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in virtual mailbox table", missing},
		{"Postfix virtual alias", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in virtual alias table", missing},
		{"Postfix relay", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in relay recipient table", missing},
		{"Postfix undeliverable", "", "550 5.1.1 <alice@corp.example>: Recipient address rejected: undeliverable address: host mx.inner.test[192.0.2.1] said: 550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown in virtual mailbox table (in reply to RCPT TO command)", missing},
		{"Postfix 450 undeliverable", "", "450 4.1.1 <alice@corp.example>: Recipient address rejected: undeliverable address: host mx.inner.test[192.0.2.1] said: 550 5.1.1 unknown (in reply to RCPT TO command)", maybe},
		{"Postfix access table", "", "554 5.7.1 <alice@corp.example>: Recipient address rejected: Access denied", blocked},
		{"Postfix greylisted", "", "450 4.2.0 <alice@corp.example>: Recipient address rejected: Greylisted, see http://postgrey.schweikert.ch/help/corp.example.html", grey},
		{"Postfix 4.7.1 greylisted", "", "450 4.7.1 <alice@corp.example>: Recipient address rejected: Greylisted", grey},
		{"Postfix blocked", "", "554 5.7.1 Service unavailable; Client host [192.0.2.25] blocked using zen.spamhaus.org", listed},
		{"Postfix hostname", "", "450 4.7.25 Client host rejected: cannot find your hostname, [192.0.2.25]", blocked},
		{"Postfix reverse hostname", "", "450 4.7.1 Client host rejected: cannot find your reverse hostname, [192.0.2.25]", blocked},
		{"Postfix HELO", "", "504 5.5.2 <probe1>: Helo command rejected: need fully-qualified hostname", blocked},
		{"Postfix sender", "", "450 4.1.8 <verify@probe.example>: Sender address rejected: Domain not found", blocked},
		{"Postfix relay denied", "", "554 5.7.1 <alice@corp.example>: Relay access denied", relay},
		{"Postfix disk", "", "452 4.3.1 Insufficient system storage", temporary},
		{"Postfix lookup", "", "451 4.3.0 <alice@corp.example>: Temporary lookup failure", temporary},
		{"Postfix configuration", "", "451 4.3.5 Server configuration error", temporary},
		{"Dovecot in trouble", "", "450 4.7.1 <alice@corp.example>: Recipient address rejected: Temporary internal error", temporary},
		{"Dovecot quota", "", "552 5.2.2 <alice@corp.example>: Recipient address rejected: mailbox is full", full},
		{"Postfix errors", "", "421 4.7.0 mx.corp.example Error: too many errors", rate},
		{"Postfix connections", "", "421 4.7.0 mx.corp.example Error: too many connections from 192.0.2.25", rate},
		{"Postfix synchronization", "", "554 5.5.0 Error: SMTP protocol synchronization", protocol},

		{"Exim no such user", "", "550 No Such User Here", missing},
		{"Exim unknown user", "", "550 Unknown user", missing},
		{"Exim unrouteable", "", "550 Unrouteable address", missing},
		{"Exim no such address", "", "550 <alice@corp.example> no such address here", missing},
		{"Exim sender verify", "", "550 Sender verify failed", blocked},
		{"Exim verification failed", "", "550-Verification failed for <verify@probe.example>\n550-No Such User Here\n550 Sender verify failed", blocked},
		{"Exim sender callout", "", "451 Could not complete sender verify callout", temporary},
		{"Exim relay", "", "550 relay not permitted", relay},
		{"Exim callout", "", "550-Callout verification failed:\n550 550 5.1.1 User unknown", missing},
		{"Exim dictionary attack", "", "550 Too many failed recipients - count = 4", rate},
		{"Exim callout, cached", "", "550 Previous (cached) callout verification failure", weak},
		{"Exim sender callout, cached", "", "550-Verification failed for <verify@probe.example>\n550-Previous (cached) callout verification failure\n550 Sender verify failed", blocked},
		{"Exim greylisted", "", "451 Greylisted, please try again in 180 seconds", Meaning{Class: Greylisted, RetryAfter: 3 * time.Minute}},
		{"Exim synchronization", "", "554 SMTP synchronization error", protocol},

		{"qmail no mailbox", "", "550 sorry, no mailbox here by that name. (#5.1.1)", missing},
		{"qmail 511", "", "511 sorry, no mailbox here by that name", missing},
		{"qmail rcpthosts", "", "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", relay},
		{"qmail trouble", "", "451 qq temporary problem (#4.3.0)", temporary},
		{"qmail out of resources", "", "421 out of resources", temporary},

		{"sendmail user unknown", "", "550 5.1.1 <alice@corp.example>... User unknown", missing},
		{"sendmail no such user", "", "553 5.3.0 <alice@corp.example>... No such user here", missing},
		{"sendmail relaying", "", "550 5.7.1 <alice@corp.example>... Relaying denied. IP name lookup failed [192.0.2.25]", relay},
		{"sendmail rate", "", "421 4.3.2 Connection rate limit exceeded.", rate},
		{"sendmail recipients", "", "452 4.5.3 Too many recipients", split},
		{"sendmail 451 sender", "", "451 4.1.8 Domain of sender address verify@probe.example does not resolve", blocked},
		{"sendmail 553 sender", "", "553 5.1.8 <verify@probe.example>... Domain of sender address verify@probe.example does not exist", blocked},

		{"OpenSMTPD", "", "550 Invalid recipient: <alice@corp.example>", missing},
		{"Haraka", "", "550 5.1.1 I cannot deliver mail for <alice@corp.example>", missing},
		{"maddy", "", "501 5.1.3 invalid", missing},
	})
}

func TestOtherMailboxProviders(t *testing.T) {
	const unavailable = "550 Requested action not taken: mailbox unavailable"
	const gmxUnavailable = "550-Requested action not taken: mailbox unavailable\n550 For explanation visit https://postmaster.gmx.net/en/error-messages?ip=192.0.2.25&c=rtnf"
	check(t, []claim{
		{"GMX unavailable", hostGMX, gmxUnavailable, missing},
		{"web.de unavailable", hostWebDe, unavailable, missing},
		{"mail.com unavailable", hostMailCom, unavailable, missing},
		{"IONOS unavailable", hostIONOS, unavailable, missing},
		{"GMX unavailable, told by the help page", "mx.corp.example", gmxUnavailable, missing},
		{"unavailable elsewhere", "mx.corp.example", unavailable, weak},
		{"GMX storage", hostGMX, "550 Requested mail action aborted: exceeded storage allocation", full},
		{"GMX quota", hostGMX, "550 Quota exceeded. The recipient storage limit is reached", full},
		{"GMX no service", hostGMX, "554-gmx.net (mxgmx016) Nemesis ESMTP Service not available\n554-No SMTP service\n554-IP address is block listed.\n554 For explanation visit https://postmaster.gmx.net/", listed},
		{"GMX not available", hostGMX, "554 gmx.net (mxgmx016) Nemesis ESMTP Service not available", blocked},
		{"GMX no SMTP service", hostGMX, "554 No SMTP service", blocked},
		{"GMX PTR", hostGMX, "554-Bad DNS PTR resource record.\n554 For explanation visit https://postmaster.gmx.net/", blocked},
		{"GMX policy", hostGMX, "550 Reject due to policy restrictions", blocked},
		{"GMX unknown recipients", hostGMX, "421 Reject due to policy violations (too many unknown recipients)", rate},
		{"GMX rate", hostGMX, "421 Rate limit reached", rate},
		{"GMX changing HELO", hostGMX, "450 Reject due to policy violations (changing HELO)", blocked},

		{"T-Online unknown", hostTOnline, "550 user unknown", missing},
		{"T-Online full", hostTOnline, "552 over storage quota", full},
		{"T-Online blocked", hostTOnline, "554 IP=192.0.2.25 - A problem occurred. (Ask your postmaster for help or to contact tosa@rx.t-online.example to clarify.)", listed},

		{"Mail.ru not found", hostMailRu, "550 Message was not accepted -- invalid mailbox.  Local mailbox alice@corp.example is unavailable: user not found", missing},
		{"Mail.ru disabled", hostMailRu, "550 Message was not accepted -- invalid mailbox.  Local mailbox alice@corp.example is unavailable: account is disabled", disabled},
		{"Mail.ru terminated", hostMailRu, "550 Message was not accepted -- invalid mailbox.  Local mailbox alice@corp.example is unavailable: user is terminated", disabled},
		{"Mail.ru rate", hostMailRu, "421 ratelimit", rate},
		{"Mail.ru spam", hostMailRu, "550 spam message rejected. Please visit http://help.mail.ru/notspam-support/id?c=abc", blocked},

		{"Yandex no such user", hostYandex, "550 5.7.1 No such user!", missing},
		{"Yandex blocked account", hostYandex, "550 5.7.1 Policy rejection on the target address", disabled},
		{"the same elsewhere", "", "550 5.7.1 Policy rejection on the target address", blocked},
		{"Yandex later", hostYandex, "451 4.7.1 Sorry, the service is currently unavailable. Please come back later.", grey},
		{"Yandex rate", hostYandex, "450 4.2.1 The recipient has exceeded message rate limit. Try again later.", rate},

		{"QQ not found", hostQQ, "550 Mailbox not found. http://service.mail.qq.com/cgi-bin/help?id=20022", missing},
		{"QQ unavailable or denied", hostQQ, "550 Mailbox unavailable or access denied [MGpa]", rate},
		{"QQ frequency", hostQQ, "550 IP, Domain, Sender, Connection frequency limited", rate},
		{"QQ suspected", hostQQ, "550 Suspected spam ip", listed},
		{"QQ denied", hostQQ, "550 Connection denied", blocked},

		{"NetEase not found", hostNetEase, "550 User not found: alice@corp.example", missing},
		{"NetEase suspended", hostNetEase, "550 User suspended", disabled},
		{"NetEase null sender", hostNetEase, "553 Requested action not taken: NULL sender is not allowed", blocked},
		{"NetEase local user", hostNetEase, "553 Requested action not taken: Local user only", blocked},
		{"NetEase authentication", hostNetEase, "553 authentication is required", blocked},
		{"NetEase HL:REP", hostNetEase, "421 HL:REP 163 mx1", listed},
		{"NetEase HL:IFC", hostNetEase, "421 HL:IFC 163 mx1", rate},
		{"NetEase MI:DMC", hostNetEase, "450 MI:DMC 163 mx1", rate},
		{"NetEase MI:SFQ", hostNetEase, "451 MI:SFQ 163 mx1", rate},
		{"NetEase DT:SPM", hostNetEase, "554 DT:SPM 163 mx1", blocked},

		{"Zoho unknown", hostZoho, "550 5.1.1 User unknown", missing},
		{"Zoho relaying", hostZoho, "553 Relaying disallowed", relay},
		{"Zoho domain", hostZoho, "541 5.4.1 Mail rejected by destination domain", domain},
		{"Zoho mailbox policy", hostZoho, "452 Mailbox delivery restricted by policy error", domain},

		{"Fastmail", "in1-smtp.messagingengine.com", "550 5.1.1 <alice@corp.example>: Recipient address rejected: User unknown", missing},
		{"Proton", "mail.protonmail.ch", "550 5.1.1 <alice@corp.example>: Recipient address rejected: Address does not exist", missing},
		{"Proton without code", "mail.protonmail.ch", "550 <alice@corp.example>: Recipient address rejected: Address does not exist", missing},

		{"Comcast customer", hostComcast, "550 5.1.1 Not our Customer", missing},
		{"Comcast unallocated", hostComcast, "550 5.1.1 recipient mailbox unallocated", missing},
		{"Comcast quota", hostComcast, "452 4.1.1 user over quota", full},
		{"Comcast rate", hostComcast, "452 4.1.1 too many recent messages", rate},
		{"Comcast block", hostComcast, "554 resimta-po-01v.sys.comcast.net comcast 192.0.2.25 Comcast block for spam.", listed},
		{"Comcast PTR", hostComcast, "554 Comcast requires that all mail servers must have a PTR record with a valid Reverse DNS entry", blocked},

		{"Orange invalid", hostOrange, "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416 [416]", missing},
		{"Orange inactivity", hostOrange, "550 5.2.1 blocked due to inactivity", disabled},
		{"Orange blocked", hostOrange, "550 mwinf5c20 ME Adresse IP source bloquee pour incident de spam. Client host blocked for spamming issues. OFR006_102 Ref", listed},
		{"Orange blocked, short", hostOrange, "550 mwinf ME Adresse IP source bloquee", listed},
		{"Orange connections", hostOrange, "421 mwinf OFR004_104 too many connections", rate},

		{"AT&T unknown", "ff-ip4-mx-vip1.prodigy.net", "550 5.2.1 <alice@corp.example>... Addressee unknown, relay=[192.0.2.25]", missing},
		{"AT&T sender domain", "ff-ip4-mx-vip1.prodigy.net", "550 5.7.1 Connections not accepted from servers without a valid sender domain", blocked},
		{"Amazon no rule", hostAmazon, "550 5.1.1 mailbox unavailable", missing},
		{"Amazon accepts", hostAmazon, "250 2.1.5 OK", accepted},
	})
}

// OpenSMTPD has one text for an absent user, a domain that is not its own and a
// client it does not like, so that a live mailbox gets it behind a stale MX.
func TestOpenSMTPDIsNeverSureOfAMailbox(t *testing.T) {
	a := Asked{Stage: Rcpt, Host: "mx.corp.example", Banner: "mx.corp.example ESMTP OpenSMTPD", Own: own}
	for wire, want := range map[string]Meaning{
		"550 Invalid recipient: <alice@corp.example>":                             {Class: MailboxNotFound, Weak: true, Rule: "opensmtpd:no-rule"},
		"524 5.2.4 Mailing list expansion problem: <alice@corp.example>":          {Class: MailboxNotFound, Weak: true, Rule: "opensmtpd:no-alias"},
		"424 4.2.4 Mailing list expansion problem: <alice@corp.example>":          {Class: TemporaryFailure, Rule: "code:4yz"},
		"451 Temporary failure: <alice@corp.example>":                             {Class: TemporaryFailure, Rule: "code:4yz"},
		"250 2.1.5 Destination address valid: Recipient ok":                       {Class: Accepted, Rule: "code:2yz"},
		"550 5.7.1 Client host blocked using zen.spamhaus.org, invalid recipient": {Class: BlockedByPolicy, Listed: true, Rule: "words:blocklist"},
	} {
		if got := ask(t, wire, a); got != want {
			t.Errorf("%q\n got %+v\nwant %+v", wire, got, want)
		}
	}
}

func TestOperatorsAreKnownByBannerToo(t *testing.T) {
	for _, c := range []struct{ name, host, banner, wire, rule string }{
		{"Gmail", "mx.corp.example", "mx.google.com ESMTP a1-20020a05si123.1 - gsmtp", "550 5.1.1 no", "gmail:no-such-account"},
		{"Microsoft 365", "mx.corp.example", "BN8NAM11FT045.mail.protection.outlook.com Microsoft ESMTP MAIL Service ready", "550 5.4.1 Recipient address rejected: Access denied", "microsoft:edge-blocked"},
		{"GMX", "mx.corp.example", "gmx.net (mxgmx016) Nemesis ESMTP Service ready", "550 mailbox unavailable", "gmx:mailbox-unavailable"},
		{"IONOS", "mx.corp.example", "kundenserver.de (mxeue109) Nemesis ESMTP Service ready", "550 mailbox unavailable", "gmx:mailbox-unavailable"},
		{"the host name comes first", hostGMX, "mx.google.com ESMTP gsmtp", "550 mailbox unavailable", "gmx:mailbox-unavailable"},
		{"a final dot and capitals", "MX00.GMX.NET.", "", "550 mailbox unavailable", "gmx:mailbox-unavailable"},
		{"a look-alike is not it", "mx.notgmx.net", "", "550 mailbox unavailable", "words:mailbox-unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ask(t, c.wire, Asked{Stage: Rcpt, Host: c.host, Banner: c.banner, Own: own})
			if got.Rule != c.rule {
				t.Errorf("got %+v, want rule %s", got, c.rule)
			}
		})
	}
}

// A row that would make a statement about a mailbox must not be reachable by a
// refusal about us.
func TestNoRowBeatsWordsAboutUs(t *testing.T) {
	for _, o := range operators {
		for i := range o.rows {
			r := &o.rows[i]
			if !aboutMailbox(r.class) {
				continue
			}
			code := 550
			if len(r.codes) > 0 {
				code = r.codes[0]
			}
			text := ""
			for _, w := range r.words {
				text += trimStar(w) + " "
			}
			e := r.enhanced
			if e.Class == 0 && e != (Enhanced{}) {
				e.Class = code / 100
			}
			for _, us := range []string{"your ip", "listed at spamhaus", "relay access denied", "too many errors", "must issue a starttls", "sender address rejected", "helo"} {
				q := question{code: code, enhanced: e, stage: Rcpt, operators: []*operator{o}}
				if m := q.read(text + us); aboutMailbox(m.Class) {
					t.Errorf("%s with %q: got %+v", r.rule, us, m)
				}
			}
		}
	}
}

func TestRowsAreWrittenAsTextsAreFolded(t *testing.T) {
	folded := func(name string, phrases []string) {
		for _, p := range phrases {
			if tx := fold(trimStar(p)); tx.s != "| "+trimStar(p)+" |" {
				t.Errorf("%s: %q would be folded to %q and never match", name, p, tx.s)
			}
		}
	}
	for _, o := range slices.Concat(operators, []*operator{{rows: software}}) {
		folded("banner", o.banners)
		for _, r := range o.rows {
			folded(r.rule, r.words)
			if r.rule == "" || r.class == "" {
				t.Errorf("row without rule or class: %+v", r)
			}
		}
	}
	for _, list := range phraseLists() {
		folded("words.go", list)
	}
}
