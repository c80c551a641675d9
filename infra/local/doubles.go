package main

import (
	"fmt"
	"maps"

	"rcpt/internal/config"
	"rcpt/internal/sim/vendordouble"
)

// withDoubles starts the built-in double of vendors if the settings name it for
// any of them, and returns settings that say where it is. end ends it.
func withDoubles(cfg config.Config) (_ config.Config, end func(), err error) {
	bases, double := maps.Clone(cfg.VendorBase), ""
	end = func() {}
	for vendor, base := range bases {
		if base != config.VendorSim {
			continue
		}
		if double == "" {
			d := vendordouble.New(vendordouble.Options{})
			if double, err = d.Start(); err != nil {
				return cfg, nil, fmt.Errorf("start doubles of vendors: %w", err)
			}
			end = func() { _ = d.Close() }
		}
		bases[vendor] = double
	}
	cfg.VendorBase = bases
	return cfg, end, nil
}
