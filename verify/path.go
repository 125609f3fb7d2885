// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
)

// Bounds of the search. A stranger's file can hold many authorities of one name and
// key, which sign each other: without a bound the paths among them are without number.
const (
	maxDepth      = 10  // certificates in a chain: four times what anybody runs
	maxPaths      = 32  // chains that are judged
	maxSignatures = 400 // signatures that are verified, 60 ms of P-384
)

// A search looks for chains.
type search struct {
	question   Question
	paths      [][]*x509.Certificate
	dead       []*x509.Certificate // the longest that ended nowhere
	signatures int
}

// paths gives the chains that end at a root, and, where there is none, the longest
// that does not.
func (q Question) paths() (paths [][]*x509.Certificate, dead []*x509.Certificate) {
	s := search{question: q}
	s.extend(q.Sent[:1:1])
	return s.paths, s.dead
}

func (s *search) extend(path []*x509.Certificate) {
	last := path[len(path)-1]
	if contains(s.question.Roots, last) {
		s.paths = append(s.paths, path)
		return
	}
	if len(path) > len(s.dead) {
		s.dead = path
	}
	if len(path) == maxDepth {
		return
	}
	for _, issuer := range s.question.candidates(last) {
		if len(s.paths) >= maxPaths || s.signatures >= maxSignatures {
			return
		}
		if passes(path, issuer) {
			continue
		}
		s.signatures++
		if err := signedBy(last, issuer); err == nil || isWeak(err) {
			s.extend(append(slices.Clone(path), issuer))
		}
	}
}

// candidates are the certificates that bear the name of c's issuer, roots first: a
// root ends the search.
func (q Question) candidates(c *x509.Certificate) []*x509.Certificate {
	var found []*x509.Certificate
	for _, pool := range [][]*x509.Certificate{q.Roots, q.Sent, q.Known} {
		for _, issuer := range pool {
			if bytes.Equal(issuer.RawSubject, c.RawIssuer) && !contains(found, issuer) {
				found = append(found, issuer)
			}
		}
	}
	return found
}

// passes tells whether a path goes through an authority already: the same name and
// key, in whatever certificate.
func passes(path []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(path, func(p *x509.Certificate) bool {
		return bytes.Equal(p.RawSubject, c.RawSubject) && bytes.Equal(p.RawSubjectPublicKeyInfo, c.RawSubjectPublicKeyInfo)
	})
}

// signedBy verifies one signature, and nothing else.
func signedBy(c, issuer *x509.Certificate) error {
	return issuer.CheckSignature(c.SignatureAlgorithm, c.RawTBSCertificate, c.Signature)
}

// isWeak tells a signature that is not verified because its digest is broken from one
// that is wrong. The chain is followed, so that the answer names the digest.
func isWeak(err error) bool {
	var weak x509.InsecureAlgorithmError
	return errors.As(err, &weak)
}

func selfSigned(c *x509.Certificate) bool {
	if !bytes.Equal(c.RawSubject, c.RawIssuer) {
		return false
	}
	err := signedBy(c, c)
	return err == nil || isWeak(err)
}

func contains(pool []*x509.Certificate, c *x509.Certificate) bool {
	return slices.ContainsFunc(pool, c.Equal)
}

// whyDead says why a chain ends at no root.
func (q Question) whyDead(path []*x509.Certificate) Finding {
	last := path[len(path)-1]
	switch {
	case len(q.Roots) == 0:
		return failure(checkChain, "name a file with a root: --ca FILE", "there is no root to trust")
	case selfSigned(last) && len(path) == 1 && !last.IsCA:
		return failure(checkChain, "have it signed by an authority, or name it as what is trusted: --ca FILE", "%s signed itself: no authority vouches for it", Title(last))
	case selfSigned(last):
		return failure(checkChain, "if this is the root you mean, compare its fingerprint and name it: --ca FILE",
			"the chain ends at a root that is not trusted here: %s, SHA-256 %s", Title(last), short(last))
	case len(path) == maxDepth:
		return failure(checkChain, "", "the chain is longer than %d certificates", maxDepth)
	}
	for _, issuer := range q.candidates(last) {
		if passes(path, issuer) {
			continue
		}
		if len(last.AuthorityKeyId) > 0 && len(issuer.SubjectKeyId) > 0 && !bytes.Equal(last.AuthorityKeyId, issuer.SubjectKeyId) {
			return failure(checkChain, where(last, "give the certificate of that key"), "%s was signed by another key of %s than the one here: another generation, or another authority of that name", Title(last), Title(issuer))
		}
		return failure(checkChain, where(last, "give the certificate of the key that signed it"), "the signature of %s does not verify with the key of %s: it is damaged, or somebody else of that name signed it", Title(last), Title(issuer))
	}
	return failure(checkChain, where(last, "find it, and put it behind")+", or, if it is a root you trust, name it: --ca FILE",
		"the authority that signed %s is missing: %s", Title(last), safe(ca.EncodedName(last.RawIssuer)))
}

// where names the addresses at which the issuer's certificate can be had (RFC 5280
// §4.2.2.1), or says what else to do.
func where(c *x509.Certificate, otherwise string) string {
	if len(c.IssuingCertificateURL) == 0 {
		return otherwise
	}
	return "get it at " + safe(strings.Join(c.IssuingCertificateURL, " or ")) + " and put it behind"
}

// short is the beginning of a fingerprint, to find a certificate by, not to trust it.
func short(c *x509.Certificate) string {
	digest := sha256.Sum256(c.Raw)
	return fmt.Sprintf("%X…", digest[:8])
}
