// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

// Replaces gives a generation with a new certificate from elsewhere in place of the one
// it has: same name, key and key identifier, no shorter a life. The one before is kept.
// The chain begins with the new certificate, and is sound. The Problem is E2602.
func (h Hierarchy) Replaces(old Standing, kind ca.AuthorityKind, chain []Link, now time.Time) (next ca.Authority, err error) {
	x := chain[0]
	if err := old.mayHave(x, kind); err != nil {
		return next, err
	}
	next = old.Authority
	if len(chain) > 1 {
		parent, known := h.withKey(chain[1].Key)
		if !known {
			return next, untakeable("the authority "+chain[1].Title+", which signed it, is not known here", "import it under another name, with --above")
		}
		next.Parent = parent.Name
	}
	if next.Use, err = usesWithin(next.Use, x); err != nil {
		return next, err
	}
	if next.Use, err = usesAbove(next.Use, chain); err != nil {
		return next, err
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
	next.Certificate, next.NotBefore, next.NotAfter = x.Certificate, x.NotBefore, x.NotAfter
	return next, h.holdsBelow(Standing{Authority: next, Link: x}, now)
}

// mayHave refuses a certificate that would change more of a generation than its dates.
func (s Standing) mayHave(x Link, kind ca.AuthorityKind) error {
	switch {
	case kind != s.Kind:
		return untakeable(fmt.Sprintf("%s is of kind %s, not %s", s.Name, s.Kind, kind), "bring a certificate of the same kind, or import it under another name, with another key")
	case !bytes.Equal(x.SPKI, s.SPKI):
		return untakeable("the certificate is of another key than "+s.Name+" has here", "have the request of chancery ca export-csr "+s.Name+" signed")
	case bytes.Equal(x.Certificate, s.Certificate):
		return untakeable(s.Name+" has this certificate already", "chancery ca show "+s.Name)
	case !bytes.Equal(x.Subject, s.Subject) || !bytes.Equal(x.SKI, s.SKI):
		return untakeable("the certificate has another name or key identifier than "+s.Name, "have it made again with both: what was signed names them")
	case x.NotAfter.Before(s.NotAfter):
		return untakeable(fmt.Sprintf("the certificate ends on %s, before the one it would replace, which ends on %s", x.NotAfter.Format(time.DateOnly), s.NotAfter.Format(time.DateOnly)),
			"have it made again with a longer life: what was signed relies on it")
	case s.State == ca.Retired:
		return untakeable(s.Name+" is retired", "import it under another name, with another key")
	case s.full():
		return untakeable(s.Name+" has as many certificates as one key can have", "found the next generation: chancery ca export-csr")
	}
	return nil
}

// usesWithin demands that a certificate has the extended key usages that an authority
// hands out, and gives those of the certificate if it had none.
func usesWithin(use []string, x Link) ([]string, error) {
	if x.UseUnread != nil {
		return nil, untakeable("the extended key usages of the certificate are not to be taken", "have it made again with those that it is for").Because(x.UseUnread.Error())
	}
	for _, u := range use {
		if len(x.Use) > 0 && !slices.Contains(x.Use, u) {
			return nil, untakeable("the certificate is not for "+ca.Show(u)+", and the one it would replace is", "have it made again with all of them")
		}
	}
	if len(use) == 0 {
		use = x.Use
	}
	return use, nil
}

// holdsBelow demands that those below an authority still verify with its new certificate,
// if they do with the present one.
func (h Hierarchy) holdsBelow(a Standing, now time.Time) error {
	next := h.with(a)
	for _, below := range h {
		passes := slices.ContainsFunc(h.chain(below), func(up Standing) bool { return up.Name == a.Name })
		if below.State == ca.Retired || below.Name == a.Name || !passes {
			continue
		}
		if err := next.holds(below, now); err != nil && h.holds(below, now) == nil {
			return untakeable("with this certificate "+below.Name+", which is below "+a.Name+", would not verify any more",
				"have it made again as wide as the present one, or retire "+below.Name+" first: chancery ca retire "+below.Name).Because(err.Error())
		}
	}
	return nil
}

// holds tells whether a generation that stands verifies.
func (h Hierarchy) holds(s Standing, now time.Time) error {
	chain := links(h.chain(s))
	err := soundChain(chain, s.Kind, now, false)
	if err == nil {
		_, err = usesAbove(s.Use, chain)
	}
	return err
}
