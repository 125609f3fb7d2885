// SPDX-License-Identifier: Apache-2.0

package verify

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"slices"
	"strings"
)

// name judges whether the certificate names who is asked for. Only alternative names
// count: browsers, Go and Python have not looked at common names for years (RFC 9525 §2).
func (q Question) name() []Finding {
	c := q.Sent[0]
	if q.Name == "" {
		return nil
	}
	if named(c, q.Name) {
		return []Finding{finding(checkName, "it names "+safe(q.Name))}
	}
	names := altNames(c)
	switch {
	case len(names) == 0 && strings.EqualFold(c.Subject.CommonName, q.Name):
		return []Finding{failure(checkName, "have it issued with the name as subject alternative name", "it names %s as common name alone, which no browser looks at", safe(q.Name))}
	case len(names) == 0:
		return []Finding{failure(checkName, "have it issued with the name", "it has no DNS, IP or e-mail name, and so does not name %s", safe(q.Name))}
	}
	const most = 8 // names that a line shows
	shown := strings.Join(names[:min(len(names), most)], ", ")
	if len(names) > most {
		shown += " and more"
	}
	return []Finding{failure(checkName, "have it issued with the name, or ask for one that it has", "it does not name %s; it names %s", safe(q.Name), shown)}
}

func named(c *x509.Certificate, name string) bool {
	if strings.Contains(name, "@") {
		return slices.ContainsFunc(c.EmailAddresses, func(have string) bool { return sameMailbox(have, name) })
	}
	return c.VerifyHostname(name) == nil
}

// sameMailbox compares local parts exactly and hosts as hosts (RFC 5280 §7.5).
func sameMailbox(a, b string) bool {
	at, bt := strings.LastIndexByte(a, '@'), strings.LastIndexByte(b, '@')
	return at > 0 && bt > 0 && a[:at] == b[:bt] && strings.EqualFold(a[at:], b[bt:])
}

func altNames(c *x509.Certificate) (names []string) {
	for _, n := range c.DNSNames {
		names = append(names, safe(n))
	}
	for _, n := range c.IPAddresses {
		names = append(names, net.IP.String(n))
	}
	for _, n := range c.EmailAddresses {
		names = append(names, safe(n))
	}
	for _, n := range c.URIs {
		names = append(names, safe(n.String()))
	}
	return names
}

// key judges whether certificate and key belong together.
func (q Question) key() []Finding {
	if q.Key == nil {
		return nil
	}
	if sameKey(q.Sent[0].PublicKey, q.Key) {
		return []Finding{finding(checkKey, "the key belongs to the certificate")}
	}
	for _, c := range q.Sent[1:] {
		if sameKey(c.PublicKey, q.Key) {
			return []Finding{failure(checkKey, "put that certificate first", "the key is that of %s, which is not the first certificate", Title(c))}
		}
	}
	return []Finding{failure(checkKey, "find the key that the request was made with, or have a new certificate issued for this one", "the key does not belong to the certificate")}
}

func sameKey(a, b crypto.PublicKey) bool {
	comparable, is := a.(interface{ Equal(crypto.PublicKey) bool })
	return is && comparable.Equal(b)
}

// The least that verifiers take today: OpenSSL at security level 2 and browsers.
const (
	leastRSA = 2048
	leastEC  = 224
)

// strength judges keys, and the digests of signatures. That of a root is nobody's
// business: it is trusted for its key, not for what it says of itself.
func (q Question) strength(v *Verdict) (found []Finding) {
	for i, c := range v.Path {
		switch key := c.PublicKey.(type) {
		case *rsa.PublicKey:
			if n := key.N.BitLen(); n < leastRSA {
				found = append(found, failure(checkStrength, "make a new key of at least 2048 bits", "the key of %s is RSA of %d bits, which can be broken", Title(c), n))
			}
		case *ecdsa.PublicKey:
			if n := key.Curve.Params().BitSize; n < leastEC {
				found = append(found, failure(checkStrength, "make a new key", "the key of %s is on a curve of %d bits, which is too short", Title(c), n))
			}
		case nil:
			found = append(found, failure(checkStrength, "make a new key", "the key of %s is of a type that is not understood here", Title(c)))
		}
		if root := v.Anchored && i == len(v.Path)-1; !root && slices.Contains(broken, c.SignatureAlgorithm) {
			found = append(found, failure(checkStrength, "have it signed again with SHA-256", "%s is signed with %v, a digest that can be forged", Title(c), c.SignatureAlgorithm))
		}
	}
	if len(found) == 0 {
		found = append(found, finding(checkStrength, "keys and digests are strong enough"))
	}
	return found
}

// broken are signatures that can be forged.
var broken = []x509.SignatureAlgorithm{x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1}
