// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"crypto/x509"
	"fmt"
)

// authorities judges whether each issuer of a path may be one: CA:TRUE, keyCertSign
// where there is a key usage, and its path length (RFC 5280 §6.1.4 k to n).
func (q Question) authorities(path []*x509.Certificate) (found []Finding) {
	if len(path) == 1 {
		return nil
	}
	below := 0 // authorities between this one and the certificate, self-issued ones apart
	for i, c := range path[1:] {
		child := path[i]
		switch {
		case !c.BasicConstraintsValid:
			found = append(found, failure(checkAuthority, "have it signed again as an authority", "%s signed %s and lacks the basic constraints of an authority (CA:TRUE): OpenSSL 3 and browsers refuse the chain", Title(c), Title(child)))
		case !c.IsCA:
			found = append(found, failure(checkAuthority, "have the certificate signed by an authority", "%s signed %s and is no authority (CA:FALSE)", Title(c), Title(child)))
		case c.KeyUsage != 0 && c.KeyUsage&x509.KeyUsageCertSign == 0:
			found = append(found, failure(checkAuthority, "have it signed again with keyCertSign", "the key usage of %s does not let it sign certificates (keyCertSign)", Title(c)))
		}
		if limit, is := pathLength(c); is && below > limit {
			found = append(found, failure(checkAuthority, "have "+Title(c)+" signed again with a greater path length, or the certificate by an authority higher up",
				"%s allows %d authorities below it, and there are %d (path length)", Title(c), limit, below))
		}
		if !bytes.Equal(c.RawSubject, c.RawIssuer) {
			below++
		}
	}
	if len(found) == 0 {
		found = append(found, finding(checkAuthority, "each issuer is an authority, and no path length is exceeded"))
	}
	return found
}

// pathLength is the constraint, if there is one.
func pathLength(c *x509.Certificate) (limit int, is bool) {
	is = c.BasicConstraintsValid && (c.MaxPathLen > 0 || c.MaxPathLen == 0 && c.MaxPathLenZero)
	return c.MaxPathLen, is
}

// A purpose is what a use demands of a certificate: the extended key usage, and one
// of the key usages, where the certificate has either extension.
type purpose struct {
	eku   x509.ExtKeyUsage
	name  string
	usage x509.KeyUsage
	needs string
}

// purposes as OpenSSL's -purpose has them.
var purposes = map[Use]purpose{
	Server:      {x509.ExtKeyUsageServerAuth, "serverAuth", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment | x509.KeyUsageKeyAgreement, "digitalSignature, keyEncipherment or keyAgreement"},
	Client:      {x509.ExtKeyUsageClientAuth, "clientAuth", x509.KeyUsageDigitalSignature | x509.KeyUsageKeyAgreement, "digitalSignature or keyAgreement"},
	Email:       {x509.ExtKeyUsageEmailProtection, "emailProtection", x509.KeyUsageDigitalSignature | x509.KeyUsageContentCommitment, "digitalSignature or nonRepudiation"},
	CodeSigning: {x509.ExtKeyUsageCodeSigning, "codeSigning", x509.KeyUsageDigitalSignature, "digitalSignature"},
}

// use judges what the certificate, and each authority above it, may be used for.
func (q Question) use(path []*x509.Certificate) (found []Finding) {
	p, is := purposes[q.Use]
	if !is {
		return nil
	}
	for i, c := range path {
		none := len(c.ExtKeyUsage)+len(c.UnknownExtKeyUsage) == 0
		switch {
		case none && i == 0 && q.Use == CodeSigning:
			found = append(found, failure(checkUse, "have it issued for "+string(q.Use), "%s does not say that it signs code (extended key usage %s)", Title(c), p.name))
		case !none && !has(c, p.eku) && has(c, x509.ExtKeyUsageAny):
			found = append(found, failure(checkUse, "have it issued with "+p.name, "%s is for any purpose, which OpenSSL does not take for %s (extended key usage %s)", Title(c), q.Use, p.name))
		case !none && !has(c, p.eku) && i == 0:
			found = append(found, failure(checkUse, "have it issued for "+string(q.Use), "%s is not for use as %s (extended key usage %s)", Title(c), q.Use, p.name))
		case !none && !has(c, p.eku):
			found = append(found, failure(checkUse, "have the certificate issued by another authority", "the authority %s may not issue for use as %s (extended key usage %s)", Title(c), q.Use, p.name))
		case i == 0 && c.KeyUsage != 0 && c.KeyUsage&p.usage == 0:
			found = append(found, failure(checkUse, "have it issued for "+string(q.Use), "the key usage of %s does not fit use as %s: it lacks %s", Title(c), q.Use, p.needs))
		}
	}
	if len(found) == 0 {
		found = append(found, finding(checkUse, fmt.Sprintf("certificate and authorities may be used for %s", q.Use)))
	}
	return found
}

func has(c *x509.Certificate, u x509.ExtKeyUsage) bool {
	for _, one := range c.ExtKeyUsage {
		if one == u {
			return true
		}
	}
	return false
}
