// SPDX-License-Identifier: Apache-2.0

package listen

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"chancery/ca"
	"chancery/internal/socket"
)

// The ceilings of security rule WB-03. A request waits up to 30 s for the signer, and its
// answer leaves after that.
const (
	headerWait, requestWait, idleWait = 5 * time.Second, 30 * time.Second, 60 * time.Second
	maxHeader                         = 16 << 10
	maxStreams                        = 100
	// handshakeWait bounds what a handshake asks of the book.
	handshakeWait = 5 * time.Second
	// maxConns bounds memory; others wait in the kernel's queue.
	maxConns = 1024
)

// Config is the TLS of a listener that asks nobody for a certificate.
func Config(own *Own) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.certificate, NextProtos: []string{"h2", "http/1.1"}}
}

// A Shelf has the authorities, as the log has them.
type Shelf interface {
	Authorities(ctx context.Context) ([]ca.Authority, error)
}

// MutualConfig is the TLS of a listener whose clients bring a certificate of ours. Which
// authorities count is looked up with each handshake. There are no tickets and no
// resumption (security rule AN-07): a session would outlive what it proved.
//
// The extended key usage is not looked at here: a server's certificate may renew itself,
// and whoever signs in for anything else is asked for it with each call.
func MutualConfig(own *Own, shelf Shelf, now func() time.Time) *tls.Config {
	base := Config(own)
	base.ClientAuth, base.SessionTicketsDisabled = tls.RequireAnyClientCert, true
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		ctx, cancel := context.WithTimeout(hello.Context(), handshakeWait)
		defer cancel()
		all, err := shelf.Authorities(ctx)
		if err != nil {
			return nil, fmt.Errorf("read the authorities: %w", err)
		}
		pool := clientCAs(all)
		c := base.Clone()
		c.GetConfigForClient, c.ClientCAs = nil, pool
		c.VerifyConnection = func(s tls.ConnectionState) error {
			if len(s.PeerCertificates) == 0 || s.DidResume {
				return errors.New("no certificate was proven")
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
			return err
		}
		return c, nil
	}
	return base
}

// Serve answers over TLS until ctx ends, and lets what is under way finish for as long
// as grace.
func Serve(ctx context.Context, l net.Listener, c *tls.Config, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, TLSConfig: c, ReadHeaderTimeout: headerWait, ReadTimeout: requestWait, WriteTimeout: 2 * requestWait, IdleTimeout: idleWait,
		MaxHeaderBytes: maxHeader, HTTP2: &http.HTTP2Config{MaxConcurrentStreams: maxStreams},
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelDebug), // what strangers send is their matter
	}
	done := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		done <- server.Shutdown(ctx)
	})
	if err := server.ServeTLS(socket.Limit(l, maxConns), "", ""); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// grace is what a stop leaves to what is under way: half of what the parent waits.
const grace = 10 * time.Second
