package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is what a test waits for something that takes a moment. It is a
// guard against hanging, so it is long: the first `make run` of a machine
// compiles everything.
const patience = 2 * time.Minute

// nowhere is a name server that refuses every question, so that no test asks
// the machine's own.
const nowhere = "127.0.0.1:1"

// product is a running rcpt: a process of its own, led by the command that
// started it.
type product struct {
	cmd   *exec.Cmd
	out   *transcript // what it told the person who started it
	log   *transcript
	env   environment // what it wrote to $RCPT_DATA/env
	ended chan struct{}
	err   error // of cmd, once ended
}

// launch starts command, which becomes or starts rcpt, and returns when it
// answers. Settings are NAME=value and the only ones that it sees.
func launch(dir string, settings []string, command ...string) (*product, error) {
	p := &product{cmd: exec.Command(command[0], command[1:]...), out: newTranscript(), log: newTranscript(), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, append(surroundings(), settings...), p.out, p.log
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // make, its shell and rcpt get every signal, as from a terminal
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	if err := p.ready(settings); err != nil {
		_ = p.end(syscall.SIGKILL)
		return nil, fmt.Errorf("%s: %w\n%s%s", strings.Join(command, " "), err, p.out, p.log)
	}
	return p, nil
}

// surroundings is the environment of this process without settings of rcpt
// and without what make hands down to itself.
func surroundings() []string {
	env := []string{"GORACE=atexit_sleep_ms=10"} // a child under the race detector would wait a second at its end
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "RCPT_") && !strings.HasPrefix(pair, "MAKE") && !strings.HasPrefix(pair, "MFLAGS=") {
			env = append(env, pair)
		}
	}
	return env
}

// ready waits for the address that rcpt prints and for its health, and reads
// the keys that it wrote.
func (p *product) ready(settings []string) error {
	if _, err := p.out.await(regexp.MustCompile(`rcpt listens on (\S+)\n`), p.ended); err != nil {
		return err
	}
	var data string
	for _, pair := range settings {
		if value, ok := strings.CutPrefix(pair, "RCPT_DATA="); ok {
			data = value
		}
	}
	var err error
	if p.env, err = readEnv(filepath.Join(data, "env")); err != nil {
		return err
	}
	response, err := http.Get(p.env.URL + "/v1/health")
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("health answers %s", response.Status)
	}
	return nil
}

// end sends a signal to the process and all it has started and waits until
// they are gone. It returns how the command ended.
func (p *product) end(signal syscall.Signal) error {
	p.signal(signal)
	return p.wait()
}

func (p *product) signal(signal syscall.Signal) {
	select {
	case <-p.ended: // its number may be another's by now
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, signal) // it may end at this moment
	}
}

func (p *product) wait() error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(patience):
		p.signal(syscall.SIGKILL)
		return fmt.Errorf("did not end within %s\n%s", patience, p.log)
	}
}

// indiscretion finds what the log must not hold: an address that is not
// masked, a secret, a report of the race detector.
func (p *product) indiscretion() error {
	log := p.log.String()
	if address := regexp.MustCompile(`[^\s"<>:=*]+@[a-zA-Z0-9-]+\.[a-z]+`).FindString(log); address != "" {
		return fmt.Errorf("the log holds the address %s", address)
	}
	for _, secret := range []string{p.env.Key, p.env.AdminKey, p.env.HookToken, p.env.WebhookSecret} {
		if strings.Contains(log, secret[len(secret)-32:]) {
			return errors.New("the log holds a secret")
		}
	}
	if strings.Contains(log, "-key-of-") { // as the keys of vendors are called in scripts
		return errors.New("the log holds the key of a vendor")
	}
	if strings.Contains(log, "DATA RACE") || strings.Contains(log, `"panic"`) || strings.Contains(log, "goroutine ") {
		return fmt.Errorf("the log tells of a race or a panic:\n%s", log)
	}
	return nil
}

// start runs rcpt in a folder of its own until the test ends, which must be
// in order and without a word in the log that should not be there.
func start(t *testing.T, settings ...string) *product {
	t.Helper()
	dir := t.TempDir()
	settings = append([]string{"RCPT_ADDR=127.0.0.1:0", "RCPT_DNS=" + nowhere, "RCPT_DATA=" + filepath.Join(dir, "data")}, settings...)
	p, err := launch(dir, settings, "rcpt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.end(syscall.SIGTERM); err != nil {
			t.Errorf("rcpt ended with %v:\n%s", err, p.log)
		}
		if err := p.indiscretion(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// answer is a JSON answer by field name.
type answer struct {
	status int
	kind   string // its Content-Type
	fields map[string]any
}

// ask posts a body with the product's key.
func (p *product) ask(path, body string) (answer, error) {
	return p.post(http.DefaultClient, path, body)
}

func (p *product) post(client *http.Client, path, body string) (answer, error) {
	request, err := http.NewRequest(http.MethodPost, p.env.URL+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	request.Header.Set("Authorization", "Bearer "+p.env.Key)
	return do(client, request)
}

func do(client *http.Client, request *http.Request) (answer, error) {
	response, err := client.Do(request)
	if err != nil {
		return answer{}, err
	}
	return read(response)
}

func read(response *http.Response) (answer, error) {
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: response.StatusCode, kind: response.Header.Get("Content-Type")}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&a.fields); err != nil {
		return answer{}, fmt.Errorf("status %d, answer %q: %w", a.status, text, err)
	}
	return a, nil
}

// transcript keeps what a process writes.
type transcript struct {
	mu      sync.Mutex
	text    bytes.Buffer
	written chan struct{} // closed and replaced at every write
}

func newTranscript() *transcript { return &transcript{written: make(chan struct{})} }

func (s *transcript) Write(text []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.written)
	s.written = make(chan struct{})
	return s.text.Write(text)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await returns the first match of pattern, as soon as it was written.
func (s *transcript) await(pattern *regexp.Regexp, ended <-chan struct{}) (string, error) {
	tooLate := time.After(patience)
	for {
		s.mu.Lock()
		match, written := pattern.FindString(s.text.String()), s.written
		s.mu.Unlock()
		if match != "" {
			return match, nil
		}
		select {
		case <-written:
		case <-ended:
			return "", fmt.Errorf("ended without writing %s", pattern)
		case <-tooLate:
			return "", fmt.Errorf("wrote no %s within %s", pattern, patience)
		}
	}
}
