// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// maxPathLen bounds path lengths: nobody has chains of more.
const maxPathLen = 16

// maxKeyID bounds key identifiers from elsewhere, in octets: the longest digest has 64.
const maxKeyID = 64

// Authority writes the TBSCertificate of a CA certificate: the one place that
// says CA:TRUE, keyCertSign and cRLSign. A root (no Issuer) carries no
// addresses, for it is trusted by being known; others carry those of their issuer.
func Authority(d ca.AuthorityDraft) ([]byte, error) {
	tbs, err := authority(&d)
	if err != nil {
		return nil, fmt.Errorf("encode authority %s: %w", d.Subject, err)
	}
	return tbs, nil
}

func authority(d *ca.AuthorityDraft) ([]byte, error) {
	if len(d.Subject) == 0 {
		return nil, errors.New("it has no name") // RFC 5280 §4.1.2.6
	}
	if d.PathLen < -1 || d.PathLen > maxPathLen {
		return nil, fmt.Errorf("the path length %d is not between -1 and %d", d.PathLen, maxPathLen)
	}
	own, err := KeyID(d.SPKI)
	if err != nil {
		return nil, err
	}
	if len(d.SKI) > maxKeyID {
		return nil, fmt.Errorf("a key identifier of %d octets is longer than %d", len(d.SKI), maxKeyID)
	}
	if len(d.SKI) > 0 {
		own = d.SKI
	}
	subject, err := SubjectDER(d.Subject)
	if err != nil {
		return nil, err
	}
	uses, err := useOIDs(d.Use)
	if err != nil {
		return nil, err
	}
	from, id, err := authoritySigner(d, subject, own)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, sizeHint+len(d.SPKI)))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addVersionSerial(b, d.Serial)
		b.AddBytes(from)
		addValidity(b, d.NotBefore, d.NotAfter)
		b.AddBytes(subject)
		b.AddBytes(d.SPKI)
		addExtensions(b, func(b *cryptobyte.Builder) {
			addKeyUsage(b, usageSigner)
			if len(d.Use) > 0 {
				addUses(b, d.Use, uses)
			}
			addAuthorityConstraints(b, d.PathLen)
			addSubjectKeyID(b, own)
			addAuthorityKeyID(b, id)
			addAuthorityLimits(b, d)
		})
	})
	tbs, err := b.Bytes()
	if len(tbs) > maxTBS {
		return nil, fmt.Errorf("%d octets are more than %d: it has too many constraints", len(tbs), maxTBS)
	}
	return tbs, err
}

// addAuthorityLimits writes what a CA certificate may carry or not.
func addAuthorityLimits(b *cryptobyte.Builder, d *ca.AuthorityDraft) {
	if d.Issuer != nil {
		addAuthorityInfo(b, d.Issuer)
	}
	if len(d.Policies) > 0 {
		addPolicies(b, d.Policies)
	}
	if !d.Constraints.Empty() {
		addNameConstraints(b, d.Constraints)
	}
	if d.Issuer != nil {
		addCRLPoints(b, d.Issuer.CRL)
	}
}

// authoritySigner is the algorithm and name of who signs, and what identifies its
// key: the draft's own for a root.
func authoritySigner(d *ca.AuthorityDraft, subject, own []byte) (from []byte, id keyIdentifier, err error) {
	if d.Issuer != nil {
		if d.Hash != "" {
			return nil, id, errors.New("its issuer's hash signs it, not one of its own")
		}
		if from, err = signerPart(d.Issuer); err == nil {
			id, err = identifierOf(d.Issuer, d.AKI)
		}
		if err != nil {
			return nil, id, fmt.Errorf("issuer %q: %w", d.Issuer.Name, err)
		}
		return from, id, nil
	}
	keyType, err := signingKeyType(d.SPKI)
	if err != nil {
		return nil, id, err
	}
	algorithm, _, err := SignatureAlgorithm(ca.Authority{KeyType: keyType, Hash: d.Hash}.Algorithm())
	if err != nil {
		return nil, id, err
	}
	if id, err = identifier(own, d.AKI); id.named {
		id.issuer, id.serial = subject, d.Serial.Bytes()
	}
	return append(bytes.Clone(algorithm), subject...), id, err
}

// addAuthorityConstraints writes CA:TRUE and the path length; -1 leaves it out.
func addAuthorityConstraints(b *cryptobyte.Builder, pathLen int) {
	addExtension(b, oidBasicConstraints, critical, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Boolean(true)
			if pathLen >= 0 {
				b.AddASN1Int64(int64(pathLen))
			}
		})
	})
}
