// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"chancery/api"
	"chancery/ca"
	"chancery/config"
	"chancery/listen"
	"chancery/policy"
)

// A listening is what serve was told of where to listen; empty is what the settings say.
type listening struct{ https, mtls, http, base string }

// over puts flags over settings.
func (f listening) over(c config.Config) (config.Config, error) {
	for _, one := range []struct {
		flag, value string
		to          *string
		example     string
	}{
		{"--listen-http", f.http, &c.ListenHTTP, "127.0.0.1:8080"},
		{"--listen", f.https, &c.Listen, "127.0.0.1:8443"},
		{"--listen-mtls", f.mtls, &c.ListenMTLS, "127.0.0.1:8444"},
		{"--base-url", f.base, &c.BaseURL, "https://ca.lab.example:8443"},
	} {
		if one.value == "" {
			continue
		}
		*one.to = one.value
		var fault *ca.Problem
		if err := c.Check(); errors.As(err, &fault) {
			return c, usage(one.flag+" "+ca.Show(one.value)+" cannot be used", "chancery serve "+one.flag+" "+one.example).Because(fault.Detail)
		}
	}
	return c, nil
}

// addresses are where the front listens, by the name of the door; none without settings.
func addresses(c *config.Config) map[string]string {
	out := map[string]string{}
	if c == nil {
		return out
	}
	for name, address := range map[string]string{"http": c.ListenHTTP, "https": c.Listen, "mtls": c.ListenMTLS, "metrics": c.Metrics.Listen} {
		if address != config.Off && address != "" {
			out[name] = address
		}
	}
	return out
}

// settingsOf are the settings that flags made, as the variables of a child.
func settingsOf(c *config.Config) []string {
	if c == nil || c.BaseURL == "" {
		return nil
	}
	return []string{config.Variable("base_url") + "=" + c.BaseURL}
}

// baseHost is the name of this service.
func baseHost(c config.Config) string {
	if c.BaseURL != "" {
		return listen.HostOf(c.BaseURL)
	}
	return listen.HostOf(c.PKIURL)
}

// doors says where the front listens over TLS, in the words of serve.
func (f *family) doors(c config.Config) string {
	var b strings.Builder
	for _, one := range []struct{ name, what string }{{"https", "API"}, {"mtls", "by certificate"}} {
		at := f.at[one.name]
		if at == "" {
			fmt.Fprintf(&b, "  %-20s off\n", one.what)
			continue
		}
		_, port, err := net.SplitHostPort(at)
		if err != nil {
			continue // no listener has such an address
		}
		address := "https://" + net.JoinHostPort(baseHost(c), port)
		if one.name == "https" && c.BaseURL != "" {
			address = c.BaseURL
		}
		fmt.Fprintf(&b, "  %-20s %s, listening on %s (own certificate, full chain, renews itself)\n", one.what, address, at)
	}
	return b.String()
}

// beside says what else the settings have the service do, in the words of serve.
func (f *family) beside(c config.Config) string {
	var b strings.Builder
	line := func(what, format string, values ...any) {
		fmt.Fprintf(&b, "  %-20s %s\n", what, fmt.Sprintf(format, values...))
	}
	line("OCSP, pages", "there too: /ocsp, /lookup, /trust")
	if at := f.at["metrics"]; at != "" {
		line("metrics", "http://%s/metrics", at)
	}
	if c.Publish.Directory != "" && c.Publish.Hook != "" {
		line("copies", "%s, and %s is told", c.Publish.Directory, c.Publish.Hook)
	} else if c.Publish.Directory != "" {
		line("copies", "%s", c.Publish.Directory)
	}
	if c.Publish.Feed == config.Yes {
		line("compact feeds", "each hour, and after a revocation")
	}
	switch {
	case c.Lists.Allow != "" && c.Lists.Clients == config.Yes:
		line("lists are for", "%s, and whoever has a certificate of ours", c.Lists.Allow)
	case c.Lists.Allow != "":
		line("lists are for", "%s", c.Lists.Allow)
	case c.Lists.Clients == config.Yes:
		line("lists are for", "whoever has a certificate of ours")
	}
	return b.String()
}

// serveTLS answers on the listeners over TLS that were inherited, if any, with the
// service's own certificate. It says whether there are any.
func (f front) serveTLS(ctx context.Context, group *errgroup.Group, l layout, fds inherited, log *slog.Logger) (open bool, err error) {
	doors := map[string]net.Listener{}
	for _, name := range []string{"https", "mtls"} {
		listener, err := fds.listener(name)
		if err != nil {
			return false, err
		}
		if listener != nil {
			doors[name] = listener
		}
	}
	if len(doors) == 0 {
		return false, nil
	}
	settings, err := l.settings()
	if err != nil {
		return false, err
	}
	host := baseHost(settings)
	own := listen.NewOwn(listen.Owned{
		Path: l.serviceKey(), Host: host, Profile: policy.ServiceProfile, Issuer: f.registrar, Log: log, Now: wallClock(),
		NewID: func() ca.RequestID { return ca.RequestID(uuid.Must(uuid.NewV7()).String()) }, // crypto/rand never fails,
		Told: func(err error) {
			if err == nil {
				log.Info("the listeners over TLS have their certificate", "host", host)
				return
			}
			log.Warn("the listeners over TLS wait for a certificate of their own", "host", host, "error", err, "hint", hintOf(err))
		},
	})
	group.Go(func() error { return unlessCanceled(own.Run(ctx)) })
	guard := listen.Guard(listen.Guarded{Gate: f.registrar, Door: f.door(log), TakesEvidence: api.TakesEvidence(), Public: f.open, Hosts: []string{host}, Log: log, Now: wallClock(), NewID: newID})
	for name, listener := range doors {
		c := listen.Config(own)
		if name == "mtls" {
			c = listen.MutualConfig(own, f.vouched, wallClock())
		}
		group.Go(func() error { return listen.Serve(ctx, listener, c, guard, log) })
	}
	return true, nil
}

// hintOf is what a problem says to do.
func hintOf(err error) string {
	var p *ca.Problem
	if errors.As(err, &p) {
		return p.Fix
	}
	return ""
}

// newID makes the id of a request that comes by no local socket (UUIDv7).
func newID() ca.RequestID { return ca.RequestID(uuid.Must(uuid.NewV7()).String()) } // crypto/rand never fails
