package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"rcpt/internal/config"
)

// commands are what the scripts can do beside the commands of testscript:
//
//	start [-C dir] [command...]   run rcpt, or a command that does, and wait until it answers;
//	                              its keys are variables from then on
//	end TERM|INT|KILL             end it; "! end" expects an exit status other than 0
//	ask path email|json field=value...
//	                              POST with RCPT_KEY and compare the answer; "http" is its status, 200 if
//	                              not said otherwise; a value of * means there, of - means not there,
//	                              and a|b means one of them
//	readme n file                 write the nth block of the README's quick start to file
func commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"start": startCommand, "end": endCommand, "ask": askCommand, "readme": readmeCommand,
	}
}

// stage is what a script has running.
type stage struct{ *product }

// stageKey finds the stage of a script.
type stageKey struct{}

func on(ts *testscript.TestScript) *stage { return ts.Value(stageKey{}).(*stage) }

func startCommand(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	dir, command := ts.MkAbs("."), []string{"rcpt"}
	if len(args) > 1 && args[0] == "-C" {
		dir, args = ts.MkAbs(args[1]), args[2:]
	}
	if len(args) > 0 {
		command = args
	}
	var settings []string
	for _, s := range config.Settings() {
		settings = append(settings, s.Name+"="+ts.Getenv(s.Name))
	}
	p, err := launch(dir, settings, command...)
	ts.Check(err)
	on(ts).product = p
	ts.Defer(func() { _ = p.end(syscall.SIGKILL) })
	for _, field := range p.env.lines() {
		ts.Setenv(field.name, *field.value)
	}
}

func endCommand(ts *testscript.TestScript, neg bool, args []string) {
	signals := map[string]syscall.Signal{"TERM": syscall.SIGTERM, "INT": syscall.SIGINT, "KILL": syscall.SIGKILL}
	if len(args) != 1 || signals[args[0]] == 0 || on(ts).product == nil {
		ts.Fatalf("usage: end TERM|INT|KILL, after start")
	}
	p := on(ts).product
	on(ts).product = nil
	err := p.end(signals[args[0]])
	ts.Logf("[ended: %v]", err)
	if failed := err != nil; failed != neg {
		ts.Fatalf("ended with %v:\n%s", err, p.log)
	}
	ts.Check(p.indiscretion())
}

func askCommand(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	if len(args) < 3 || on(ts).product == nil {
		ts.Fatalf("usage: ask path email|json field=value..., after start")
	}
	body := args[1]
	if !strings.HasPrefix(body, "{") {
		body = fmt.Sprintf(`{"email":%q}`, body)
	}
	got, err := on(ts).ask(args[0], body)
	ts.Check(err)
	wants := append([]string{"http=200"}, args[2:]...)
	if strings.HasPrefix(args[2], "http=") {
		wants = args[2:]
	}
	for _, want := range wants {
		name, value, _ := strings.Cut(want, "=")
		if text := got.text(name); !slices.Contains(strings.Split(value, "|"), text) && (value != "*" || text == "-") {
			all, _ := json.MarshalIndent(got.fields, "", "  ")
			ts.Fatalf("%s is %s, want %s\n%s", name, text, value, all)
		}
	}
}

// text is the field of a dotted name; - if there is none.
func (a answer) text(name string) string {
	if name == "http" {
		return fmt.Sprint(a.status)
	}
	var value any = a.fields
	for part := range strings.SplitSeq(name, ".") {
		object, _ := value.(map[string]any)
		value = object[part]
	}
	if value == nil {
		return "-"
	}
	return fmt.Sprint(value)
}

func readmeCommand(ts *testscript.TestScript, neg bool, args []string) {
	refuseNot(ts, neg)
	text, err := os.ReadFile(filepath.Join(ts.Getenv("ROOT"), "README.md"))
	ts.Check(err)
	_, text2, ok := strings.Cut(string(text), "\n## Quick start\n")
	chapter, _, _ := strings.Cut(text2, "\n## ")
	blocks := strings.Split(chapter, "\n```sh\n")[1:]
	var n int
	if _, err := fmt.Sscan(args[0], &n); !ok || err != nil || n < 1 || n > len(blocks) {
		ts.Fatalf("the quick start has %d blocks of shell commands, block %s is asked for", len(blocks), args[0])
	}
	block, _, _ := strings.Cut(blocks[n-1], "\n```")
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(block+"\n"), 0o666))
}

func refuseNot(ts *testscript.TestScript, neg bool) {
	if neg {
		ts.Fatalf("this command cannot be negated")
	}
}
