package app

import (
	"context"
	"net"
	"testing"
	"time"

	"rcpt/internal/config"
)

// The planner carries no simulated mail internet: where there is one, names under
// .test are its own and nobody else is asked for them.
func TestPlannerAsksNoDNSForTheSimulation(t *testing.T) {
	for _, c := range []struct {
		sim    bool
		domain string
		asks   bool
	}{{true, "ok.test", false}, {true, "attest.example", true}, {false, "ok.test", true}} {
		server, asked := deaf(t)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan string, 1)
		go func() {
			done <- operator(config.Config{DNS: []string{server}, Sim: c.sim}, Ports{Now: time.Now})(ctx, c.domain)
		}()
		got := false
		select {
		case <-asked:
			got = true
		case <-done:
		}
		cancel()
		if got != c.asks {
			t.Errorf("%+v: asked is %v", c, got)
		}
	}
}

// deaf is a name server that answers nothing. It tells of the first question.
func deaf(t *testing.T) (address string, asked chan struct{}) {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	asked = make(chan struct{})
	go func() {
		if _, _, err := server.ReadFrom(make([]byte, 512)); err == nil {
			close(asked)
		}
	}()
	return server.LocalAddr().String(), asked
}
