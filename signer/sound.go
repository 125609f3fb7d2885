// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"chancery/ca"
	"chancery/check"
	"chancery/policy"
)

// soundChain demands certificates of authorities, each signed by the next, the last
// by itself, all of them valid now, and a kind that fits; and of all of them together
// what verifiers demand of a path (RFC 5280 §6.1): what nobody would accept must not
// begin to sign. Own says that the first has its key here.
func soundChain(chain []*x509.Certificate, kind ca.AuthorityKind, now time.Time, own bool) error {
	if alone := len(chain) == 1; alone && kind == ca.Intermediate || !alone && kind == ca.Root {
		return untakeable(fmt.Sprintf("a chain of %d does not make an authority of kind %s", len(chain), kind), "a root is alone, and an intermediate authority comes with those above it")
	}
	for i, x := range chain {
		name := ca.Show(x.Subject.String())
		if slices.ContainsFunc(chain[:i], func(other *x509.Certificate) bool {
			return bytes.Equal(other.RawSubjectPublicKeyInfo, x.RawSubjectPublicKeyInfo)
		}) {
			return untakeable("the chain has the key of "+name+" twice", "bring each certificate once")
		}
		if err := certifies(x, own && i == 0); err != nil {
			return err
		}
		if now.Before(x.NotBefore) || now.After(x.NotAfter) {
			return untakeable(fmt.Sprintf("%s is valid from %s to %s", name, x.NotBefore.Format(time.DateOnly), x.NotAfter.Format(time.DateOnly)), "bring one that is valid now")
		}
		if err := signedByNext(chain, i); err != nil {
			return err
		}
	}
	if _, err := check.Constraints(ders(chain)...); err != nil {
		return untakeable("the chain has name constraints that cannot be read", "have it made again: an authority with such constraints signs nothing").Because(err.Error())
	}
	for i := range chain {
		if err := allowedAbove(chain, i); err != nil {
			return err
		}
	}
	return nil
}

// signedByNext demands the signature of the next certificate, a root's of itself.
func signedByNext(chain []*x509.Certificate, i int) error {
	x := chain[i]
	up, name := x, ca.Show(x.Subject.String())
	if i+1 < len(chain) {
		up = chain[i+1]
	} else if !bytes.Equal(x.RawIssuer, x.RawSubject) {
		return untakeable("the certificate of "+ca.Show(x.Issuer.String())+", which signed "+name+", is missing", "bring the whole chain up to its root, in one file or by --chain")
	}
	err := x.CheckSignatureFrom(up)
	var weak x509.InsecureAlgorithmError
	if errors.As(err, &weak) && up == x {
		err = nil // a root is trusted because it is known, and not for its signature (R43)
	}
	if err != nil {
		return untakeable(name+" was not signed by "+ca.Show(up.Subject.String()), "bring the chain in order, the authority's own first").Because(err.Error())
	}
	if x.NotAfter.After(up.NotAfter) {
		return untakeable(name+" outlives "+ca.Show(up.Subject.String())+", which signed it", "have it made again with an earlier end")
	}
	if up != x && !identifies(x, up) {
		return untakeable(name+" names another certificate than that of "+ca.Show(up.Subject.String())+" as its signer's", "have it made again: its authority key identifier must be the subject key identifier of its signer (RFC 5280 §4.2.1.1)")
	}
	return nil
}

// identifies tells whether the authority key identifier of a certificate, if it has one,
// is that of its signer: verifiers pass over a signer that it does not name.
func identifies(x, up *x509.Certificate) bool {
	at := slices.IndexFunc(x.Extensions, func(e pkix.Extension) bool { return e.Id.String() == "2.5.29.35" })
	if at < 0 {
		return true
	}
	var id struct {
		Key    []byte        `asn1:"optional,tag:0"`
		Issuer asn1.RawValue `asn1:"optional,tag:1"`
		Serial *big.Int      `asn1:"optional,tag:2"`
	}
	if rest, err := asn1.Unmarshal(x.Extensions[at].Value, &id); err != nil || len(rest) > 0 {
		return false
	}
	return (len(id.Key) == 0 || len(up.SubjectKeyId) == 0 || bytes.Equal(id.Key, up.SubjectKeyId)) &&
		(id.Serial == nil || id.Serial.Cmp(up.SerialNumber) == 0)
}

// allowedAbove holds one certificate of a chain against what those above it allow: how
// many follow, and how they are called. A critical extension that is not known here is
// known to no verifier either.
func allowedAbove(chain []*x509.Certificate, i int) error {
	x := chain[i]
	name := ca.Show(x.Subject.String())
	for _, id := range x.UnhandledCriticalExtensions {
		if id.String() != oidNameConstraints { // which check.Constraints has read
			return untakeable(name+" has a critical extension that verifiers do not know: "+id.String(), "have it made again without it")
		}
	}
	if x.BasicConstraintsValid && (x.MaxPathLen > 0 || x.MaxPathLenZero) {
		following := 0
		for _, down := range chain[:i] {
			if !bytes.Equal(down.RawSubject, down.RawIssuer) { // RFC 5280 §4.2.1.9
				following++
			}
		}
		if following > x.MaxPathLen {
			return untakeable(fmt.Sprintf("%s has path length %d, and %d authorities are below it", name, x.MaxPathLen, following), "have "+name+" made again, or the authority signed by another one")
		}
	}
	above, err := check.Constraints(ders(chain[i+1:])...)
	if err != nil || len(above) == 0 {
		return err
	}
	subject, names, err := check.Names(x.Raw)
	if err == nil {
		err = policy.Breaks(above, subject, names)
	}
	if err != nil {
		return untakeable("the name "+name+" is outside the name constraints above it", "have it made again with a name that they allow").Because(err.Error())
	}
	return nil
}

// oidNameConstraints is the extension of RFC 5280 §4.2.1.10.
const oidNameConstraints = "2.5.29.30"

// usesAbove demands that those above an authority allow what it is for, and gives an
// authority that is for anything what is left of that (as verifiers take it: each
// extended key usage must be allowed all the way up).
func usesAbove(use []string, chain []*x509.Certificate) ([]string, error) {
	for _, up := range chain[min(1, len(chain)):] {
		if slices.Contains(up.ExtKeyUsage, x509.ExtKeyUsageAny) || len(up.ExtKeyUsage)+len(up.UnknownExtKeyUsage) == 0 {
			continue
		}
		allowed, _, err := check.Uses(up.Raw)
		if err != nil {
			return nil, untakeable("the extended key usages of "+ca.Show(up.Subject.String())+" are not to be taken", "have it made again with those that it is for").Because(err.Error())
		}
		if len(use) == 0 {
			use = allowed
		}
		for _, u := range use {
			if !slices.Contains(allowed, u) {
				return nil, untakeable("the certificate is for "+ca.Show(u)+", and "+ca.Show(up.Subject.String())+" above it is not", "have it signed by an authority that is for the same, or choose by --for")
			}
		}
	}
	return use, nil
}

// inForce is a chain with what is known here in the place of what was brought: from the
// first authority whose key is known, the certificates that are handed out and signed
// under. Known is that authority, or nil.
func (r *rules) inForce(chain []*x509.Certificate) (real []*x509.Certificate, known *authority, err error) {
	for i, x := range chain[1:] {
		if known = r.withKey(digest(x.RawSubjectPublicKeyInfo)); known == nil {
			continue
		}
		up, _ := r.chain(known.Authority)
		real, err = certificates(up)
		return append(slices.Clone(chain[:i+1]), real...), known, err
	}
	return chain, nil, nil
}

func certificates(all []ca.Authority) (out []*x509.Certificate, err error) {
	for _, a := range all {
		x, err := x509.ParseCertificate(a.Certificate)
		if err != nil {
			return nil, fmt.Errorf("read the certificate of %s: %w", a.Name, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// soundHere judges a chain once more with the certificates that are in force here: what
// is brought of a known authority changes nothing about it. It gives that chain.
func (r *rules) soundHere(chain []*x509.Certificate, kind ca.AuthorityKind, now time.Time) ([]*x509.Certificate, error) {
	real, known, err := r.inForce(chain)
	if err != nil || known == nil {
		return real, err
	}
	if err := soundChain(real, kind, now, false); err != nil {
		return nil, untakeable("the chain does not hold with the certificate that "+known.Name+" has here", "bring the new one of "+known.Name+" first: chancery ca import-cert "+known.Name+" FILE").Because(err.Error())
	}
	return real, nil
}

// maxIdentifier bounds key identifiers in octets: the longest digest has 64.
const maxIdentifier = 64

// certifies demands the certificate of an authority. One above the imported, whose key
// is elsewhere, may be as verifiers take it: RFC 5280 §4.2.1.3 asks for keyCertSign only
// if there is a key usage, and the roots of many guides have none.
func certifies(x *x509.Certificate, own bool) error {
	_, err := check.PathLen(x.Raw)
	if n := len(x.SubjectKeyId); own && n > maxIdentifier {
		return untakeable(fmt.Sprintf("the subject key identifier of %s has %d octets, at most %d", ca.Show(x.Subject.String()), n, maxIdentifier), "have it made again with one of 20 (RFC 5280 §4.2.1.2)")
	}
	switch {
	case err == nil && own && x.KeyUsage&x509.KeyUsageCRLSign == 0:
		return untakeable(ca.Show(x.Subject.String())+" may sign no revocation lists: its certificate lacks cRLSign",
			"have it made again with keyCertSign and cRLSign; with its key and its parent here: chancery ca import-cert --key FILE --resign PARENT")
	case err == nil:
		return nil
	case own:
		return untakeable(ca.Show(x.Subject.String())+" is not the certificate of an authority",
			"have it made again with CA:TRUE and keyCertSign; with its key and its parent here: chancery ca import-cert --key FILE --resign PARENT").Because(err.Error())
	case x.BasicConstraintsValid && x.IsCA && (x.KeyUsage == 0 || x.KeyUsage&x509.KeyUsageCertSign != 0):
		return nil
	}
	return untakeable(ca.Show(x.Subject.String())+", which stands above, is not the certificate of an authority", "have it made again with CA:TRUE and keyCertSign, where its key is").Because(err.Error())
}

func ders(chain []*x509.Certificate) (out [][]byte) {
	for _, x := range chain {
		out = append(out, x.Raw)
	}
	return out
}

// otherNamed is the generation that has a name with another key, or nil: verifiers, and
// whoever looks for a list, find an authority by its name (RFC 5280 §4.1.2.4), and one
// with the name of its signer would pass for a root.
func (r *rules) otherNamed(subject []byte, key ca.Digest) *authority {
	for _, a := range r.authorities {
		if bytes.Equal(a.Subject, subject) && a.Key != key {
			return a
		}
	}
	return nil
}

// ownName refuses an authority from elsewhere with the name of another one.
func (r *rules) ownName(chain []*x509.Certificate) error {
	x := chain[0]
	if other := r.otherNamed(x.RawSubject, digest(x.RawSubjectPublicKeyInfo)); other != nil {
		return untakeable("the authority "+other.Name+" has the name "+ca.Show(x.Subject.String())+" with another key", "have it made again with a name of its own, such as one with a number")
	}
	for i, up := range chain[1:] {
		if slices.ContainsFunc(chain[:i+1], func(down *x509.Certificate) bool { return bytes.Equal(down.RawSubject, up.RawSubject) }) {
			return untakeable("two authorities of the chain have the name "+ca.Show(up.Subject.String()), "have the lower one made again with a name of its own")
		}
		if other := r.otherNamed(up.RawSubject, digest(up.RawSubjectPublicKeyInfo)); other != nil && !other.External {
			return untakeable("the authority "+other.Name+" has the name "+ca.Show(up.Subject.String())+" with another key", "bring an authority that is below another one")
		}
	}
	return nil
}
