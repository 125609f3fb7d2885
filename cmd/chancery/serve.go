// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"chancery/client"
	"chancery/config"
)

func (a *app) serveCommand() *cobra.Command {
	var flags listening
	c := &cobra.Command{
		Use: "serve", Short: "Run the service until Ctrl-C",
		Example: "  chancery serve\n  chancery serve --dir ./chancery-data",
		RunE: func(c *cobra.Command, _ []string) error {
			l, err := a.founded()
			if err != nil {
				return err
			}
			return a.serve(c.Context(), l, flags)
		},
	}
	f := c.Flags()
	f.StringVar(&flags.https, "listen", "", "host:port of the API over TLS, or off (default: listen, :8443)")
	f.StringVar(&flags.mtls, "listen-mtls", "", "host:port for renewal and sign-in by certificate, or off (default: listen_mtls, :8444)")
	f.StringVar(&flags.http, "listen-http", "", "host:port for CA certificates and revocation lists (default: listen_http, :8080)")
	f.StringVar(&flags.base, "base-url", "", "where people and programs reach --listen (default: base_url)")
	return c
}

// serve is the parent: it holds the lock and the listening sockets, so that a
// child that is started again finds its callers still in the queue.
func (a *app) serve(ctx context.Context, l layout, flags listening) error {
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
	if settings, err = flags.over(settings); err != nil {
		return err
	}
	if err := l.publishes(settings); err != nil {
		return err
	}
	lock, err := hold(ctx, l)
	if err != nil {
		return err
	}
	defer lock.Close()
	f, done, err := a.household(l, "admin", &settings)
	if err != nil {
		return err
	}
	defer done()
	err = f.run(ctx, func() {
		fmt.Fprintf(a.err, "chancery %s  data %s\n  commands             %s\n%s  lists of revocation  %s, in certificates as %s\n%sready in %.1f s - stop with Ctrl-C\n",
			version(), l.dir, l.socket("admin"), f.doors(settings), f.at["http"], settings.PKIURL, f.beside(settings), time.Since(began).Seconds())
		a.beginsWith(ctx, l, settings)
	})
	if err == nil {
		fmt.Fprintln(a.err, "stopped; what was under way is finished")
	}
	return err
}

// closeSocket ends a listener; its path goes with it.
func closeSocket(l net.Listener) { l.Close() } //nolint:errcheck // the process ends

// lookWait bounds what is looked at when a service has begun.
const lookWait = 10 * time.Second

// beginsWith says what is missing when a service begins. It serves all the same.
func (a *app) beginsWith(ctx context.Context, l layout, settings config.Config) {
	if why := otherPort(settings); why != "" {
		fmt.Fprintf(a.err, "%s %s\n", a.mark(warned), why)
	}
	ctx, cancel := context.WithTimeout(ctx, lookWait)
	defer cancel()
	err := call(ctx, l.socket("admin"), func(ctx context.Context, k *client.Client) error {
		// This waits for the first settling, which enters the authorities.
		if _, err := k.Profiles(ctx); err != nil {
			return err
		}
		all, err := k.Authorities(ctx)
		if err == nil && len(all) == 0 {
			err = a.saysWaiting(ctx, k)
		}
		return err
	})
	if err != nil {
		return // the front says on its log what hinders it
	}
}

// otherPort says that lists are served on another port than certificates name, or
// nothing. Port 0 is for tests, and something may stand in front that forwards.
func otherPort(c config.Config) string {
	named, served := ports(c)
	if served == "0" || named == served {
		return ""
	}
	return fmt.Sprintf("lists are served on port %s, and certificates name %s: unless something forwards port %s to %s, nobody finds them", served, c.PKIURL, named, served)
}

// ports are the port that certificates name for lists, and the one that serves them.
func ports(c config.Config) (named, served string) {
	if u, err := url.Parse(c.PKIURL); err == nil {
		named = u.Port()
	}
	if named == "" {
		named = "80"
	}
	if _, port, err := net.SplitHostPort(c.ListenHTTP); err == nil {
		served = port
	}
	return named, served
}
