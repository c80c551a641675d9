package config

// Setting describes one variable of the environment.
type Setting struct {
	Name    string
	Default string // as people read it; not always a literal value
	Meaning string
	Needed  string // the functions that do not start without it, by name; make run always starts
}

// Settings lists every variable that Read looks up, in the order of the
// contract's table; behind them what it does not name.
func Settings() []Setting {
	return []Setting{
		{"RCPT_ADDR", "127.0.0.1:8080", "where make run listens", ""},
		{"RCPT_DATA", ".local", "embedded storage; deleting it resets everything", ""},
		{"RCPT_PUBLIC_URL", "http://<RCPT_ADDR>", "how the outside sees us: links, and what ESPs sign", ""},
		{"RCPT_SECRET", "made once in RCPT_DATA", "keyed hashes of addresses; backed up, never rotated in place", "verify account webhooks providers vendorqueue prober jobs planner"},
		{"RCPT_DNS", "system resolvers", "host:port[,...] for every name but the simulated ones", ""},
		{"RCPT_SIM", "on; off in Lambda functions", "off: .test goes to RCPT_DNS like any name", ""},
		{"RCPT_SMTP_PORT", "25", "port probed on MX hosts", ""},
		{"RCPT_PROBE_ALLOW", "empty", "networks exempt from the private-address guard of probes", ""},
		{"RCPT_WEBHOOK_ALLOW", "empty", "networks exempt from the private-address guard of webhooks, and the only ones for http", ""},
		{"RCPT_PACING", "auto", "pacing, breaker, unknown-recipient brake and not-found hold: auto, on or off", ""},
		{"RCPT_EGRESS_CHECK", "empty = off", "host:port[,...] that must answer on port 25", "egresscheck"},
		{"RCPT_HELO", "host name", "the name the prober introduces itself with", "verify prober"},
		{"RCPT_MAIL_FROM", "verify@<helo>", "the envelope sender of probes", ""},
		{"RCPT_LISTS_URLS", "the default public lists", "[family=]URL[,...] of the daily refresh; default: with those; off", ""},
		{"RCPT_VENDOR_BASE_MILLIONVERIFIER", "the vendor's own", "base URL of a vendor's API, here MillionVerifier's; sim: its built-in double", ""},
		{"RCPT_VENDOR_BASE_REOON", "the vendor's own", "the same of Reoon", ""},
		{"RCPT_VENDOR_BASE_NEVERBOUNCE", "the vendor's own", "the same of NeverBounce", ""},
		{"RCPT_VENDOR_BASE_ZEROBOUNCE", "the vendor's own", "the same of ZeroBounce", ""},
		{"RCPT_VENDOR_BASE_HUNTER", "the vendor's own", "the same of Hunter", ""},

		{"RCPT_EGRESS_IP", "empty", "the address we are seen with, looked up in RCPT_EGRESS_LISTS", ""},
		{"RCPT_EGRESS_LISTS", "empty = off", "DNS lists whose listing makes probing useless, by zone", ""},
		{"RCPT_CONTROL_TABLE", "none", "DynamoDB table of what must not be lost", "verify account webhooks providers vendorqueue notifier prober deadletter jobs dropfolder planner collector"},
		{"RCPT_CACHE_TABLE", "none", "DynamoDB table of what may be dropped at any time", "verify account webhooks egresscheck providers vendorqueue prober jobs planner"},
		{"RCPT_BUCKET", "none", "S3 bucket of uploads, results and refreshed lists", "refresher notifier prober deadletter jobs dropfolder planner collector"},
		{"RCPT_VAULT_KEY", "none", "KMS key that seals secrets, by id or ARN", "verify account webhooks providers vendorqueue notifier prober deadletter"},
		{"RCPT_STATE_MACHINE", "none", "Step Functions state machine of jobs, by ARN", "prober deadletter jobs dropfolder collector"},
		{"RCPT_PROBE_QUEUE", "none", "SQS queue of probes, by URL", "verify prober deadletter jobs dropfolder planner collector"},
		{"RCPT_DELIVERY_QUEUE", "none", "SQS queue of webhook deliveries, by URL", "notifier prober deadletter jobs collector"},
		{"RCPT_VENDOR_QUEUE", "none", "SQS queue of addresses that vendors are still to be asked about, by URL", "providers vendorqueue"},
	}
}
