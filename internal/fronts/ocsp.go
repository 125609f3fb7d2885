// SPDX-License-Identifier: Apache-2.0

package fronts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ocspSettings are what a server is told beside settings, so that it asks OCSP about
// clients, and staples what it was told about itself. docs/revocation.md has them as they
// stand here. stunnel staples nothing.
var ocspSettings = map[string]string{
	"nginx": `ssl_ocsp                on;
ssl_stapling            on;
ssl_stapling_verify     on;
ssl_trusted_certificate /etc/chancery/trust/bundle.pem;
`,
	"apache": `SSLOCSPEnable           on
SSLUseStapling          on
`,
	"stunnel": `OCSPaia = yes
`,
}

// ProveOCSP runs the servers that ask OCSP how certificates stand, each of which names a
// responder that is there: who is good is let in, who is in Refused is not, though no
// list says so, and the server's own certificate comes with an answer that curl believes.
// Of the trust only Bundle is looked at. What it gives is to be called when the responders
// are gone: nobody is let in then.
func ProveOCSP(t testing.TB, f Files) (gone func()) {
	t.Helper()
	f.CRLs, f.asks = "", true
	b := prepare(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.each(t, func(d daemon) error {
		port, err := b.daemon(ctx, t, d)
		if err == nil {
			b.keep(server{name: d.name, port: port})
			err = b.asked(ctx, b.knocker(port), d.name != "stunnel")
		}
		return err
	})
	f.Refused, f.Clients = append(f.Refused, f.Clients...), nil
	return func() {
		b.files = f
		b.each(t, func(d daemon) error {
			i := slices.IndexFunc(b.servers, func(s server) bool { return s.name == d.name })
			if i < 0 {
				return errors.New("it does not run")
			}
			return b.asked(t.Context(), b.knocker(b.servers[i].port), false)
		})
	}
}

// ProveNotStapled runs the servers that staple what they were told about themselves, with a
// certificate that is held or revoked: whoever does not look is let in, whoever demands a
// stapled answer goes, for want of one at nginx, which staples only what is good, and for what
// it says at Apache.
func ProveNotStapled(t testing.TB, f Files) {
	t.Helper()
	f.CRLs, f.asks = "", true
	b := prepare(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	b.each(t, func(d daemon) (err error) {
		why, is := map[string]string{"nginx": "No OCSP response received", "apache": "SSL certificate revocation reason"}[d.name]
		if !is {
			return nil
		}
		port, err := b.daemon(ctx, t, d)
		if err != nil {
			return err
		}
		at := b.knocker(port)
		at.holder = f.Clients[0]
		if _, err := curlPEM(ctx, at); err != nil {
			return err
		}
		log := process{log: filepath.Join(b.dir, d.name+".log")}
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			_, err = curl(ctx, at, "--cert", at.holder.Chain, "--key", at.holder.Key, "--cert-status")
			if err == nil || !strings.Contains(err.Error(), fmt.Sprintf("curl ended with %d: ", curlBadStatus)) || !strings.Contains(err.Error(), why) {
				return fmt.Errorf("whoever demands an answer gets %w", err)
			}
			if d.name != "nginx" || bytes.Contains(log.tail(), []byte(`certificate status "revoked" in the OCSP response`)) {
				return nil
			}
			select { // nginx asks when the first client wants to know
			case <-ctx.Done():
				return errors.New("it was not told that it is revoked")
			case <-tick.C:
			}
		}
	})
}

// each does something with every server that can ask, at once, and tells what went wrong.
func (b *bench) each(t testing.TB, do func(daemon) error) {
	t.Helper()
	var wait sync.WaitGroup
	for _, d := range daemons {
		if ocspSettings[d.name] == "" {
			continue
		}
		wait.Go(func() {
			if err := do(d); err != nil {
				log := process{log: filepath.Join(b.dir, d.name+".log")}
				t.Errorf("%s: %v\n%s", d.name, err, log.tail())
			}
		})
	}
	wait.Wait()
}

// keep notes a server that runs.
func (b *bench) keep(s server) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.servers = append(b.servers, s)
}

// knocker is who asks a server for something.
func (b *bench) knocker(port int) call {
	return call{host: b.files.Host, port: port, trust: Store{Path: b.files.Bundle}}
}

// asked has all clients knock, then demands a stapled answer if there must be one.
func (b *bench) asked(ctx context.Context, at call, staples bool) error {
	for i, h := range slices.Concat(b.files.Refused, b.files.Clients) {
		at.holder = h
		_, err := curlPEM(ctx, at)
		if refuses := i < len(b.files.Refused); refuses != errors.Is(err, errRefused) || !refuses && err != nil {
			return fmt.Errorf("%s is met with %w", h.Name, err)
		}
	}
	if !staples {
		return nil
	}
	// nginx fetches the answer when the first client has come, and has it for the next.
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		_, err := curl(ctx, at, "--cert", at.holder.Chain, "--key", at.holder.Key, "--cert-status")
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("no answer is stapled: %w", err)
		case <-tick.C:
		}
	}
}
