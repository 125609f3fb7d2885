// SPDX-License-Identifier: Apache-2.0

package format

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"errors"
	"hash"
	"unicode/utf16"

	"chancery/ca"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"
)

// Content types, bags, and what is in them (RFC 7292 §4, §D), as content octets.
const (
	oidEncryptedData = "\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06"
	oidKeyBag        = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01"
	oidShroudedBag   = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02"
	oidCertBag       = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03"
	oidCRLBag        = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x04"
	oidSafeBag       = "\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x06"
	oidX509Cert      = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01"
	oidX509CRL       = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x17\x01"
	oidFriendlyName  = "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x14"
)

// thePKCS12 names the file in messages.
const thePKCS12 = "the PKCS#12 file"

// maxSafes bounds how bags may lie in bags; nobody nests them.
const maxSafes = 4

// A pfx is a PKCS#12 file's outer form (RFC 7292 §4).
type pfx struct {
	version []byte // content octets
	content []byte // of AuthenticatedSafe, over which the MAC is
	mac     *macData
}

// macData is what proves password and content (RFC 7292 §4).
type macData struct {
	algorithm algorithm
	digest    []byte
	salt      []byte
	rounds    int
}

// pkcs12 takes a PKCS#12 file. Where nobody can be asked for a password the empty one is
// tried, which trust stores have.
func (r *reader) pkcs12(data []byte) error {
	err := r.openPFX(data)
	if p, ok := errors.AsType[*ca.Problem](err); ok && p.Code == ca.E2503 && r.password == nil {
		return needsPassword(thePKCS12)
	}
	return err
}

// openPFX checks the MAC, then takes each safe.
func (r *reader) openPFX(data []byte) error {
	p, err := readPFX(data)
	if err != nil {
		return err
	}
	var password []byte
	if r.password != nil {
		if password, err = r.ask(thePKCS12); err != nil {
			return err
		}
	}
	s := secretOf(password)
	if p.mac != nil {
		if s, err = r.checkMAC(p, s); err != nil {
			return err
		}
	}
	safes, err := sequenceIn(p.content)
	if err != nil {
		return err
	}
	for !safes.Empty() {
		if err := r.safe(&safes, s); err != nil {
			return err
		}
	}
	return nil
}

// readPFX reads the outer form.
func readPFX(data []byte) (p pfx, err error) {
	in, err := sequenceIn(data)
	if err != nil {
		return p, err
	}
	version, ok1 := take(&in, asn1.INTEGER)
	info, ok2 := take(&in, asn1.SEQUENCE)
	oid, ok3 := take(&info, asn1.OBJECT_IDENTIFIER)
	wrapped, ok4 := take(&info, explicit(0))
	if !ok1 || !ok2 || !ok3 || !ok4 || !info.Empty() {
		return p, damaged(thePKCS12)
	}
	if string(oid) != oidData {
		return p, unsupported(thePKCS12+" is protected by a key instead of a password", "write it again with a password")
	}
	content, ok := take(&wrapped, asn1.OCTET_STRING)
	if !ok || !wrapped.Empty() {
		return p, damaged(thePKCS12)
	}
	p.version, p.content = version, content
	if in.Empty() {
		return p, nil
	}
	if p.mac, ok = readMAC(&in); !ok || !in.Empty() {
		return p, damaged(thePKCS12)
	}
	return p, nil
}

// readMAC reads MacData.
func readMAC(in *cryptobyte.String) (*macData, bool) {
	m := &macData{rounds: 1}
	body, ok1 := take(in, asn1.SEQUENCE)
	digest, ok2 := take(&body, asn1.SEQUENCE)
	a, ok3 := readAlgorithm(&digest)
	ok4 := digest.ReadASN1Bytes(&m.digest, asn1.OCTET_STRING) && digest.Empty() && body.ReadASN1Bytes(&m.salt, asn1.OCTET_STRING)
	if !ok1 || !ok2 || !ok3 || !ok4 || len(m.salt) > maxSalt {
		return nil, false
	}
	if !body.Empty() && !body.ReadASN1Integer(&m.rounds) {
		return nil, false
	}
	m.algorithm = a
	return m, body.Empty()
}

// checkMAC gives the password as the file wants it: of the empty one there are two forms,
// with and without octets 0 at its end (RFC 7292 §B.1 leaves it open).
func (r *reader) checkMAC(p pfx, s secret) (secret, error) {
	forms := []secret{s}
	if len(s.utf8) == 0 {
		forms = append(forms, secret{})
	}
	for _, form := range forms {
		sum, err := r.sum(*p.mac, p.content, form)
		if err != nil {
			return s, err
		}
		if hmac.Equal(sum, p.mac.digest) {
			return form, nil
		}
	}
	return s, wrongPassword(thePKCS12)
}

// sum is the MAC over the content: of RFC 7292 §5.1, or of RFC 9579.
func (r *reader) sum(m macData, content []byte, s secret) ([]byte, error) {
	newHash := digestHash(m.algorithm.oid)
	var key []byte
	switch {
	case m.algorithm.oid == oidPBMAC1:
		params, ok := m.algorithm.sequence()
		derivation, ok1 := readAlgorithm(&params)
		scheme, ok2 := readAlgorithm(&params)
		if newHash = hmacHash(scheme.oid); !ok || !ok1 || !ok2 || newHash == nil {
			return nil, damaged(thePKCS12)
		}
		var err error
		if key, err = r.derive(derivation, s, newHash().Size(), thePKCS12); err != nil {
			return nil, err
		}
		if len(key) < 20 { // RFC 9579 §5: a short key would let a forged MAC pass
			return nil, damaged(thePKCS12)
		}
	case newHash == nil:
		return nil, unsupported(thePKCS12+" has a checksum of a kind that is not read", rewrite)
	default:
		if err := r.spend(min(m.rounds, maxWork+1)); err != nil {
			return nil, err
		}
		key = pkcs12Key(newHash, forMAC, s.wide, m.salt, [2]int{m.rounds, newHash().Size()})
	}
	h := hmac.New(newHash, key)
	h.Write(content)
	return h.Sum(nil), nil
}

// digestHash is a hash by its object identifier (RFC 8017 §B.1).
func digestHash(oid string) func() hash.Hash {
	switch oid {
	case "\x2b\x0e\x03\x02\x1a":
		return sha1.New
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x04":
		return sha256.New224
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x01":
		return sha256.New
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x02":
		return sha512.New384
	case "\x60\x86\x48\x01\x65\x03\x04\x02\x03":
		return sha512.New
	}
	return nil
}

// sequenceIn opens a SEQUENCE in DER or BER.
func sequenceIn(data []byte) (cryptobyte.String, error) {
	der, err := toDER(data)
	if err != nil {
		return nil, damaged(thePKCS12)
	}
	all := cryptobyte.String(der)
	body, ok := take(&all, asn1.SEQUENCE)
	if !ok || !all.Empty() {
		return nil, damaged(thePKCS12)
	}
	return body, nil
}

// safe takes one ContentInfo: bags in the clear or under the password.
func (r *reader) safe(in *cryptobyte.String, s secret) error {
	info, ok1 := take(in, asn1.SEQUENCE)
	oid, ok2 := take(&info, asn1.OBJECT_IDENTIFIER)
	wrapped, ok3 := take(&info, explicit(0))
	if !ok1 || !ok2 || !ok3 {
		return damaged(thePKCS12)
	}
	var content []byte
	var err error
	switch string(oid) {
	case oidData:
		if !wrapped.ReadASN1Bytes(&content, asn1.OCTET_STRING) {
			return damaged(thePKCS12)
		}
	case oidEncryptedData:
		var a algorithm
		var sealed []byte
		if a, sealed, err = readSealed(wrapped); err != nil {
			return err
		}
		if a.oid == oidPKCS12WithRC40 || a.oid == oidPKCS12WithRC2 {
			return r.rc2Safe(a, sealed, s)
		}
		if content, err = r.decrypt(a, sealed, s, thePKCS12); err != nil {
			return err
		}
	default:
		return unsupported("a part of "+thePKCS12+" is protected by a key instead of a password", "write it again with a password")
	}
	bags, err := sequenceIn(content)
	if err != nil {
		return err
	}
	return r.bags(bags, s, 1)
}

// readSealed reads EncryptedData (RFC 5652 §8). What is sealed is an implicit octet
// string, so that only here it is known to come in parts.
func readSealed(in cryptobyte.String) (a algorithm, sealed []byte, err error) {
	body, ok1 := take(&in, asn1.SEQUENCE)
	ok2 := body.SkipASN1(asn1.INTEGER)
	info, ok3 := take(&body, asn1.SEQUENCE)
	ok4 := info.SkipASN1(asn1.OBJECT_IDENTIFIER)
	a, ok5 := readAlgorithm(&info)
	if !ok1 || !ok2 || !ok3 || !ok4 || !ok5 {
		return a, nil, damaged(thePKCS12)
	}
	if info.PeekASN1Tag(implicit(0)) {
		if !info.ReadASN1Bytes(&sealed, implicit(0)) {
			return a, nil, damaged(thePKCS12)
		}
		return a, sealed, nil
	}
	parts, ok := take(&info, explicit(0))
	for ok && !parts.Empty() {
		var part cryptobyte.String
		part, ok = take(&parts, asn1.OCTET_STRING)
		sealed = append(sealed, part...)
	}
	if !ok {
		return a, nil, damaged(thePKCS12)
	}
	return a, sealed, nil
}

// bags takes each SafeBag (RFC 7292 §4.2). Secrets, which are no keys of certificates, and
// foreign bags are passed over.
func (r *reader) bags(in cryptobyte.String, s secret, depth int) error {
	for !in.Empty() {
		bag, ok1 := take(&in, asn1.SEQUENCE)
		oid, ok2 := take(&bag, asn1.OBJECT_IDENTIFIER)
		value, ok3 := take(&bag, explicit(0))
		if !ok1 || !ok2 || !ok3 {
			return damaged(thePKCS12)
		}
		if err := r.bag(string(oid), value, s, friendlyName(bag)); err != nil {
			return err
		}
		if string(oid) == oidSafeBag {
			inner, ok := take(&value, asn1.SEQUENCE)
			if !ok || depth == maxSafes {
				return damaged(thePKCS12)
			}
			if err := r.bags(inner, s, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// bag takes what is in one bag.
func (r *reader) bag(oid string, value cryptobyte.String, s secret, name string) error {
	switch oid {
	case oidKeyBag:
		return r.addKey(value, name)
	case oidShroudedBag:
		plain, err := r.openKey(value, s, "a key in "+thePKCS12)
		if err != nil {
			return err
		}
		return r.addKey(plain, name)
	case oidCertBag, oidCRLBag:
		body, ok1 := take(&value, asn1.SEQUENCE)
		kind, ok2 := take(&body, asn1.OBJECT_IDENTIFIER)
		wrapped, ok3 := take(&body, explicit(0))
		der, ok4 := take(&wrapped, asn1.OCTET_STRING)
		if !ok1 || !ok2 || !ok3 {
			return damaged(thePKCS12)
		}
		switch {
		case string(kind) != oidX509Cert && string(kind) != oidX509CRL: // such as SDSI's certificates
			return nil
		case !ok4:
			return damaged(thePKCS12)
		case string(kind) == oidX509CRL:
			return r.document(list, Item{DER: der, Name: name})
		}
		return r.document(certificate, Item{DER: der, Name: name})
	}
	return nil
}

// friendlyName finds the name among what is left of a bag, its attributes (RFC 2985
// §5.5.1); "" if there is none.
func friendlyName(bag cryptobyte.String) string {
	attributes, _ := take(&bag, asn1.SET)
	for !attributes.Empty() {
		one, ok1 := take(&attributes, asn1.SEQUENCE)
		oid, ok2 := take(&one, asn1.OBJECT_IDENTIFIER)
		values, ok3 := take(&one, asn1.SET)
		if !ok1 || !ok2 || !ok3 {
			return ""
		}
		if text, ok := take(&values, tagBMP); ok && string(oid) == oidFriendlyName {
			var units []uint16
			var unit uint16
			for text.ReadUint16(&unit) {
				units = append(units, unit)
			}
			return string(utf16.Decode(units))
		}
	}
	return ""
}
