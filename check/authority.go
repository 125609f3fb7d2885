// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

// neverCA is the last look at the bytes that a key on the front's socket is
// about to sign (security rule SG-02). It asks no draft: it refuses CA:TRUE,
// keyCertSign, cRLSign, anyExtendedKeyUsage, and any extension that no
// end-entity certificate of ours has, whatever anybody said.
func neverCA(c *certificate) error {
	for _, e := range c.extensions {
		var err error
		switch string(e.oid) {
		case oidKeyUsage:
			var usage int
			if usage, err = keyUsage(e.value); err == nil && usage&(keyCertSign|cRLSign) != 0 {
				err = fmt.Errorf("the bits are 0x%03x", usage)
			}
		case oidExtKeyUsage:
			err = uses(e.value, func([]byte) error { return nil })
		case oidBasicConstraints:
			err = constraintsAre(false, -1)(e.value)
		case oidPolicies:
			err = notForAny(e.value)
		case oidSubjectKeyID, oidAuthorityKeyID, oidAuthorityInfo, oidSubjectAltName, oidCRLPoints:
		default:
			if slices.ContainsFunc(never[:], func(beginning string) bool { return strings.HasPrefix(string(e.oid), beginning) }) {
				err = errors.New("it stands in no end-entity certificate")
			}
		}
		if err != nil {
			return fmt.Errorf("extension %x: %w", e.oid, err)
		}
	}
	return nil
}

// Authority holds the bytes of a CA's TBSCertificate against the draft, and the
// draft against its issuer's certificate: names, key, validity, path length.
func Authority(tbs []byte, d ca.AuthorityDraft) error {
	if err := authority(tbs, &d); err != nil {
		return fmt.Errorf("check authority %s: %w", d.Subject, err)
	}
	return nil
}

func authority(tbs []byte, d *ca.AuthorityDraft) error {
	c, err := parse(tbs)
	if err != nil {
		return err
	}
	if err := serialIs(c, d.Serial); err != nil {
		return err
	}
	if !c.notBefore.Equal(d.NotBefore) || !c.notAfter.Equal(d.NotAfter) {
		return errors.New("the validity is not the draft's")
	}
	if len(d.Subject) == 0 {
		return errors.New("the subject is empty")
	}
	if err := subjectIs(c.subject, d.Subject); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	key, err := readKey(c.spki)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	if !bytes.Equal(c.spki, d.SPKI) {
		return errors.New("the public key is not the draft's")
	}
	own := key.id[:]
	if len(d.SKI) > 0 {
		own = d.SKI
	}
	// A root signs itself.
	signer := &ca.Authority{KeyType: key.keyType, Hash: d.Hash, Key: sha256.Sum256(d.SPKI), SPKI: d.SPKI, Subject: c.subject}
	var id func([]byte) error
	if d.Issuer != nil {
		if err := below(c, d); err != nil {
			return fmt.Errorf("issuer %q: %w", d.Issuer.Name, err)
		}
		signer = d.Issuer
		id, err = identifierOf(signer, d.AKI)
	} else {
		id, err = identifierIs(own, d.AKI, c.subject, c.serial)
	}
	if err != nil {
		return err
	}
	if err := signedBy(c, signer); err != nil {
		return err
	}
	return authorityExtensions(c, d, own, id)
}

// authorityExtensions is the closed list of a CA certificate.
func authorityExtensions(c *certificate, d *ca.AuthorityDraft, own []byte, signer func([]byte) error) error {
	list := []due{{"keyUsage", oidKeyUsage, true, keyUsageIs(keyCertSign | cRLSign)}}
	if len(d.Use) > 0 {
		list = append(list, due{"extKeyUsage", oidExtKeyUsage, false, usesAre(d.Use)})
	}
	list = append(list,
		due{"basicConstraints", oidBasicConstraints, true, constraintsAre(true, d.PathLen)},
		due{"subjectKeyIdentifier", oidSubjectKeyID, false, subjectKeyIDIs(own)},
		due{"authorityKeyIdentifier", oidAuthorityKeyID, false, signer})
	if d.Issuer != nil && d.Issuer.OCSP+d.Issuer.Issuer != "" {
		list = append(list, due{"authorityInfoAccess", oidAuthorityInfo, false, authorityInfoIs(d.Issuer)})
	}
	if len(d.Policies) > 0 {
		list = append(list, due{"certificatePolicies", oidPolicies, false, policiesAre(d.Policies)})
	}
	if !d.Constraints.Empty() {
		list = append(list, due{"nameConstraints", oidNameConstraints, true, nameConstraintsAre(d.Constraints)})
	}
	if d.Issuer != nil && d.Issuer.CRL != "" {
		list = append(list, due{"cRLDistributionPoints", oidCRLPoints, false, crlPointsAre(d.Issuer.CRL)})
	}
	return c.extensionsAre(list)
}

// below holds a CA certificate against its issuer.
func below(c *certificate, d *ca.AuthorityDraft) error {
	a := d.Issuer
	if a.Kind != ca.Root && a.Kind != ca.Intermediate {
		return errors.New("it signs no authorities")
	}
	if d.Hash != "" {
		return errors.New("the draft has a hash of its own, and its issuer's signs it")
	}
	limit, err := under(c, a)
	if err != nil {
		return err
	}
	if limit >= 0 && (d.PathLen < 0 || d.PathLen >= limit) {
		return fmt.Errorf("its path length %d leaves no room for %d", limit, d.PathLen)
	}
	return nil
}

// under holds a certificate against the time of its issuer, and what is known of the
// issuer against the issuer's own certificate, whose path length it gives, -1 if it has none.
func under(c *certificate, a *ca.Authority) (pathLen int, err error) {
	if c.notBefore.Before(a.NotBefore) || c.notAfter.After(a.End()) {
		return -1, errors.New("the validity is not within its own")
	}
	up, err := open(a.Certificate)
	if err != nil {
		return -1, fmt.Errorf("its certificate: %w", err)
	}
	id := up.find(oidSubjectKeyID)
	if !bytes.Equal(up.subject, a.Subject) || !bytes.Equal(up.spki, a.SPKI) ||
		!up.notBefore.Equal(a.NotBefore) || !up.notAfter.Equal(a.NotAfter) ||
		id == nil || subjectKeyIDIs(a.SKI)(id.value) != nil {
		return -1, errors.New("its certificate says something else")
	}
	return signsCertificates(up)
}

// PathLen gives the path length constraint of a CA certificate in DER, -1 if it has
// none. The error says what keeps a certificate from being a CA's (RFC 5280 §4.2.1.3,
// §4.2.1.9).
func PathLen(cert []byte) (int, error) {
	c, err := open(cert)
	if err != nil {
		return -1, err
	}
	return signsCertificates(c)
}

// signsCertificates demands CA:TRUE and keyCertSign, and gives the path length,
// -1 if there is none.
func signsCertificates(c *certificate) (pathLen int, err error) {
	basic, usage := c.find(oidBasicConstraints), c.find(oidKeyUsage)
	switch {
	case basic == nil:
		return -1, errors.New("it has no basic constraints, which must say CA:TRUE")
	case !basic.critical:
		return -1, errors.New("its basic constraints are not critical")
	}
	isCA, pathLen, err := constraints(basic.value)
	if err != nil {
		return -1, err
	}
	switch {
	case !isCA:
		return -1, errors.New("its basic constraints say CA:FALSE")
	case usage == nil:
		return -1, errors.New("it has no key usage, which must say keyCertSign and cRLSign")
	}
	bits, err := keyUsage(usage.value)
	if err != nil {
		return -1, err
	}
	if bits&keyCertSign == 0 {
		return -1, errors.New("its key usage lacks keyCertSign")
	}
	return pathLen, nil
}

// Online says whether the authority of a certificate in DER may sign with its key
// online (security rule SG-04): it has CA:TRUE, a path length of 0, and extended
// key usages, any-purpose not among them.
func Online(cert []byte) error {
	if err := online(cert); err != nil {
		return fmt.Errorf("check that it may sign online: %w", err)
	}
	return nil
}

func online(cert []byte) error {
	c, err := open(cert)
	if err != nil {
		return err
	}
	pathLen, err := signsCertificates(c)
	if err != nil {
		return err
	}
	if pathLen != 0 {
		return fmt.Errorf("its path length is not 0 but %d (-1 is none)", pathLen)
	}
	use := c.find(oidExtKeyUsage)
	if use == nil {
		return errors.New("it has no extended key usage")
	}
	if err := uses(use.value, func([]byte) error { return nil }); err != nil {
		return fmt.Errorf("extended key usage: %w", err)
	}
	return nil
}
