// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/sha1"
	"crypto/subtle"
	"crypto/x509"
	"fmt"
	"io"
	"strings"
	"time"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// JKS writes a Java key store, version 2: keys with their chains, and trusted certificates.
// Created is the date each entry shows. Its encryption is weak, a stream of SHA-1; give
// PKCS#12 to whatever takes it. E2505 as for PKCS12, and where two entries have one name.
func JKS(entries []Entry, password []byte, created time.Time, random io.Reader) ([]byte, error) {
	if err := passwordFault(password); err != nil {
		return nil, err
	}
	names, err := aliases(entries)
	if err != nil {
		return nil, err
	}
	wide := utf16Of(string(password))
	var b cryptobyte.Builder
	b.AddBytes([]byte(magicJKS))
	b.AddUint32(2)
	b.AddUint32(uint32(len(entries)))
	for i, e := range entries {
		kind := uint32(jksCertificate)
		if e.Key != nil {
			kind = jksKey
		}
		b.AddUint32(kind)
		b.AddUint16LengthPrefixed(raw(names[i]))
		b.AddUint64(uint64(max(0, created.UnixMilli())))
		if e.Key != nil {
			if err := keyFault(e); err != nil {
				return nil, err
			}
			sealed, err := jksSealKey(e.Key, wide, random)
			if err != nil {
				return nil, err
			}
			b.AddUint32LengthPrefixed(raw(string(sealed)))
			b.AddUint32(uint32(len(e.Certificates)))
		}
		for _, der := range e.Certificates {
			b.AddUint16LengthPrefixed(raw(jksType))
			b.AddUint32LengthPrefixed(raw(string(der)))
		}
	}
	out, err := b.Bytes()
	if err != nil {
		return nil, fmt.Errorf("write a Java key store: %w", err)
	}
	return append(out, jksSum(wide, out)...), nil
}

// jksSealKey encrypts a key as jksOpen opens it.
func jksSealKey(key, wide []byte, random io.Reader) ([]byte, error) {
	salt := make([]byte, sha1.Size)
	if _, err := io.ReadFull(random, salt); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	sealed := make([]byte, len(key))
	subtle.XORBytes(sealed, key, jksStream(wide, salt, len(key)))
	sealed = append(append(salt, sealed...), jksKeySum(wide, key)...)
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		algorithm{oidJKS, []byte{byte(asn1.NULL), 0}}.add(b)
		b.AddASN1OctetString(sealed)
	})
	return b.Bytes()
}

// maxAlias bounds an alias, in octets: it is to be typed.
const maxAlias = 255

// aliases names the entries of a Java store. Java looks names up in small letters, so that
// two which differ in that alone are one, and the second entry would be lost.
func aliases(entries []Entry) ([]string, error) {
	if len(entries) == 0 {
		return nil, unfit("there is nothing to put into the store", "name at least one certificate")
	}
	if len(entries) > MaxItems {
		return nil, tooMuch(fmt.Sprintf("the store would have more than %d entries", MaxItems), "it could not be read again")
	}
	out := make([]string, len(entries))
	taken := make(map[string]bool, len(entries))
	for i, e := range entries {
		if len(e.Certificates) == 0 || e.Key == nil && len(e.Certificates) > 1 {
			return nil, unfit(fmt.Sprintf("entry %d of the store has not exactly one certificate, and no key", i+1), "make an entry of each trusted certificate")
		}
		for _, der := range e.Certificates {
			if shapeOf(der) != certificate {
				return nil, unfit(fmt.Sprintf("entry %d of the store holds what is not a certificate", i+1), "give certificates in DER")
			}
		}
		name := strings.ToLower(e.Name)
		if err := nameFault(name); err != nil {
			return nil, err
		}
		if name != "" && taken[name] {
			return nil, unfit(fmt.Sprintf("two entries of the store are called %q", name), "give each its own name; small and capital letters count as the same")
		}
		taken[name] = true
		out[i] = name
	}
	for i, e := range entries {
		if out[i] == "" {
			out[i] = freeAlias(e.Certificates[0], taken)
			taken[out[i]] = true
		}
	}
	return out, nil
}

// nameFault refuses a name that a store cannot hold as it is. Java's encoding of other
// characters than these differs from UTF-8.
func nameFault(name string) error {
	if len(name) > maxAlias || !ca.PlainText(name) || strings.ContainsFunc(name, func(c rune) bool { return c > 0xffff }) {
		return unfit(fmt.Sprintf("%.40q cannot be the name of an entry", name), fmt.Sprintf("give one of letters, digits and signs, of at most %d octets", maxAlias))
	}
	return nil
}

// freeAlias makes a name from a certificate's common name, with a number where it is taken.
func freeAlias(der []byte, taken map[string]bool) string {
	base := "certificate"
	if c, err := x509.ParseCertificate(der); err == nil {
		if name := strings.ToLower(c.Subject.CommonName); name != "" && nameFault(name) == nil && len(name) < maxAlias-8 {
			base = name
		}
	}
	name := base
	for n := 2; taken[name]; n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	return name
}
