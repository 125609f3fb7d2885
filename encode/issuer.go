// SPDX-License-Identifier: Apache-2.0

package encode

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"chancery/ca"
)

// sizeHint is room for a usual certificate beside its key, in octets, so that
// the buffer seldom grows.
const sizeHint = 1024

// maxTBS is the largest to-be-signed part in octets (security rule LN-01).
const maxTBS = 16 << 10

// An Issuer writes the end-entity certificates of one authority. What is the
// same in all of them is encoded once. It is immutable and may be used from many
// goroutines at once. Make one with NewIssuer.
type Issuer struct {
	name string // of the generation, for messages
	// from is the signature's AlgorithmIdentifier and the issuer's name, which
	// stand together between serial number and validity.
	from []byte
	// usage and usageWrap are the key usage extensions without and with
	// keyEncipherment, which RSA keys need for the old TLS key exchange.
	usage, usageWrap []byte
	// basic is the critical, empty basicConstraints: the only one there is here.
	basic []byte
	// pointers are authority key identifier and authority information, lists the
	// CRL distribution points: of the complete list, or of each shard.
	pointers []byte
	lists    [][]byte
	// uses is the DER of the purposes the authority may hand out, by name.
	uses map[string][]byte
}

// NewIssuer prepares an authority's encoder. It refuses a root, an unknown key
// type, an issuer's name that is empty, a key identifier not of 20 octets,
// addresses that are not plain HTTP (empty ones are left out), and more shards than
// ca.MaxShards, or shards without an address.
func NewIssuer(a ca.Authority) (*Issuer, error) {
	i, err := newIssuer(a)
	if err != nil {
		return nil, fmt.Errorf("prepare authority %q: %w", a.Name, err)
	}
	return i, nil
}

func newIssuer(a ca.Authority) (*Issuer, error) {
	if a.Kind != ca.Issuing {
		return nil, errors.New("it signs no end-entity certificates")
	}
	if a.Shards > ca.MaxShards || a.Shards > 1 && a.Sharded() == 0 {
		return nil, fmt.Errorf("no certificate can name one of its %d shards", a.Shards)
	}
	from, err := signerPart(&a)
	if err != nil {
		return nil, err
	}
	uses, err := useOIDs(a.Use)
	if err != nil {
		return nil, err
	}
	id, err := identifierOf(&a, a.AKI)
	if err != nil {
		return nil, err
	}
	i := &Issuer{name: a.Name, from: from, uses: uses}
	for _, part := range []struct {
		to    *[]byte
		write func(*cryptobyte.Builder)
	}{
		{&i.usage, func(b *cryptobyte.Builder) { addKeyUsage(b, usageLeaf) }},
		{&i.usageWrap, func(b *cryptobyte.Builder) { addKeyUsage(b, usageWrap) }},
		{&i.basic, func(b *cryptobyte.Builder) {
			addExtension(b, oidBasicConstraints, critical, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(*cryptobyte.Builder) {})
			})
		}},
		{&i.pointers, func(b *cryptobyte.Builder) {
			addAuthorityKeyID(b, id)
			addAuthorityInfo(b, &a)
		}},
	} {
		var b cryptobyte.Builder
		part.write(&b)
		if *part.to, err = b.Bytes(); err != nil {
			return nil, err
		}
	}
	i.lists, err = pointsOf(a)
	return i, err
}

// pointsOf are the CRL distribution points of what an authority signs, by shard.
func pointsOf(a ca.Authority) (all [][]byte, err error) {
	addresses := []string{a.CRL}
	if n := a.Sharded(); n > 0 {
		addresses = addresses[:0]
		for shard := range n {
			addresses = append(addresses, a.ListAddress(ca.ShardList(shard)))
		}
	}
	for _, address := range addresses {
		var b cryptobyte.Builder
		addCRLPoints(&b, address)
		one, err := b.Bytes()
		if err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

// signerPart is the signature's AlgorithmIdentifier and the issuer's name of
// what the authority signs. The key type is believed only if the key agrees.
func signerPart(a *ca.Authority) ([]byte, error) {
	algorithm, _, err := SignatureAlgorithm(a.Algorithm())
	if err != nil {
		return nil, err
	}
	if t, err := signingKeyType(a.SPKI); err != nil {
		return nil, err
	} else if !strings.HasPrefix(a.KeyType, t) {
		return nil, fmt.Errorf("its key is not of type %q", a.KeyType)
	}
	name := cryptobyte.String(a.Subject)
	var rdns cryptobyte.String
	if !name.ReadASN1(&rdns, asn1.SEQUENCE) || !name.Empty() || rdns.Empty() {
		return nil, errors.New("it has no name") // an issuer needs one: RFC 5280 §4.1.2.4
	}
	return append(bytes.Clone(algorithm), a.Subject...), nil
}

// TBS writes the TBSCertificate (RFC 5280 §4.1) of an end-entity draft. The
// extensions are keyUsage, extKeyUsage, basicConstraints, key identifiers,
// caIssuers, subjectAltName, CRL distribution points, certificate policies and those
// of the draft, in this order. A draft that cannot be encoded is refused; whether it should be is not asked here.
func (i *Issuer) TBS(d ca.Draft, serial ca.Serial) ([]byte, error) {
	if d.Authority != i.name {
		return nil, fmt.Errorf("the draft is for authority %q, not %q", d.Authority, i.name)
	}
	if len(d.Names) == 0 || len(d.Use) == 0 {
		return nil, errors.New("the draft has no names or no use")
	}
	id, err := KeyID(d.SPKI)
	if err != nil {
		return nil, err
	}
	b := cryptobyte.NewBuilder(make([]byte, 0, sizeHint+len(d.SPKI)))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addVersionSerial(b, serial)
		b.AddBytes(i.from)
		addValidity(b, d.NotBefore, d.NotAfter)
		addSubject(b, d.Subject)
		b.AddBytes(d.SPKI)
		addExtensions(b, func(b *cryptobyte.Builder) {
			i.addExtensions(b, &d, id, i.lists[ca.ShardOf(serial.Bytes(), len(i.lists))])
		})
	})
	tbs, err := b.Bytes()
	if len(tbs) > maxTBS {
		return nil, ca.Refused(ca.E2109, fmt.Sprintf("the certificate would have %d octets", len(tbs)),
			fmt.Sprintf("ask for fewer or shorter names: %d octets are the most", maxTBS)).At("names")
	}
	return tbs, err
}

func (i *Issuer) addExtensions(b *cryptobyte.Builder, d *ca.Draft, id, list []byte) {
	switch {
	case len(d.KeyUsage) > 0:
		addUsageBits(b, d.KeyUsage)
	case strings.HasPrefix(d.KeyType, "rsa-") && slices.Contains(d.Use, "server"):
		b.AddBytes(i.usageWrap)
	default:
		b.AddBytes(i.usage)
	}
	addUses(b, d.Use, i.uses)
	b.AddBytes(i.basic)
	addSubjectKeyID(b, id)
	b.AddBytes(i.pointers)
	san := uncritical
	if len(d.Subject) == 0 {
		san = critical // the only name there is: RFC 5280 §4.2.1.6
	}
	addExtension(b, oidSubjectAltName, san, func(b *cryptobyte.Builder) { addNames(b, d.Names) })
	b.AddBytes(list)
	if len(d.Policies) > 0 {
		addPolicies(b, d.Policies)
	}
	for _, e := range d.Extensions {
		addGranted(b, e)
	}
}

// addVersionSerial writes version 3 and the serial number.
func addVersionSerial(b *cryptobyte.Builder, serial ca.Serial) {
	octets := serial.Bytes()
	if len(octets) == 0 || octets[0] == 0 || len(octets) == 20 && octets[0] > 0x7f || len(octets) > 20 {
		b.SetError(fmt.Errorf("%q is not a serial number of at most 20 octets", string(serial)))
		return
	}
	b.AddASN1(asn1.Tag(0).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) })
	b.AddASN1(asn1.INTEGER, func(b *cryptobyte.Builder) { addNatural(b, octets) })
}

// addExtensions writes the frame around the extensions.
func addExtensions(b *cryptobyte.Builder, list cryptobyte.BuilderContinuation) {
	b.AddASN1(asn1.Tag(3).ContextSpecific().Constructed(), func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, list)
	})
}
