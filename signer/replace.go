// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
	"chancery/check"
)

// replace takes a new certificate of a generation that was brought from elsewhere, in
// place of the one it has: same name, key and key identifier, no shorter a life. The
// one before is kept.
func (s *Signer) replace(old *authority, kind ca.AuthorityKind, chain []*x509.Certificate, now time.Time) (out Created, err error) {
	x := chain[0]
	switch {
	case kind != old.Kind:
		return out, untakeable(fmt.Sprintf("%s is of kind %s, not %s", old.Name, old.Kind, kind), "bring a certificate of the same kind, or import it under another name, with another key")
	case !bytes.Equal(x.RawSubjectPublicKeyInfo, old.SPKI):
		return out, untakeable("the certificate is of another key than "+old.Name+" has here", "have the request of chancery ca export-csr "+old.Name+" signed")
	case bytes.Equal(x.Raw, old.Certificate):
		return out, untakeable(old.Name+" has this certificate already", "chancery ca show "+old.Name)
	case !bytes.Equal(x.RawSubject, old.Subject) || !bytes.Equal(x.SubjectKeyId, old.SKI):
		return out, untakeable("the certificate has another name or key identifier than "+old.Name, "have it made again with both: what was signed names them")
	case x.NotAfter.Before(old.NotAfter):
		return out, untakeable(fmt.Sprintf("the certificate ends on %s, before the one it would replace, which ends on %s", x.NotAfter.Format(time.DateOnly), old.NotAfter.Format(time.DateOnly)),
			"have it made again with a longer life: what was signed relies on it")
	case old.State == ca.Retired:
		return out, untakeable(old.Name+" is retired", "import it under another name, with another key")
	case len(old.Cross)+len(old.Earlier) >= maxCross || old.octets() > maxOctets:
		return out, untakeable(old.Name+" has as many certificates as one key can have", "found the next generation: chancery ca export-csr")
	}
	r := s.rules.Load()
	next := old.Authority
	if len(chain) > 1 {
		parent := r.withKey(digest(chain[1].RawSubjectPublicKeyInfo))
		if parent == nil || !bytes.Equal(parent.Subject, chain[1].RawSubject) {
			return out, untakeable("the authority "+ca.Show(chain[1].Subject.String())+", which signed it, is not known here", "import it under another name, with --above")
		}
		next.Parent = parent.Name
	}
	if next.Use, err = usesWithin(next.Use, x); err != nil {
		return out, err
	}
	if next.Use, err = usesAbove(next.Use, chain); err != nil {
		return out, err
	}
	next.Version++
	next.Earlier = append(slices.Clone(old.Earlier), old.Certificate)
	if next.Parent != old.Parent { // those so far are by another one
		next.Cross = slices.Clone(old.Cross)
		for _, der := range next.Earlier {
			next.Cross = append(next.Cross, ca.CrossCertificate{By: old.Parent, Certificate: der})
		}
		next.Earlier = nil
	}
	next.Certificate, next.NotBefore, next.NotAfter = x.Raw, x.NotBefore.UTC(), x.NotAfter.UTC()
	if err := r.loadable(next); err != nil && next.Kind == ca.Issuing && !next.External {
		return out, err
	}
	all, err := sealedAll([]ca.Authority{next})
	if err != nil {
		return out, err
	}
	all[0].key = old.key
	if err := r.holdsBelow(all[0], now); err != nil {
		return out, err
	}
	out.Authority = next
	return out, s.enterAll(all)
}

// holdsBelow demands that those below an authority still verify with its new certificate,
// if they do with the present one.
func (r *rules) holdsBelow(a *authority, now time.Time) error {
	next := r.withAuthority(a)
	holds := func(r *rules, below ca.Authority) error {
		up, _ := r.chain(below)
		chain, err := certificates(up)
		if err == nil {
			err = soundChain(chain, below.Kind, now, false)
		}
		if err == nil {
			_, err = usesAbove(below.Use, chain)
		}
		return err
	}
	for _, below := range r.authorities {
		if below.State == ca.Retired || below.Name == a.Name || !r.passes(below.Authority, a.Name) {
			continue
		}
		if err := holds(next, below.Authority); err != nil && holds(r, below.Authority) == nil {
			return untakeable("with this certificate "+below.Name+", which is below "+a.Name+", would not verify any more",
				"have it made again as wide as the present one, or retire "+below.Name+" first: chancery ca retire "+below.Name).Because(err.Error())
		}
	}
	return nil
}

// usesWithin demands that a certificate has the extended key usages that an authority
// hands out, and gives those of the certificate if it had none.
func usesWithin(use []string, x *x509.Certificate) ([]string, error) {
	named, _, err := check.Uses(x.Raw)
	if err != nil {
		return nil, untakeable("the extended key usages of the certificate are not to be taken", "have it made again with those that it is for").Because(err.Error())
	}
	for _, u := range use {
		if len(named) > 0 && !slices.Contains(named, u) {
			return nil, untakeable("the certificate is not for "+ca.Show(u)+", and the one it would replace is", "have it made again with all of them")
		}
	}
	if len(use) == 0 {
		use = named
	}
	return use, nil
}

// passes tells whether the way from a generation up to its root leads past another one.
func (r *rules) passes(below ca.Authority, name string) bool {
	up, _ := r.chain(below)
	return slices.ContainsFunc(up, func(a ca.Authority) bool { return a.Name == name })
}

// clash refuses a certificate whose issuer and serial number are those of another one
// that is known: RFC 5280 §4.1.2.2 has them together name one certificate, and a list
// that revokes one would revoke both.
func (r *rules) clash(chain []*x509.Certificate) error {
	for _, a := range r.authorities {
		known := append(slices.Clone(a.Earlier), a.Certificate)
		for _, c := range a.Cross {
			known = append(known, c.Certificate)
		}
		for _, der := range known {
			old, err := x509.ParseCertificate(der)
			if err != nil {
				continue
			}
			for _, x := range chain {
				if bytes.Equal(x.RawIssuer, old.RawIssuer) && x.SerialNumber.Cmp(old.SerialNumber) == 0 && !bytes.Equal(x.Raw, old.Raw) {
					return untakeable(fmt.Sprintf("the certificate of %s has the serial number %x of another one of the same issuer, that of %s", ca.Show(x.Subject.String()), x.SerialNumber, a.Name),
						"have it made again: a serial number names one certificate")
				}
			}
		}
	}
	return nil
}
