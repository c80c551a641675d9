package vendors

import (
	"fmt"
	"strings"
	"testing"
)

// inWords is a Result in one line: status/deliverability, then what was said
// of disposable, role, catch-all and confidence ("-": nothing), then the raw
// word, "free" for what is not charged, and a doubt after a question mark.
func inWords(r Result) string {
	is := func(f *bool) string {
		if f == nil {
			return "-"
		}
		return map[bool]string{true: "yes", false: "no"}[*f]
	}
	confidence, more := "-", ""
	if r.Confidence != nil {
		confidence = fmt.Sprint(*r.Confidence)
	}
	if !r.Charged {
		more = " free"
	}
	if r.Doubt != None {
		more += " ?" + string(r.Doubt)
	}
	return fmt.Sprintf("%s/%s %s %s %s %s %s%s", r.Status, r.Deliverability, is(r.Disposable), is(r.Role), is(r.CatchAll), confidence, r.Raw, more)
}

// every fails when a vendor's words, given as JSON, mean something else than
// wanted.
func every(t *testing.T, name Name, cases []struct{ claim, body, want string }) {
	t.Helper()
	p, _ := protocols(name)
	for _, tt := range cases {
		t.Run(tt.claim, func(t *testing.T) {
			got, err := p.read(200, []byte(tt.body))
			if err != nil {
				t.Fatalf("error %v of class %s, want %s", err, err.Class, tt.want)
			}
			if words := inWords(got); words != tt.want {
				t.Errorf("got  %s\nwant %s", words, tt.want)
			}
		})
	}
}

func TestMillionVerifierWords(t *testing.T) {
	every(t, MillionVerifier, []struct{ claim, body, want string }{
		{"ok exists", `{"result":"ok","role":false,"quality":"bad"}`, "valid/deliverable no no no 0.9 ok"},
		{"a role account is still ok", `{"result":"ok","role":true}`, "valid/deliverable no yes no 0.9 ok"},
		{"catch_all is refunded", `{"result":"catch_all","role":false}`, "risky/risky no no yes 0.5 catch_all free"},
		{"disposable", `{"result":"disposable","role":false}`, "risky/risky yes no - 0.1 disposable"},
		{"invalid whatever its quality", `{"result":"invalid","quality":"good","role":false}`, "invalid/undeliverable no no - 0.1 invalid"},
		{"unknown says nothing of the role", `{"result":"unknown","role":true}`, "unknown/unknown - - - - unknown free"},
		{"error without a text is no error", `{"result":"error","error":"","role":true}`, "unknown/unknown - - - - error free"},
		{"ok without a role", `{"result":"ok"}`, "valid/deliverable no - no 0.9 ok"},
		{"result decides, resultcode does not", `{"result":"invalid","resultcode":1,"error":""}`, "invalid/undeliverable no - - 0.1 invalid"},
		{"error that is null", `{"result":"ok","error":null,"role":null}`, "valid/deliverable no - no 0.9 ok"},
		{"a new word", `{"result":"brand_new","role":true}`, "unknown/unknown - - - - brand_new"},
		{"fields left out", `{"result":"ok"}`, "valid/deliverable no - no 0.9 ok"},
		{"fields of other types", `{"result":"ok","role":"0","credits":"17","free":[],"didyoumean":{}}`, "valid/deliverable no no no 0.9 ok"},
	})
}

func TestReoonWords(t *testing.T) {
	flags := `"is_disposable":false,"is_role_account":false,"is_catch_all":false,"overall_score":98,"verification_mode":"power"`
	every(t, Reoon, []struct{ claim, body, want string }{
		{"safe exists", `{"status":"safe",` + flags + `}`, "valid/deliverable no no no 0.98 safe"},
		{"valid is of the quick mode and asked nobody", `{"status":"valid","is_disposable":false,"is_role_account":true,"is_catch_all":null,"verification_mode":"quick"}`, "unknown/unknown no yes - - valid"},
		{"invalid says nothing of catch-all", `{"status":"invalid",` + flags + `}`, "invalid/undeliverable no no - 0.98 invalid"},
		{"invalid that is full", `{"status":"invalid","has_inbox_full":true}`, "invalid/undeliverable - - - - invalid ?room"},
		{"invalid by its form", `{"status":"invalid","is_valid_syntax":false}`, "invalid/undeliverable - - - - invalid ?form"},
		{"invalid of the quick mode has no score", `{"status":"invalid","is_disposable":false,"is_role_account":false,"verification_mode":"quick","overall_score":null}`, "invalid/undeliverable no no - - invalid"},
		{"safe without what power promises", `{"status":"safe"}`, "valid/deliverable - - - - safe"},
		{"disabled of a catch-all", `{"status":"disabled","is_catch_all":true,"overall_score":0}`, "invalid/undeliverable - - yes 0 disabled"},
		{"inbox_full of a catch-all", `{"status":"inbox_full","is_catch_all":true,"is_role_account":true}`, "risky/undeliverable - yes yes - inbox_full"},
		{"disposable whatever its flag", `{"status":"disposable","is_disposable":false,"is_catch_all":true}`, "risky/risky yes - yes - disposable"},
		{"catch_all whatever its flag", `{"status":"catch_all","is_catch_all":false}`, "risky/risky - - yes - catch_all"},
		{"role_account that says nothing of mail", `{"status":"role_account","is_role_account":false}`, "risky/risky - yes - - role_account"},
		{"spamtrap of a catch-all", `{"status":"spamtrap","is_catch_all":true,"overall_score":1}`, "invalid/risky - - yes 0.01 spamtrap"},
		{"unknown without flags", `{"status":"unknown","overall_score":50}`, "unknown/unknown - - - - unknown free"},
		{"a score beyond its range", `{"status":"safe","overall_score":140}`, "valid/deliverable - - - 1 safe"},
		{"disabled", `{"status":"disabled",` + flags + `}`, "invalid/undeliverable no no no 0.98 disabled"},
		{"inbox_full may recover", `{"status":"inbox_full",` + flags + `}`, "risky/undeliverable no no no 0.98 inbox_full"},
		{"catch_all", `{"status":"catch_all",` + flags + `}`, "risky/risky no no yes 0.98 catch_all"},
		{"disposable", `{"status":"disposable",` + flags + `}`, "risky/risky yes no no 0.98 disposable"},
		{"disposable of the quick mode", `{"status":"disposable","is_role_account":false,"is_catch_all":false,"verification_mode":"quick"}`, "risky/risky yes no - - disposable"},
		{"role_account that takes mail", `{"status":"role_account",` + flags + `,"is_deliverable":true}`, "risky/deliverable no yes no 0.98 role_account"},
		{"role_account otherwise", `{"status":"role_account",` + flags + `,"is_deliverable":false}`, "risky/risky no yes no 0.98 role_account"},
		{"spamtrap", `{"status":"spamtrap",` + flags + `}`, "invalid/risky no no no 0.98 spamtrap"},
		{"spamtrap of the quick mode", `{"status":"spamtrap","is_disposable":false,"is_role_account":false,"is_catch_all":false,"verification_mode":"quick"}`, "invalid/risky no no - - spamtrap"},
		{"unknown is free", `{"status":"unknown",` + flags + `}`, "unknown/unknown no no - - unknown free"},
		{"a new word says nothing", `{"status":"brand_new",` + flags + `}`, "unknown/unknown - - - - brand_new"},
		{"numbers and booleans as strings", `{"status":"safe","overall_score":"98","is_disposable":"false","is_role_account":0,"is_catch_all":"1"}`, "valid/deliverable no no yes 0.98 safe"},
	})
}

func TestNeverBounceWords(t *testing.T) {
	answer := func(result string, flags ...string) string {
		list := `"` + strings.Join(flags, `","`) + `"`
		if len(flags) == 0 {
			list = ""
		}
		return `{"status":"success","result":"` + result + `","flags":[` + list + `],"execution_time":687}`
	}
	every(t, NeverBounce, []struct{ claim, body, want string }{
		{"valid", answer("valid", "has_dns"), "valid/deliverable no no no - valid"},
		{"valid without flags", `{"status":"success","result":"valid"}`, "valid/deliverable - - no - valid"},
		{"valid of a catch-all", answer("valid", "accepts_all", "role_account"), "valid/deliverable no yes yes - valid"},
		{"valid of a throw-away domain", answer("valid", "disposable_email"), "valid/deliverable yes no no - valid"},
		{"a trap is not valid", answer("valid", "spamtrap_network"), "risky/risky no no no - valid"},
		{"a trap behind a catch-all", answer("catchall", "spamtrap_network"), "risky/risky no no yes - catchall"},
		{"invalid", answer("invalid"), "invalid/undeliverable no no - - invalid"},
		{"invalid with flags", answer("invalid", "accepts_all", "disposable_email"), "invalid/undeliverable yes no yes - invalid"},
		{"invalid by its form", answer("invalid", "bad_syntax"), "invalid/undeliverable no no - - invalid ?form"},
		{"invalid, but DNS failed for the moment", answer("invalid", "temporary_dns_error"), "invalid/undeliverable no no - - invalid ?unreached"},
		{"invalid, but the server was not reached", answer("invalid", "has_dns", "has_dns_mx", "connect_fails", "role_account"), "invalid/undeliverable no yes - - invalid ?unreached"},
		{"invalid, not reached, and DNS says why", answer("invalid", "bad_dns", "connect_fails"), "invalid/undeliverable no no - - invalid"},
		{"disposable", answer("disposable"), "risky/risky yes no - - disposable"},
		{"disposable of a catch-all", answer("disposable", "accepts_all"), "risky/risky yes no yes - disposable"},
		{"catchall", answer("catchall"), "risky/risky no no yes - catchall"},
		{"unknown says what its flags say", answer("unknown", "accepts_all", "disposable_email", "role_account"), "unknown/unknown yes yes yes - unknown"},
		{"unknown without flags", `{"status":"success","result":"unknown"}`, "unknown/unknown - - - - unknown"},
		{"invalid without flags", `{"status":"success","result":"invalid","flags":null}`, "invalid/undeliverable - - - - invalid"},
		{"flags of another type", `{"status":"success","result":"catchall","flags":"role_account"}`, "risky/risky - - yes - catchall"},
		{"catchall of a throw-away domain", answer("catchall", "disposable_email"), "risky/risky yes no yes - catchall"},
		{"a trap in what is invalid changes nothing", answer("invalid", "spamtrap_network"), "invalid/undeliverable no no - - invalid"},
		{"unknown proves nothing by what is missing", answer("unknown", "has_dns"), "unknown/unknown - - - - unknown"},
		{"a new word", answer("brand_new", "accepts_all"), "unknown/unknown - no - - brand_new"},
	})
}

func TestZeroBounceWords(t *testing.T) {
	answer := func(status, sub string) string { return `{"status":"` + status + `","sub_status":"` + sub + `"}` }
	cases := []struct{ claim, body, want string }{
		{"valid of a catch-all", answer("valid", "accept_all"), "valid/deliverable no no yes - valid:accept_all"},
		{"valid role of a catch-all", answer("valid", "role_based_accept_all"), "valid/deliverable no yes yes - valid:role_based_accept_all"},
		{"valid, and the field says catch-all", `{"status":"valid","sub_status":"","catchall_domain":true}`, "valid/deliverable no no yes - valid"},
		{"valid, and the field says no catch-all", `{"status":"valid","sub_status":"accept_all","catchall_domain":false}`, "valid/deliverable no no no - valid:accept_all"},
		{"valid, and the field is null", `{"status":"valid","sub_status":null,"catchall_domain":null}`, "valid/deliverable no no no - valid"},
		{"valid", answer("valid", ""), "valid/deliverable no no no - valid"},
		{"invalid without a second word", answer("invalid", ""), "invalid/undeliverable no - - - invalid"},
		{"invalid, and the field says catch-all", `{"status":"invalid","sub_status":"mailbox_not_found","catchall_domain":true}`, "invalid/undeliverable no - yes - invalid:mailbox_not_found"},
		{"unknown without a second word", answer("unknown", ""), "unknown/unknown - - - - unknown"},
		{"unknown, and a new second word", answer("unknown", "fresh"), "unknown/unknown - - - - unknown:fresh"},
		{"catch-all and a new second word", answer("catch-all", "fresh"), "risky/risky no - yes - catch-all:fresh"},
		{"catch-all, and the field says no", `{"status":"catch-all","sub_status":"","catchall_domain":false}`, "risky/risky no - no - catch-all"},
		{"role, and the field says no catch-all", `{"status":"do_not_mail","sub_status":"role_based","catchall_domain":false}`, "risky/risky no yes no - do_not_mail:role_based"},
		{"do_not_mail without a second word", answer("do_not_mail", ""), "risky/risky - - - - do_not_mail"},
		{"an error beside a status", `{"status":"valid","sub_status":"","error":null,"mx_found":"true","domain_age_days":"9692"}`, "valid/deliverable no no no - valid"},
		{"catch-all", answer("catch-all", ""), "risky/risky no - yes - catch-all"},
		{"catch-all accept_all", answer("catch-all", "accept_all"), "risky/risky no - yes - catch-all:accept_all"},
		{"catch-all of an agent", answer("catch-all", "ai_agent_mailbox"), "risky/risky no no yes - catch-all:ai_agent_mailbox"},
		{"spamtrap", answer("spamtrap", ""), "invalid/risky - - - - spamtrap"},
		{"abuse", answer("abuse", ""), "risky/risky - - - - abuse"},
		{"role", answer("do_not_mail", "role_based"), "risky/risky no yes - - do_not_mail:role_based"},
		{"role, and the field says catch-all", `{"status":"do_not_mail","sub_status":"role_based","catchall_domain":"true"}`, "risky/risky no yes yes - do_not_mail:role_based"},
		{"role of a catch-all", answer("do_not_mail", "role_based_catch_all"), "risky/risky no yes yes - do_not_mail:role_based_catch_all"},
		{"disposable", answer("do_not_mail", "disposable"), "risky/risky yes - - - do_not_mail:disposable"},
		{"a new sub-status of do_not_mail", answer("do_not_mail", "fresh"), "risky/risky - - - - do_not_mail:fresh"},
		{"a new status", answer("brand_new", "fresh"), "unknown/unknown - - - - brand_new:fresh"},
	}
	for _, sub := range []string{"alias_address", "leading_period_removed", "alternate", "gold", "allowed", "ai_agent_mailbox", "fresh"} {
		cases = append(cases, struct{ claim, body, want string }{"valid " + sub, answer("valid", sub), "valid/deliverable no no no - valid:" + sub})
	}
	for sub, doubt := range map[string]string{
		"mailbox_not_found": "", "no_dns_entries": "", "failed_syntax_check": " ?form", "possible_typo": " ?room", "does_not_accept_mail": "",
		"mailbox_quota_exceeded": " ?room", "unroutable_ip_address": "", "blocked": " ?room", "fresh": "",
	} {
		cases = append(cases, struct{ claim, body, want string }{"invalid " + sub, answer("invalid", sub), "invalid/undeliverable no - - - invalid:" + sub + doubt})
	}
	for _, sub := range []string{
		"antispam_system", "exception_occurred", "failed_smtp_connection", "forcible_disconnect", "greylisted", "mail_server_did_not_respond",
		"mail_server_temporary_error", "timeout_exceeded",
	} {
		cases = append(cases, struct{ claim, body, want string }{"unknown " + sub, answer("unknown", sub), "unknown/unknown - - - - unknown:" + sub})
	}
	// A second word of unknown under invalid is no proof: the vendor did not get an answer.
	for _, sub := range []string{
		"antispam_system", "exception_occurred", "failed_smtp_connection", "forcible_disconnect", "greylisted", "mail_server_did_not_respond",
		"mail_server_temporary_error", "timeout_exceeded",
	} {
		cases = append(cases, struct{ claim, body, want string }{"invalid " + sub, answer("invalid", sub), "invalid/undeliverable no - - - invalid:" + sub + " ?unreached"})
	}
	for _, sub := range []string{"toxic", "global_suppression"} {
		cases = append(cases, struct{ claim, body, want string }{sub, answer("do_not_mail", sub), "invalid/risky - - - - do_not_mail:" + sub})
	}
	for _, sub := range []string{"possible_trap", "mx_forward"} {
		cases = append(cases, struct{ claim, body, want string }{sub, answer("do_not_mail", sub), "risky/risky - - - - do_not_mail:" + sub})
	}
	every(t, ZeroBounce, cases)
}

func TestHunterWords(t *testing.T) {
	answer := func(status, more string) string {
		return `{"data":{"status":"` + status + `","disposable":false,"accept_all":false` + more + `},"meta":{}}`
	}
	every(t, Hunter, []struct{ claim, body, want string }{
		{"valid", answer("valid", `,"score":96`), "valid/deliverable no - no 0.96 valid"},
		{"valid without a score", answer("valid", `,"score":null,"block":null`), "valid/deliverable no - no - valid"},
		{"valid of a catch-all", `{"data":{"status":"valid","accept_all":true,"score":70}}`, "valid/deliverable - - yes 0.7 valid"},
		{"invalid", answer("invalid", `,"score":4`), "invalid/undeliverable no - - 0.04 invalid"},
		{"invalid, but the server blocked the check", answer("invalid", `,"score":4,"block":true`), "invalid/undeliverable no - - 0.04 invalid ?unreached"},
		{"invalid by its form", answer("invalid", `,"score":0,"regexp":false`), "invalid/undeliverable no - - 0 invalid ?form"},
		{"accept_all", answer("accept_all", `,"score":60`), "risky/risky no - yes 0.6 accept_all"},
		{"disposable is free", answer("disposable", `,"score":10`), "risky/risky yes - no 0.1 disposable free"},
		{"webmail that nobody asked", answer("webmail", `,"score":70,"smtp_check":false`), "unknown/unknown no - - 0.7 webmail free"},
		{"invalid of a catch-all says nothing of it", `{"data":{"status":"invalid","accept_all":true,"disposable":true,"score":0}}`, "invalid/undeliverable yes - - 0 invalid"},
		{"accept_all whatever its flag", answer("accept_all", `,"score":null`), "risky/risky no - yes - accept_all"},
		{"disposable of a catch-all", `{"data":{"status":"disposable","disposable":false,"accept_all":true,"score":10}}`, "risky/risky yes - yes 0.1 disposable free"},
		{"disposable that says nothing else", `{"data":{"status":"disposable"}}`, "risky/risky yes - - - disposable free"},
		{"webmail of a catch-all", `{"data":{"status":"webmail","accept_all":true,"smtp_check":true,"block":true,"score":70}}`, "unknown/unknown - - - 0.7 webmail free"},
		{"a score that is a fraction", answer("valid", `,"score":96.5`), "valid/deliverable no - no 0.965 valid"},
		{"a deprecation notice inside", answer("valid", `,"score":96,"_deprecation_notice":"x","result":"risky"`), "valid/deliverable no - no 0.96 valid"},
		{"webmail that was asked", answer("webmail", `,"score":70,"smtp_check":true,"block":null`), "valid/deliverable no - no 0.7 webmail free"},
		{"webmail that blocked", answer("webmail", `,"score":70,"smtp_check":true,"block":true`), "unknown/unknown no - no 0.7 webmail free"},
		{"unknown", answer("unknown", `,"score":null`), "unknown/unknown no - - - unknown free"},
		{"unknown with a score", answer("unknown", `,"score":50`), "unknown/unknown no - - 0.5 unknown free"},
		{"a new word", answer("brand_new", `,"score":50`), "unknown/unknown no - - - brand_new"},
	})
}

func TestHunterBeside200(t *testing.T) {
	if got, err := readHunter(451, []byte(`{"errors":[]}`)); err != nil || inWords(got) != "unknown/unknown - - - - 451 free" || got.Passing {
		t.Errorf("451: got %s, %v", inWords(got), err)
	}
	if _, err := readHunter(202, nil); err == nil || err.sign != pending || err.instead == nil || err.instead.Raw != "pending" {
		t.Errorf("202: got %+v", err)
	}
	if _, err := readHunter(222, []byte("odd")); err == nil || err.Class != Server || err.instead == nil || err.instead.Raw != "222" {
		t.Errorf("222: got %+v", err)
	}
}

func TestCreditsInEveryForm(t *testing.T) {
	for _, tt := range []struct {
		claim string
		name  Name
		body  string
		want  string
	}{
		{"a number", MillionVerifier, `{"credits":48213,"bulk_credits":1}`, "48213"},
		{"a number alone", MillionVerifier, `{"credits":0}`, "0"},
		{"two numbers, one in a string", Reoon, `{"api_status":"active","remaining_daily_credits":480,"remaining_instant_credits":"9120","status":"success"}`, "9600"},
		{"no api_status", Reoon, `{"remaining_daily_credits":480,"status":"success"}`, "480"},
		{"paid and free", NeverBounce, `{"status":"success","credits_info":{"paid_credits_remaining":7421,"free_credits_remaining":9}}`, "7430"},
		{"a metered account", NeverBounce, `{"status":"success","credits_info":{"monthly_api_usage":"12"}}`, "none"},
		{"an odd list", NeverBounce, `{"status":"success","credits_info":[]}`, "none"},
		{"a string", ZeroBounce, `{"Credits":"4213"}`, "4213"},
		{"the same as a number", ZeroBounce, `{"Credits":4213}`, "4213"},
		{"one bucket, with fractions", Hunter, `{"data":{"requests":{"verifications":{"used":502,"available":4000},"credits":{"used":561.5,"available":2000,"remaining":1438.5}}}}`, "1438"},
		{"one bucket without what remains", Hunter, `{"data":{"requests":{"credits":{"used":561.5,"available":2000}}}}`, "1438"},
		{"an allowance", Hunter, `{"data":{"requests":{"verifications":{"used":502,"available":4000}}}}`, "3498"},
		{"an allowance overdrawn", Hunter, `{"data":{"requests":{"verifications":{"used":5,"available":4}}}}`, "0"},
		{"a plan without numbers", Hunter, `{"data":{}}`, "none"},
	} {
		p, _ := protocols(tt.name)
		left, err := p.left(200, []byte(tt.body))
		got := "none"
		if left != nil {
			got = fmt.Sprint(*left)
		}
		if err != nil || got != tt.want {
			t.Errorf("%s, %s: got %s, %v, want %s", tt.name, tt.claim, got, err, tt.want)
		}
	}
}
