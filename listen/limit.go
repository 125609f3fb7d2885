// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"net/netip"
	"sync"
	"time"
)

const (
	// maxFailures is how many calls of one source may fail to sign in within a minute.
	// A program with a wrong token notices after the first.
	maxFailures = 10
	// maxStrange is how many calls a minute a source makes without an account: enough for
	// a rack that is emptied, too few for guessing.
	maxStrange = 30
	aMinute    = time.Minute
	// maxSources bounds the memory: beyond it the rest counts as one source, so that a
	// flood of addresses is no way around the limit.
	maxSources = 4096
	// A provider gives a customer a /64 of IPv6 at least; one is a source.
	sourceBits = 64
)

// failures counts calls that did not sign in, by source and minute (security rule WB-04),
// in two counts: those that failed to, and those that need not.
// No address is exempt, loopback least of all.
type failures struct {
	mu    sync.Mutex
	began time.Time
	count map[netip.Prefix]int
}

// add counts a call, and tells whether the source has had more than so many.
func (f *failures) add(remote string, now time.Time, most int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if d := now.Sub(f.began); d < 0 || d >= aMinute || f.count == nil {
		f.began, f.count = now, map[netip.Prefix]int{}
	}
	from := source(remote)
	if _, known := f.count[from]; !known && len(f.count) >= maxSources {
		from = netip.Prefix{}
	}
	f.count[from]++
	return f.count[from] > most
}

// source is the network that an address stands for; one that cannot be read is that of
// all such.
func source(remote string) netip.Prefix {
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

// sourceName is a source as the log names it.
func sourceName(remote string) string {
	if p := source(remote); p.IsValid() {
		return p.String()
	}
	return "unknown"
}
