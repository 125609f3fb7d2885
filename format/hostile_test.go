// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// params writes a SEQUENCE of an octet string, numbers, and whole elements.
func params(salt []byte, numbers []int, more ...[]byte) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1OctetString(salt)
		for _, n := range numbers {
			b.AddASN1Int64(int64(n))
		}
		for _, m := range more {
			b.AddBytes(m)
		}
	})
	return b.BytesOrPanic()
}

// whole is an algorithm as one element.
func (a algorithm) whole() []byte {
	var b cryptobyte.Builder
	a.add(&b)
	return b.BytesOrPanic()
}

// pbes2With is PBES2 with AES-256 and this derivation.
func pbes2With(kdf algorithm) algorithm {
	aes := algorithm{"\x60\x86\x48\x01\x65\x03\x04\x01\x2a", derElement(0x04, make([]byte, 16))}
	return algorithm{oidPBES2, derElement(0x30, append(kdf.whole(), aes.whole()...))}
}

// sealedKey is EncryptedPrivateKeyInfo of nothing.
func sealedKey(a algorithm) []byte {
	return derElement(0x30, append(a.whole(), derElement(0x04, make([]byte, 32))...))
}

// bagged is a PKCS#12 file of one safe, its MAC right.
func bagged(content cryptobyte.BuilderContinuation, oid string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addContent(b, oid, content) })
	p := pfx{version: []byte{3}, content: b.BytesOrPanic(), mac: &macData{
		algorithm: algorithm{"\x2b\x0e\x03\x02\x1a", []byte{5, 0}}, salt: make([]byte, 8), rounds: 1,
	}}
	r := &reader{work: 1}
	p.mac.digest = must(r.sum(*p.mac, p.content, secretOf([]byte(password))))
	return must(p.encode())
}

// plainSafe is a file with one bag in the clear.
func plainSafe(oid string, value []byte) []byte {
	return bagged(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addBag(b, oid, value) })
		})
	}, oidData)
}

// sealedSafe is a file with one encrypted safe of nothing.
func sealedSafe(a algorithm) []byte {
	return bagged(func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1Int64(0)
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oidData))
				a.add(b)
				b.AddASN1(implicit(0), raw(string(make([]byte, 32))))
			})
		})
	}, oidEncryptedData)
}

// hostile is files that ask for so many rounds, each in another place.
func hostile(rounds int) map[string][]byte {
	salt := make([]byte, 8)
	pbkdf2 := algorithm{oidPBKDF2, params(salt, []int{rounds})}
	old := params(salt, []int{rounds})
	mac := must(readPFX(plainSafe(oidKeyBag, throwAway())))
	mac.mac.rounds = rounds
	pbmac := mac
	prf := algorithm{oid: oidHMACWithSHA256}
	pbmac.mac = &macData{algorithm: algorithm{oidPBMAC1, derElement(0x30, append(algorithm{oidPBKDF2, params(salt, []int{rounds, 32}, prf.whole())}.whole(), prf.whole()...))}, digest: salt, salt: salt, rounds: 1}
	out := map[string][]byte{
		"PBES2":          sealedKey(pbes2With(pbkdf2)),
		"PBES1":          sealedKey(algorithm{oidPBEWithMD5DES, old}),
		"PKCS#12 key":    sealedKey(algorithm{oidPKCS12With3DES, old}),
		"bag":            plainSafe(oidShroudedBag, sealedKey(pbes2With(pbkdf2))),
		"safe":           sealedSafe(pbes2With(pbkdf2)),
		"safe with 3DES": sealedSafe(algorithm{oidPKCS12With3DES, old}),
		"safe with RC2":  sealedSafe(algorithm{oidPKCS12WithRC40, old}),
		"MAC":            must(mac.encode()),
		"PBMAC1":         must(pbmac.encode()),
	}
	if rounds > 1 {
		out["scrypt's N"] = sealedKey(pbes2With(algorithm{oidScrypt, params(salt, []int{1 << 30, 8, 1})}))
		out["scrypt's r"] = sealedKey(pbes2With(algorithm{oidScrypt, params(salt, []int{2, rounds, 1})}))
		out["scrypt's p"] = sealedKey(pbes2With(algorithm{oidScrypt, params(salt, []int{2, 1, rounds})}))
	}
	return out
}

// manyRecords is the rest of a JKS file after its version: one certificate more than may be.
func manyRecords(der []byte) []byte {
	var b cryptobyte.Builder
	for range MaxItems + 1 {
		b.AddUint32(jksCertificate)
		b.AddUint16LengthPrefixed(raw("a"))
		b.AddUint64(0)
		b.AddUint16LengthPrefixed(raw(jksType))
		b.AddUint32LengthPrefixed(raw(string(der)))
	}
	return b.BytesOrPanic()
}

// counted gives a JKS file its number of entries.
func counted(file []byte, n int) []byte {
	out := bytes.Clone(file)
	binary.BigEndian.PutUint32(out[8:], uint32(n))
	return out
}
