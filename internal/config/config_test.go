package config

import (
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// env is a lookup over a few settings.
type env map[string]string

func (e env) lookup(name string) string { return e[name] }

func TestEverySettingHasItsDefault(t *testing.T) {
	got, err := Read(env{}.lookup, "host.example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Addr: "127.0.0.1:8080", Data: ".local", PublicURL: "http://127.0.0.1:8080",
		Sim: true, SMTPPort: 25, Pacing: PacingAuto,
		HELO: "host.example.com", MailFrom: "verify@host.example.com",
		ListsURLs: []ListURL{{Family: "default"}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Read of an empty environment\n got %+v\nwant %+v", got, want)
	}
}

func TestSettingsAreReadAsGiven(t *testing.T) {
	got, err := Read(env{
		"RCPT_ADDR": "[::1]:9090", "RCPT_DATA": "data dir", "RCPT_PUBLIC_URL": "https://verify.example.com/api/",
		"RCPT_SECRET": "s3cret", "RCPT_DNS": "192.0.2.53:53, [2001:db8::53]:5353", "RCPT_SIM": "off",
		"RCPT_SMTP_PORT": "2525", "RCPT_PROBE_ALLOW": "10.1.2.3/8,192.0.2.7, 2001:db8::1,::ffff:172.16.0.0/108",
		"RCPT_WEBHOOK_ALLOW": "127.0.0.0/8,10.9.8.7/16",
		"RCPT_PACING":        "on", "RCPT_EGRESS_CHECK": "mx.example.com:25,192.0.2.25:25",
		"RCPT_EGRESS_IP": "::ffff:203.0.113.7", "RCPT_EGRESS_LISTS": "dnsbl.example, other.example",
		"RCPT_CONTROL_TABLE": "rcpt-control", "RCPT_CACHE_TABLE": "rcpt-cache", "RCPT_BUCKET": "rcpt-files",
		"RCPT_VAULT_KEY": "arn:aws:kms:eu-central-1:123456789012:key/1234", "RCPT_STATE_MACHINE": "arn:aws:states:eu-central-1:123456789012:stateMachine:jobs",
		"RCPT_PROBE_QUEUE": "https://sqs.example.com/1/probes", "RCPT_DELIVERY_QUEUE": "http://127.0.0.1:5111/1/deliveries",
		"RCPT_VENDOR_QUEUE": "https://sqs.example.com/1/vendors", "RCPT_VENDOR_BASE_REOON": "sim",
		"RCPT_VENDOR_BASE_HUNTER": "https://hunter.example/api/", "RCPT_VENDOR_BASE_NEVERBOUNCE": "http://127.0.0.1:8099",
		"RCPT_HELO": "[192.0.2.1]", "RCPT_MAIL_FROM": "bounce+probe@example.com",
		"RCPT_LISTS_URLS": "default, castle=https://lists.example/today.txt?a=b,https://lists.example/all=.txt,popular=http://127.0.0.1:81/top",
	}.lookup, "ignored.example.com")
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Addr: "[::1]:9090", Data: "data dir", PublicURL: "https://verify.example.com/api", Secret: NewSecret("s3cret"),
		DNS: []string{"192.0.2.53:53", "[2001:db8::53]:5353"}, SMTPPort: 2525,
		ProbeAllow: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"),
			netip.MustParsePrefix("2001:db8::1/128"), netip.MustParsePrefix("172.16.0.0/12"),
		},
		WebhookAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.9.0.0/16")},
		Pacing:       PacingOn, EgressCheck: []string{"mx.example.com:25", "192.0.2.25:25"}, HELO: "[192.0.2.1]", MailFrom: "bounce+probe@example.com",
		EgressIP: netip.MustParseAddr("203.0.113.7"), EgressLists: []string{"dnsbl.example", "other.example"},
		ListsURLs: []ListURL{
			{"default", ""}, {"castle", "https://lists.example/today.txt?a=b"}, {"aggregates", "https://lists.example/all=.txt"}, {"popular", "http://127.0.0.1:81/top"},
		},
		AWS: AWS{
			ControlTable: "rcpt-control", CacheTable: "rcpt-cache", Bucket: "rcpt-files",
			VaultKey: "arn:aws:kms:eu-central-1:123456789012:key/1234", StateMachine: "arn:aws:states:eu-central-1:123456789012:stateMachine:jobs",
			ProbeQueue: "https://sqs.example.com/1/probes", DeliveryQueue: "http://127.0.0.1:5111/1/deliveries",
			VendorQueue: "https://sqs.example.com/1/vendors",
		},
		VendorBase: map[string]string{"reoon": VendorSim, "hunter": "https://hunter.example/api", "neverbounce": "http://127.0.0.1:8099"},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("Read\n got %+v\nwant %+v", got, want)
	}
}

func TestDefaultsFollowOtherSettings(t *testing.T) {
	got, err := Read(env{"RCPT_ADDR": ":8181", "RCPT_HELO": "probe.example.com"}.lookup, "")
	if err != nil {
		t.Fatal(err)
	}
	if got.PublicURL != "http://localhost:8181" {
		t.Errorf("public URL of a listener on every interface is %q", got.PublicURL)
	}
	if got.MailFrom != "verify@probe.example.com" {
		t.Errorf("sender is %q, want it at the HELO name", got.MailFrom)
	}
	for _, host := range []string{"", "Zoë's laptop", "host\r\nRSET"} {
		if got, err := Read(env{}.lookup, host); err != nil || got.HELO != "localhost" {
			t.Errorf("HELO on host %q is %q, %v, want localhost", host, got.HELO, err)
		}
	}
}

func TestMalformedSettingsAreRefused(t *testing.T) {
	for _, c := range []struct{ claim, name, value string }{
		{"an address needs a port", "RCPT_ADDR", "127.0.0.1"},
		{"a port is a number", "RCPT_ADDR", "127.0.0.1:http"},
		{"a host has no spaces", "RCPT_ADDR", "my host:80"},
		{"a public URL has a scheme", "RCPT_PUBLIC_URL", "verify.example.com"},
		{"a public URL is http", "RCPT_PUBLIC_URL", "ftp://verify.example.com"},
		{"a public URL has a host", "RCPT_PUBLIC_URL", "https:///v1"},
		{"a public URL has no query", "RCPT_PUBLIC_URL", "https://verify.example.com/?a=b"},
		{"a public URL has no password", "RCPT_PUBLIC_URL", "https://u:p@verify.example.com"},
		{"a name server has a port", "RCPT_DNS", "192.0.2.53"},
		{"a list of name servers has no gaps", "RCPT_DNS", "192.0.2.53:53,,192.0.2.54:53"},
		{"a switch is on or off", "RCPT_SIM", "yes"},
		{"port 0 cannot be probed", "RCPT_SMTP_PORT", "0"},
		{"ports end at 65535", "RCPT_SMTP_PORT", "65536"},
		{"a port is not signed", "RCPT_SMTP_PORT", "-25"},
		{"webhooks are allowed networks, not hosts", "RCPT_WEBHOOK_ALLOW", "hooks.example.com"},
		{"a network is no name", "RCPT_PROBE_ALLOW", "10.0.0.0/8,localhost"},
		{"a network has at most 32 bits", "RCPT_PROBE_ALLOW", "10.0.0.0/33"},
		{"a network has no zone", "RCPT_PROBE_ALLOW", "fe80::1%eth0"},
		{"pacing is one of three words", "RCPT_PACING", "AUTO"},
		{"an egress check has a port", "RCPT_EGRESS_CHECK", "mx.example.com"},
		{"an egress check has a host", "RCPT_EGRESS_CHECK", ":25"},
		{"an egress check has no gaps", "RCPT_EGRESS_CHECK", "mx.example.com:25,"},
		{"an egress address is no name", "RCPT_EGRESS_IP", "mx.example.com"},
		{"an egress address is no network", "RCPT_EGRESS_IP", "192.0.2.0/24"},
		{"a list is a domain", "RCPT_EGRESS_LISTS", "https://dnsbl.example"},
		{"a table's name has no spaces", "RCPT_CONTROL_TABLE", "rcpt control"},
		{"a bucket's name has no line end", "RCPT_BUCKET", "rcpt\n"},
		{"a queue is a URL", "RCPT_PROBE_QUEUE", "probes"},
		{"a queue is no ARN", "RCPT_DELIVERY_QUEUE", "arn:aws:sqs:eu-central-1:123456789012:deliveries"},
		{"a list is a URL", "RCPT_LISTS_URLS", "lists.example/all.txt"},
		{"a list is no file", "RCPT_LISTS_URLS", "file:///etc/hosts"},
		{"a list has a known family", "RCPT_LISTS_URLS", "gossip=https://lists.example/all.txt"},
		{"a list's family is no default", "RCPT_LISTS_URLS", "default=https://lists.example/all.txt"},
		{"a list has no password", "RCPT_LISTS_URLS", "https://user:secret@lists.example/all.txt"},
		{"off stands alone", "RCPT_LISTS_URLS", "off,https://lists.example/all.txt"},
		{"lists have no gaps", "RCPT_LISTS_URLS", "default,,https://lists.example/all.txt"},
		{"a vendor is asked by HTTPS", "RCPT_VENDOR_BASE_HUNTER", "http://api.hunter.example"},
		{"a vendor nearby has a port", "RCPT_VENDOR_BASE_HUNTER", "http://127.0.0.1"},
		{"a vendor nearby has an address", "RCPT_VENDOR_BASE_HUNTER", "http://localhost:8099"},
		{"a vendor's base is a URL", "RCPT_VENDOR_BASE_REOON", "on"},
		{"a vendor's base has no query", "RCPT_VENDOR_BASE_REOON", "https://reoon.example/?key=1"},
		{"a vendor's base has no password", "RCPT_VENDOR_BASE_REOON", "https://user:secret@reoon.example"},
		{"HELO carries no line end", "RCPT_HELO", "verify.example.com\r\nMAIL FROM:<>"},
		{"HELO carries no space", "RCPT_HELO", "verify example.com"},
		{"HELO carries no bracket", "RCPT_HELO", "<verify.example.com>"},
		{"HELO is ASCII", "RCPT_HELO", "prüfung.example"},
		{"HELO is no half literal", "RCPT_HELO", "[192.0.2.1"},
		{"HELO ends at 255 octets", "RCPT_HELO", strings.Repeat("a", 256)},
		{"a sender has an at sign", "RCPT_MAIL_FROM", "verify"},
		{"a sender has a local part", "RCPT_MAIL_FROM", "@example.com"},
		{"a sender has a domain", "RCPT_MAIL_FROM", "verify@"},
		{"a sender carries no line end", "RCPT_MAIL_FROM", "verify@example.com\nDATA"},
		{"a sender carries no bracket", "RCPT_MAIL_FROM", "a>b@example.com"},
		{"a sender carries no space", "RCPT_MAIL_FROM", "a b@example.com"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got, err := Read(env{c.name: c.value}.lookup, "host.example.com")
			if err == nil {
				t.Fatalf("%s=%q was read as %+v", c.name, c.value, got)
			}
			line := err.Error()
			if !strings.HasPrefix(line, c.name+" is ") || !strings.Contains(line, "want ") || strings.Contains(line, "\n") {
				t.Errorf("the error is not one line with name and expectation: %q", line)
			}
		})
	}
}

func TestEverythingMalformedIsReportedTogether(t *testing.T) {
	_, err := Read(env{
		"RCPT_ADDR": "here", "RCPT_SMTP_PORT": "smtp", "RCPT_HELO": "a b", "RCPT_PACING": "slow", "RCPT_SECRET": "hunter2",
	}.lookup, "host.example.com")
	if err == nil {
		t.Fatal("five settings, four of them malformed, were accepted")
	}
	want := []string{
		`RCPT_ADDR is "here": want host:port, such as 127.0.0.1:8080`,
		`RCPT_SMTP_PORT is "smtp": want a port number from 1 to 65535`,
		`RCPT_PACING is "slow": want one of auto, on, off`,
		`RCPT_HELO is "a b": want a host name or an address literal, such as verify.example.com`,
	}
	if got := strings.Split(err.Error(), "\n"); !reflect.DeepEqual(got, want) {
		t.Errorf("the report is\n%s\nwant\n%s", err, strings.Join(want, "\n"))
	}
}

func TestSettingsNamesWhatReadLooksUp(t *testing.T) {
	var looked []string
	_, err := Read(func(name string) string {
		looked = append(looked, name)
		return ""
	}, "host.example.com")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, s := range Settings() {
		listed = append(listed, s.Name)
		if s.Default == "" || s.Meaning == "" {
			t.Errorf("%s has no default or no meaning", s.Name)
		}
	}
	slices.Sort(looked)
	slices.Sort(listed)
	if !slices.Equal(looked, listed) {
		t.Errorf("Read looks up\n%v\nSettings lists\n%v", looked, listed)
	}
}

// deployed is the least environment of functions/verify.
func deployed() env {
	return env{
		"RCPT_CONTROL_TABLE": "control", "RCPT_CACHE_TABLE": "cache", "RCPT_SECRET": "hunter2", "RCPT_HELO": "probe.example.com",
		"RCPT_VAULT_KEY": "key", "RCPT_PROBE_QUEUE": "https://sqs.eu-central-1.amazonaws.com/123456789012/probe",
	}
}

func TestFunctionHasNoSimulationUnlessAsked(t *testing.T) {
	for value, want := range map[string]bool{"": false, "off": false, "on": true} {
		e := deployed()
		e["RCPT_SIM"] = value
		got, err := ReadFunction("verify", e.lookup)
		if err != nil || got.Sim != want || got.AWS.CacheTable != "cache" || got.HELO != "probe.example.com" {
			t.Errorf("RCPT_SIM=%q: %+v, %v", value, got, err)
		}
	}
}

func TestFunctionTellsEverythingMissingAndMalformedInOneLine(t *testing.T) {
	e := deployed()
	delete(e, "RCPT_CONTROL_TABLE")
	delete(e, "RCPT_SECRET")
	e["RCPT_PACING"], e["RCPT_CACHE_TABLE"], e["RCPT_EGRESS_LISTS"] = "slow", "the cache", "k3y"
	got, err := ReadFunction("verify", e.lookup)
	want := `settings not usable: RCPT_PACING is "slow": want one of auto, on, off; ` +
		`RCPT_EGRESS_LISTS is not usable: want domains, such as dnsbl.example; ` +
		`RCPT_CACHE_TABLE is "the cache": want a name or an ARN, without spaces; ` +
		`RCPT_SECRET is missing: keyed hashes of addresses; backed up, never rotated in place; ` +
		`RCPT_CONTROL_TABLE is missing: DynamoDB table of what must not be lost`
	if err == nil || err.Error() != want || !reflect.DeepEqual(got, Config{}) {
		t.Errorf("read %+v\n%v\nwant\n%s", got, err, want)
	}
}

func TestFunctionsNeedDifferentThings(t *testing.T) {
	for function, want := range map[string]string{
		"verify":      "RCPT_SECRET RCPT_HELO RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_VAULT_KEY RCPT_PROBE_QUEUE",
		"account":     "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_VAULT_KEY",
		"webhooks":    "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_VAULT_KEY",
		"providers":   "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_VAULT_KEY RCPT_VENDOR_QUEUE",
		"vendorqueue": "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_VAULT_KEY RCPT_VENDOR_QUEUE",
		"notifier":    "RCPT_CONTROL_TABLE RCPT_BUCKET RCPT_VAULT_KEY RCPT_DELIVERY_QUEUE",
		"prober":      "RCPT_SECRET RCPT_HELO RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_BUCKET RCPT_VAULT_KEY RCPT_STATE_MACHINE RCPT_PROBE_QUEUE RCPT_DELIVERY_QUEUE",
		"deadletter":  "RCPT_CONTROL_TABLE RCPT_BUCKET RCPT_VAULT_KEY RCPT_STATE_MACHINE RCPT_PROBE_QUEUE RCPT_DELIVERY_QUEUE",
		"jobs":        "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_BUCKET RCPT_STATE_MACHINE RCPT_PROBE_QUEUE RCPT_DELIVERY_QUEUE",
		"dropfolder":  "RCPT_CONTROL_TABLE RCPT_BUCKET RCPT_STATE_MACHINE RCPT_PROBE_QUEUE",
		"planner":     "RCPT_SECRET RCPT_CONTROL_TABLE RCPT_CACHE_TABLE RCPT_BUCKET RCPT_PROBE_QUEUE",
		"collector":   "RCPT_CONTROL_TABLE RCPT_BUCKET RCPT_STATE_MACHINE RCPT_PROBE_QUEUE RCPT_DELIVERY_QUEUE",
		"egresscheck": "RCPT_EGRESS_CHECK RCPT_CACHE_TABLE",
	} {
		_, err := ReadFunction(function, env{}.lookup)
		if err == nil {
			t.Errorf("%s starts without anything", function)
			continue
		}
		var missing []string
		for _, word := range strings.Fields(err.Error()) {
			if strings.HasPrefix(word, "RCPT_") {
				missing = append(missing, word)
			}
		}
		if got := strings.Join(missing, " "); got != want {
			t.Errorf("%s needs %s, want %s", function, got, want)
		}
	}
}

func TestListsCanBeSwitchedOff(t *testing.T) {
	got, err := Read(env{"RCPT_LISTS_URLS": "off"}.lookup, "host.example.com")
	if err != nil || got.ListsURLs != nil {
		t.Errorf("lists are %v, %v", got.ListsURLs, err)
	}
}

func TestFunctionsHaveNoDoublesOfVendors(t *testing.T) {
	_, err := ReadFunction("other", env{"RCPT_VENDOR_BASE_HUNTER": "sim"}.lookup)
	if err == nil || !strings.Contains(err.Error(), "RCPT_VENDOR_BASE_HUNTER is sim") {
		t.Errorf("a function with a double: %v", err)
	}
}

func TestFunctionsAreReachedAsRequestsSay(t *testing.T) {
	for given, want := range map[string]string{"": "", "https://verify.example.com/": "https://verify.example.com"} {
		got, err := ReadFunction("nobody", env{"RCPT_PUBLIC_URL": given, "RCPT_HELO": "probe.example.com"}.lookup)
		if err != nil || got.PublicURL != want {
			t.Errorf("%q: %q, %v, want %q", given, got.PublicURL, err, want)
		}
	}
}
