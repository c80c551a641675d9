package config

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
)

// VendorSim, in place of a base URL, is the vendor's built-in double. Only
// `make run` has it.
const VendorSim = "sim"

// vendors are the names that VendorBase knows, as on the wire.
func vendors() []string {
	return []string{"millionverifier", "reoon", "neverbounce", "zerobounce", "hunter"}
}

const vendorBasePrefix = "RCPT_VENDOR_BASE_"

// vendorBases reads where vendors are reached.
func (r *reader) vendorBases() map[string]string {
	var bases map[string]string
	for _, vendor := range vendors() {
		name := vendorBasePrefix + strings.ToUpper(vendor)
		value := strings.TrimRight(r.lookup(name), "/")
		if value == "" {
			continue
		}
		if !vendorBase(value) {
			r.reject(name, value, "sim, or an https URL of scheme, host and path only, such as https://api.example.com; http for a loopback address alone")
			continue
		}
		if bases == nil {
			bases = make(map[string]string)
		}
		bases[vendor] = value
	}
	return bases
}

// vendorBase reports whether a vendor may be asked there: vendors' keys are in
// most URLs, so anything but HTTPS stays inside the machine.
func vendorBase(value string) bool {
	u, err := url.Parse(value)
	switch {
	case value == VendorSim:
		return true
	case err != nil || u.Hostname() == "" || u.User != nil || u.ForceQuery || u.RawQuery != "" || u.Fragment != "":
		return false
	case u.Scheme == "http":
		ip, err := netip.ParseAddr(u.Hostname())
		return err == nil && ip.IsLoopback() && u.Port() != ""
	}
	return u.Scheme == "https"
}

// noDoubles notes vendors that were to be doubles, where there are none.
func (r *reader) noDoubles(bases map[string]string) {
	for _, vendor := range vendors() {
		if bases[vendor] == VendorSim {
			r.problems = append(r.problems, fmt.Errorf("%s%s is sim: only make run has doubles of vendors", vendorBasePrefix, strings.ToUpper(vendor)))
		}
	}
}
