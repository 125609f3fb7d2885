// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"chancery/ca"
)

// soundChain demands certificates of authorities, each signed by the next, the last
// by itself, all of them valid now, and a kind that fits; and of all of them together
// what verifiers demand of a path (RFC 5280 §6.1): what nobody would accept must not
// begin to sign. Own says that the first has its key here. The Problem is E2602.
func soundChain(chain []Link, kind ca.AuthorityKind, now time.Time, own bool) error {
	if alone := len(chain) == 1; alone && kind == ca.Intermediate || !alone && kind == ca.Root {
		return untakeable(fmt.Sprintf("a chain of %d does not make an authority of kind %s", len(chain), kind), "a root is alone, and an intermediate authority comes with those above it")
	}
	if len(chain) > ca.MaxChain {
		return untakeable(fmt.Sprintf("the chain has %d certificates, at most %d", len(chain), ca.MaxChain), "bring an authority that is nearer to its root")
	}
	for i, x := range chain {
		if slices.ContainsFunc(chain[:i], func(other Link) bool { return other.Key == x.Key }) {
			return untakeable("the chain has the key of "+x.Title+" twice", "bring each certificate once")
		}
		if err := x.certifies(own && i == 0); err != nil {
			return err
		}
		if now.Before(x.NotBefore) || now.After(x.NotAfter) {
			return untakeable(fmt.Sprintf("%s is valid from %s to %s", x.Title, x.NotBefore.Format(time.DateOnly), x.NotAfter.Format(time.DateOnly)), "bring one that is valid now")
		}
		if err := signedByNext(chain, i); err != nil {
			return err
		}
	}
	for _, x := range chain {
		if x.ConstraintsUnread != nil {
			return untakeable("the chain has name constraints that cannot be read", "have it made again: an authority with such constraints signs nothing").Because(x.ConstraintsUnread.Error())
		}
	}
	for i := range chain {
		if err := allowedAbove(chain, i); err != nil {
			return err
		}
	}
	return nil
}

// maxIdentifier bounds key identifiers in octets: the longest digest has 64.
const maxIdentifier = 64

// certifies demands the certificate of an authority. One above the imported, whose key
// is elsewhere, may be as verifiers take it: RFC 5280 §4.2.1.3 asks for keyCertSign only
// if there is a key usage, and the roots of many guides have none.
func (l Link) certifies(own bool) error {
	switch n := len(l.SKI); {
	case own && n > maxIdentifier:
		return untakeable(fmt.Sprintf("the subject key identifier of %s has %d octets, at most %d", l.Title, n, maxIdentifier), "have it made again with one of 20 (RFC 5280 §4.2.1.2)")
	case l.NoCA == nil && own && !l.Lists:
		return untakeable(l.Title+" may sign no revocation lists: its certificate lacks cRLSign", l.again())
	case l.NoCA == nil:
		return nil
	case own:
		return untakeable(l.Title+" is not the certificate of an authority", l.again()).Because(l.NoCA.Error())
	case l.AsCA:
		return nil
	}
	return untakeable(l.Title+", which stands above, is not the certificate of an authority", "have it made again with CA:TRUE and keyCertSign, where its key is").Because(l.NoCA.Error())
}

// again is how an authority of ours gets the certificate of one: below another by that,
// and a root, which nobody is above, by its own key.
func (l Link) again() string {
	if l.self() {
		return "have its own key sign it anew, with the same name and key identifier, critical CA:TRUE, keyCertSign and cRLSign: openssl req -x509 -key FILE"
	}
	return "have it made again with critical CA:TRUE, keyCertSign and cRLSign; with its key and its parent here: chancery ca import-cert --key FILE --resign PARENT"
}

// signedByNext demands the signature of the next certificate, a root's of itself.
func signedByNext(chain []Link, i int) error {
	x, up := chain[i], chain[min(i+1, len(chain)-1)]
	last := i+1 == len(chain)
	if last && !x.self() {
		return untakeable("the certificate of "+x.Signer+", which signed "+x.Title+", is missing", "bring the whole chain up to its root, in one file or by --chain")
	}
	if x.Unsigned != nil {
		return untakeable(x.Title+" was not signed by "+up.Title, "bring the chain in order, the authority's own first").Because(x.Unsigned.Error())
	}
	if !bytes.Equal(x.Issuer, up.Subject) {
		// RFC 5280 §6.1.3 (a)(4): the key alone makes no chain.
		return untakeable(x.Title+" names "+x.Signer+" as its signer, not "+up.Title, "bring the certificate of its signer that has this name")
	}
	if x.NotAfter.After(up.NotAfter) {
		return untakeable(x.Title+" outlives "+up.Title+", which signed it", "have it made again with an earlier end")
	}
	if !last && !x.identifies(up) {
		return untakeable(x.Title+" names another certificate than that of "+up.Title+" as its signer's", "have it made again: its authority key identifier must be the subject key identifier of its signer (RFC 5280 §4.2.1.1)")
	}
	return nil
}

// identifies tells whether the authority key identifier of a certificate, if it has one,
// is that of its signer: verifiers pass over a signer that it does not name.
func (l Link) identifies(up Link) bool {
	return !l.SignerUnread && (len(l.SignerKey) == 0 || len(up.SKI) == 0 || bytes.Equal(l.SignerKey, up.SKI)) &&
		(len(l.SignerSerial) == 0 || bytes.Equal(l.SignerSerial, up.Serial))
}

// allowedAbove holds one certificate of a chain against what those above it allow: how
// many follow, and how they are called. A critical extension that is not known here is
// known to no verifier either.
func allowedAbove(chain []Link, i int) error {
	x := chain[i]
	for _, id := range x.Unknown {
		return untakeable(x.Title+" has a critical extension that verifiers do not know: "+id, "have it made again without it")
	}
	if x.PathLen >= 0 {
		following := 0
		for _, down := range chain[:i] {
			if !down.self() { // RFC 5280 §4.2.1.9
				following++
			}
		}
		if following > x.PathLen {
			return untakeable(fmt.Sprintf("%s has path length %d, and %d authorities are below it", x.Title, x.PathLen, following), "have "+x.Title+" made again, or the authority signed by another one")
		}
	}
	var above []ca.NameConstraints
	for _, up := range chain[i+1:] {
		above = append(above, up.Constraints...)
	}
	if len(above) == 0 {
		return nil
	}
	err := x.NamesUnread
	if err == nil {
		err = Breaks(above, x.Fields, x.Names)
	}
	if err != nil {
		return untakeable("the name "+x.Title+" is outside the name constraints above it", "have it made again with a name that they allow").Because(err.Error())
	}
	return nil
}

// usesAbove demands that those above an authority allow what it is for, and gives an
// authority that is for anything what is left of that (as verifiers take it: each
// extended key usage must be allowed all the way up). The Problem is E2602.
func usesAbove(use []string, chain []Link) ([]string, error) {
	for _, up := range chain[min(1, len(chain)):] {
		if up.AnyUse {
			continue
		}
		if up.UseUnread != nil {
			return nil, untakeable("the extended key usages of "+up.Title+" are not to be taken", "have it made again with those that it is for").Because(up.UseUnread.Error())
		}
		if len(use) == 0 {
			use = up.Use
		}
		for _, u := range use {
			if !slices.Contains(up.Use, u) {
				return nil, untakeable("the certificate is for "+ca.Show(u)+", and "+up.Title+" above it is not", "have it signed by an authority that is for the same, or choose by --for")
			}
		}
	}
	return use, nil
}

// inForce is a chain with what is known here in the place of what was brought: from the
// first authority whose key is known, the certificates that are handed out and signed
// under. Known is that authority, with no name if there is none.
func (h Hierarchy) inForce(chain []Link) (real []Link, known Standing) {
	for i, x := range chain[1:] {
		if s, is := h.withKey(x.Key); is {
			return append(slices.Clone(chain[:i+1]), links(h.chain(s))...), s
		}
	}
	return chain, Standing{}
}

// SoundHere judges a chain, and once more with the certificates that are in force here:
// what is brought of a known authority changes nothing about it. It gives that chain.
// The Problem is E2602.
func (h Hierarchy) SoundHere(chain []Link, kind ca.AuthorityKind, now time.Time, own bool) ([]Link, error) {
	if err := soundChain(chain, kind, now, own); err != nil {
		return nil, err
	}
	real, known := h.inForce(chain)
	if known.Name == "" {
		return real, nil
	}
	for _, x := range chain[1:] {
		if s, is := h.withKey(x.Key); is && !bytes.Equal(s.Subject, x.Subject) {
			return nil, untakeable("the key of "+x.Title+" is known here under another name, "+s.Name, "bring the chain that has the name of "+s.Name)
		}
	}
	if err := soundChain(real, kind, now, false); err != nil {
		return nil, untakeable("the chain does not hold with the certificate that "+known.Name+" has here", h.instead(chain, known, now)).Because(err.Error())
	}
	return real, nil
}

// instead is what to do about a chain that is sound with the certificates that were
// brought of known authorities, and is not with those that they have here.
func (h Hierarchy) instead(chain []Link, known Standing, now time.Time) string {
	for i := len(chain) - 1; i > 0; i-- { // the highest first: what is below may need it
		s, is := h.withKey(chain[i].Key)
		if !is || bytes.Equal(s.Certificate, chain[i].Certificate) {
			continue
		}
		if _, err := h.Replaces(s, s.Kind, chain[i:], now); err == nil {
			return "bring the new one of " + s.Name + " first: chancery ca import-cert " + s.Name + " FILE"
		}
	}
	return "have it made again so that it holds with that one: chancery ca show " + known.Name
}
