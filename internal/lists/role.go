package lists

import "strings"

// The classes of role accounts. RFC 2142 names the mailboxes of the first four
// and some of the others; postmaster and abuse must exist and are no risk of
// the kind that sales is.
const (
	Administrative = "administrative" // admin, office, hr
	Technical      = "technical"      // postmaster, hostmaster, webmaster, noc
	Abuse          = "abuse"          // abuse, security
	Sales          = "sales"
	Support        = "support"
	Billing        = "billing"
	Marketing      = "marketing"
	NoReply        = "noreply" // nobody reads it
	Generic        = "generic" // info, contact, team
)

// Role tells what a local part stands for if not for a person. The zero value
// means that it is no role account.
type Role struct {
	Class string `json:"class,omitempty"` // one of the constants above, or ""
}

// role is a row of the table of role names.
type role struct {
	class string
	split bool // made of words that dots, hyphens and underscores may part
}

// longestRole is more than any role name has, separators included, in octets.
const longestRole = 64

// Role looks up a local part, its tag and quotes left aside, without regard to
// case. Names of several words match in every spelling (no-reply, no.reply,
// noreply), names of one word only whole: ad.min@ is a person.
func (t *Table) Role(local string) Role {
	local = strings.TrimSuffix(strings.TrimPrefix(local, `"`), `"`)
	if base, _, ok := strings.Cut(local, "+"); ok && base != "" {
		local = base
	}
	if len(local) > longestRole {
		return Role{}
	}
	var buf [longestRole]byte
	name, parted := buf[:0], false
	for i := range len(local) {
		c := local[i]
		switch {
		case c == '.' || c == '-' || c == '_':
			parted = true
			continue
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		}
		name = append(name, c)
	}
	r := t.roles[string(name)]
	if parted && !r.split {
		return Role{}
	}
	return Role{Class: r.class}
}

// roleNames returns the table of role names: those of RFC 2142 §3 to §5 and the
// common ones, German, French, Spanish, Italian and Portuguese included. No
// given name is among them.
func roleNames() map[string]role {
	const one, several = false, true
	names := make(map[string]role, 150)
	add := func(class string, split bool, list string) {
		for name := range strings.FieldsSeq(list) {
			names[name] = role{class, split}
		}
	}
	add(Administrative, one, "admin administrator administration office hr jobs careers career bewerbung "+
		"legal privacy dpo gdpr datenschutz privacidad compliance reception secretary sekretariat verwaltung "+
		"director ceo board management")
	add(Administrative, several, "humanresources frontdesk dataprotection")
	add(Technical, one, "postmaster hostmaster webmaster listmaster usenet uucp www ftp noc root "+
		"dns ssladmin it devops bounce bounces daemon nobody hosting domains")
	add(Technical, several, "mailerdaemon sysadmin webadmin itsupport")
	add(Abuse, one, "abuse security phishing spam cert csirt psirt fraud")
	add(Abuse, several, "trustandsafety reportabuse")
	add(Sales, one, "sales verkauf vertrieb ventas vendite vendas ventes orders order bestellung shop sklep "+
		"zamowienia reservations bookings booking quotes")
	add(Sales, several, "salesteam presales")
	add(Support, one, "support service kundenservice kundendienst soporte suporte assistance assistenza "+
		"help support1 feedback complaints")
	add(Support, several, "helpdesk customerservice customercare customersupport techsupport clientservices")
	add(Billing, one, "billing invoice invoices accounting accounts payments payment finance rechnung "+
		"rechnungen buchhaltung facturacion faturamento fattura contabilidad payroll")
	add(Billing, several, "accountspayable accountsreceivable")
	add(Marketing, one, "marketing news newsletter newsletters press media presse pr events promo promotions "+
		"advertising partners partnerships subscribe unsubscribe")
	add(Marketing, several, "publicrelations")
	add(NoReply, one, "notifications notification alerts")
	add(NoReply, several, "noreply donotreply dontreply noresponse")
	add(Generic, one, "info information informacion contact contacts contacto contatto kontakt hello hi "+
		"hallo mail email post inbox team staff all everyone enquiries enquiry inquiries general mailbox")
	add(Generic, several, "contactus mailinglist")
	return names
}
