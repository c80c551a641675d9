package main

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain makes the test binary the product and curl as well: started again
// under one of these names it is that command, in a process of its own.
func TestMain(m *testing.M) {
	wire := describe()
	testscript.Main(suite{m, wire}, map[string]func(){"curl": func() { curl(wire) }, "rcpt": func() {
		askTheTest()
		go endWithParent()
		main()
	}})
}

// endWithParent keeps a product from outliving a test that was broken off: it
// is in a process group of its own, where no Ctrl-C reaches it.
func endWithParent() {
	for parent := os.Getppid(); os.Getppid() == parent; {
		time.Sleep(time.Second)
	}
	os.Exit(1)
}

// TestScripts runs every file of testdata: what a person or a machine does
// from outside, with nothing but settings, signals and HTTP. Beside the
// commands of testscript there are those of commands_test.go.
func TestScripts(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata", Cmds: commands(), RequireExplicitExec: true, RequireUniqueNames: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("ROOT", root)
			env.Setenv("RCPT_ADDR", "127.0.0.1:0")
			env.Setenv("RCPT_DATA", filepath.Join(env.WorkDir, ".local"))
			env.Setenv("RCPT_DNS", nowhere)
			for _, name := range []string{"HOME", "GOCACHE", "GOMODCACHE", "GOPATH", "GOFLAGS"} { // make calls go, which else builds everything anew
				env.Setenv(name, os.Getenv(name))
			}
			env.Values[stageKey{}] = new(stage)
			return nil
		},
	})
}
