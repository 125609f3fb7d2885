// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"io"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
	"software.sslmate.com/src/go-pkcs12"
)

// An Entry is one entry of a key store: a key with its certificates, or a certificate
// that is trusted.
type Entry struct {
	// Name is the alias, or friendly name. Java's stores write it in small letters, and make
	// one of the certificate's subject where it is empty.
	Name string
	// Key is in PKCS#8, not encrypted; nil for a certificate that is trusted.
	Key []byte
	// Certificates are the key's own, then its chain; or the trusted one.
	Certificates [][]byte
}

// Trusted makes an entry of each certificate of a trust store.
func Trusted(certificates []Item) []Entry {
	out := make([]Entry, len(certificates))
	for i, c := range certificates {
		out[i] = Entry{Name: c.Name, Certificates: [][]byte{c.DER}}
	}
	return out
}

// A Protection is how a PKCS#12 file is encrypted.
type Protection int

const (
	// Modern is AES-256 and SHA-256: openssl 1.1.1, Java 12, Windows Server 2019, macOS 15
	// and later.
	Modern Protection = iota
	// Legacy is triple DES and SHA-1, for what is older. Its encryption is weak: whoever gets
	// the file can try passwords fast.
	Legacy
)

const (
	// modernRounds of key derivation are done three times, for key, certificates and MAC.
	// Java 12 to 15 refuse more than 5 000 000, some versions of .NET more than 600 000 in all.
	modernRounds = 100_000
	// legacyRounds is what all tools of that time wrote and read.
	legacyRounds = 2048
)

// encoder is the library's, with our rounds.
func (p Protection) encoder(random io.Reader) *pkcs12.Encoder {
	if p == Legacy {
		return pkcs12.LegacyDES.WithIterations(legacyRounds).WithRand(random)
	}
	return pkcs12.Modern2023.WithIterations(modernRounds).WithRand(random)
}

// PKCS12 writes a key with its certificate and chain (RFC 7292). E2505 if the password is
// empty, the key is not the first certificate's, or the name cannot be written.
func PKCS12(e Entry, p Protection, password []byte, random io.Reader) ([]byte, error) {
	if err := passwordFault(password); err != nil {
		return nil, err
	}
	if err := nameFault(e.Name); err != nil {
		return nil, err
	}
	if err := keyFault(e); err != nil {
		return nil, err
	}
	key, err := parseKey(e.Key)
	if err != nil {
		return nil, err
	}
	var certificates []*x509.Certificate
	for _, der := range e.Certificates {
		certificates = append(certificates, &x509.Certificate{Raw: der})
	}
	out, err := p.encoder(random).Encode(key, certificates[0], certificates[1:], string(password))
	if err != nil {
		return nil, fmt.Errorf("write PKCS#12: %w", err)
	}
	if e.Name == "" {
		return out, nil
	}
	return nameKey(out, e.Name, password)
}

// TrustStore writes certificates to trust as a PKCS#12 file for Java (1.8 and later), which
// takes for trusted only what is marked so in a way of its own. Other programs see a file
// with certificates and no key.
func TrustStore(entries []Entry, p Protection, password []byte, random io.Reader) ([]byte, error) {
	if err := passwordFault(password); err != nil {
		return nil, err
	}
	names, err := aliases(entries)
	if err != nil {
		return nil, err
	}
	var all []pkcs12.TrustStoreEntry
	for i, e := range entries {
		if e.Key != nil {
			return nil, unfit(fmt.Sprintf("entry %q of the trust store has a key", names[i]), "give certificates alone")
		}
		all = append(all, pkcs12.TrustStoreEntry{Cert: &x509.Certificate{Raw: e.Certificates[0]}, FriendlyName: names[i]})
	}
	out, err := p.encoder(random).EncodeTrustStoreEntries(all, string(password))
	if err != nil {
		return nil, fmt.Errorf("write a trust store in PKCS#12: %w", err)
	}
	return out, nil
}

// keyFault refuses an entry whose key and first certificate do not belong together: a
// server that gets them does not start, and says why in its own words.
func keyFault(e Entry) error {
	if len(e.Certificates) == 0 {
		return unfit("there is no certificate for the private key", "name the key's certificate")
	}
	key, err := parseKey(e.Key)
	if err != nil {
		return err
	}
	public, err := publicOf(key)
	if err != nil {
		return err
	}
	for i, der := range e.Certificates {
		if shapeOf(der) != certificate {
			return unfit("one of the certificates of the chain is none", "give certificates in DER")
		}
		if i > 0 {
			continue
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return damaged("the certificate").Because(err.Error())
		}
		if !bytes.Equal(c.RawSubjectPublicKeyInfo, public) {
			return unfit(fmt.Sprintf("the private key is not the one of the certificate for %q", c.Subject), "name the key that its request was made with")
		}
	}
	return nil
}

// nameKey gives the key in a file the library wrote its friendly name, which the library
// does not do for keys: the key's bag lies outside the encryption, so that it gets one more
// attribute and the file a new MAC.
func nameKey(file []byte, name string, password []byte) ([]byte, error) {
	p, err := readPFX(file)
	if err != nil {
		return nil, err
	}
	safes, err := sequenceIn(p.content)
	if err != nil {
		return nil, err
	}
	var certificates, info cryptobyte.String
	if !safes.ReadASN1Element(&certificates, asn1.SEQUENCE) || !safes.ReadASN1(&info, asn1.SEQUENCE) || !info.SkipASN1(asn1.OBJECT_IDENTIFIER) {
		return nil, damaged(thePKCS12)
	}
	wrapped, ok1 := take(&info, explicit(0))
	data, ok2 := take(&wrapped, asn1.OCTET_STRING)
	bags, ok3 := take(&data, asn1.SEQUENCE)
	bag, ok4 := take(&bags, asn1.SEQUENCE)
	ok5 := bag.SkipASN1(asn1.OBJECT_IDENTIFIER)
	value, ok6 := take(&bag, explicit(0))
	attributes, ok7 := take(&bag, asn1.SET)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || !ok7 {
		return nil, damaged(thePKCS12)
	}
	var content cryptobyte.Builder
	content.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(certificates)
		addContent(b, oidData, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.OCTET_STRING, func(b *cryptobyte.Builder) {
				b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) { addBag(b, oidShroudedBag, value, nameAttribute(name), attributes) })
			})
		})
	})
	if p.content, err = content.Bytes(); err != nil {
		return nil, fmt.Errorf("name the key in PKCS#12: %w", err)
	}
	r := &reader{work: maxWork}
	if p.mac.digest, err = r.sum(*p.mac, p.content, secretOf(password)); err != nil {
		return nil, err
	}
	return p.encode()
}

// nameAttribute is friendlyName (RFC 2985 §5.5.1).
func nameAttribute(name string) []byte {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oidFriendlyName))
		b.AddASN1(asn1.SET, func(b *cryptobyte.Builder) { b.AddASN1(tagBMP, raw(string(utf16Of(name)))) })
	})
	return b.BytesOrPanic()
}

// addBag writes a SafeBag. Attributes are a SET OF, whose order DER fixes.
func addBag(b *cryptobyte.Builder, oid string, value []byte, attributes ...[]byte) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oid))
		b.AddASN1(explicit(0), raw(string(value)))
		if len(attributes) > 0 {
			slices.SortFunc(attributes, bytes.Compare)
			addSet(b, asn1.SET, attributes)
		}
	})
}

// addContent writes a ContentInfo.
func addContent(b *cryptobyte.Builder, oid string, content cryptobyte.BuilderContinuation) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(oid))
		b.AddASN1(explicit(0), content)
	})
}

// add writes an AlgorithmIdentifier.
func (a algorithm) add(b *cryptobyte.Builder) {
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.OBJECT_IDENTIFIER, raw(a.oid))
		b.AddBytes(a.params)
	})
}

// encode writes the outer form.
func (p pfx) encode() ([]byte, error) {
	var b cryptobyte.Builder
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(asn1.INTEGER, raw(string(p.version)))
		addContent(b, oidData, func(b *cryptobyte.Builder) { b.AddASN1OctetString(p.content) })
		b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
			b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
				p.mac.algorithm.add(b)
				b.AddASN1OctetString(p.mac.digest)
			})
			b.AddASN1OctetString(p.mac.salt)
			b.AddASN1Int64(int64(p.mac.rounds))
		})
	})
	return b.Bytes()
}
