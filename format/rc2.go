// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha256"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// rc2Safe takes certificates encrypted with RC2, as openssl before 3.0, Java before 17 and
// Windows wrote them. That cipher is in no library of ours but go-pkcs12, which opens
// whole files only; so the safe is put into a file of its own. It comes after a
// key that is thrown away: a second one is refused before the library would derive
// anything for it, however many rounds it asks for. Names are lost; the key's, which
// lies outside, is not.
func (r *reader) rc2Safe(a algorithm, sealed []byte, s secret) error {
	params, ok := a.sequence()
	_, rounds, ok2 := saltAndRounds(&params)
	if !ok || !ok2 || len(sealed) == 0 || len(sealed)%8 != 0 {
		return damaged(thePKCS12)
	}
	const blocks = 2 // of SHA-1: one for the key, one for the initial vector
	if err := r.spend(rounds * blocks); err != nil {
		return err
	}
	file, err := wrapSafe(a, sealed, s)
	if err != nil {
		return fmt.Errorf("wrap a safe: %w", err)
	}
	_, first, others, err := pkcs12.DecodeChain(file, string(s.utf8))
	if err != nil {
		return unsupported("a part of "+thePKCS12+" that is encrypted with RC2 cannot be read", rewrite).Because(err.Error())
	}
	if err := r.document(certificate, Item{DER: first.Raw}); err != nil {
		return err
	}
	for _, c := range others {
		if err := r.document(certificate, Item{DER: c.Raw}); err != nil {
			return err
		}
	}
	return nil
}

// wrapSafe makes a PKCS#12 file of a key and an encrypted safe. Its MAC is PBMAC1 with one
// round (RFC 9579), which needs nothing but PBKDF2: the real one was checked before.
func wrapSafe(a algorithm, sealed []byte, s secret) ([]byte, error) {
	var content cryptobyte.Builder
	content.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		addContent(b, oidData, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addBag(b, oidKeyBag, throwAway()) })
			})
		})
		addContent(b, oidEncryptedData, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1Int64(0)
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
					b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oidData))
					a.add(b)
					b.AddASN1(implicit(0), raw(string(sealed)))
				})
			})
		})
	})
	safes, err := content.Bytes()
	if err != nil {
		return nil, err
	}
	salt := make([]byte, 8)
	key, err := pbkdf2.Key(sha256.New, string([]rune(string(s.utf8))), salt, 1, sha256.Size)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(safes)
	var derivation, params cryptobyte.Builder
	derivation.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1OctetString(salt)
		b.AddASN1Int64(1)
		b.AddASN1Int64(sha256.Size)
		algorithm{oid: oidHMACWithSHA256}.add(b)
	})
	params.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		algorithm{oidPBKDF2, derivation.BytesOrPanic()}.add(b)
		algorithm{oid: oidHMACWithSHA256}.add(b)
	})
	return pfx{version: []byte{3}, content: safes, mac: &macData{
		algorithm: algorithm{oidPBMAC1, params.BytesOrPanic()}, digest: mac.Sum(nil), salt: salt, rounds: 1,
	}}.encode()
}

// oidHMACWithSHA256 is RFC 8018 §B.1.2.
const oidHMACWithSHA256 = "\x2a\x86\x48\x86\xf7\x0d\x02\x09"

// throwAway is a key in PKCS#8 that protects nothing.
func throwAway() []byte {
	return append([]byte("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"), make([]byte, ed25519.SeedSize)...)
}
