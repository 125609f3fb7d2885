// SPDX-License-Identifier: Apache-2.0

package check

import (
	"bytes"
	"crypto"
	_ "crypto/sha1" // what most clients name issuers with; nothing is signed over it
	_ "crypto/sha256"
	_ "crypto/sha512"
	"errors"
	"fmt"
	"time"

	"chancery/ca"
)

// oidNonce is id-pkix-ocsp-nonce (RFC 6960 §4.4.1).
const oidNonce = "\x2b\x06\x01\x05\x05\x07\x30\x01\x02"

// maxOCSP bounds the bytes of a response: ten answers with digests of 64 octets, and a
// nonce, stay below.
const maxOCSP = 8 << 10

// An OCSPWant is what a response must say.
type OCSPWant struct {
	// Issuer is the authority that is answered for.
	Issuer *ca.Authority
	// Responder is the SubjectPublicKeyInfo of the key that signs: Issuer's, or that of a
	// delegated responder.
	Responder  []byte
	ProducedAt time.Time
	Singles    []ca.OCSPSingle
	Nonce      []byte
}

// OCSP walks a tbsResponseData and refuses whatever differs from want (security rules
// SG-02, SG-11): strict DER of version 1, the responder named by its key, the answers in
// their order, and no extension but the nonce. A certificate is good or revoked only if
// its CertID names the issuer's own name and key; of another's it is unknown.
func OCSP(tbs []byte, want OCSPWant) error {
	if err := ocsp(tbs, &want); err != nil {
		return fmt.Errorf("check an OCSP response: %w", err)
	}
	return nil
}

func ocsp(tbs []byte, want *OCSPWant) error {
	if want.Issuer == nil || len(tbs) > maxOCSP || len(want.Singles) == 0 || len(want.Singles) > ca.MaxOCSPCertIDs || len(want.Nonce) > ca.MaxOCSPNonce {
		return errors.New("it has no issuer, or more or less than a response may have")
	}
	body, err := peel(tbs, tagSequence)
	if err != nil {
		return err
	}
	r := reader{body}
	// The error of the first step that fails is the one that is told.
	for _, step := range []struct {
		name string
		read func() error
	}{
		{"responder", func() error { return responderIs(&r, want.Responder) }},
		{"produced at", func() error { return generalizedIs(&r, want.ProducedAt) }},
		{"answers", func() error { return singlesAre(&r, want) }},
		{"extensions", func() error { return nonceIs(&r, want.Nonce) }},
		{"end", r.end},
	} {
		if err := step.read(); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// responderIs demands the SHA-1 of the key (RFC 6960 §4.2.1).
func responderIs(r *reader, spki []byte) error {
	octets, err := keyOctets(spki)
	if err != nil {
		return err
	}
	id, err := r.content(tagWrapped0 + 2)
	if err != nil {
		return err
	}
	return nested(digest(crypto.SHA1, octets), tagOctetString)(id)
}

// keyOctets is what the BIT STRING of a SubjectPublicKeyInfo holds.
func keyOctets(spki []byte) ([]byte, error) {
	body, err := peel(spki, tagSequence)
	if err != nil {
		return nil, err
	}
	r := reader{body}
	if _, err := r.content(tagSequence); err != nil {
		return nil, err
	}
	octets, err := bitString(&r)
	if err != nil {
		return nil, err
	}
	return octets, r.end()
}

func digest(h crypto.Hash, b []byte) []byte {
	d := h.New()
	d.Write(b) // a hash never fails
	return d.Sum(nil)
}

// generalizedIs demands a GeneralizedTime in whole seconds of UTC, of any year.
func generalizedIs(r *reader, want time.Time) error {
	c, err := r.content(tagGeneralizedTime)
	if err != nil {
		return err
	}
	year, ok := digits(c, 4)
	if !ok {
		return errors.New("malformed GeneralizedTime")
	}
	got, err := calendar(year, c[4:])
	if err == nil && !got.Equal(want) {
		err = fmt.Errorf("it is %v, not %v", got, want)
	}
	return err
}

func singlesAre(r *reader, want *OCSPWant) error {
	list, err := r.content(tagSequence)
	if err != nil {
		return err
	}
	in := reader{list}
	for i := range want.Singles {
		one, err := in.content(tagSequence)
		if err == nil {
			err = singleIs(&reader{one}, &want.Singles[i], want.Issuer)
		}
		if err != nil {
			return fmt.Errorf("number %d: %w", i+1, err)
		}
	}
	return in.end()
}

func singleIs(r *reader, want *ca.OCSPSingle, issuer *ca.Authority) error {
	id, err := r.content(tagSequence)
	if err != nil {
		return err
	}
	if err := certIDIs(&reader{id}, &want.CertID); err != nil {
		return fmt.Errorf("CertID: %w", err)
	}
	if want.Status != ca.OCSPUnknown {
		if err := issuedBy(&want.CertID, issuer); err != nil {
			return fmt.Errorf("CertID: %w", err)
		}
	}
	if err := statusIs(r, want); err != nil {
		return fmt.Errorf("status: %w", err)
	}
	if err := generalizedIs(r, want.ThisUpdate); err != nil {
		return fmt.Errorf("this update: %w", err)
	}
	next, err := r.content(tagWrapped0)
	if err != nil {
		return fmt.Errorf("next update: %w", err)
	}
	in := reader{next}
	if err := generalizedIs(&in, want.NextUpdate); err != nil {
		return fmt.Errorf("next update: %w", err)
	}
	if !want.ThisUpdate.Before(want.NextUpdate) {
		return errors.New("the next update is not after this one")
	}
	if err := in.end(); err != nil {
		return err
	}
	return r.end()
}

// certIDIs demands the CertID that was asked for, octet for octet.
func certIDIs(r *reader, want *ca.CertID) error {
	algorithm, err := r.content(tagSequence)
	if err != nil {
		return err
	}
	hash, oid := certIDHash(want.Hash)
	if want.Parameters {
		oid += "\x05\x00"
	}
	if hash == 0 || string(algorithm) != oid {
		return fmt.Errorf("the hash is not %q", want.Hash)
	}
	for _, sum := range [][]byte{want.NameHash, want.KeyHash} {
		got, err := r.content(tagOctetString)
		if err != nil {
			return err
		}
		if len(got) != hash.Size() || !bytes.Equal(got, sum) {
			return fmt.Errorf("the digest %x is not the one asked for", got)
		}
	}
	serial, err := r.natural()
	if err != nil {
		return err
	}
	if octets := want.Serial.Bytes(); len(octets) == 0 || len(octets) > 20 || octets[0] == 0 || !bytes.Equal(serial, octets) {
		return fmt.Errorf("the serial number is %x, not %s", serial, want.Serial)
	}
	return r.end()
}

// certIDHash is the hash by its name, and the object identifier that names it, whole.
func certIDHash(name string) (crypto.Hash, string) {
	switch name {
	case "sha1":
		return crypto.SHA1, "\x06\x05\x2b\x0e\x03\x02\x1a"
	case "sha256":
		return crypto.SHA256, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01"
	case "sha384":
		return crypto.SHA384, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02"
	case "sha512":
		return crypto.SHA512, "\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03"
	}
	return 0, ""
}

// issuedBy demands that a CertID names the authority: a serial number says nothing
// without its issuer.
func issuedBy(id *ca.CertID, a *ca.Authority) error {
	hash, _ := certIDHash(id.Hash)
	octets, err := keyOctets(a.SPKI)
	if err != nil {
		return fmt.Errorf("the issuer's key: %w", err)
	}
	if hash == 0 || !bytes.Equal(digest(hash, a.Subject), id.NameHash) || !bytes.Equal(digest(hash, octets), id.KeyHash) {
		return fmt.Errorf("it does not name %q", a.Name)
	}
	return nil
}

// statusIs demands the status, and of one revoked its time and reason.
func statusIs(r *reader, want *ca.OCSPSingle) error {
	tag := tagWrapped0 + 1
	switch want.Status {
	case ca.OCSPRevoked:
	case ca.OCSPGood:
		tag = tagContext0
	case ca.OCSPUnknown:
		tag = tagContext0 + 2
	default:
		return fmt.Errorf("there is no status %d", want.Status)
	}
	c, err := r.content(byte(tag))
	if err != nil {
		return err
	}
	in := reader{c}
	if want.Status != ca.OCSPRevoked {
		if want.Reason != ca.Unspecified || !want.RevokedAt.IsZero() {
			return errors.New("what is not revoked has no reason and no time")
		}
		return in.end()
	}
	if err := generalizedIs(&in, want.RevokedAt); err != nil {
		return err
	}
	if !want.Reason.Listed() {
		return fmt.Errorf("the reason %d revokes nothing", want.Reason)
	}
	if want.Reason != ca.Unspecified { // which is left out (RFC 5280 §5.3.1)
		reason, err := in.content(tagWrapped0)
		if err != nil {
			return err
		}
		if err := nested([]byte{byte(want.Reason)}, tagEnumerated)(reason); err != nil {
			return err
		}
	}
	return in.end()
}

// nonceIs demands the nonce as the only extension, or none at all.
func nonceIs(r *reader, want []byte) error {
	if len(want) == 0 {
		return nil
	}
	wrapped, err := r.content(tagWrapped0 + 1)
	if err != nil {
		return err
	}
	list, err := peel(wrapped, tagSequence)
	if err != nil {
		return err
	}
	in := reader{list}
	e, err := readExtension(&in)
	if err != nil {
		return err
	}
	c := certificate{extensions: []extension{e}}
	if err := c.extensionsAre([]due{{"nonce", oidNonce, false, nested(want, tagOctetString)}}); err != nil {
		return err
	}
	return in.end()
}
