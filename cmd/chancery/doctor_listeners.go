// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io/fs"
	"os"
	"slices"

	"chancery/ca"
	"chancery/config"
	"chancery/listen"
	"chancery/policy"
)

// lookAtListeners looks at the certificate that the listeners over TLS show. It renews
// itself when two thirds of its life are over, so that one with less than a sixth left was
// not renewed, and it is said what keeps it.
func lookAtListeners(ctx context.Context, p *patient) []finding {
	s, err := p.layout.settings()
	if err != nil {
		return nil // lookAtSettings says it
	}
	if !p.layout.ownListeners(s) {
		return []finding{ok("no listener over TLS is wanted")}
	}
	var found []finding
	refused := listen.Refused(p.layout.serviceKey())
	if refused != nil && refused.Code == ca.E3004 && p.allSign(ctx) {
		refused = nil // the service has not tried since: it asks again within seconds
	}
	if lacksServiceProfile(ctx, p) {
		// An earlier version founded without it, or somebody took it away.
		found = append(found, warning("chancery profile set "+policy.ServiceProfile+" --shipped",
			"the policy has no profile %s, under which the listeners over TLS get their certificate", policy.ServiceProfile))
	} else if refused != nil {
		found = append(found, warning(refused.Fix, "the listeners over TLS get no new certificate: %s", refused.Detail))
	}
	cert, err := serviceCertificate(p.layout.serviceKey())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return append(found, warning("chancery serve", "the listeners over TLS have no certificate yet: the service asks for one when it runs and issues"))
	case err != nil:
		return append(found, failure("chancery serve, which asks for another", "the certificate of the listeners over TLS cannot be read: %v", err))
	}
	host, day := baseHost(s), atTime(cert.NotAfter)
	switch life := cert.NotAfter.Sub(cert.NotBefore); {
	case !p.now.Before(cert.NotAfter) && !overTLS(s):
		return []finding{ok("no listener over TLS is wanted any more")}
	case !p.now.Before(cert.NotAfter):
		found = append(found, failure("chancery serve, which renews it", "the certificate of the listeners over TLS expired on %s: clients refuse them", day))
	case cert.VerifyHostname(host) != nil:
		found = append(found, warning("chancery serve, which asks for another", "the certificate of the listeners over TLS is not for %s, where people reach the service", host))
	case p.now.After(cert.NotAfter.Add(-life / 6)):
		found = append(found, warning("chancery serve, which renews it", "the certificate of the listeners over TLS ends on %s and was not renewed", day))
	case refused == nil:
		found = append(found, ok("certificate of the listeners over TLS, for %s, until %s", host, day))
	}
	return found
}

// allSign tells whether each line of authorities has one that signs.
func (p *patient) allSign(ctx context.Context) bool {
	c := p.chronicle(ctx)
	return c.err == nil && len(c.authorities) > 0 && len(lookAtLines(c.authorities, p.now)) == 0
}

// lacksServiceProfile tells whether the policy in force has no profile for the service's own
// certificate; what cannot be read lookAtPolicy says.
func lacksServiceProfile(ctx context.Context, p *patient) bool {
	c := p.chronicle(ctx)
	if c.err != nil {
		return false
	}
	b, err := policy.ParseBundle(c.bundle.Document)
	return err == nil && !slices.ContainsFunc(b.Profiles, func(d policy.Document) bool { return d.Name == policy.ServiceProfile })
}

// ownListeners tells whether the service listens over TLS: the settings say so, or its
// flags did once.
func (l layout) ownListeners(s config.Config) bool {
	_, err := os.Lstat(l.serviceKey())
	return overTLS(s) || err == nil
}

func overTLS(s config.Config) bool { return s.Listen != config.Off || s.ListenMTLS != config.Off }

// serviceCertificate is the first certificate in a file that begins with a key.
func serviceCertificate(path string) (*x509.Certificate, error) {
	body, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	for {
		var block *pem.Block
		if block, body = pem.Decode(body); block == nil {
			return nil, errors.New("there is none in " + path)
		}
		if block.Type == certificateLabel {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}
