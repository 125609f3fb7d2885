// SPDX-License-Identifier: Apache-2.0

package socket

import (
	"net"
	"net/netip"
	"sync"
)

// BySource gives a listener that has at most so many connections of one source open at once
// (see Source), so that no single one takes the places of the others (security rule WB-03).
// One too many is closed at once, before anything is read or computed for it.
func BySource(l net.Listener, most int) net.Listener {
	return &bySource{Listener: l, most: most, open: map[netip.Prefix]int{}}
}

type bySource struct {
	net.Listener
	most int

	mu   sync.Mutex
	open map[netip.Prefix]int // as many entries as connections at most
}

// Accept gives the next connection whose source has not too many.
func (l *bySource) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := Source(c.RemoteAddr().String())
		if l.enter(from) {
			return &sourced{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // nobody is told: over TLS an answer would cost a handshake
	}
}

func (l *bySource) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= l.most {
		return false
	}
	l.open[from]++
	return true
}

func (l *bySource) leave(from netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from]--; l.open[from] <= 0 {
		delete(l.open, from)
	}
}

// sourced is a connection that gives its place back when it is closed.
type sourced struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *sourced) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
