// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"slices"

	"chancery/ca"
)

// A Bringing is an authority whose certificate, or at least whose key, was made
// elsewhere.
type Bringing struct {
	Newcomer
	KeyType string
	// Use are some of the certificate's extended key usages; empty are all that have a
	// name here.
	Use []string
	// Above are the names for those above it, in their order.
	Above   []string
	Standby bool
}

// Brought gives the generations that a chain from elsewhere makes: those above that are
// not known yet, the highest first, and the authority itself last. Real is the chain as
// SoundHere gave it. The Problem is E2601 or E2602.
func (h Hierarchy) Brought(b Bringing, chain, real []Link) ([]ca.Authority, error) {
	if err := h.OwnName(chain); err != nil {
		return nil, err
	}
	if err := h.Admits(b.Newcomer); err != nil {
		return nil, err
	}
	a, err := h.Imported(b, chain[0])
	if err != nil {
		return nil, err
	}
	above, parent, err := h.above(b, chain)
	if err != nil {
		return nil, err
	}
	if parent != "" {
		a.Parent = parent
	}
	a.Use, err = usesAbove(a.Use, real)
	return append(above, a), err
}

// Imported is the generation that a certificate from elsewhere makes, below nobody yet.
// The Problem is E2602.
func (h Hierarchy) Imported(b Bringing, x Link) (a ca.Authority, err error) {
	// RFC 5280 §4.2.1.2: the identifier that the certificate has is the one its own carry.
	if len(x.SKI) == 0 {
		return a, untakeable("the certificate has no subject key identifier", "have it made again with one (RFC 5280 §4.2.1.2)")
	}
	if x.UseUnread != nil {
		return a, untakeable("the extended key usages of the certificate are not to be taken", "have it made again with those that it is for").Because(x.UseUnread.Error())
	}
	if len(b.Use) == 0 {
		b.Use = x.Use
	}
	for _, u := range b.Use {
		if _, known := ca.UseOID(u); !known || len(x.Use) > 0 && !slices.Contains(x.Use, u) {
			return a, untakeable("the certificate is not for "+ca.Show(u), "leave --for out to take what it is for")
		}
	}
	return ca.Authority{
		Name: b.Name, Line: b.Line, Kind: b.Kind, State: h.Birth(b.Line, b.Standby), Parent: b.Name, Version: 1,
		Key: x.Key, KeyType: b.KeyType, Certificate: x.Certificate, Subject: x.Subject, SPKI: x.SPKI,
		SKI: x.SKI, Use: b.Use, NotBefore: x.NotBefore, NotAfter: x.NotAfter,
		CRL: b.PKI + "/pki/" + b.Name + ".crl", Issuer: b.PKI + "/pki/" + b.Name + ".crt",
		OCSP: b.PKI + "/ocsp/" + b.Name, Shards: 1,
	}, nil
}

// above gives those above an imported authority that are not known yet, the highest
// first, and the name of the authority's parent.
func (h Hierarchy) above(b Bringing, chain []Link) (out []ca.Authority, parent string, err error) {
	for i := len(chain) - 1; i > 0; i-- {
		x, below := chain[i], chain[i-1]
		if known, is := h.withKey(x.Key); is {
			parent = known.Name
			continue
		}
		if i > len(b.Above) || !h.free(b.Above[i-1], b.Newcomer) || slices.Contains(b.Above[:i-1], b.Above[i-1]) {
			return nil, "", untakeable("the authority "+x.Title+" needs a name of its own here", "chancery ca import-cert --above NAME,…")
		}
		one := ca.Authority{
			Name: b.Above[i-1], Line: b.Above[i-1], Kind: ca.Intermediate, State: ca.Active, Parent: parent, External: true, Version: 1,
			Key: x.Key, Certificate: x.Certificate, Subject: x.Subject, SPKI: x.SPKI, SKI: x.SKI,
			NotBefore: x.NotBefore, NotAfter: x.NotAfter, Shards: 1, CRL: below.List, Issuer: below.Issuers,
		}
		if parent == "" {
			one.Kind, one.Parent = ca.Root, one.Name
		}
		out, parent = append(out, one), one.Name
	}
	return out, parent, nil
}

// free tells whether one above an imported authority can have a name, which is that
// of its line too.
func (h Hierarchy) free(name string, n Newcomer) bool {
	return name != n.Name && name != n.Line && NamesGeneration(name) && h[name].Name == "" && !h.hasLine(name) && !slices.Contains(unaddressable, name)
}
