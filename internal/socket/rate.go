// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"net/netip"
	"sync"
	"time"
)

const (
	aMinute = time.Minute
	// maxSources bounds the memory: beyond it the rest counts as one source, so that a
	// flood of addresses is no way around the limit.
	maxSources = 4096
	// A provider gives a customer a /64 of IPv6 at least; one is a source.
	sourceBits = 64
)

// A Rate counts what each source does within a minute. No address is exempt, loopback least
// of all.
type Rate struct {
	// Most is how often a source may.
	Most int

	mu    sync.Mutex
	began time.Time
	count map[netip.Prefix]int
}

// Exceeds counts once more for the source of an address with a port, and tells whether that
// is too often.
func (r *Rate) Exceeds(remote string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := now.Sub(r.began); d < 0 || d >= aMinute || r.count == nil {
		r.began, r.count = now, map[netip.Prefix]int{}
	}
	from := Source(remote)
	if _, known := r.count[from]; !known && len(r.count) >= maxSources {
		from = netip.Prefix{}
	}
	r.count[from]++
	return r.count[from] > r.Most
}

// Source is the network that an address with a port stands for; one that cannot be read is
// that of all such.
func Source(remote string) netip.Prefix {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return netip.Prefix{}
	}
	a := at.Addr().Unmap()
	bits := a.BitLen()
	if a.Is6() {
		bits = sourceBits
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
