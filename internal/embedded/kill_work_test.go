package embedded_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"rcpt/internal/embedded"
	"rcpt/internal/embedded/asl"
	"rcpt/internal/store"
	"rcpt/internal/store/storetest"
)

// folderToWork names the folder in which a child sends, receives and carries out
// executions until it is killed.
const folderToWork = "RCPT_TEST_WORK"

var output sync.Mutex

// say prints what is acknowledged; one that cannot is as good as killed.
func say(words ...any) {
	output.Lock()
	defer output.Unlock()
	if _, err := fmt.Println(words...); err != nil {
		os.Exit(1)
	}
}

// jobFunctions carry out storetest.JobMachine: three turns of ingest, two of
// plan, and a drain that ends by the token it sends to the queue.
func jobFunctions(q store.Queue) map[string]embedded.Function {
	answer := func(f func(in map[string]any) any) embedded.Function {
		return func(_ context.Context, input []byte) ([]byte, error) {
			in := map[string]any{}
			if err := json.Unmarshal(input, &in); err != nil {
				return nil, err
			}
			return json.Marshal(f(in))
		}
	}
	return map[string]embedded.Function{
		"Ingest": answer(func(in map[string]any) any {
			cursor := in["cursor"].(float64) + 1
			return map[string]any{"cursor": cursor, "done": cursor >= 3}
		}),
		"Plan": answer(func(in map[string]any) any {
			plan := in["plan"].(map[string]any)
			return map[string]any{"partition": plan["partition"].(float64) + 1, "shards": plan["shards"].(float64) + 2, "partitions": 2}
		}),
		"Drain": func(ctx context.Context, input []byte) ([]byte, error) {
			return []byte(`null`), q.Send(ctx, store.Message{Body: string(input)})
		},
		"Close":   answer(func(map[string]any) any { return nil }),
		"Collect": answer(func(map[string]any) any { return map[string]any{"rows": 7} }),
		"Finish":  answer(func(in map[string]any) any { return in }),
	}
}

// worker has a folder open and does all that is to be done there.
type worker struct {
	db   *embedded.DB
	q    store.Queue
	flow *embedded.Workflow
}

func openWorker(dir string, opts embedded.Options) (*worker, error) {
	db, err := embedded.Open(dir, opts)
	if err != nil {
		return nil, err
	}
	names := map[string]string{}
	for name := range jobFunctions(nil) {
		names[name] = name
	}
	machine, err := asl.Load(storetest.JobMachine, names)
	if err != nil {
		return nil, err
	}
	return &worker{db: db, q: db.Queue("work", embedded.DeadLetters{}), flow: db.Workflow("job", machine)}, nil
}

// receive takes messages; those with a token end its task.
func (w *worker) receive(ctx context.Context, seen func(body string)) error {
	got, err := w.q.Receive(ctx, 4, 50*time.Millisecond, time.Minute)
	if err != nil {
		return err
	}
	for _, d := range got {
		var in struct{ Token string }
		if json.Unmarshal([]byte(d.Body), &in) == nil && in.Token != "" {
			if err := w.flow.Succeed(ctx, in.Token, []byte(`{"left":0}`)); err != nil && !strings.Contains(err.Error(), store.ErrFinished.Error()) {
				return err
			}
		}
		seen(d.Body)
		if err := w.q.Delete(ctx, d.Receipt); err != nil {
			return err
		}
	}
	return nil
}

func workForever(dir, round string) error {
	w, err := openWorker(dir, embedded.Options{})
	if err != nil {
		return err
	}
	ctx, failed := context.Background(), make(chan error)
	go func() { failed <- w.flow.Run(ctx, jobFunctions(w.q)) }()
	go func() {
		for {
			if err := w.receive(ctx, func(body string) { say("got", body) }); err != nil {
				failed <- err
			}
		}
	}()
	go func() {
		for n := 0; ; n++ {
			body := fmt.Sprintf("message-%s-%d", round, n)
			if err := w.q.Send(ctx, store.Message{Body: body, Group: fmt.Sprint(n % 3)}); err != nil {
				failed <- err
			}
			say("sent", body)
			time.Sleep(3 * time.Millisecond)
		}
	}()
	go func() {
		for n := range 10 {
			name := fmt.Sprintf("job-%s-%d", round, n)
			input := fmt.Appendf(nil, `{"id":%q,"ingest":{"cursor":0},"deadline":86400,"heartbeat":80000}`, name)
			if err := w.flow.Start(ctx, name, input); err != nil {
				failed <- err
			}
			say("started", name)
			time.Sleep(20 * time.Millisecond)
		}
	}()
	return <-failed
}

// killedWorker starts the child and kills it after so many lines.
func killedWorker(t *testing.T, dir, round string, lines int) (said [][2]string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), folderToWork+"="+dir, "RCPT_TEST_ROUND="+round)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			break // the last line may be cut
		}
		what, of, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if what != "got" && what != "sent" && what != "started" {
			t.Fatalf("child: %s", line)
		}
		if said = append(said, [2]string{what, of}); len(said) == lines {
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := child.Wait(); err == nil || len(said) < lines {
		t.Fatalf("child ended by itself after %d lines: %v", len(said), err)
	}
	return said
}

func TestKillLosesNoMessageAndNoExecution(t *testing.T) {
	dir := t.TempDir()
	sent, got, jobs := map[string]bool{}, map[string]bool{}, []string{}
	for round := range 5 {
		for _, line := range killedWorker(t, dir, fmt.Sprint(round), 100+150*round) {
			switch line[0] {
			case "sent":
				sent[line[1]] = true
			case "got":
				got[line[1]] = true
			case "started":
				jobs = append(jobs, line[1])
			}
		}
	}
	// An hour later no lease is left, and no task has run out of time.
	w, err := openWorker(dir, embedded.Options{Now: func() time.Time { return time.Now().Add(time.Hour) }})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.db.Close() }()
	stop := run(t, w.flow, jobFunctions(w.q))
	defer stop()
	ended := func() bool {
		for _, name := range jobs {
			if x, err := w.flow.Execution(t.Context(), name); err != nil || x.Status == asl.Running {
				return false
			}
		}
		return true
	}
	missing := func() (bodies []string) {
		for body := range sent {
			if !got[body] {
				bodies = append(bodies, body)
			}
		}
		return bodies
	}
	for tries := 0; tries < 2000 && (!ended() || len(missing()) > 0); tries++ {
		if err := w.receive(t.Context(), func(body string) { got[body] = true }); err != nil {
			t.Fatalf("receive: %v", err)
		}
	}
	if lost := missing(); len(lost) > 0 {
		t.Errorf("%d of %d messages lost: %.200q", len(lost), len(sent), lost)
	}
	for _, name := range jobs {
		x, err := w.flow.Execution(t.Context(), name)
		if err != nil {
			t.Errorf("Execution %s: %v", name, err)
			continue
		}
		var result struct{ Job, Status string }
		if err := json.Unmarshal(x.Output, &result); x.Status != asl.Succeeded || err != nil || result.Job != name || result.Status != "completed" {
			t.Errorf("%s is %s with %s in state %s, %v", name, x.Status, x.Output, x.State, x.Fault)
		}
	}
	if len(jobs) < 10 || len(sent) < 100 {
		t.Errorf("only %d jobs and %d messages: the test asks too little", len(jobs), len(sent))
	}
}
