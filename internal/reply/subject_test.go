package reply

import "testing"

// What a statement is about decides: the same words are said of mailboxes and
// of what only belongs to them or carries their name.
func TestSubjectsOfStatements(t *testing.T) {
	for _, c := range []struct {
		text string
		want Class
	}{
		{"Unknown mail account", MailboxNotFound}, {"alias unknown", MailboxNotFound}, {"invalid user name", MailboxNotFound}, {"Bad destination mailbox", MailboxNotFound},
		{"wrong e-mail address", MailboxNotFound}, {"Unknown E-Mail address", MailboxNotFound}, {"mailbox name not found", MailboxNotFound}, {"Not a local user", MailboxNotFound},
		{"Recipient not in our database", MailboxNotFound}, {"recipient address is not valid", MailboxNotFound}, {"No mailbox found", MailboxNotFound},
		{"unable to locate that mailbox", MailboxNotFound}, {"user has moved to <new@corp.example>", MailboxNotFound},

		{"unknown recipient domain", Unclear}, {"invalid recipient domain", Unclear}, {"bad mailbox server", Unclear}, {"invalid mailbox configuration", Unclear},
		{"no such user database", Unclear}, {"domain of the recipient is unknown", Unclear}, {"DNS record for this address not found", Unclear},
		{"domain part of the recipient address does not exist", Unclear}, {"network address unknown", Unclear}, {"DNS address is invalid", Unclear}, {"cannot find recipient's mail server", Unclear},
		{"source address does not exist", BlockedByPolicy}, {"bounce address is not valid", Unclear}, {"wrong user or password", BlockedByPolicy},
		{"The address you are using to send is not valid", BlockedByPolicy}, {"Your mail address is not valid", BlockedByPolicy}, {"connection closed", Unclear}, {"message deleted", Unclear},

		{"This mailbox has been closed", MailboxDisabled}, {"account deleted", MailboxDisabled}, {"recipient account is frozen", MailboxDisabled}, {"Mailbox locked by administrator", MailboxDisabled},
		{"jan has left the company", MailboxDisabled}, {"This person is no longer with the company", MailboxDisabled}, {"mailbox retired", MailboxDisabled},

		{"Mailbox has exceeded the limit", MailboxFull}, {"mailbox exceeds maximum allowed size", MailboxFull}, {"Recipient's mailbox storage is exhausted", MailboxFull},
		{"Mailbox is full / Blocked", MailboxFull}, {"Message exceeds mailbox quota; mailbox full", MailboxFull}, {"user over its quota", MailboxFull},
		{"mailbox full or too large attachment", MailboxFull},
		{"message exceeds the mailbox limit", Unclear}, {"User has reached the daily quota of messages", RateLimited}, {"outgoing quota exceeded", RateLimited},
		{"no space left on device", Unclear}, {"not enough rights for this mailbox", Unclear}, {"mailbox storage error", Unclear},
	} {
		r, err := Parse([]string{"550 " + c.text})
		if err != nil {
			t.Fatal(err)
		}
		if m := Classify(r, Asked{Stage: Rcpt, Own: own}); m.Class != c.want || m.Weak {
			t.Errorf("%q: got %+v, want %s", c.text, m, c.want)
		}
	}
}

// United Internet puts "mailbox unavailable" before what it holds against the
// sender's domain.
func TestSendersDomainIsNoMailbox(t *testing.T) {
	check(t, []claim{
		{"GMX", hostGMX, "550-Requested action not taken: mailbox unavailable\n550 invalid DNS MX or A/AAAA resource record", blocked},
		{"the recipient's domain", "", "550 5.1.2 The address you entered could not be found because the domain was not found", relay},
		{"Outlook.com in a report", "", "550 5.5.0 Requested action not taken: mailbox unavailable [BN8NAM11FT012.eop-nam11.prod.protection.outlook.com]", missing},
		{"Weak: a blocked account, maybe a sender's", "", "550 Konto gesperrt", Meaning{Class: MailboxDisabled, Weak: true}},
		{"a blocked account and policy", "", "550 5.7.1 Account blocked", blocked},
		{"insufficient mailbox storage", "", "452 Requested action not taken: insufficient mailbox storage", full},
		{"Microsoft's trouble", hostMicrosoft, "451 4.7.0 Temporary server error. Please try again later. PRX2", temporary},
	})
}
