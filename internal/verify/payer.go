package verify

import (
	"context"

	"rcpt/internal/verdict"
)

// vendorsAtOnce is how many vendors' answers one stream waits for at once
// (contract: 10 calls at a time).
const vendorsAtOnce = 10

// payer asks vendors for a crew about what its exchangers left open. It belongs to
// the goroutine of run and keeps none of its sessions waiting.
type payer struct {
	ctx     context.Context // goes on when the exchangers' time is over
	waiting []*job
	asking  int
	paid    chan *job // answered
}

// owe puts a job whose own verdict this is before the vendors, if that is worth
// it.
func (c *crew) owe(j *job, own verdict.Verdict) bool {
	if c.gone || j.e.Vendor != nil || !j.worthPaying(j.e, own) {
		return false
	}
	c.open++
	c.payer.waiting = append(c.payer.waiting, j)
	return true
}

// payUp asks about as many jobs as may be asked about.
func (c *crew) payUp() {
	p := &c.payer
	for len(p.waiting) > 0 && p.asking < vendorsAtOnce && p.ctx.Err() == nil {
		j := p.waiting[0]
		p.waiting[0], p.waiting = nil, p.waiting[1:]
		p.asking++
		c.hands.Go(func() {
			j.e.Vendor = c.v.pay(p.ctx, j.check, j.e.Address)
			send(c, p.paid, j)
		})
	}
}

// receipt takes a job whose vendors were asked.
func (c *crew) receipt(j *job) {
	c.payer.asking--
	c.open--
	c.say(j)
}

// payOff waits for the vendors when all else is done. Who cannot be asked in time
// is answered without.
func (c *crew) payOff() {
	for {
		c.payUp()
		if c.payer.asking == 0 {
			break
		}
		c.receipt(<-c.payer.paid)
	}
	for _, j := range c.payer.waiting {
		j.e.Vendor = &Vendor{Error: vendorLate}
		c.open--
		c.say(j)
	}
	c.payer.waiting = nil
}
