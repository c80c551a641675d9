package app

import (
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"rcpt/internal/config"
	"rcpt/internal/embedded"
	"rcpt/internal/keys"
	"rcpt/internal/lists"
	"rcpt/internal/lists/build"
)

// tableOf is a table with one curated host, whose data was gathered then.
func tableOf(t *testing.T, host string, gathered time.Time) *lists.Table {
	t.Helper()
	snapshot, err := build.Encode(build.Hosts{host: lists.Reviewed}, gathered, new(build.Report))
	if err != nil {
		t.Fatal(err)
	}
	table, err := lists.Open(string(snapshot))
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// What tells of the lists, and both verifiers, go by the table that is in use at
// the time.
func TestEverythingGoesByTheTableInUse(t *testing.T) {
	now := time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC)
	db, err := embedded.Open(t.TempDir(), embedded.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	cfg, err := config.Read(func(string) string { return "" }, "host.example")
	if err != nil {
		t.Fatal(err)
	}
	ports := Ports{
		Control: db.Control(), Cache: db.Cache(), Vault: db.Vault(), Secret: []byte("0123456789abcdef"),
		Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }, Lists: lists.NewLive(lists.New()),
	}
	verify, err := Verify(cfg, ports)
	if err != nil {
		t.Fatal(err)
	}
	var secrets []string
	for _, test := range []bool{false, true} {
		_, made, err := Keys(ports).Create(t.Context(), keys.Draft{Account: "acme", Test: test})
		if err != nil {
			t.Fatal(err)
		}
		secrets = append(secrets, made.API)
	}
	gathered := now.Add(-90 * time.Minute)
	for _, step := range []struct {
		table  *lists.Table
		source string
	}{
		{lists.New(), "embedded"}, {tableOf(t, "throwaway-of-today.test", gathered), "refreshed"}, {lists.New(), "embedded"},
	} {
		ports.Lists.Swap(step.table)
		want := step.table.Info()
		for _, path := range []string{"/v1/lists/info", "/v1/health"} {
			_, text := send(verify, "GET", path, secrets[0], "")
			var got struct {
				Source, Version string
				Built           time.Time
				AgeHours        int `json:"age_hours"`
				Hosts           int
				Lists           json.RawMessage
			}
			err := json.Unmarshal([]byte(text), &got)
			if err == nil && got.Lists != nil {
				got.Source = step.source // it does not tell
				err = json.Unmarshal(got.Lists, &got)
			}
			if err != nil || got.Source != step.source || got.Version != want.Version || !got.Built.Equal(want.Built) ||
				got.Hosts != want.Hosts || got.AgeHours != int(now.Sub(want.Built).Hours()) {
				t.Errorf("%s tells %s, want %+v from %s", path, text, want, step.source)
			}
		}
		for _, secret := range secrets {
			var got struct {
				Version string `json:"list_version"`
				Matches []any  `json:"list_matches"`
			}
			_, text := send(verify, "POST", "/v1/verify", secret, `{"email":"alice@throwaway-of-today.test","mode":"soft"}`)
			if err := json.Unmarshal([]byte(text), &got); err != nil || got.Version != want.Version || (len(got.Matches) > 0) != (step.source == "refreshed") {
				t.Errorf("with the %s table: %s", step.source, text)
			}
		}
	}
}
