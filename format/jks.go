// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/sha1"
	"crypto/subtle"
	"fmt"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// The first octets of Java's own key stores. JKS was Java's default before version 9, and is
// still what many products ask for. Its whole description is the source of OpenJDK,
// sun.security.provider.JavaKeyStore and KeyProtector; no library of those we use reads it,
// and it is a list of records with one SHA-1 over them.
const (
	magicJKS   = "\xfe\xed\xfe\xed"
	magicJCEKS = "\xce\xce\xce\xce"
)

// Kinds of records in JKS.
const (
	jksKey         = 1
	jksCertificate = 2
)

const (
	// jksSeal is mixed into the checksum over a store.
	jksSeal = "Mighty Aphrodite"
	// jksType is the type of each certificate.
	jksType = "X.509"
	// oidJKS marks Java's own way to encrypt a key: 1.3.6.1.4.1.42.2.17.1.1.
	oidJKS = "\x2b\x06\x01\x04\x01\x2a\x02\x11\x01\x01"
)

// jks takes a Java key store: checksum first, then each record. Without a password the
// certificates are given unchecked, as keytool does: their place is as good as in PEM.
func (r *reader) jks(data []byte) error {
	const what = "the Java key store"
	if len(data) < 12+sha1.Size {
		return damaged(what)
	}
	var wide []byte
	body, sum := data[:len(data)-sha1.Size], data[len(data)-sha1.Size:]
	if r.password != nil {
		password, err := r.ask(what)
		if err != nil {
			return err
		}
		wide = utf16Of(string(password))
		if subtle.ConstantTimeCompare(jksSum(wide, body), sum) != 1 {
			return wrongPassword(what)
		}
	}
	in := cryptobyte.String(body[4:])
	var version, count uint32
	if !in.ReadUint32(&version) || !in.ReadUint32(&count) || version < 1 || version > 2 {
		return damaged(what)
	}
	for range count { // each takes octets, so that a wrong count ends soon
		if err := r.jksRecord(&in, version, wide); err != nil {
			return err
		}
	}
	if !in.Empty() {
		return damaged(what)
	}
	return nil
}

// jksSum is the checksum of a store under a password.
func jksSum(wide, body []byte) []byte {
	h := sha1.New()
	h.Write(wide)
	h.Write([]byte(jksSeal))
	h.Write(body)
	return h.Sum(nil)
}

// jksRecord takes one record: kind, alias, milliseconds, content.
func (r *reader) jksRecord(in *cryptobyte.String, version uint32, wide []byte) error {
	var kind uint32
	var alias cryptobyte.String
	var at uint64
	if !in.ReadUint32(&kind) || !in.ReadUint16LengthPrefixed(&alias) || !in.ReadUint64(&at) {
		return damaged("the Java key store")
	}
	name := string(alias)
	count := uint32(1)
	switch kind {
	case jksCertificate:
	case jksKey:
		what := fmt.Sprintf("the key %q in the Java key store", name)
		sealed, ok := prefixed(in)
		if !ok || !in.ReadUint32(&count) {
			return damaged(what)
		}
		if r.password == nil {
			return needsPassword(what)
		}
		plain, err := jksOpen(sealed, wide, what)
		if err != nil {
			return err
		}
		if err := r.addKey(plain, name); err != nil {
			return err
		}
	default:
		return damaged("the Java key store")
	}
	for range count {
		var kindOf cryptobyte.String
		if version == 2 && (!in.ReadUint16LengthPrefixed(&kindOf) || string(kindOf) != jksType && string(kindOf) != "X509") {
			return damaged("the Java key store")
		}
		der, ok := prefixed(in)
		if !ok {
			return damaged("the Java key store")
		}
		if err := r.document(certificate, Item{DER: der, Name: name}); err != nil {
			return err
		}
	}
	return nil
}

// prefixed reads octets after their number.
func prefixed(in *cryptobyte.String) (out []byte, ok bool) {
	var n uint32
	ok = in.ReadUint32(&n) && uint64(n) <= uint64(len(*in)) && in.ReadBytes(&out, int(n))
	return out, ok
}

// jksOpen decrypts a key: 20 octets of salt, the key under a stream of SHA-1, a checksum.
func jksOpen(der, wide []byte, what string) ([]byte, error) {
	all := cryptobyte.String(der)
	body, ok1 := take(&all, asn1.SEQUENCE)
	a, ok2 := readAlgorithm(&body)
	sealed, ok3 := take(&body, asn1.OCTET_STRING)
	if !ok1 || !ok2 || !ok3 || a.oid != oidJKS || len(sealed) < 2*sha1.Size || len(sealed) > maxKey+2*sha1.Size {
		return nil, damaged(what)
	}
	salt, content, sum := sealed[:sha1.Size], sealed[sha1.Size:len(sealed)-sha1.Size], sealed[len(sealed)-sha1.Size:]
	plain := make([]byte, len(content))
	subtle.XORBytes(plain, content, jksStream(wide, salt, len(content)))
	if subtle.ConstantTimeCompare(jksKeySum(wide, plain), sum) != 1 {
		return nil, wrongPassword(what)
	}
	return plain, nil
}

// jksStream is what a key is hidden under: SHA-1 of the password and the salt, then of the
// password and each hash.
func jksStream(wide, salt []byte, n int) []byte {
	var out []byte
	for last := salt; len(out) < n; {
		sum := sha1.Sum(append(wide[:len(wide):len(wide)], last...))
		last = sum[:]
		out = append(out, last...)
	}
	return out[:n]
}

// jksKeySum is the checksum of a key under a password.
func jksKeySum(wide, plain []byte) []byte {
	sum := sha1.Sum(append(wide[:len(wide):len(wide)], plain...))
	return sum[:]
}
