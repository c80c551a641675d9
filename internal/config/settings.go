package config

// Setting describes one variable of the environment.
type Setting struct {
	Name    string
	Default string // as people read it; not always a literal value
	Meaning string
}

// Settings lists every variable that Read looks up, in the order of the
// contract's table.
func Settings() []Setting {
	return []Setting{
		{"RCPT_ADDR", "127.0.0.1:8080", "where make run listens"},
		{"RCPT_DATA", ".local", "embedded storage; deleting it resets everything"},
		{"RCPT_PUBLIC_URL", "http://<RCPT_ADDR>", "how the outside sees us"},
		{"RCPT_SECRET", "made once in RCPT_DATA", "keyed hashes of addresses; backed up, never rotated in place"},
		{"RCPT_DNS", "system resolvers", "host:port[,...] for every name but the simulated ones"},
		{"RCPT_SIM", "on", "off: .test goes to RCPT_DNS like any name"},
		{"RCPT_SMTP_PORT", "25", "port probed on MX hosts"},
		{"RCPT_PROBE_ALLOW", "empty", "networks exempt from the private-address guard of probes"},
		{"RCPT_PACING", "auto", "pacing, breaker, unknown-recipient brake and not-found hold: auto, on or off"},
		{"RCPT_EGRESS_CHECK", "empty = off", "host:port that must answer on port 25"},
		{"RCPT_HELO", "host name", "the name the prober introduces itself with"},
		{"RCPT_MAIL_FROM", "verify@<helo>", "the envelope sender of probes"},
	}
}
