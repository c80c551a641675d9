package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"time"
)

// process is one execution environment: a bootstrap and the Runtime API that only
// it knows, so that nothing of a dead process reaches its successor.
type process struct {
	command *exec.Cmd
	server  *http.Server
	exited  chan struct{} // closed when the process has ended
	cause   error         // why; read after exited

	events  chan event
	answers chan answer
}

type event struct {
	id   string
	body []byte
}

type answer struct {
	payload []byte
	failed  bool
}

func start(cfg Config) (*process, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{exited: make(chan struct{}), events: make(chan event), answers: make(chan answer, 1)}
	p.server = &http.Server{Handler: p.routes(cfg)}
	go func() { _ = p.server.Serve(listener) }() // ends with stop

	p.command = exec.Command(cfg.Binary)
	p.command.Env = append(surroundings(cfg.Name, listener.Addr().String()), cfg.Env...)
	p.command.Stdout, p.command.Stderr = cfg.Log, cfg.Log
	if err := p.command.Start(); err != nil {
		_ = p.server.Close()
		return nil, err
	}
	go func() {
		p.cause = errors.Join(errEnded, p.command.Wait())
		close(p.exited)
	}()
	return p, nil
}

var errEnded = errors.New("the process has ended")

// surroundings is what Lambda sets for every function.
func surroundings(name, api string) []string {
	return []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=256",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/" + name,
		"AWS_LAMBDA_LOG_STREAM_NAME=local",
		"AWS_LAMBDA_LOG_FORMAT=JSON",
		"AWS_REGION=us-east-1",
		"AWS_ACCESS_KEY_ID=local",
		"AWS_SECRET_ACCESS_KEY=local",
		"LAMBDA_TASK_ROOT=/var/task",
		"_HANDLER=bootstrap",
		"TZ=:UTC",
	}
}

// deliver gives the process an event. It fails when the process ends, or ctx,
// before the event is taken.
func (p *process) deliver(ctx context.Context, e event) error {
	select {
	case p.events <- e:
		return nil
	case <-p.exited:
		return p.cause
	case <-ctx.Done():
		return ctx.Err()
	}
}

// answer waits for what the process makes of its event. After an error the
// process is of no more use.
func (p *process) answer(ctx context.Context) (answer, error) {
	select {
	case a := <-p.answers:
		return a, nil
	case <-p.exited:
	case <-ctx.Done():
		return answer{}, ctx.Err()
	}
	select {
	case a := <-p.answers: // its last words
		return a, nil
	default:
		return answer{}, p.cause
	}
}

func (p *process) stop() {
	_ = p.command.Process.Kill() // it may be gone already
	<-p.exited
	_ = p.server.Close()
}

// routes is the Runtime API, and of the Extensions API as much as a function
// needs that wants to be told of SIGTERM.
func (p *process) routes(cfg Config) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(w http.ResponseWriter, r *http.Request) {
		select {
		case e := <-p.events:
			w.Header().Set("Lambda-Runtime-Aws-Request-Id", e.id)
			w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(cfg.Timeout).UnixMilli(), 10))
			w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:123456789012:function:"+cfg.Name)
			w.Header().Set("Lambda-Runtime-Trace-Id", fmt.Sprintf("Root=1-%08x-000000000000000000000001;Sampled=0", time.Now().Unix()))
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write(e.body) // a process that is gone is noticed by its end
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", p.receive(false))
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", p.receive(true))
	mux.HandleFunc("POST /2020-01-01/extension/register", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Lambda-Extension-Identifier", "local")
		_, _ = io.WriteString(w, "{}")
	})
	mux.HandleFunc("GET /2020-01-01/extension/event/next", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	return mux
}

func (p *process) receive(failed bool) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		payload, err := io.ReadAll(r.Body)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		// Before the status: with that the process may end.
		select {
		case p.answers <- answer{payload, failed}:
			w.WriteHeader(http.StatusAccepted)
		default:
			http.Error(w, "a second answer to one event", http.StatusBadRequest)
		}
	}
}
