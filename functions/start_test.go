package functions

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"rcpt/internal/config"
)

// TestStart starts the real binaries: without settings, and with those that
// template.yaml gives them.
func TestStart(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	given := templateNames(t)
	if err != nil || len(mains) == 0 || len(mains) != len(given)-1 {
		t.Fatalf("%d mains, %d functions in template.yaml: %v", len(mains), len(given)-1, err)
	}
	folder := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", folder, "./...")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, main := range mains {
		name := filepath.Dir(main)
		binary := filepath.Join(folder, name)
		t.Run(name+" says what is missing", func(t *testing.T) { saysWhatIsMissing(t, name, binary) })
		t.Run(name+" starts with what the template gives", func(t *testing.T) { startsDeployed(t, binary, given[""], given[name]) })
	}
}

// saysWhatIsMissing starts a function in an empty environment: all faults stand
// in one line, and the exit is not clean.
func saysWhatIsMissing(t *testing.T, name, binary string) {
	want := []string{"AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
	for _, s := range config.Settings() {
		if slices.Contains(strings.Fields(s.Needed), name) {
			want = append(want, s.Name+" is missing")
		}
	}
	line := startFails(t, binary)
	if !strings.HasPrefix(line, name+": ") || len(want) == 3 {
		t.Errorf("%d words expected in %q", len(want), line)
	}
	for _, word := range want {
		if strings.Count(line, word) != 1 {
			t.Errorf("%q is not once in %q", word, line)
		}
	}
	// What is malformed stands in the same line.
	if line := startFails(t, binary, "RCPT_PACING=slow"); !strings.Contains(line, `RCPT_PACING is "slow"`) || !strings.Contains(line, want[3]) {
		t.Errorf("with a malformed setting: %q", line)
	}
}

// startFails runs a binary and returns the one line that it leaves.
func startFails(t *testing.T, binary string, env ...string) string {
	t.Helper()
	var stderr, stdout bytes.Buffer
	run := exec.CommandContext(t.Context(), binary)
	run.Env = append([]string{"HOME=" + os.DevNull}, env...) // nil would be our own
	run.Stdout, run.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := run.Run(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("the exit is %v", err)
	}
	line := stderr.String()
	if strings.Count(line, "\n") != 1 || !strings.HasSuffix(line, "\n") || stdout.Len() > 0 {
		t.Errorf("not one line: %q and %q", line, stdout.String())
	}
	return line
}
