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
	"sync"
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
	// maxOfSource is how many of these one source may have: a sixteenth. A program needs one,
	// and a proxy in front some dozen.
	maxOfSource = 64
	// poolAge is how old the list of the authorities may be against which a client's chain
	// is looked at: strangers must not have the book read by every handshake they begin.
	// What was revoked or retired since is refused with each call all the same.
	poolAge = time.Second
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
// authorities count is looked up once a second at most. There are no tickets and no
// resumption (security rule AN-07): a session would outlive what it proved.
//
// The extended key usage is not looked at here: a server's certificate may renew itself,
// and whoever signs in for anything else is asked for it with each call.
func MutualConfig(own *Own, shelf Shelf, now func() time.Time) *tls.Config {
	base := Config(own)
	base.ClientAuth, base.SessionTicketsDisabled = tls.RequireAnyClientCert, true
	taken := &pools{shelf: shelf, now: now}
	base.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		pool, err := taken.get(hello.Context())
		if err != nil {
			return nil, fmt.Errorf("read the authorities: %w", err)
		}
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

// pools keeps the authorities whose certificates may be presented, for poolAge.
type pools struct {
	shelf Shelf
	now   func() time.Time

	mu   sync.Mutex // held while the shelf is asked: one asks for all
	pool *x509.CertPool
	err  error
	read time.Time
}

// get gives what was read last, also an error, unless it is too old. The hello that has it
// read reads for the others too, so its end is not theirs.
func (p *pools) get(ctx context.Context) (*x509.CertPool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.read.IsZero() || p.now().Sub(p.read).Abs() >= poolAge {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), handshakeWait)
		defer cancel()
		var all []ca.Authority
		all, p.err = p.shelf.Authorities(ctx)
		p.pool, p.read = clientCAs(all), p.now()
	}
	return p.pool, p.err
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
	if err := server.ServeTLS(socket.Limit(socket.BySource(l, maxOfSource), maxConns), "", ""); ctx.Err() == nil {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	return <-done
}

// grace is what a stop leaves to what is under way: half of what the parent waits.
const grace = 10 * time.Second
