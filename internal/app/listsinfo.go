package app

import (
	"context"
	"time"

	"rcpt/internal/httpapi"
	"rcpt/internal/lists"
)

// Lists is the table in use, the built-in one unless the ports hold it.
func Lists(p Ports) *lists.Live {
	if p.Lists != nil {
		return p.Lists
	}
	return lists.NewLive(lists.New())
}

// listsOf describes a table.
func listsOf(t *lists.Table, now time.Time) httpapi.Lists {
	info := t.Info()
	age := max(0, now.Sub(info.Built)) // a clock that is behind
	return httpapi.Lists{Version: info.Version, Built: info.Built.UTC(), AgeHours: int(age / time.Hour), Hosts: info.Hosts}
}

// listsInfo says what /v1/lists/info shows: the table that the next verdict goes
// by.
func listsInfo(p Ports) func(context.Context) httpapi.ListsInfo {
	builtIn := lists.New().Info().Version
	return func(context.Context) httpapi.ListsInfo {
		table := p.Lists.Table()
		info, counts := table.Info(), table.Counts()
		source := "refreshed"
		if info.Version == builtIn {
			source = "embedded"
		}
		return httpapi.ListsInfo{
			Lists: listsOf(table, p.Now()), Source: source, Rules: info.Rules, Registrable: info.Registrable,
			Tiers: httpapi.Tiers{Curated: info.Curated, Families: info.Families, Family: info.Family, Aggregator: info.Aggregator},
			Tables: httpapi.Tables{
				Free: counts.Free, Relays: counts.Relays, Roles: counts.Roles, Typos: counts.Typos,
				Guarded: counts.Guarded, Exchangers: counts.Exchangers,
			},
		}
	}
}
