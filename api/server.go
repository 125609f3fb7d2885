// SPDX-License-Identifier: Apache-2.0

package api

import (
	"log/slog"
	"net"
	"net/http"
	"sync"
)

// maxConns is how many connections are served at once (security rule PR-04).
// Others wait in the kernel's queue until one ends.
const maxConns = 64

// An HTTPServer is an http.Server that serves at most maxConns connections.
type HTTPServer struct{ *http.Server }

// Server makes the server for a door, with its limits of time and size.
func Server(h http.Handler, log *slog.Logger) HTTPServer {
	return HTTPServer{&http.Server{
		Handler: h, ConnContext: Peer, ReadTimeout: readWait, WriteTimeout: answerWait, IdleTimeout: idleWait,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// Serve answers on a Unix listener until the server is shut down or closed; the
// error is then http.ErrServerClosed.
func (s HTTPServer) Serve(l net.Listener) error {
	return s.Server.Serve(&limited{Listener: l, places: make(chan struct{}, maxConns), closed: make(chan struct{})})
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
	return &placed{Conn: c, leave: sync.OnceFunc(func() { <-l.places })}, nil
}

// Close ends Accept, even one that waits for a place.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// placed gives its place back when it is closed.
type placed struct {
	net.Conn
	leave func()
}

// Close closes the connection.
func (c *placed) Close() error {
	defer c.leave()
	return c.Conn.Close()
}
