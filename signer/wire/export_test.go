// SPDX-License-Identifier: Apache-2.0

package wire

import (
	"context"
	"net"
	"net/http"
	"time"

	"chancery/internal/socket"
)

// Hasten gives the calls of a client no more than some time.
func (c *Client) Hasten(most time.Duration) { c.http.Timeout = most }

// AnswerLists answers the call crl.
func (s *Server) AnswerLists(w http.ResponseWriter, r *http.Request) { s.lists(w, r) }

// Hurried serves crl to anybody until ctx ends, and has other calls wait no longer than some time.
func (s *Server) Hurried(ctx context.Context, l net.Listener, most time.Duration) error {
	h := &http.Server{Handler: http.HandlerFunc(s.lists), ReadTimeout: readWait, WriteTimeout: most, ConnContext: socket.WithPeer}
	defer context.AfterFunc(ctx, func() { _ = h.Close() })()
	return h.Serve(l)
}
