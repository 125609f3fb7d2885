// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"

	"chancery/ca"
	"chancery/encode"
)

// errBadSignature stops the process: the key made a signature that does not
// verify, by a fault in memory, in the processor, or by an attacker's doing.
var errBadSignature = errors.New("the key made a signature that does not verify")

// errOtherBytes stops the process likewise: what the key signed is not what was
// linted and journaled.
var errOtherBytes = errors.New("the bytes signed are not those linted and journaled")

// newAuthority prepares a generation; key is nil while it is sealed.
func newAuthority(a ca.Authority, key crypto.Signer) (*authority, error) {
	var encoder *encode.Issuer
	if a.Kind == ca.Issuing { // a root signs no end-entity certificate, so it has no way to encode one
		var err error
		if encoder, err = encode.NewIssuer(a); err != nil {
			return nil, fmt.Errorf("prepare %s: %w", a.Name, err)
		}
	}
	public, err := x509.ParsePKIXPublicKey(a.SPKI)
	if err != nil {
		return nil, fmt.Errorf("read the public key of %s: %w", a.Name, err)
	}
	ids, err := issuerIDs(a)
	if err != nil {
		return nil, err
	}
	return &authority{Authority: a, encoder: encoder, key: key, public: public, ids: ids}, nil
}

// sign signs message with the authority's key and verifies the signature.
func (a *authority) sign(message []byte) ([]byte, error) {
	if a.key == nil {
		return nil, a.locked()
	}
	hash, data, err := hashed(a.Algorithm(), message)
	if err != nil {
		return nil, err
	}
	return a.signHashed(hash, data)
}

// locked says why the key is not at hand.
func (a *authority) locked() error {
	if a.unopened != nil {
		return ca.Refused(ca.E3004, a.Name+" does not sign: its key is not loaded", "chancery key list").Because(a.unopened.Error())
	}
	fix := "chancery key unlock"
	if a.Kind != ca.Issuing {
		fix = "chancery crl publish --ca " + a.Name + " --recovery-file FILE, with the recovery words"
	}
	return ca.Locked(ca.E3001, "the key of "+a.Name+" is locked", fix)
}

// signHashed signs what the key takes, and verifies the signature.
func (a *authority) signHashed(hash crypto.Hash, data []byte) ([]byte, error) {
	sig, err := a.key.Sign(rand.Reader, data, hash)
	if err != nil {
		return nil, fmt.Errorf("use the key of %s: %w", a.Name, err)
	}
	if !verify(a.public, hash, data, sig) {
		return nil, errBadSignature
	}
	return sig, nil
}

// certificate signs tbs and gives the certificate, if it holds exactly the bytes
// whose digest was taken before they were linted and journaled (security rule
// SG-10: a fault in memory or computation must not leave the process).
func (a *authority) certificate(tbs []byte, linted ca.Digest) ([]byte, error) {
	sig, err := a.sign(tbs)
	if err != nil {
		return nil, err
	}
	der, err := encode.Certificate(tbs, sig)
	if err != nil {
		return nil, err
	}
	if _, err := encode.Signature(der, tbs); err != nil || digest(tbs) != linted {
		return nil, errors.Join(errOtherBytes, err)
	}
	return der, nil
}

// verify checks a signature over message with the authority's public key.
func (a *authority) verify(message, sig []byte) bool {
	hash, data, err := hashed(a.Algorithm(), message)
	return err == nil && verify(a.public, hash, data, sig)
}

// hashed gives what the key takes: the digest, or for Ed25519 the message.
func hashed(algorithm string, message []byte) (crypto.Hash, []byte, error) {
	_, hash, err := encode.SignatureAlgorithm(algorithm)
	if err != nil || hash == 0 {
		return 0, message, err
	}
	h := hash.New()
	h.Write(message)
	return hash, h.Sum(nil), nil
}

func verify(public crypto.PublicKey, hash crypto.Hash, data, sig []byte) bool {
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(k, data, sig)
	case ed25519.PublicKey:
		return ed25519.Verify(k, data, sig)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(k, hash, data, sig) == nil
	}
	return false
}

func digest(b []byte) ca.Digest { return sha256.Sum256(b) }
