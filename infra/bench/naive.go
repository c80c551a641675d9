package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"sync"

	"rcpt/infra/bench/closed"
	"rcpt/internal/verdict"
)

// naive is the prober that one writes first: for each address MX and A are
// looked up, a connection is made, one command at a time is said and answered,
// and a random mailbox is asked for beside the real one. Of exchangers of equal
// preference the resolver gives a random one first (RFC 5321 §5.1).
type naive struct {
	world    *closed.World
	resolver *net.Resolver
	atOnce   chan struct{}            // connections in all
	perHost  map[string]chan struct{} // and to one exchanger; nil: any number
	lookups  chan struct{}            // more at once would be lost on the way
}

func newNaive(w *closed.World, atOnce int) *naive {
	return &naive{world: w, atOnce: make(chan struct{}, atOnce), lookups: make(chan struct{}, 50), resolver: &net.Resolver{
		PreferGo: true,
		Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "udp", w.DNS())
		},
	}}
}

// check asks for all addresses and returns what it believes.
func (n *naive) check(ctx context.Context, emails []string) []verdict.Status {
	found := make([]verdict.Status, len(emails))
	var wg sync.WaitGroup
	for i, email := range emails {
		n.atOnce <- struct{}{}
		wg.Go(func() {
			defer func() { <-n.atOnce }()
			found[i] = n.one(ctx, email)
		})
	}
	wg.Wait()
	return found
}

func (n *naive) one(ctx context.Context, email string) verdict.Status {
	_, domain, _ := strings.Cut(email, "@")
	host, ip, err := n.lookUp(ctx, domain)
	if err != nil {
		return verdict.Unknown
	}
	if slot := n.perHost[host]; slot != nil {
		slot <- struct{}{}
		defer func() { <-slot }()
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(ip, strconv.Itoa(int(n.world.Port()))))
	if err != nil {
		return verdict.Unknown
	}
	return dialogue(textproto.NewConn(conn), email, domain)
}

// lookUp returns the name and the address of the exchanger to ask.
func (n *naive) lookUp(ctx context.Context, domain string) (host, ip string, err error) {
	n.lookups <- struct{}{}
	defer func() { <-n.lookups }()
	hosts, err := n.resolver.LookupMX(ctx, domain+".")
	if err != nil {
		return "", "", err
	}
	ips, err := n.resolver.LookupNetIP(ctx, "ip4", hosts[0].Host)
	if err != nil {
		return "", "", err
	}
	return strings.TrimSuffix(hosts[0].Host, "."), ips[0].String(), nil
}

// dialogue says one command at a time. QUIT's answer is not waited for.
func dialogue(c *textproto.Conn, email, domain string) verdict.Status {
	defer func() { _ = c.Close() }()
	ask := func(line string) int {
		if line != "" {
			if err := c.PrintfLine("%s", line); err != nil {
				return 0
			}
		}
		code, _, _ := c.ReadResponse(0)
		return code
	}
	if ask("") != 220 || ask("EHLO probe.naive.example") != 250 || ask("MAIL FROM:<verify@naive.example>") != 250 {
		return verdict.Unknown
	}
	local := make([]byte, 8)
	_, _ = rand.Read(local)
	real, canary := ask("RCPT TO:<"+email+">"), ask("RCPT TO:<x"+hex.EncodeToString(local)+"@"+domain+">")
	_ = c.PrintfLine("QUIT")
	switch {
	case real == 250 && canary == 250:
		return verdict.CatchAll
	case real == 250 && canary == 550:
		return verdict.Valid
	case real == 550:
		return verdict.Invalid
	}
	return verdict.Unknown
}
