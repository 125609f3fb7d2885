// SPDX-License-Identifier: Apache-2.0

package api

import (
	"log/slog"
	"net"
	"net/http"

	"chancery/internal/socket"
)

// maxConns is how many connections are served at once (security rule PR-04).
// Others wait in the kernel's queue until one ends.
const maxConns = 64

// An HTTPServer is an http.Server that serves at most maxConns connections.
type HTTPServer struct{ *http.Server }

// Server makes the server for a door, with its limits of time and size.
func Server(h http.Handler, log *slog.Logger) HTTPServer {
	return HTTPServer{&http.Server{
		Handler: h, ConnContext: socket.WithPeer, ReadTimeout: readWait, WriteTimeout: answerWait, IdleTimeout: idleWait,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}}
}

// Serve answers on a Unix listener until the server is shut down or closed; the
// error is then http.ErrServerClosed.
func (s HTTPServer) Serve(l net.Listener) error {
	return s.Server.Serve(socket.Limit(l, maxConns))
}
