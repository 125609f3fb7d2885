// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"chancery/ca"
	checker "chancery/check"
	"chancery/policy"
)

// A carriedBy is what the certificate of an authority carries beside names, key and
// dates.
type carriedBy struct {
	// PathLength is how many authorities may follow below it; absent for any number.
	PathLength  *int     `json:"path_length,omitempty"`
	Constraints []string `json:"constraints,omitempty"`
	Policies    []string `json:"policies,omitempty"`
	// Weaknesses are what a new authority would not be allowed.
	Weaknesses []string `json:"weaknesses,omitempty"`
}

func carriedIn(a ca.Authority, cert *x509.Certificate) (c carriedBy) {
	if cert.MaxPathLen > 0 || cert.MaxPathLenZero {
		c.PathLength = &cert.MaxPathLen
	}
	if n, err := checker.Constraints(cert.Raw); err != nil {
		c.Weaknesses = append(c.Weaknesses, "name constraints that cannot be read: nothing is signed below them")
	} else if len(n) > 0 {
		c.Constraints = n[0].Strings()
	}
	for _, p := range cert.Policies {
		c.Policies = append(c.Policies, p.String())
	}
	c.Weaknesses = append(c.Weaknesses, weaknesses(a, cert)...)
	return c
}

// weaknesses names what an authority that was brought from elsewhere may have, and one
// made here has not (R43).
func weaknesses(a ca.Authority, cert *x509.Certificate) (all []string) {
	if key, is := cert.PublicKey.(*rsa.PublicKey); is && key.N.BitLen() < 3072 {
		all = append(all, fmt.Sprintf("an RSA key of %d bits: new authorities have 3072 and more", key.N.BitLen()))
	}
	switch cert.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		all = append(all, "signed with "+cert.SignatureAlgorithm.String()+", which verifiers refuse unless they trust the certificate itself")
	}
	if !cert.BasicConstraintsValid || !cert.IsCA {
		all = append(all, "without CA:TRUE: verifiers refuse what it signed")
	} else if cert.KeyUsage&x509.KeyUsageCRLSign == 0 && !a.External {
		all = append(all, "without cRLSign: nothing that it signed can be revoked")
	}
	if a.Kind != ca.Issuing {
		return all
	}
	if !cert.MaxPathLenZero {
		all = append(all, "no path length 0: a stolen key could make authorities below it")
	}
	if len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 {
		all = append(all, "no extended key usages: a stolen key could certify for any purpose")
	}
	return all
}

// unseen names constraints that hold above an authority and are not in its own
// certificate, as one that was made elsewhere has them; above are the certificates there.
func unseen(der []byte, above [][]byte) []string {
	var own ca.NameConstraints
	mine, err1 := checker.Constraints(der)
	up, err2 := checker.Constraints(above...)
	if err1 != nil || err2 != nil || len(up) == 0 { // what cannot be read is told of where it stands
		return nil
	}
	if len(mine) > 0 {
		own = mine[0]
	}
	if whole, err := policy.Inherit(own, up); err == nil && slices.Equal(sorted(whole.Strings()), sorted(own.Strings())) {
		return nil
	}
	return []string{"constraints above it are not in its certificate: who takes the bundle for anchors does not see them (chancery ca bundle --roots)"}
}

// unseenHere is unseen of one among all.
func unseenHere(a ca.Authority, all []ca.Authority) []string {
	return unseen(a.Certificate, ca.Bundle{Members: ca.Ancestry(all, a)[1:]}.Certificates())
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

// rows are the lines of ca show.
func (c carriedBy) rows() (rows [][2]string) {
	if c.PathLength != nil {
		rows = append(rows, [2]string{"path length", fmt.Sprint(*c.PathLength)})
	}
	add := func(name string, values []string) {
		if len(values) > 0 {
			rows = append(rows, [2]string{name, strings.Join(values, ", ")})
		}
	}
	add("names", c.Constraints)
	add("policies", c.Policies)
	for _, w := range c.Weaknesses {
		rows = append(rows, [2]string{"weak", w})
	}
	return rows
}

// others are the lines about further certificates of the same key.
func (s shownAuthority) others() (rows [][2]string) {
	for _, der := range s.Earlier {
		if cert, err := x509.ParseCertificate(der); err == nil {
			rows = append(rows, [2]string{"earlier", "a certificate until " + onDay(cert.NotAfter) + ", serial " + cert.SerialNumber.Text(16)})
		}
	}
	for _, one := range s.Cross {
		if cert, err := x509.ParseCertificate(one.Certificate); err == nil {
			rows = append(rows, [2]string{"cross", "certified by " + one.By + " too, until " + onDay(cert.NotAfter) + ", serial " + cert.SerialNumber.Text(16)})
		}
	}
	for _, one := range s.Revoked {
		rows = append(rows, [2]string{"revoked", fmt.Sprintf("by %s, since %s, for %s", one.By, atTime(one.At), one.Reason)})
	}
	return rows
}
