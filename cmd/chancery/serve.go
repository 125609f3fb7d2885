// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"chancery/ca"
)

func (a *app) serveCommand() *cobra.Command {
	var listen string
	c := &cobra.Command{
		Use: "serve", Short: "Run the service until Ctrl-C",
		Example: "  chancery serve\n  chancery serve --dir ./chancery-data",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.founded()
			if err != nil {
				return err
			}
			return a.serve(c.Context(), l, listen)
		},
	}
	c.Flags().StringVar(&listen, "listen-http", "", "host:port for CA certificates and revocation lists (default: listen_http, :8080)")
	return c
}

// serve is the parent: it holds the lock and the listening sockets, so that a
// child that is started again finds its callers still in the queue.
func (a *app) serve(ctx context.Context, l layout, listen string) error {
	began := time.Now()
	// Before anything is read or made: the service of another account could not open
	// what this one leaves.
	if err := l.ours(); err != nil {
		return err
	}
	settings, err := l.settings()
	if err != nil {
		return err
	}
	if listen != "" {
		settings.ListenHTTP = listen
		var fault *ca.Problem
		if err := settings.Check(); errors.As(err, &fault) {
			return usage("--listen-http "+ca.Show(listen)+" is no address to listen on", "chancery serve --listen-http 127.0.0.1:8080").Because(fault.Detail)
		}
	}
	lock, err := hold(ctx, l)
	if err != nil {
		return err
	}
	defer lock.Close()
	f, done, err := a.household(l, "admin", settings.ListenHTTP)
	if err != nil {
		return err
	}
	defer done()
	return f.run(ctx, func() {
		fmt.Fprintf(a.err, "chancery %s  data %s\n  commands             %s\n  lists of revocation  %s, in certificates as %s\nready in %.1f s - stop with Ctrl-C\n",
			version(), l.dir, l.socket("admin"), f.http, settings.PKIURL, time.Since(began).Seconds())
	})
}

// closeSocket ends a listener; its path goes with it.
func closeSocket(l net.Listener) { l.Close() } //nolint:errcheck // the process ends
