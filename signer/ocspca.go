// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/x509"
	"sync"

	"chancery/ca"
)

// crowns are the certificates of authorities by serial number, as OCSP asks for them. They
// are read once for the rules in force, and each signature is verified once: strangers ask as
// often as they like, and ten times in one request.
type crowns struct {
	mu sync.Mutex
	of *rules
	by map[[20]byte][]*crown
}

// A crown is a certificate of an authority, and by the names of others whether they signed
// it, once that was asked.
type crown struct {
	*x509.Certificate
	signed map[string]bool
}

// signedBy tells whether an authority signed one of the certificates of another that are in
// force, or were: an imported one has no INTENT here.
func (c *crowns) signedBy(r *rules, a *authority, serial ca.Serial) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != r {
		c.of, c.by = r, r.crowned()
	}
	for _, one := range c.by[wide(serial)] {
		if !bytes.Equal(one.RawIssuer, a.Subject) {
			continue
		}
		signed, known := one.signed[a.Name]
		if !known {
			by, err := x509.ParseCertificate(a.Certificate)
			signed = err == nil && one.CheckSignatureFrom(by) == nil
			one.signed[a.Name] = signed
		}
		if signed {
			return true
		}
	}
	return false
}

// crowned reads the certificates of all authorities. What cannot be read, or has a number
// that nobody can ask about, is left out.
func (r *rules) crowned() map[[20]byte][]*crown {
	all := map[[20]byte][]*crown{}
	for _, a := range r.authorities {
		for _, der := range a.certificates() {
			x, err := x509.ParseCertificate(der)
			if err != nil {
				continue
			}
			if serial, err := ca.SerialFromBytes(x.SerialNumber.Bytes()); err == nil {
				all[wide(serial)] = append(all[wide(serial)], &crown{x, map[string]bool{}})
			}
		}
	}
	return all
}
