// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"fmt"
	"slices"

	"chancery/ca"
	"chancery/check"
	"chancery/encode"
	"chancery/policy"
)

// rules is everything a batch is judged by, captured once at its start: a
// change of policy or of authorities never mixes into a batch (security rule
// IS-10). It is immutable; a change makes a new one.
type rules struct {
	bundle      policy.Bundle
	document    []byte // the bundle's exact bytes
	profiles    map[string]ca.Profile
	authorities map[string]*authority
}

// An authority is one generation with what signing needs: its prepared encoder,
// and its key while it is unlocked.
type authority struct {
	ca.Authority
	encoder *encode.Issuer // nil for a root
	key     crypto.Signer  // nil while sealed
	public  crypto.PublicKey
	ids     map[string]issuerID
	// unopened is why the key is not here while those of others are.
	unopened error
}

// signs gives the newest active generation of a line whose chain stands and whose key is
// here, or nil.
func (r *rules) signs(line string) *authority {
	var newest *authority
	for _, a := range r.authorities {
		if a.Line != line || a.Kind != ca.Issuing || a.State != ca.Active || a.Fallen != "" || a.key == nil {
			continue
		}
		if newest == nil || a.NewerThan(newest.Authority) {
			newest = a
		}
	}
	return newest
}

// refusesKey refuses the key of an authority in anybody's request (security
// rule PF-07): whoever asks does not hold it, or should not.
func (r *rules) refusesKey(key ca.Digest) error {
	for _, a := range r.authorities {
		if a.Key == key {
			return ca.Refused(ca.E2204, "this is the key of an authority", "make a key of your own: chancery issue").
				Because(fmt.Sprintf("%s has the same public key", a.Name))
		}
	}
	return nil
}

// withBundle reads a bundle's profiles and gives rules with them in force.
func (r *rules) withBundle(document []byte, parse ParseProfile) (*rules, error) {
	b, err := policy.ParseBundle(document)
	if err != nil {
		return nil, err
	}
	next := &rules{bundle: b, document: document, authorities: r.authorities}
	if next.profiles, err = b.Load(parse); err != nil {
		return nil, err
	}
	return next, nil
}

// withAuthority gives rules that know one more generation, or its new state, and
// with the name constraints of all chains it is part of: the log may name a
// generation before the one above it.
func (r *rules) withAuthority(a *authority) *rules {
	next := *r
	next.authorities = make(map[string]*authority, len(r.authorities)+1)
	for name, old := range r.authorities {
		next.authorities[name] = old
	}
	next.authorities[a.Name] = a
	// What cannot be read matches nothing.
	a.Fields, _ = check.Subject(a.Subject)
	for name, old := range next.authorities {
		if chain, _ := next.chain(old.Authority); slices.ContainsFunc(chain, func(up ca.Authority) bool { return up.Name == a.Name }) {
			own := *old
			own.Authority = own.Bound(chain, check.Constraints)
			next.authorities[name] = &own
		}
	}
	return &next
}

// chain is a generation and all above it, up to its root; whole is false if that
// is not known.
func (r *rules) chain(a ca.Authority) (up []ca.Authority, whole bool) {
	for up = []ca.Authority{a}; a.Parent != a.Name; up = append(up, a) {
		parent := r.authorities[a.Parent]
		if parent == nil || len(up) == ca.MaxChain {
			return up, false
		}
		a = parent.Authority
	}
	return up, true
}

// loadable says whether the key of an authority may be loaded.
func (r *rules) loadable(a ca.Authority) error { return r.bundle.Loadable(a, check.Online) }

// all are the generations, in no order.
func (r *rules) all() (out []ca.Authority) {
	for _, a := range r.authorities {
		out = append(out, a.Authority)
	}
	return out
}
