package app

import (
	"fmt"

	"rcpt/internal/config"
	"rcpt/internal/sim"
)

// World starts the simulated mail internet for a process that is asked for it
// by RCPT_SIM, and returns nil otherwise. It lasts as long as the process. As
// several of them may serve one installation, greylisting is remembered in the
// cache table.
func World(cfg config.Config, p Ports) (Simulation, error) {
	if !cfg.Sim {
		return nil, nil
	}
	world, err := sim.Start(sim.Options{Now: p.Now, Log: p.Log, FirstContact: firstContact(p.Cache, p.Secret)})
	if err != nil {
		return nil, fmt.Errorf("start simulated mail internet: %w", err)
	}
	return world, nil
}
