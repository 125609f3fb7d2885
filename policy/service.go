// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"net/netip"

	"chancery/ca"
)

// ServiceProfile is the name of the profile under which the service asks for the
// certificate of its own listeners.
const ServiceProfile = "service"

// shippedService takes nothing from anybody but the service: no other door is open.
const shippedService = `# The certificate of this service's own listeners. Only the service asks for it, and it
# renews itself; the name is where people reach the service.
schema = 1
name = "service"
line = "issuing"
doors = ["service"]
use = ["server"]
days = 30
keys = ["ecdsa-p256"]
`

// Service renders the profile for the service's own certificate: host is the one name,
// a DNS name or an address. The Problem is E2110 if it is neither.
func Service(host string) (Document, error) {
	list := "dns"
	if _, err := netip.ParseAddr(host); err == nil {
		list = "ip"
	} else if _, err := ca.NewName(ca.DNS, host); err != nil {
		return Document{}, err
	}
	// A name holds nothing that TOML would escape.
	return Document{ServiceProfile, shippedService + "\n[names]\nmax = 1\n" + list + " = [\"" + host + "\"]\n\n[subject]\ncommon_name = \"optional\"\n"}, nil
}
