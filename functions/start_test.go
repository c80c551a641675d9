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

// TestWithoutSettingsEveryFunctionSaysWhatIsMissing starts the real binaries in
// an empty environment: all faults stand in one line, and the exit is not clean.
func TestWithoutSettingsEveryFunctionSaysWhatIsMissing(t *testing.T) {
	mains, err := filepath.Glob("*/main.go")
	if err != nil || len(mains) == 0 {
		t.Fatalf("no functions: %v", err)
	}
	folder := t.TempDir()
	for _, main := range mains {
		name := filepath.Dir(main)
		t.Run(name, func(t *testing.T) {
			binary := filepath.Join(folder, name)
			build := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "./"+name)
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
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
		})
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
