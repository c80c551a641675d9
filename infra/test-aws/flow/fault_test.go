package flow

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"rcpt/infra/host"
)

// weather is what lies between the functions and a stand-in.
type weather int32

const (
	fair     weather = iota
	refusing         // connections are reset, those that exist and new ones
	stalling         // nothing passes, nothing is said
)

// gate passes TCP on to a stand-in, in any weather.
type gate struct {
	listener net.Listener
	target   string
	now      atomic.Int32

	mu    sync.Mutex
	conns map[net.Conn]bool
	calm  *sync.Cond // signals that the weather changed
}

// between puts a gate before an endpoint and returns it with its own address.
func between(t *testing.T, endpoint string) (*gate, string) {
	t.Helper()
	u, err := url.Parse(endpoint)
	if err != nil {
		t.Fatal(err)
	}
	g := &gate{target: u.Host, conns: make(map[net.Conn]bool)}
	g.calm = sync.NewCond(&g.mu)
	if g.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.turn(refusing); _ = g.listener.Close() })
	go g.accept()
	return g, "http://" + g.listener.Addr().String()
}

func (g *gate) accept() {
	for {
		c, err := g.listener.Accept()
		if err != nil {
			return
		}
		go g.serve(c.(*net.TCPConn))
	}
}

func (g *gate) serve(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	if weather(g.now.Load()) == refusing {
		_ = c.SetLinger(0) // a reset instead of a farewell
		return
	}
	up, err := net.Dial("tcp", g.target)
	if err != nil {
		return
	}
	defer func() { _ = up.Close() }()
	g.mu.Lock()
	g.conns[c] = true
	g.mu.Unlock()
	go func() { g.copy(c, up) }()
	g.copy(up, c)
	g.mu.Lock()
	delete(g.conns, c)
	g.mu.Unlock()
}

// copy passes octets in fair weather and holds them while it stalls.
func (g *gate) copy(to, from net.Conn) {
	defer func() { _, _ = to.Close(), from.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		g.mu.Lock()
		for weather(g.now.Load()) == stalling {
			g.calm.Wait()
		}
		g.mu.Unlock()
		if n > 0 {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (g *gate) turn(w weather) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.now.Store(int32(w))
	if w == refusing {
		for c := range g.conns {
			_ = c.(*net.TCPConn).SetLinger(0)
			_ = c.Close()
		}
	}
	g.calm.Broadcast()
}

// TestTablesThatRefuseAndStall: ten seconds each, under load from four
// environments of verify and one of account. Answers are 503 with Retry-After or
// right; when the weather is fair again the same processes answer as before, and
// what was acknowledged is there.
func TestTablesThatRefuseAndStall(t *testing.T) {
	s := open(t)
	admin := s.admin()
	secret := must(t, s.function("account"), "POST", "/v1/keys", admin, `{"account":"acme","limits":{"concurrency":100}}`, 201).field("secret")
	gate, address := between(t, *s.dynamo.BaseEndpoint)
	s.env = append(s.env, "AWS_ENDPOINT_URL_DYNAMODB="+address) // the last one counts

	const environments = 4
	var tally, accounts [3]outcomes
	var phase atomic.Int32
	var clients sync.WaitGroup
	over := make(chan struct{})
	functions := make([]*host.Function, environments)
	for i := range functions {
		functions[i] = s.function("verify")
		must(t, functions[i], "POST", "/v1/verify", secret, `{"email":"alice@ok.test"}`, 200)
		clients.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-over:
					return
				default:
				}
				for local, want := range map[string]string{"alice": "VALID", "nobody": "INVALID"} {
					email := fmt.Sprintf("%s@ok-%d-%d.test", local, i, n) // a domain nobody asked for yet
					start := time.Now()
					r, err := ask(t.Context(), functions[i], "POST", "/v1/verify", secret, `{"email":"`+email+`"}`)
					// What began before the weather turned ended in the new one.
					tally[phase.Load()].add(t, email, want, r, err, time.Since(start))
				}
			}
		})
	}
	busy := &customer{
		f: s.function("account"), admin: admin, secret: secret,
		made: map[string]bool{}, denied: map[string]bool{}, revoked: map[string]bool{},
	}
	must(t, busy.f, "GET", "/v1/keys", admin, "", 200)
	functions = append(functions, busy.f)
	clients.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-over:
				return
			default:
				busy.round(t, n, func() *outcomes { return &accounts[phase.Load()] })
			}
		}
	})
	pids := make([]int, len(functions))
	for i, f := range functions {
		pids[i] = f.PID()
	}
	for p, w := range []weather{fair, refusing, stalling} {
		phase.Store(int32(p))
		gate.turn(w)
		time.Sleep(10 * time.Second) // the length of the weather, not a wait for anything
	}
	gate.turn(fair)
	close(over)
	clients.Wait()

	for p, name := range []string{"fair", "refusing", "stalling"} {
		t.Logf("%s: checks %s; account %s", name, tally[p].String(), accounts[p].String())
	}
	for _, fair := range []*outcomes{&tally[0], &accounts[0]} {
		if fair.right == 0 || fair.refused > 0 || fair.unknown > 0 {
			t.Errorf("fair: got %s, want right answers alone", fair)
		}
	}
	busy.settled(t)
	for i, f := range functions[:environments] {
		r := must(t, f, "POST", "/v1/verify", secret, `{"email":"nobody@ok.test","fresh":true}`, 200)
		if r.field("status") != "INVALID" {
			t.Errorf("environment %d after the weather: got %s", i, r.body)
		}
	}
	for i, f := range functions {
		if f.PID() != pids[i] {
			t.Errorf("environment %d was restarted", i)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", f.PID()))
		if err != nil {
			t.Fatal(err)
		}
		_, resident, _ := strings.Cut(string(status), "VmRSS:")
		resident, _, _ = strings.Cut(resident, "\n")
		t.Logf("environment %d holds %s", i, strings.TrimSpace(resident))
	}
}

// outcomes counts answers of one phase.
type outcomes struct {
	mu                      sync.Mutex
	right, unknown, refused int
	slowest                 time.Duration
}

func (o *outcomes) String() string {
	return fmt.Sprintf("%d right, %d UNKNOWN, %d 503; slowest %s", o.right, o.unknown, o.refused, o.slowest.Round(time.Millisecond))
}

// add counts an answer; one that is neither right nor honest fails the test.
func (o *outcomes) add(t *testing.T, email, want string, r response, err error, took time.Duration) {
	if err == nil && r.status == 200 && r.field("status") == "UNKNOWN" {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.unknown++
		o.slowest = max(o.slowest, took)
		return
	}
	o.count(t, email, err == nil && r.status == 200 && r.field("status") == want, r, err, took)
}

// count is add for answers that are right or not.
func (o *outcomes) count(t *testing.T, asked string, right bool, r response, err error, took time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.slowest = max(o.slowest, took)
	switch {
	case err != nil:
		t.Errorf("%s: %v", asked, err)
	case right:
		o.right++
	case r.status == 503 && r.header["Retry-After"] != "":
		o.refused++
	default:
		t.Errorf("%s: got %d %s %v", asked, r.status, strings.TrimSpace(string(r.body)), r.header)
	}
}
