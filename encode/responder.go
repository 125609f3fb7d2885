// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// oidNoCheck says that a responder's certificate is good for as long as it lives (RFC
// 6960 §4.2.2.2.1): whoever asked the responder about itself would ask for ever.
const oidNoCheck = "1.3.6.1.5.5.7.48.1.5"

// Responder writes the TBSCertificate of an OCSP responder. It can say nothing else than
// this: digital signature, OCSP signing alone, no authority, not to be checked. There are
// no addresses in it, for nobody asks whether it is revoked: its life is short instead.
func Responder(d ca.ResponderDraft) ([]byte, error) {
	tbs, err := responder(&d)
	if err != nil {
		return nil, fmt.Errorf("encode responder %s: %w", d.Subject, err)
	}
	return tbs, nil
}

func responder(d *ca.ResponderDraft) ([]byte, error) {
	if len(d.Subject) == 0 || d.Issuer == nil {
		return nil, errors.New("it has no name or no issuer")
	}
	from, err := signerPart(d.Issuer)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", d.Issuer.Name, err)
	}
	id, err := identifierOf(d.Issuer, d.Issuer.AKI)
	if err != nil {
		return nil, fmt.Errorf("issuer %q: %w", d.Issuer.Name, err)
	}
	own, err := KeyID(d.SPKI)
	if err != nil {
		return nil, err
	}
	only := []string{"ocsp"}
	uses, err := useOIDs(only)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, sizeHint+len(d.SPKI)))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addVersionSerial(b, d.Serial)
		b.AddBytes(from)
		addValidity(b, d.NotBefore, d.NotAfter)
		addSubject(b, d.Subject)
		b.AddBytes(d.SPKI)
		addExtensions(b, func(b *cryptobyte.Builder) {
			addKeyUsage(b, usageLeaf)
			addUses(b, only, uses)
			addExtension(b, oidBasicConstraints, critical, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(*cryptobyte.Builder) {})
			})
			addSubjectKeyID(b, own)
			addAuthorityKeyID(b, id)
			addExtension(b, oidNoCheck, uncritical, func(b *cryptobyte.Builder) { b.AddASN1NULL() })
		})
	})
	return b.Bytes()
}
