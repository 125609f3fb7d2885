// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"bytes"
	"crypto/x509"
	"slices"
	"strings"
)

// form warns of what only strict verifiers refuse (RFC 5280 §4.2.1.1, §4.2.1.2,
// §4.2.1.9): OpenSSL with -x509_strict, and Python since 3.13.
func (q Question) form(path []*x509.Certificate) (found []Finding) {
	for i, c := range path {
		var lacks []string
		if len(c.AuthorityKeyId) == 0 && !bytes.Equal(c.RawSubject, c.RawIssuer) {
			lacks = append(lacks, "an authority key identifier")
		}
		if i > 0 {
			if len(c.SubjectKeyId) == 0 {
				lacks = append(lacks, "a subject key identifier")
			}
			if !critical(c, "2.5.29.19") {
				lacks = append(lacks, "basic constraints marked critical")
			}
			if c.KeyUsage == 0 {
				lacks = append(lacks, "a key usage")
			}
		}
		if len(lacks) > 0 {
			found = append(found, warning(checkForm, "have it signed again", "%s lacks %s: strict verifiers refuse it, such as Python since 3.13", Title(c), strings.Join(lacks, " and ")))
		}
	}
	return found
}

func critical(c *x509.Certificate, oid string) bool {
	for _, e := range c.Extensions {
		if e.Id.String() == oid {
			return e.Critical
		}
	}
	return false
}

// second asks crypto/x509 about a path in which nothing failed. It knows nothing of
// constraints on directory names, which constraints has judged: without their mark it
// would refuse every certificate below them.
func (q Question) second(path []*x509.Certificate) []Finding {
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(understood(path[len(path)-1]))
	for _, c := range path[1:] {
		between.AddCert(understood(c))
	}
	use := x509.ExtKeyUsageAny
	if p, is := purposes[q.Use]; is {
		use = p.eku
	}
	_, err := understood(path[0]).Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: q.At, KeyUsages: []x509.ExtKeyUsage{use}})
	if err != nil {
		return []Finding{failure(checkSecond, "", "programs written in Go refuse it: %v", err)}
	}
	return nil
}

func understood(c *x509.Certificate) *x509.Certificate {
	with := *c
	with.UnhandledCriticalExtensions = slices.Clone(c.UnhandledCriticalExtensions)
	with.UnhandledCriticalExtensions = slices.DeleteFunc(with.UnhandledCriticalExtensions, oidConstraints.Equal)
	return &with
}
