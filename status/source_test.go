// SPDX-License-Identifier: Apache-2.0

package status

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// WB-03: who opens connections without end, and says nothing, takes no place of others.
func TestWB03_OneSourceDoesNotSilenceOCSP(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- Serve(ctx, l, http.NotFoundHandler(), slog.New(slog.DiscardHandler), time.Second) }()
	var silent []net.Conn
	for range maxConns + 8 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}}
	c, err := from.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// Those that say nothing are closed after as long, and must not be waited for.
	if err := c.SetDeadline(time.Now().Add(readWait - time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(c); err != nil || !strings.HasPrefix(string(b), "HTTP/1.0 404") {
		t.Errorf("another source is told %q, %v", b, err)
	}
	for _, c := range silent {
		_ = c.Close() // what waits for it ends
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
