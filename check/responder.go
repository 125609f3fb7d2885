// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"errors"
	"fmt"

	"chancery/ca"
)

// oidNoCheck is id-pkix-ocsp-nocheck (RFC 6960 §4.2.2.2.1).
const oidNoCheck = "\x2b\x06\x01\x05\x05\x07\x30\x01\x05"

// Responder holds the bytes of an OCSP responder's TBSCertificate against the draft, and
// the draft against its issuer's certificate (security rule SG-02): a key that signs
// answers and nothing else.
func Responder(tbs []byte, d ca.ResponderDraft) error {
	if err := responder(tbs, &d); err != nil {
		return fmt.Errorf("check responder %s: %w", d.Subject, err)
	}
	return nil
}

func responder(tbs []byte, d *ca.ResponderDraft) error {
	c, err := parse(tbs)
	if err != nil {
		return err
	}
	if d.Issuer == nil || len(d.Subject) == 0 {
		return errors.New("it has no issuer or no name")
	}
	if err := serialIs(c, d.Serial); err != nil {
		return err
	}
	if err := signedBy(c, d.Issuer); err != nil {
		return err
	}
	if !c.notBefore.Equal(d.NotBefore) || !c.notAfter.Equal(d.NotAfter) {
		return errors.New("the validity is not the draft's")
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
	if bytes.Equal(c.spki, d.Issuer.SPKI) {
		return errors.New("the public key is its issuer's, which signs answers without a certificate like this")
	}
	if _, err := under(c, d.Issuer); err != nil {
		return fmt.Errorf("issuer %q: %w", d.Issuer.Name, err)
	}
	signer, err := identifierOf(d.Issuer, d.Issuer.AKI)
	if err != nil {
		return err
	}
	return c.extensionsAre([]due{
		{"keyUsage", oidKeyUsage, true, keyUsageIs(digitalSignature)},
		{"extKeyUsage", oidExtKeyUsage, false, usesAre([]string{"ocsp"})},
		{"basicConstraints", oidBasicConstraints, true, constraintsAre(false, -1)},
		{"subjectKeyIdentifier", oidSubjectKeyID, false, subjectKeyIDIs(key.id[:])},
		{"authorityKeyIdentifier", oidAuthorityKeyID, false, signer},
		{"ocspNoCheck", oidNoCheck, false, func(v []byte) error {
			if !bytes.Equal(v, []byte{tagNull, 0}) {
				return errors.New("it is not NULL")
			}
			return nil
		}},
	})
}
