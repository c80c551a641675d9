package lists

import (
	"strings"
	"testing"
)

func TestRole(t *testing.T) {
	table := New()
	tests := []struct{ claim, local, class string }{
		{"a role of RFC 2142", "postmaster", Technical},
		{"case does not matter", "PostMaster", Technical},
		{"a tag does not matter", "sales+eu", Sales},
		{"quotes do not matter", `"billing"`, Billing},
		{"several words in one", "noreply", NoReply},
		{"several words with hyphens", "do-not-reply", NoReply},
		{"several words with dots", "No.Reply", NoReply},
		{"several words with underscores", "accounts_payable", Billing},
		{"another language", "datenschutz", Administrative},
		{"one word in pieces is a name", "ad.min", ""},
		{"one word with a tail is something else", "sales-berlin", ""},
		{"a person", "john.doe", ""},
		{"a tag alone", "+sales", ""},
		{"nothing", "", ""},
		{"separators alone", "-._", ""},
		{"another script", "продажи", ""},
		{"more than any role has", strings.Repeat("a", 65), ""},
		{"separators around a role", strings.Repeat(".", 80) + "noreply", ""},
	}
	for _, tt := range tests {
		t.Run(tt.claim, func(t *testing.T) {
			if got := table.Role(tt.local); got.Class != tt.class {
				t.Errorf("Role(%q) = %q, want %q", tt.local, got.Class, tt.class)
			}
		})
	}
}

func TestRolesOfRFC2142(t *testing.T) {
	table := New()
	for local, class := range map[string]string{
		"info": Generic, "marketing": Marketing, "sales": Sales, "support": Support,
		"abuse": Abuse, "noc": Technical, "security": Abuse,
		"postmaster": Technical, "hostmaster": Technical, "usenet": Technical, "news": Marketing,
		"webmaster": Technical, "www": Technical, "uucp": Technical, "ftp": Technical,
	} {
		if got := table.Role(local); got.Class != class {
			t.Errorf("Role(%q) = %q, want %q", local, got.Class, class)
		}
	}
}

func TestRolesInOtherLanguages(t *testing.T) {
	table := New()
	for class, names := range map[string]string{
		Administrative: "bewerbungen accueil rh segreteria risorse.umane vacatures kadry",
		Sales:          "commandes pedidos verkoop sprzedaz salg objednavky satis",
		Support:        "service-client klantenservice kundtjanst podpora destek",
		Billing:        "factures fatture facturen faktury ksiegowosc muhasebe",
		NoReply:        "ne-pas-repondre nicht_antworten nao.responda nonrispondere",
		Generic:        "buero ufficio toimisto iletisim biuro",
	} {
		for name := range strings.FieldsSeq(names) {
			if got := table.Role(name); got.Class != class {
				t.Errorf("Role(%q) = %q, want %q", name, got.Class, class)
			}
		}
	}
}

func TestNoGivenNameIsARole(t *testing.T) {
	table := New()
	for name := range strings.FieldsSeq("adam maria mark anna ali art bill dev frank grace hope june penny " +
		"rose will user alice bob i.t o.ffice te_am france denver se sf") {
		if got := table.Role(name); got.Class != "" {
			t.Errorf("Role(%q) = %q, want a person", name, got.Class)
		}
	}
}
