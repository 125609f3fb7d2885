// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"net"
	"net/netip"
	"sync"

	"chancery/internal/socket"
)

// maxOfSource is how many connections of one source are open at once: a sixteenth of all,
// so that no single one takes the places of the others (security rule WB-03). A program
// needs one, and a proxy in front some dozen.
const maxOfSource = 64

// bySource accepts at most so many connections of one source (see socket.Source). One too many is
// closed at once, before anything is read or computed for it.
type bySource struct {
	net.Listener

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
		from := socket.Source(c.RemoteAddr().String())
		if l.enter(from) {
			return &sourced{Conn: c, leave: sync.OnceFunc(func() { l.leave(from) })}, nil
		}
		_ = c.Close() // nobody is told: an answer would cost a handshake
	}
}

func (l *bySource) enter(from netip.Prefix) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open[from] >= maxOfSource {
		return false
	}
	if l.open == nil {
		l.open = map[netip.Prefix]int{}
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
