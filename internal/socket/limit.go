// SPDX-License-Identifier: Apache-2.0

// Package socket is what every socket of ours does alike: it bounds how many
// connections are open at once, and reads which account is at the other end. It
// knows nothing of what is said on them.
package socket

import (
	"net"
	"sync"
)

// Limit gives a listener that has at most so many connections open at once. The
// others wait in the kernel's queue until one ends. What it accepts is *Conn.
func Limit(l net.Listener, most int) net.Listener {
	return &limited{Listener: l, places: make(chan struct{}, most), closed: make(chan struct{})}
}

// limited accepts no more connections than there are places.
type limited struct {
	net.Listener
	places chan struct{}
	once   sync.Once
	closed chan struct{}
}

// Accept waits for a place, then for a connection.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.places <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.places
		return nil, err
	}
	return &Conn{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends Accept, even one that waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// A Conn is a connection that gives its place back when it is closed. What asks
// the socket itself finds it in Conn.
type Conn struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *Conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
