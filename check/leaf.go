// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chancery/ca"
)

// Leaf holds the bytes of an end-entity TBSCertificate against the draft they
// should say, the serial number, the profile the draft was cleared under and the
// authority that is to sign. Nil means that every octet is as it must be.
func Leaf(tbs []byte, d ca.Draft, serial ca.Serial, p ca.Profile, a ca.Authority) error {
	if err := leaf(tbs, &d, serial, &p, &a); err != nil {
		return fmt.Errorf("check certificate %s: %w", serial, err)
	}
	return nil
}

func leaf(tbs []byte, d *ca.Draft, serial ca.Serial, p *ca.Profile, a *ca.Authority) error {
	c, err := parse(tbs)
	if err != nil {
		return err
	}
	if err := leafParties(d, p, a); err != nil {
		return err
	}
	// The form of SN-01; the ceremony's serials may differ, those of leaves may not.
	if err := serialIs(c, serial); err != nil {
		return err
	}
	if len(c.serial) != 19 || c.serial[0] != 0x41 {
		return errors.New("the serial number is not one of 19 octets that begins with 41")
	}
	if err := signedBy(c, a); err != nil {
		return err
	}
	if err := leafValidity(c, d, p, a); err != nil {
		return err
	}
	if err := subjectIs(c.subject, d.Subject); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	if err := subjectWithin(d, p.Subject, a); err != nil {
		return fmt.Errorf("subject: %w", err)
	}
	key, err := leafKey(c, d, p)
	if err != nil {
		return fmt.Errorf("public key: %w", err)
	}
	if err := leafExtensions(c, d, a, key); err != nil {
		return err
	}
	if err := grantedWithin(d, p); err != nil {
		return err
	}
	if err := namesWithin(d.Names, p.Names); err != nil {
		return err
	}
	if err := commonNameWithin(d, p); err != nil {
		return err
	}
	return neverCA(c)
}

// leafParties holds draft, profile and authority against each other.
func leafParties(d *ca.Draft, p *ca.Profile, a *ca.Authority) error {
	switch {
	case a.Kind != ca.Issuing:
		return fmt.Errorf("authority %q signs no end-entity certificates", a.Name)
	case d.Authority != a.Name:
		return fmt.Errorf("the draft is for authority %q, not %q", d.Authority, a.Name)
	case d.Profile != p.Name || d.ProfileDigest != p.Digest:
		return fmt.Errorf("the draft was not cleared under profile %q as it is", p.Name)
	case a.Line == "" || p.Line != a.Line && !slices.Contains(p.Lines, a.Line):
		return fmt.Errorf("the profile's line is %q, the authority's %q", p.Line, a.Line)
	case len(d.Use) == 0:
		return errors.New("the draft has no use")
	}
	for _, use := range d.Use {
		if !slices.Contains(p.Use, use) || !slices.Contains(a.Use, use) {
			return fmt.Errorf("profile or authority does not allow the use %q", use)
		}
	}
	return nil
}

func serialIs(c *certificate, serial ca.Serial) error {
	if want := serial.Bytes(); len(want) == 0 || len(want) > 20 || want[0] == 0 || !bytes.Equal(c.serial, want) {
		return fmt.Errorf("the serial number is %x, not %s", c.serial, serial)
	}
	if len(c.serial) == 20 && c.serial[0] >= 0x80 {
		return errors.New("the serial number has more than 20 octets") // with its sign octet
	}
	return nil
}

// signedBy demands the algorithm and the name of the authority that signs.
func signedBy(c *certificate, a *ca.Authority) error {
	key, err := readKey(a.SPKI)
	if err != nil {
		return fmt.Errorf("the authority's public key: %w", err)
	}
	if a.Key != sha256.Sum256(a.SPKI) {
		return errors.New("the authority's key has another digest")
	}
	if key.keyType != a.KeyType || string(c.algorithm) != signatureAlgorithm(a.KeyType, a.Hash) {
		return fmt.Errorf("the signature algorithm is not %q", a.Algorithm())
	}
	if len(a.Subject) <= 2 || !bytes.Equal(c.issuer, a.Subject) {
		return errors.New("the issuer is not the authority's subject")
	}
	return nil
}

func leafValidity(c *certificate, d *ca.Draft, p *ca.Profile, a *ca.Authority) error {
	switch {
	case !c.notBefore.Equal(d.NotBefore) || !c.notAfter.Equal(d.NotAfter):
		return errors.New("the validity is not the draft's")
	case c.notBefore.Before(a.NotBefore) || c.notAfter.After(a.End()):
		return errors.New("the validity is not within the authority's")
	case !c.notAfter.Before(c.notBefore.AddDate(0, 0, p.MaxDays)): // both end seconds count: RFC 5280 §4.1.2.5
		return fmt.Errorf("the validity is longer than the profile's %d days", p.MaxDays)
	}
	return nil
}

func leafKey(c *certificate, d *ca.Draft, p *ca.Profile) (publicKey, error) {
	key, err := readKey(c.spki)
	switch {
	case err != nil:
		return key, err
	case !bytes.Equal(c.spki, d.SPKI) || d.Key != sha256.Sum256(c.spki):
		return key, errors.New("it is not the draft's")
	case key.keyType != d.KeyType:
		return key, fmt.Errorf("its type is %q, not %q", key.keyType, d.KeyType)
	case !keyAllowed(d.KeyType, p.Keys):
		return key, fmt.Errorf("the profile does not take %q", d.KeyType)
	}
	return key, nil
}

// keyAllowed tells whether a type is on the list; an RSA size stands for the
// larger ones too.
func keyAllowed(keyType string, list []string) bool {
	size, rsa := rsaSize(keyType)
	return slices.ContainsFunc(list, func(allowed string) bool {
		least, ok := rsaSize(allowed)
		return keyType == allowed || rsa && ok && size >= least && size <= 8192
	})
}

func rsaSize(keyType string) (int, bool) {
	digits, ok := strings.CutPrefix(keyType, "rsa-")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil
}

// leafExtensions is the closed list of an end-entity certificate.
func leafExtensions(c *certificate, d *ca.Draft, a *ca.Authority, key publicKey) error {
	usage, err := usageOf(d.KeyUsage)
	if err != nil {
		return err
	}
	if usage == 0 {
		usage = digitalSignature
		if isRSA(key.keyType) && slices.Contains(d.Use, "server") {
			usage |= keyEncipherment
		}
	}
	signer, err := identifierOf(a, a.AKI)
	if err != nil {
		return err
	}
	list := make([]due, 0, 8)
	list = append(list,
		due{"keyUsage", oidKeyUsage, true, keyUsageIs(usage)},
		due{"extKeyUsage", oidExtKeyUsage, false, usesAre(d.Use)},
		due{"basicConstraints", oidBasicConstraints, true, constraintsAre(false, -1)},
		due{"subjectKeyIdentifier", oidSubjectKeyID, false, subjectKeyIDIs(key.id[:])},
		due{"authorityKeyIdentifier", oidAuthorityKeyID, false, signer})
	if a.OCSP+a.Issuer != "" {
		list = append(list, due{"authorityInfoAccess", oidAuthorityInfo, false, authorityInfoIs(a)})
	}
	list = append(list, due{"subjectAltName", oidSubjectAltName, len(d.Subject) == 0, func(v []byte) error { return namesAre(v, d.Names) }})
	if a.CRL != "" {
		list = append(list, due{"cRLDistributionPoints", oidCRLPoints, false, crlPointsAre(listPoint(a, c.serial))})
	}
	if len(d.Policies) > 0 {
		list = append(list, due{"certificatePolicies", oidPolicies, false, policiesAre(d.Policies)})
	}
	for _, e := range d.Extensions {
		list = append(list, grantedIs(e))
	}
	return c.extensionsAre(list)
}

// listPoint is the address of the list that a certificate must name: that of the whole, or
// of its shard, which its serial number's random bits say (security rule RV-04). It is
// counted here once more, digit by digit, so that encoder and checker do not share a slip.
func listPoint(a *ca.Authority, serial []byte) string {
	if a.Shards < 2 {
		return a.CRL
	}
	shard := 0
	for _, octet := range serial[max(0, len(serial)-8):] {
		shard = (shard*256 + int(octet)) % a.Shards
	}
	return fmt.Sprintf("%s.s%d.crl", strings.TrimSuffix(a.CRL, ".crl"), shard)
}

// commonNameWithin demands that a common name is also one of the names, where
// the profile says so.
func commonNameWithin(d *ca.Draft, p *ca.Profile) error {
	if !p.Subject.CommonNameInNames {
		return nil
	}
	for _, f := range d.Subject {
		if f.OID == ca.OIDCommonName && !slices.ContainsFunc(d.Names, func(n ca.Name) bool { return p.Subject.CommonNamePrefix+n.Value == f.Value }) {
			return errors.New("the common name is none of the names")
		}
	}
	return nil
}
