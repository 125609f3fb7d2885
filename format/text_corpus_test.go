// SPDX-License-Identifier: Apache-2.0

package format_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/sha256"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// A maker builds certificates, requests and lists by chance, from a seed. They carry
// every form of what is shown and no true signature: nobody who shows one checks it.
type maker struct {
	*rand.Rand
	// values are all extensions' values so far.
	values *[][]byte
}

func newMaker(seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 1)), new([][]byte)} }

// tlv is one element in DER.
func tlv(tag asn1.Tag, parts ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(tag, func(b *cryptobyte.Builder) { b.AddBytes(bytes.Join(parts, nil)) })
	return b.BytesOrPanic()
}

func seq(parts ...[]byte) []byte { return tlv(asn1.SEQUENCE, parts...) }

// own is a context tag, primitive; wrap is one with elements inside.
func own(n int, parts ...[]byte) []byte { return tlv(asn1.Tag(n).ContextSpecific(), parts...) }
func wrap(n int, parts ...[]byte) []byte {
	return tlv(asn1.Tag(n).ContextSpecific().Constructed(), parts...)
}

func integer(n int64) []byte {
	var b cryptobyte.Builder
	b.AddASN1Int64(n)
	return b.BytesOrPanic()
}

func bigInteger(n *big.Int) []byte {
	var b cryptobyte.Builder
	b.AddASN1BigInt(n)
	return b.BytesOrPanic()
}

// content is an element without its tag and length, to put under another tag.
func content(der []byte) []byte {
	s := cryptobyte.String(der)
	var c cryptobyte.String
	var tag asn1.Tag
	s.ReadAnyASN1(&c, &tag)
	return c
}

// oid encodes dotted numbers.
func oid(dotted string) []byte {
	var out []byte
	parts := strings.Split(dotted, ".")
	for i, p := range parts {
		n, _ := new(big.Int).SetString(p, 10)
		if i == 0 {
			continue
		}
		if i == 1 {
			first, _ := new(big.Int).SetString(parts[0], 10)
			n.Add(n, first.Mul(first, big.NewInt(40)))
		}
		one := []byte{byte(new(big.Int).And(n, big.NewInt(127)).Int64())}
		for n.Rsh(n, 7); n.Sign() > 0; n.Rsh(n, 7) {
			one = append([]byte{byte(new(big.Int).And(n, big.NewInt(127)).Int64()) | 0x80}, one...)
		}
		out = append(out, one...)
	}
	return tlv(asn1.OBJECT_IDENTIFIER, out)
}

func bits(unused int, b ...byte) []byte {
	return tlv(asn1.BIT_STRING, append([]byte{byte(unused)}, b...))
}

func pick[T any](m maker, all ...T) T { return all[m.IntN(len(all))] }

// octets is some random octets.
func (m maker) octets(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(m.Uint32())
	}
	return b
}

// some repeats a part up to n times.
func (m maker) some(n int, part func() []byte) []byte {
	var out []byte
	for range m.IntN(n + 1) {
		out = append(out, part()...)
	}
	return out
}

// object is an object identifier, known or not.
func (m maker) object() []byte {
	return oid(pick(m, "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2", "1.3.6.1.5.5.7.3.3", "1.3.6.1.5.5.7.3.4", "1.3.6.1.5.5.7.3.8",
		"1.3.6.1.5.5.7.3.9", "2.5.29.37.0", "1.3.6.1.4.1.311.10.3.3", "1.3.6.1.4.1.311.20.2.2", "1.3.6.1.5.2.3.4",
		"1.2.3.4", "2.999.1", "1.3.6.1.4.1.99999.7", "2.23.140.1.2.1", "2.5.29.32.0", "0.9.2342.19200300.100.1.1", "1.3",
		"2.25.329800735698586629295641978511506172918", "1.3.6.1.4.1."+strings.Repeat("4294967295.", 7)+"1"))
}

// text is a string of any type, some of it nasty.
func (m maker) text() []byte {
	s := pick(m, "Example", "a, b", `say "hi"`, `back\slash`, "#hash", " lead", "trail ", " ", "#", "", "a+b=c;d<e>f", "tab\tnul\x00bell\x07\x1b[31m",
		"müller", "日本", "a/b/C=x", strings.Repeat("long ", 30), "\x7f", "x#y z")
	switch m.IntN(9) {
	case 0:
		return tlv(asn1.PrintableString, []byte(s))
	case 1:
		return tlv(asn1.IA5String, []byte(s))
	case 2:
		return tlv(asn1.T61String, []byte(s), []byte{0xe9})
	case 3:
		return tlv(asn1.Tag(30), wide(s, 2))
	case 4:
		return tlv(asn1.Tag(28), wide(s, 4))
	case 5:
		return tlv(asn1.Tag(18), []byte("12 34"))
	case 6:
		return bits(0, m.octets(3)...)
	}
	return tlv(asn1.UTF8String, []byte(s))
}

func wide(s string, width int) []byte {
	var out []byte
	for _, r := range s {
		one := []byte{byte(r >> 24), byte(r >> 16), byte(r >> 8), byte(r)}
		out = append(out, one[4-width:]...)
	}
	return out
}

// pair is a part of a name.
func (m maker) pair() []byte {
	return seq(oid(pick(m, "2.5.4.3", "2.5.4.6", "2.5.4.10", "2.5.4.11", "2.5.4.5", "2.5.4.97", "1.2.840.113549.1.9.1", "0.9.2342.19200300.100.1.25",
		"0.9.2342.19200300.100.1.1", "1.2.3.4", "1.3.6.1.4.1.311.60.2.1.3")), m.text())
}

// name is a distinguished name, with relative names of several parts.
func (m maker) name() []byte {
	return seq(m.some(4, func() []byte { return tlv(asn1.SET, m.pair(), m.some(1, m.pair)) }))
}

// plainName is one that all ways of showing names show alike.
func (m maker) plainName() []byte {
	return seq(tlv(asn1.SET, seq(oid("2.5.4.6"), tlv(asn1.PrintableString, []byte("DE")))),
		tlv(asn1.SET, seq(oid("2.5.4.3"), tlv(asn1.UTF8String, []byte(pick(m, "host", "Test CA", "a.example.test"))))))
}

// generalName is a name of any form; nasty text in it is left to the exceptions.
func (m maker) generalName() []byte {
	switch m.IntN(12) {
	case 0:
		return own(1, []byte(pick(m, "a@b.test", "", "x y")))
	case 1, 2:
		return own(2, []byte(pick(m, "a.test", "*.b.test", "xn--mller-kva.test", "")))
	case 3:
		return own(6, []byte(pick(m, "http://a.test/?q=1,2", "urn:uuid:1")))
	case 4:
		return own(7, m.octets(4))
	case 5:
		return own(7, m.octets(16))
	case 6:
		return own(7, m.octets(pick(m, 0, 1, 5, 8, 32)))
	case 7:
		return wrap(4, m.name())
	case 8:
		return own(8, content(m.object()))
	case 9:
		return pick(m, wrap(3, seq()), wrap(5, wrap(1, tlv(asn1.UTF8String, []byte("x")))))
	case 10:
		return wrap(0, oid(pick(m, "1.3.6.1.5.5.7.8.9", "1.3.6.1.5.5.7.8.5", "1.3.6.1.4.1.311.20.2.3", "1.3.6.1.5.5.7.8.8")),
			wrap(0, tlv(asn1.UTF8String, []byte(pick(m, "u@d.test", "é@d.test")))))
	}
	return wrap(0, pick(m, m.object(), oid("1.3.6.1.5.5.7.8.7")), wrap(0, pick(m, tlv(asn1.IA5String, []byte("_sip.d.test")), tlv(asn1.UTF8String, []byte("ü")), integer(7))))
}

func (m maker) generalNames() []byte { return append(m.generalName(), m.some(3, m.generalName)...) }

// when is a time of validity.
func (m maker) when() []byte {
	switch m.IntN(10) {
	case 5:
		return tlv(asn1.UTCTime, []byte(pick(m, "261302030405Z", "250229120000Z", "260102240000Z", "260102030405", "260102030405+1400", "2601Z", "", "260102030460Z")))
	case 6:
		return tlv(asn1.GeneralizedTime, []byte(pick(m, "2026010203Z", "202601020304Z", "20260102030405.Z", "20260102030405-0530", "20260102030405.5+0000", "00000102030405Z")))
	case 0:
		return tlv(asn1.UTCTime, []byte("4912312359Z"))
	case 1:
		return tlv(asn1.UTCTime, []byte("500101000000Z"))
	case 2:
		return tlv(asn1.GeneralizedTime, []byte("99991231235959Z"))
	case 3:
		return tlv(asn1.GeneralizedTime, []byte("20300102030405.678Z"))
	case 4:
		return tlv(asn1.UTCTime, []byte("240229120000+0130"))
	}
	return tlv(asn1.UTCTime, []byte("260102030405Z"))
}

// serial is a certificate's number of any size and sign.
func (m maker) serial() []byte {
	n := new(big.Int).SetBytes(m.octets(pick(m, 1, 4, 7, 8, 9, 16, 20)))
	switch m.IntN(8) {
	case 0:
		n.Neg(n)
	case 1:
		n = big.NewInt(pick(m, int64(0), -1, 1, -128, 128, 1<<62, -1<<63))
	}
	return bigInteger(n)
}

// pssParameters is the parameters of RSA-PSS, whole or in part.
func (m maker) pssParameters() []byte {
	hash := seq(oid(pick(m, "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "2.16.840.1.101.3.4.2.3", "2.16.840.1.101.3.4.2.4")), tlv(asn1.NULL))
	var out []byte
	if m.IntN(4) > 0 {
		out = append(out, wrap(0, hash)...)
	}
	if m.IntN(4) > 0 {
		out = append(out, wrap(1, seq(oid("1.2.840.113549.1.1.8"), hash))...)
	}
	if m.IntN(4) > 0 {
		out = append(out, wrap(2, integer(pick(m, int64(20), 32, 64, 222)))...)
	}
	if m.IntN(4) == 0 {
		out = append(out, wrap(3, integer(1))...)
	}
	return seq(out)
}

// algorithm is one of a signature.
func (m maker) algorithm() []byte {
	switch m.IntN(4) {
	case 0:
		return seq(oid("1.2.840.113549.1.1.10"), m.pssParameters())
	case 1:
		return seq(oid(pick(m, "1.2.840.113549.1.1.4", "1.2.840.113549.1.1.5", "1.2.840.113549.1.1.11", "1.2.840.113549.1.1.2", "1.2.840.113549.1.1.13")), tlv(asn1.NULL))
	case 2:
		return seq(oid(pick(m, "1.2.840.10040.4.3", "2.16.840.1.101.3.4.3.2", "1.2.3.4.5.6", "2.16.840.1.101.3.4.3.14", "1.3.14.3.2.27")))
	}
	return seq(oid(pick(m, "1.2.840.10045.4.3.2", "1.2.840.10045.4.3.4", "1.2.840.10045.4.1", "1.3.101.112", "1.3.101.113")))
}

// signature is octets, or the two numbers of DSA.
func (m maker) signature() []byte {
	if m.IntN(2) == 0 {
		return bits(0, seq(bigInteger(m.large(28)), bigInteger(m.large(28)))...)
	}
	return bits(0, m.octets(pick(m, 0, 1, 18, 64, 128))...)
}

// large is a number of so many octets, odd, as a modulus is.
func (m maker) large(octets int) *big.Int {
	b := m.octets(octets)
	b[0] |= 1
	b[octets-1] |= 1
	return new(big.Int).SetBytes(b)
}

// key is a public key of any type.
func (m maker) key(t testing.TB) []byte {
	rsaKey := bits(0, seq(bigInteger(m.large(pick(m, 64, 65, 128, 256))), bigInteger(big.NewInt(pick(m, int64(3), 17, 65537, 1<<40+1))))...)
	switch m.IntN(8) {
	case 0:
		return seq(seq(oid("1.2.840.113549.1.1.10")), rsaKey)
	case 1:
		return seq(seq(oid("1.2.840.113549.1.1.10"), m.pssParameters()), rsaKey)
	case 2:
		return seq(seq(oid(pick(m, "1.3.101.110", "1.3.101.112"))), bits(0, m.octets(32)...))
	case 3:
		return seq(seq(oid("1.2.840.10040.4.1"), seq(bigInteger(m.large(128)), bigInteger(m.large(20)), bigInteger(m.large(128)))),
			bits(0, bigInteger(m.large(128))...))
	case 4, 5:
		curve, name := ecdh.P256(), "1.2.840.10045.3.1.7"
		if m.IntN(2) == 0 {
			curve, name = ecdh.P384(), "1.3.132.0.34"
		}
		seed := sha256.Sum256(m.octets(32))
		private, err := curve.NewPrivateKey(append(make([]byte, map[string]int{"1.3.132.0.34": 16}[name]), seed[:]...))
		if err != nil {
			t.Fatal(err)
		}
		point := private.PublicKey().Bytes()
		if m.IntN(3) == 0 { // compressed (SEC 1 §2.3.3)
			point = append([]byte{2 | point[len(point)-1]&1}, point[1:1+len(point)/2]...)
		}
		return seq(seq(oid("1.2.840.10045.2.1"), oid(name)), bits(0, point...))
	}
	return seq(seq(oid("1.2.840.113549.1.1.1"), tlv(asn1.NULL)), rsaKey)
}

// certificate is one of any content. With plain names it can be shown in a batch.
func (m maker) certificate(t testing.TB, name func() []byte) []byte {
	parts := [][]byte{wrap(0, integer(pick(m, int64(2), 2, 2, 1, 7)))}
	if m.IntN(10) == 0 {
		parts = nil
	}
	algorithm := m.algorithm()
	parts = append(parts, m.serial(), algorithm, name(), seq(m.when(), m.when()), name(), m.key(t))
	if m.IntN(8) == 0 {
		parts = append(parts, own(1, []byte{0}, m.octets(20)))
	}
	if m.IntN(8) == 0 {
		parts = append(parts, own(2, []byte{0}, m.octets(3)))
	}
	if m.IntN(8) > 0 {
		parts = append(parts, wrap(3, seq(m.extension(), m.some(7, m.extension))))
	}
	return seq(seq(parts...), algorithm, m.signature())
}

// request is a request of any content.
func (m maker) request(t testing.TB) []byte {
	attribute := func() []byte {
		return seq(oid(pick(m, "1.2.840.113549.1.9.7", "1.2.840.113549.1.9.2", "1.2.3.4", "1.3.6.1.4.1.311.13.2.3", "1.3.6.1.4.1.311.21.20")),
			tlv(asn1.SET, m.plainText(), m.some(2, m.plainText)))
	}
	attributes := m.some(2, attribute)
	attributes = append(attributes, m.some(2, func() []byte {
		return seq(oid(pick(m, "1.2.840.113549.1.9.14", "1.3.6.1.4.1.311.2.1.14")),
			tlv(asn1.SET, m.some(1, func() []byte { return seq(m.some(5, m.extension)) }), m.some(1, func() []byte { return seq(m.extension()) })))
	})...)
	return seq(seq(integer(pick(m, int64(0), 0, 0, 1)), m.name(), m.key(t), wrap(0, attributes)), m.algorithm(), m.signature())
}

// plainText is an attribute's value that all show alike, or that none shows.
func (m maker) plainText() []byte {
	return pick(m, tlv(asn1.PrintableString, []byte("secret")), tlv(asn1.UTF8String, []byte("pässwort")), tlv(asn1.IA5String, []byte("a b")),
		seq(integer(1)), tlv(asn1.Tag(30), wide("x", 2)))
}

// list is a revocation list of any content.
func (m maker) list(name func() []byte) []byte {
	algorithm := m.algorithm()
	parts := [][]byte{integer(1), algorithm, name(), m.when()}
	if m.IntN(4) > 0 {
		parts = append(parts, m.when())
	}
	if m.IntN(4) > 0 {
		entry := func() []byte {
			e := [][]byte{m.serial(), m.when()}
			if m.IntN(2) == 0 {
				e = append(e, seq(m.entryExtension(), m.some(2, m.entryExtension)))
			}
			return seq(e...)
		}
		parts = append(parts, seq(entry(), m.some(5, entry)))
	}
	if m.IntN(4) > 0 {
		parts = append(parts, wrap(0, seq(m.listExtension(), m.some(3, m.listExtension))))
	}
	return seq(seq(parts...), algorithm, m.signature())
}
