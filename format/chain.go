// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
)

// maxChain is the most certificates Chain puts in order. Finding the order compares
// each with each; a path has rarely more than five.
const maxChain = 32

// Chain puts certificates in the order of a path: the one that issued none of the others
// first, its issuer next, the root, if it is there, last. A certificate given twice
// counts once. All must belong to one path (R24): with a root and a cross-certificate of it
// there are two, and the caller has to choose. For another order, apply
// slices.Reverse. Dates are not looked at.
func Chain(certificates [][]byte) ([][]byte, error) {
	all, err := parseAll(certificates)
	if err != nil {
		return nil, err
	}
	leaf := slices.IndexFunc(all, func(c *x509.Certificate) bool {
		return !slices.ContainsFunc(all, func(d *x509.Certificate) bool { return d != c && issued(c, d) })
	})
	if leaf < 0 {
		return nil, unfit("the certificates issued each other in a circle", "take the cross-certificates out of the chain")
	}
	out := [][]byte{all[leaf].Raw}
	for last := all[leaf]; ; {
		rest := slices.DeleteFunc(slices.Clone(all), func(c *x509.Certificate) bool {
			return slices.ContainsFunc(out, func(der []byte) bool { return bytes.Equal(der, c.Raw) })
		})
		next := slices.IndexFunc(rest, func(c *x509.Certificate) bool { return issued(c, last) })
		if next < 0 || issued(last, last) { // a root ends the path, even if there is a cross-certificate of it
			if len(rest) > 0 {
				return nil, unfit(fmt.Sprintf("%q is not in the chain of %q", rest[0].Subject, all[leaf].Subject),
					"leave it out, or add the intermediate certificate that leads to it")
			}
			return out, nil
		}
		last = rest[next]
		out = append(out, last.Raw)
	}
}

// parseAll parses each certificate once, in order.
func parseAll(certificates [][]byte) ([]*x509.Certificate, error) {
	if len(certificates) == 0 {
		return nil, unfit("there is no certificate to make a chain of", "name at least one certificate")
	}
	var out []*x509.Certificate
	for _, der := range certificates {
		if slices.ContainsFunc(out, func(c *x509.Certificate) bool { return bytes.Equal(c.Raw, der) }) {
			continue
		}
		if len(out) == maxChain {
			return nil, tooMuch(fmt.Sprintf("more than %d certificates are to be put in order", maxChain), "a chain has rarely more than five")
		}
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, damaged("a certificate of the chain").Because(err.Error())
		}
		out = append(out, c)
	}
	return out, nil
}

// issued tells whether parent's name and key signed child. An algorithm that is too
// old or too new to verify is taken by its names and key identifiers alone.
func issued(parent, child *x509.Certificate) bool {
	if !bytes.Equal(parent.RawSubject, child.RawIssuer) || !sameKeyID(parent, child) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	var old x509.InsecureAlgorithmError
	return err == nil || errors.As(err, &old) || errors.Is(err, x509.ErrUnsupportedAlgorithm)
}

// sameKeyID compares key identifiers where both certificates have them (RFC 5280 §4.2.1.1).
func sameKeyID(parent, child *x509.Certificate) bool {
	return len(parent.SubjectKeyId) == 0 || len(child.AuthorityKeyId) == 0 || bytes.Equal(parent.SubjectKeyId, child.AuthorityKeyId)
}

// WithoutRoot is a chain as Chain gives it without the self-signed certificate at its
// end: what a server sends (RFC 8446 §4.4.2, R126), since a root that came with the
// connection proves nothing. A self-signed certificate alone stays.
func WithoutRoot(chain [][]byte) [][]byte {
	if len(chain) < 2 {
		return chain
	}
	end := chain[len(chain)-1]
	if c, err := x509.ParseCertificate(end); err != nil || !issued(c, c) {
		return chain
	}
	return chain[:len(chain)-1]
}
