// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"slices"

	"golang.org/x/crypto/cryptobyte/asn1"
)

// wrapped is an extension around a value; now and then the value is broken.
func (m maker) wrapped(name string, value []byte) []byte {
	value = slices.Clone(value)
	switch m.IntN(24) {
	case 0:
		value = append(value, 0, 0) // something after it
	case 1:
		value = value[:m.IntN(len(value))] // cut short
	case 2:
		value[0] ^= 0x40 // another class of type
	}
	*m.values = append(*m.values, value)
	parts := [][]byte{oid(name)}
	if m.IntN(3) == 0 {
		parts = append(parts, tlv(asn1.BOOLEAN, []byte{0xff}))
	}
	return seq(append(parts, tlv(asn1.OCTET_STRING, value))...)
}

func (m maker) bool() []byte { return tlv(asn1.BOOLEAN, []byte{pick(m, byte(0xff), 0, 1)}) }

// extension is one of a certificate.
func (m maker) extension() []byte {
	small := integer(pick(m, int64(0), 1, 5, 300, -2))
	switch m.IntN(24) {
	case 0:
		return m.wrapped("2.5.29.19", seq(pick(m, nil, m.bool()), pick(m, nil, small)))
	case 1:
		return m.wrapped("2.5.29.15", pick(m, bits(m.IntN(8), m.octets(1)...), bits(7, m.octets(2)...), bits(0)))
	case 2:
		return m.wrapped("2.5.29.37", seq(m.some(5, m.object)))
	case 3:
		return m.wrapped("2.5.29.14", tlv(asn1.OCTET_STRING, m.octets(pick(m, 20, 1, 0))))
	case 4:
		id, issuer, serial := own(0, m.octets(20)), wrap(1, m.generalNames()), own(2, content(m.serial()))
		return m.wrapped("2.5.29.35", seq(pick(m, nil, id), pick(m, nil, issuer), pick(m, nil, serial)))
	case 5, 6, 7:
		return m.wrapped(pick(m, "2.5.29.17", "2.5.29.18"), seq(m.some(5, m.generalName)))
	case 8:
		return m.wrapped(pick(m, "2.5.29.31", "2.5.29.46"), seq(m.some(3, m.point)))
	case 9:
		access := func() []byte {
			return seq(oid(pick(m, "1.3.6.1.5.5.7.48.1", "1.3.6.1.5.5.7.48.2", "1.3.6.1.5.5.7.48.5", "1.3.6.1.5.5.7.48.3", "1.2.3")), m.generalName())
		}
		return m.wrapped(pick(m, "1.3.6.1.5.5.7.1.1", "1.3.6.1.5.5.7.1.11"), seq(m.some(3, access)))
	case 10, 11:
		return m.wrapped("2.5.29.32", seq(m.policy(), m.some(3, m.policy)))
	case 12:
		return m.wrapped("2.5.29.33", seq(m.some(3, func() []byte { return seq(m.object(), m.object()) })))
	case 13:
		return m.wrapped("2.5.29.36", seq(pick(m, nil, own(0, content(small))), pick(m, nil, own(1, content(small)))))
	case 14:
		return m.wrapped("2.5.29.54", pick(m, small, m.serial()))
	case 15, 16:
		tree := func() []byte { return seq(m.generalName(), pick(m, nil, nil, own(0, []byte{3}))) }
		return m.wrapped("2.5.29.30", seq(pick(m, nil, wrap(0, m.some(3, tree))), pick(m, nil, wrap(1, m.some(3, tree)))))
	case 17:
		until := content(tlv(asn1.GeneralizedTime, []byte("20300102030405Z")))
		return m.wrapped("2.5.29.16", seq(pick(m, nil, own(0, until)), pick(m, nil, own(1, until))))
	case 18:
		return m.wrapped("1.3.6.1.5.5.7.1.24", seq(m.some(3, func() []byte { return integer(pick(m, int64(5), 17, 6)) })))
	case 19:
		return m.wrapped(pick(m, "1.3.6.1.5.5.7.48.1.5", "1.3.6.1.4.1.11129.2.4.3"), tlv(asn1.NULL))
	case 20:
		return m.wrapped("2.16.840.1.113730.1.1", bits(m.IntN(4), m.octets(1)...))
	case 21:
		return m.wrapped(pick(m, "2.16.840.1.113730.1.13", "2.16.840.1.113730.1.2", "2.16.840.1.113730.1.12"), tlv(asn1.IA5String, []byte("some words")))
	case 22:
		return m.wrapped("1.3.6.1.4.1.11129.2.4.2", tlv(asn1.OCTET_STRING, m.timestamps()))
	}
	return m.wrapped(pick(m, "1.2.3.4.5", "1.3.6.1.4.1.311.21.7", "1.3.6.1.4.1.311.20.2", "2.16.840.1.113733.1.6.9", "2.5.29.9"), m.octets(1+m.IntN(40)))
}

// listExtension is one of a revocation list.
func (m maker) listExtension() []byte {
	switch m.IntN(5) {
	case 0:
		return m.wrapped("2.5.29.20", m.serial())
	case 1:
		return m.wrapped("2.5.29.27", m.serial())
	case 2, 3:
		flag := func(n int) []byte { return pick(m, nil, nil, own(n, []byte{0xff}), own(n, []byte{0})) }
		return m.wrapped("2.5.29.28", seq(pick(m, nil, wrap(0, m.pointName())), flag(1), flag(2), pick(m, nil, own(3, content(m.reasons()))), flag(4), flag(5)))
	}
	return m.extension()
}

// entryExtension is one of an entry in a list.
func (m maker) entryExtension() []byte {
	switch m.IntN(5) {
	case 0, 1:
		return m.wrapped("2.5.29.21", tlv(asn1.ENUM, []byte{byte(m.IntN(13))}))
	case 2:
		return m.wrapped("2.5.29.24", tlv(asn1.GeneralizedTime, []byte("20240229010203Z")))
	case 3:
		return m.wrapped("2.5.29.29", seq(m.generalNames()))
	}
	return m.wrapped("2.5.29.23", oid(pick(m, "1.2.840.10040.2.1", "1.2.840.10040.2.3", "1.2.3")))
}

func (m maker) reasons() []byte {
	return pick(m, bits(1, m.octets(1)...), bits(7, m.octets(2)...), bits(0))
}

func (m maker) pointName() []byte {
	return pick(m, wrap(0, m.generalNames()), wrap(1, m.pair(), m.some(1, m.pair)))
}

func (m maker) point() []byte {
	return seq(pick(m, nil, wrap(0, m.pointName())), pick(m, nil, own(1, content(m.reasons()))), pick(m, nil, wrap(2, m.generalNames())))
}

// policy is a certificate policy.
func (m maker) policy() []byte {
	display := func() []byte {
		return pick(m, tlv(asn1.UTF8String, []byte("Grüße")), tlv(asn1.IA5String, []byte("words")), tlv(asn1.Tag(26), []byte("visible")))
	}
	qualifier := func() []byte {
		switch m.IntN(3) {
		case 0:
			return seq(oid("1.3.6.1.5.5.7.2.1"), tlv(asn1.IA5String, []byte("http://cps.test/")))
		case 1:
			numbers := seq(m.some(3, func() []byte { return m.serial() }))
			return seq(oid("1.3.6.1.5.5.7.2.2"), seq(pick(m, nil, seq(display(), numbers)), pick(m, nil, display())))
		}
		return seq(oid("1.2.3.4"), display())
	}
	return seq(m.object(), pick(m, nil, seq(qualifier(), m.some(2, qualifier))))
}

// timestamps is a list of RFC 6962.
func (m maker) timestamps() []byte {
	var list []byte
	for range 1 + m.IntN(3) {
		one := append([]byte{0}, m.octets(32)...)
		one = append(one, 0, 0, 1, 0x8f, byte(m.Uint32()), 1, 2, 3)
		extensions := m.octets(pick(m, 0, 3, 20))
		one = append(append(one, 0, byte(len(extensions))), extensions...)
		signature := m.octets(pick(m, 10, 71))
		one = append(append(one, 4, pick(m, byte(3), 1), 0, byte(len(signature))), signature...)
		if m.IntN(6) == 0 {
			one[0] = 1
		}
		list = append(append(list, 0, byte(len(one))), one...)
	}
	return append([]byte{byte(len(list) >> 8), byte(len(list))}, list...)
}
