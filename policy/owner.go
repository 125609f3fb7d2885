// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"strings"
	"time"

	"chancery/ca"
)

// KeyProven says whether a proof was made by a certificate's key about that certificate, and
// gives what it says. certificate is the public name, key the digest of the certificate's
// public key; both are what the judge knows himself.
//
// The Problem is E1309, in the same words whatever is wrong with the proof; E2111 for a
// statement that is genuine and out of date, or names a reason that is not the owner's to
// give; E1401 for what is no statement.
func KeyProven(p ca.KeyProof, certificate string, key ca.Digest, now time.Time) (ca.Statement, error) {
	s, err := ca.ParseStatement(p.Statement)
	if err != nil {
		return s, err
	}
	if s.Certificate != certificate || ca.Digest(sha256.Sum256(p.SPKI)) != key || !signed(p) {
		return s, NotProven()
	}
	switch {
	case now.After(s.Until):
		return s, ca.Refused(ca.E2111, "this statement could be used until "+s.Until.Format(time.RFC3339), "sign a new one").At("statement")
	case !s.Reason.Owners():
		return s, NotOwners()
	}
	return s, nil
}

// NotProven refuses what does not prove that a certificate is somebody's: the same words
// for each fault, so that a guess teaches nothing.
func NotProven() *ca.Problem {
	return ca.Forbidden(ca.E1309, "this does not prove that the certificate is yours", "see docs/revocation.md; its key, its owner's account, or a CA administrator, revokes it as well")
}

// NotOwners refuses a reason that an owner without an account cannot give.
func NotOwners() *ca.Problem {
	var words []string
	for _, r := range ca.OwnerReasons() {
		words = append(words, r.String())
	}
	return ca.Refused(ca.E2111, "this reason is not given without an account", "use one of "+strings.Join(words, ", ")).At("reason")
}

// signed verifies the signature. That the key is one that an authority certified, and so
// has a bounded size, the digest has shown before.
func signed(p ca.KeyProof) bool {
	public, err := x509.ParsePKIXPublicKey(p.SPKI)
	if err != nil {
		return false
	}
	scheme, _ := strings.CutSuffix(p.Algorithm, "-sha256")
	hash := crypto.SHA256
	if s, ok := strings.CutSuffix(p.Algorithm, "-sha384"); ok {
		scheme, hash = s, crypto.SHA384
	} else if s, ok := strings.CutSuffix(p.Algorithm, "-sha512"); ok {
		scheme, hash = s, crypto.SHA512
	}
	if scheme == p.Algorithm { // without a hash
		k, ok := public.(ed25519.PublicKey)
		return ok && p.Algorithm == "ed25519" && ed25519.Verify(k, []byte(p.Statement), p.Signature)
	}
	h := hash.New()
	h.Write([]byte(p.Statement))
	sum := h.Sum(nil)
	switch k := public.(type) {
	case *ecdsa.PublicKey:
		return scheme == "ecdsa" && ecdsa.VerifyASN1(k, sum, p.Signature)
	case *rsa.PublicKey:
		switch scheme {
		case "rsa":
			return rsa.VerifyPKCS1v15(k, hash, sum, p.Signature) == nil
		case "rsa-pss":
			return rsa.VerifyPSS(k, hash, sum, p.Signature, nil) == nil
		}
	}
	return false
}

// Evident judges the evidence of a step against the certificate that it is about, whose
// INTENT is of, and the one that the step is for, whose INTENT is target. Evidence about
// another certificate counts where both have one key and that is declared compromised: then
// whoever has it has both (security rule RV-03). The invalidity date of a step by a statement
// is the statement's, or the one that stands: a front that was taken over must not date in an
// owner's name. The Problem is KeyProven's.
func Evident(w ca.Revoking, of, target Proven, now time.Time) error {
	e := w.Evidence
	if e == nil {
		if ca.ClaimsEvidence(w.By) {
			return NotProven()
		}
		return nil
	}
	why := ca.Withdrawal{Reason: w.Reason, InvalidSince: w.InvalidSince}
	switch {
	case e.Key != nil && e.Challenge == nil:
		s, err := KeyProven(*e.Key, of.Certificate, of.Key, now)
		if err != nil {
			return err
		}
		why = ca.Withdrawal{Reason: s.Reason, InvalidSince: s.InvalidSince}
	case e.Key == nil && ChallengeProven(e.Challenge, of.Challenge):
	default:
		return NotProven()
	}
	stated := w.InvalidSince.Equal(why.InvalidSince)
	stands := !target.InvalidSince.IsZero() && w.InvalidSince.Equal(target.InvalidSince) && (why.InvalidSince.IsZero() || !w.InvalidSince.After(why.InvalidSince))
	switch {
	case w.By != e.By(of.Certificate), w.Reason != why.Reason, !stated && !stands:
		return NotProven()
	case e.Of != w.ID && (w.Reason != ca.KeyCompromise || of.Key != target.Key):
		return NotProven()
	case !w.Reason.Owners():
		return NotOwners()
	}
	return nil
}

// Proven is what a log says of a certificate: what nobody asserts.
type Proven struct {
	// Certificate is its public name, Key the digest of its public key.
	Certificate string
	Key         ca.Digest
	// Challenge is that of its request, nil for none.
	Challenge *ca.Challenge
	// InvalidSince is the date that stands of it, zero for none.
	InvalidSince time.Time
}
