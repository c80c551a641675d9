package results

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"rcpt/internal/batch/jsonjs"
	"rcpt/internal/batch/rows"
	"rcpt/internal/verdict"
)

var (
	valid = Answer{Status: verdict.Valid, Score: 98, Reason: verdict.SMTPVerified, Action: verdict.Accept, MXFound: true, MXHost: "mx.x.test",
		CheckedAt: time.Date(2026, 11, 22, 6, 0, 0, 250e6, time.UTC)}
	unknown = Answer{Status: verdict.Unknown, Score: 50, Reason: verdict.Deadline, Action: verdict.Retry}
)

func text(s string) rows.Cell { return rows.Cell{Kind: rows.Text, Text: s} }

const (
	validJSON = `"status":"VALID","score":98,"reason":"smtp_verified","action":"accept","disposable":false,"catch_all":false,"free_provider":false,` +
		`"role":false,"relay":false,"spam_trap":false,"closed_provider":false,"mx_found":true,"mx_host":"mx.x.test","checked_at":"2026-11-22T06:00:00.25Z"}`
	validCSV   = "VALID,98,smtp_verified,accept,false,false,false,false,false,false,false,true,,,,,mx.x.test,,2026-11-22T06:00:00.25Z\r\n"
	headerRest = "status,score,reason,action,disposable,catch_all,free_provider,role,relay,spam_trap,closed_provider,mx_found," +
		"role_class,tag,canonical,suggestion,mx_host,mx_provider,checked_at\r\n"
)

func TestARowIsTheUsersColumnsThenOurs(t *testing.T) {
	for _, c := range []struct {
		name         string
		layout       rows.Layout
		row          rows.Row
		json, header string
		csv          string
	}{
		{"a list of addresses", rows.Layout{Columns: []string{""}}, rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test")}},
			`{"email":"a@x.test",`, "email,", "a@x.test,"},
		{"the address column called email stays in its place", rows.Layout{Columns: []string{"id", "email", "city"}, Email: 1},
			rows.Row{Email: " A@x.test", Cells: []rows.Cell{text("1"), text(" A@x.test"), text("Köln")}},
			`{"id":"1","email":" A@x.test","city":"Köln",`, "id,email,city,", "1,\" A@x.test\",Köln,"},
		{"one called otherwise stays, too", rows.Layout{Columns: []string{"E-Mail", "email"}},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test"), text("b@x.test")}},
			`{"E-Mail":"a@x.test","input_email":"b@x.test","email":"a@x.test",`, "E-Mail,input_email,email,", "a@x.test,b@x.test,a@x.test,"},
		{"no header", rows.Layout{Columns: []string{"", "", ""}, Email: 1},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("1"), text("a@x.test")}},
			`{"column_1":"1","email":"a@x.test",`, "column_1,email,column_3,", "1,a@x.test,,"},
		{"names twice, and names of ours", rows.Layout{Columns: []string{"email", "status", "x", "x", "input_status", "x_2"}},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test"), text("2"), text("3"), text("4"), text("5"), text("6")}},
			`{"email":"a@x.test","input_status":"2","x":"3","x_2":"4","input_status_2":"5","x_2_2":"6",`,
			"email,input_status,x,x_2,input_status_2,x_2_2,", "a@x.test,2,3,4,5,6,"},
		{"names that are numbers come first in JSON", rows.Layout{Columns: []string{"email", "2024", "b", "7"}},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test"), text("y"), text("z"), text("w")}},
			`{"7":"w","2024":"y","email":"a@x.test","b":"z",`, "email,2024,b,7,", "a@x.test,y,z,w,"},
		{"values of JSON", rows.Layout{Columns: []string{"email", "n", "o", "gone", "null"}},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test"), {Kind: rows.JSON, Text: "1.5"}, {Kind: rows.JSON, Text: `{"a":"b"}`}, {}, {Kind: rows.JSON, Text: "null"}}},
			`{"email":"a@x.test","n":1.5,"o":{"a":"b"},"null":null,`, "email,n,o,gone,null,", `a@x.test,1.5,"{""a"":""b""}",,,`},
		{"a row without address", rows.Layout{Columns: []string{"email", "x"}}, rows.Row{Cells: []rows.Cell{{}, text("1")}},
			`{"email":"","x":"1",`, "email,x,", ",1,"},
		{"what has to be quoted", rows.Layout{Columns: []string{"email", "a,\"b\""}},
			rows.Row{Email: "a@x.test", Cells: []rows.Cell{text("a@x.test"), text("1\r\n\"2\",<\u2028>")}},
			`{"email":"a@x.test","a,\"b\"":"1\r\n\"2\",<` + "\u2028" + `>",`, `email,"a,""b""",`, "a@x.test,\"1\r\n\"\"2\"\",<\u2028>\","},
	} {
		columns := NewColumns(c.layout)
		if got := string(columns.AppendJSON(nil, c.row, &valid)); got != c.json+validJSON {
			t.Errorf("%s: JSON is\n%s\nwant\n%s", c.name, got, c.json+validJSON)
		} else if again, err := jsonjs.Canonical(got); err != nil || again != got {
			t.Errorf("%s: JavaScript makes of it\n%s, %v", c.name, again, err)
		}
		if got := string(columns.AppendHeader(nil)); got != c.header+headerRest {
			t.Errorf("%s: the header is\n%s\nwant\n%s", c.name, got, c.header+headerRest)
		}
		if got := string(columns.AppendCSV(nil, c.row, &valid)); got != c.csv+validCSV {
			t.Errorf("%s: CSV is\n%s\nwant\n%s", c.name, got, c.csv+validCSV)
		}
	}
}

func TestFormulasAreDefused(t *testing.T) {
	for cell, want := range map[string]string{
		"=1+1": `"'=1+1"`, "+cmd|' /C calc'!A0": `"'+cmd|' /C calc'!A0"`, "-2+3": `"'-2+3"`, "@SUM(A1)": `"'@SUM(A1)"`,
		"\t=1": "\"'\t=1\"", "\r=1": "\"'\r=1\"", " =1": `"' =1"`, "\u00a0=1": "\"'\u00a0=1\"", "＝1": `"'＝1"`, "-": `"'-"`, "+a@x.test": `"'+a@x.test"`,
		`=HYPERLINK("a","b")`: `"'=HYPERLINK(""a"",""b"")"`, "a;=1+1": `"a;=1+1"`, "a\t=1+1": "\"a\t=1+1\"",
		"-5": "-5", "+49 30 123456": "+49 30 123456", "-1.50": "-1.50", "a=b": "a=b", "1-2": "1-2", "": "",
	} {
		if got := string(appendCell(nil, cell)); got != want+"," {
			t.Errorf("%q is written %s want %s", cell, got, want)
		}
	}
}

var columns = NewColumns(rows.Layout{Columns: []string{"email", "name"}})

// output writes n rows in parts of this many.
func output(t *testing.T, f Format, n, part int) string {
	t.Helper()
	var out bytes.Buffer
	for first := 0; first == 0 || first < n; first += part {
		count := min(part, n-first)
		o := NewPart(&out, Output{Format: f, Job: "job_1", Columns: columns, First: first == 0, Last: first+part >= n})
		g := NewRange(int64(first), count)
		if err := g.Read(given(t, valid, []int64{0, 2})); err != nil {
			t.Fatal(err)
		}
		if err := Join(chunkOf(t, int64(first), count), g, unknown, o.Write); err != nil {
			t.Fatal(err)
		}
		if err := o.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out.String()
}

func TestAnOutputInPartsIsTheSameAsInOne(t *testing.T) {
	for _, f := range []Format{JSON, JSONL, CSV} {
		whole := output(t, f, 5, 5)
		for _, part := range []int{1, 2, 4} {
			if got := output(t, f, 5, part); got != whole {
				t.Errorf("%s in parts of %d is\n%s\nwant\n%s", f, part, got, whole)
			}
		}
	}
}

func TestOutputsCanBeRead(t *testing.T) {
	var document struct {
		Job     string           `json:"job_id"`
		Results []map[string]any `json:"results"`
	}
	text := output(t, JSON, 3, 3)
	if err := json.Unmarshal([]byte(text), &document); err != nil || document.Job != "job_1" || len(document.Results) != 3 ||
		document.Results[2]["email"] != "user2@x.test" || document.Results[1]["reason"] != "deadline" {
		t.Errorf("got %+v, %v", document, err)
	}
	if again, err := jsonjs.Canonical(text); err != nil || again != text {
		t.Errorf("JavaScript makes of it %s, %v", again, err)
	}
	lines := strings.Split(output(t, JSONL, 3, 3), "\n")
	if len(lines) != 4 || lines[3] != "" || !json.Valid([]byte(lines[1])) {
		t.Errorf("lines are %q", lines)
	}
	table, err := csv.NewReader(strings.NewReader(output(t, CSV, 3, 3))).ReadAll()
	if err != nil || len(table) != 4 || table[0][2] != "status" || !slices.Equal(table[3][:3], []string{"user2@x.test", "Ann, B.", "VALID"}) {
		t.Errorf("the table is %q, %v", table, err)
	}
	if got := output(t, JSON, 0, 1); got != `{"job_id":"job_1","results":[]}` {
		t.Errorf("of no rows: %s", got)
	}
	if got := output(t, CSV, 0, 1); got != string(columns.AppendHeader(nil)) {
		t.Errorf("of no rows: %s", got)
	}
}

func TestAFilterKeepsItsStatuses(t *testing.T) {
	if !(Filter{}).Keep(&valid) || !(Filter{verdict.Risky, verdict.Valid}).Keep(&valid) || (Filter{verdict.Risky}).Keep(&valid) {
		t.Error("it keeps others")
	}
}

// FuzzRow: any user's text comes through CSV and JSON, and JavaScript would
// write the same JSON.
func FuzzRow(f *testing.F) {
	f.Add("email", "name", "a@x.test", "=1+1")
	f.Add("7", "status", "\"", "\u2028\\")
	f.Fuzz(func(t *testing.T, first, second, a, b string) {
		a, b = strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?")
		c := NewColumns(rows.Layout{Columns: []string{strings.ToValidUTF8(first, "?"), strings.ToValidUTF8(second, "?")}})
		row := rows.Row{Email: a, Cells: []rows.Cell{text(a), text(b)}}
		line := string(c.AppendJSON(nil, row, &valid))
		if again, err := jsonjs.Canonical(line); err != nil || again != line {
			t.Fatalf("JavaScript makes of %s\n%s, %v", line, again, err)
		}
		var object map[string]any
		if err := json.Unmarshal([]byte(line), &object); err != nil || object["email"] != a || object[c.names[1]] != b || object["status"] != "VALID" {
			t.Fatalf("%s: %v, %v", line, object, err)
		}
		if strings.Contains(a+b+first+second, "\r") {
			return // which encoding/csv changes
		}
		table, err := csv.NewReader(bytes.NewReader(c.AppendCSV(c.AppendHeader(nil), row, &valid))).ReadAll()
		if err != nil || len(table) != 2 || len(table[0]) != len(table[1]) {
			t.Fatalf("%q, %v", table, err)
		}
		if got := table[1][1]; strings.TrimPrefix(got, "'") != strings.TrimPrefix(b, "'") || isFormula(got) {
			t.Fatalf("the cell is %q, want %q", got, b)
		}
	})
}
