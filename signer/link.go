// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"math/big"
	"slices"

	"chancery/ca"
	"chancery/check"
	"chancery/policy"
)

// hierarchy is what policy judges CA certificates by: every generation with what its
// certificates say. It is read off them each time, so that nothing else can be believed.
func (r *rules) hierarchy() policy.Hierarchy {
	h := make(policy.Hierarchy, len(r.authorities))
	for name, a := range r.authorities {
		s := policy.Standing{Authority: a.Authority}
		for i, der := range a.certificates() {
			x, err := x509.ParseCertificate(der)
			switch {
			case i == 0 && err != nil:
				s.Link = illegible(a.Authority, err)
			case i == 0:
				s.Link = link(x)
			case err == nil: // what is not in force is compared only
				s.Others = append(s.Others, link(x))
			}
		}
		h[name] = s
	}
	return h
}

// illegible is a certificate that this version cannot read. It signs nothing and has
// nothing below it, but must not stop the others.
func illegible(a ca.Authority, err error) policy.Link {
	err = fmt.Errorf("read the certificate of %s: %w", a.Name, err)
	return policy.Link{
		Certificate: a.Certificate, Subject: a.Subject, SPKI: a.SPKI, Key: a.Key, Title: a.Name, Called: calledBy(a.Subject), SKI: a.SKI,
		NotBefore: a.NotBefore, NotAfter: a.NotAfter, NoCA: err, UseUnread: err, ConstraintsUnread: err, NamesUnread: err, Unsigned: err,
	}
}

// verified is a hierarchy with whether each certificate in force was signed by the key
// above it.
func verified(h policy.Hierarchy) policy.Hierarchy {
	for name, s := range h {
		x, err := x509.ParseCertificate(s.Certificate)
		up, missing := x509.ParseCertificate(h[s.Parent].Certificate)
		if err = errors.Join(err, missing); err == nil {
			err = signedBy(x, up)
		}
		s.Link.Unsigned = err
		h[name] = s
	}
	return h
}

// signedBy says why a certificate was not signed by the key of another, or by its own.
func signedBy(x, up *x509.Certificate) error {
	err := x.CheckSignatureFrom(up)
	var weak x509.InsecureAlgorithmError
	if errors.As(err, &weak) && slices.Equal(x.Raw, up.Raw) {
		return nil // a root is trusted because it is known, and not for its signature (R43)
	}
	return err
}

// chainOf reads the certificates of an import, the authority's own first.
func chainOf(ders [][]byte) (chain []policy.Link, err error) {
	if len(ders) == 0 || len(ders) > ca.MaxChain {
		return nil, untakeable(fmt.Sprintf("the import brings %d certificates, wanted 1 to %d", len(ders), ca.MaxChain), "bring the authority's certificate and those above it")
	}
	all := make([]*x509.Certificate, len(ders))
	for i, der := range ders {
		x, err := x509.ParseCertificate(der)
		if err == nil && len(der) > maxCertificate {
			err = fmt.Errorf("it has %d octets, at most %d", len(der), maxCertificate)
		}
		if err != nil {
			return nil, untakeable("a certificate cannot be read", "openssl x509 -text -in FILE shows what is wrong with it").Because(err.Error())
		}
		all[i] = x
	}
	for i, x := range all {
		l := link(x)
		l.Unsigned = signedBy(x, all[min(i+1, len(all)-1)])
		chain = append(chain, l)
	}
	return chain, nil
}

// maxCertificate is the longest that is taken from elsewhere: its leaf must have room
// for it in base64, and for its name and key once more (journal.MaxBody).
const maxCertificate = 64 << 10

// link takes a certificate apart for policy.
func link(x *x509.Certificate) policy.Link {
	l := policy.Link{
		Certificate: x.Raw, Subject: x.RawSubject, Issuer: x.RawIssuer, SPKI: x.RawSubjectPublicKeyInfo, Key: digest(x.RawSubjectPublicKeyInfo),
		Title: ca.Show(ca.EncodedName(x.RawSubject)), Signer: ca.Show(ca.EncodedName(x.RawIssuer)), Called: calledBy(x.RawSubject),
		Serial: x.SerialNumber.Bytes(), SKI: x.SubjectKeyId, NotBefore: x.NotBefore.UTC(), NotAfter: x.NotAfter.UTC(),
		AsCA:    x.BasicConstraintsValid && x.IsCA && (x.KeyUsage == 0 || x.KeyUsage&x509.KeyUsageCertSign != 0),
		PathLen: -1, Lists: x.KeyUsage&x509.KeyUsageCRLSign != 0,
		AnyUse: slices.Contains(x.ExtKeyUsage, x509.ExtKeyUsageAny) || len(x.ExtKeyUsage)+len(x.UnknownExtKeyUsage) == 0,
	}
	_, l.NoCA = check.PathLen(x.Raw)
	if x.BasicConstraintsValid && (x.MaxPathLen > 0 || x.MaxPathLenZero) {
		l.PathLen = x.MaxPathLen
	}
	l.Use, _, l.UseUnread = check.Uses(x.Raw)
	l.Constraints, l.ConstraintsUnread = check.Constraints(x.Raw)
	l.Fields, l.Names, l.NamesUnread = check.Names(x.Raw)
	for _, id := range x.UnhandledCriticalExtensions {
		if id.String() != oidNameConstraints { // which check.Constraints has read
			l.Unknown = append(l.Unknown, id.String())
		}
	}
	if len(x.CRLDistributionPoints) > 0 {
		l.List = x.CRLDistributionPoints[0]
	}
	if len(x.IssuingCertificateURL) > 0 {
		l.Issuers = x.IssuingCertificateURL[0]
	}
	namesSigner(&l, x.Extensions)
	return l
}

// The extensions of RFC 5280 §4.2.1.10 and §4.2.1.1.
const (
	oidNameConstraints = "2.5.29.30"
	oidAuthorityKeyID  = "2.5.29.35"
)

// namesSigner reads the authority key identifier, in its long form too.
func namesSigner(l *policy.Link, all []pkix.Extension) {
	at := slices.IndexFunc(all, func(e pkix.Extension) bool { return e.Id.String() == oidAuthorityKeyID })
	if at < 0 {
		return
	}
	var id struct {
		Key    []byte        `asn1:"optional,tag:0"`
		Issuer asn1.RawValue `asn1:"optional,tag:1"`
		Serial *big.Int      `asn1:"optional,tag:2"`
	}
	if rest, err := asn1.Unmarshal(all[at].Value, &id); err != nil || len(rest) > 0 {
		l.SignerUnread = true
		return
	}
	if l.SignerKey = id.Key; id.Serial != nil {
		l.SignerSerial = id.Serial.Bytes()
	}
}

// calledBy reads a name in DER, of whatever string types, as policy compares it. One
// that cannot be read is the same as itself only.
func calledBy(der []byte) policy.DN {
	var parts pkix.RDNSequence
	if rest, err := asn1.Unmarshal(der, &parts); err != nil || len(rest) > 0 {
		return unread(der)
	}
	dn := make(policy.DN, len(parts))
	for i, part := range parts {
		for _, f := range part {
			text, ok := f.Value.(string)
			if !ok {
				return unread(der)
			}
			dn[i] = append(dn[i], ca.Attribute{OID: f.Type.String(), Value: text})
		}
	}
	return dn
}

func unread(der []byte) policy.DN { return policy.DN{{{Value: hex.EncodeToString(der)}}} }
