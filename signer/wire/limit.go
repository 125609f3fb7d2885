// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"net"
	"sync"
)

// maxConnections bounds a socket's connections (security rule PR-04); the front
// needs two or three.
const maxConnections = 64

// limitListener accepts at most n connections at a time; more wait in the
// kernel's queue, where they cost us nothing.
func limitListener(l net.Listener, n int) net.Listener {
	return &limitedListener{Listener: l, slots: make(chan struct{}, n), closed: make(chan struct{})}
}

type limitedListener struct {
	net.Listener
	slots  chan struct{}
	closed chan struct{}
	once   sync.Once
}

func (l *limitedListener) Accept() (net.Conn, error) {
	select {
	case l.slots <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.slots
		return nil, err
	}
	return &limited{Conn: c, release: func() { <-l.slots }}, nil
}

func (l *limitedListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

type limited struct {
	net.Conn
	once    sync.Once
	release func()
}

func (c *limited) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.release)
	return err
}
