// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A Draft is the end-entity certificate a request would become: everything that
// is not the issuer's or the serial number. It has no field that could make it
// a CA certificate.
type Draft struct {
	Subject Subject `json:"subject"`
	// Names are the subject alternative names, never empty. The extension is
	// critical if Subject is empty (RFC 5280 §4.2.1.6).
	Names []Name `json:"names"`
	// SPKI is the SubjectPublicKeyInfo in DER as the request brought it.
	SPKI []byte `json:"spki"`
	// Key is the SHA-256 of SPKI, KeyType such as "ecdsa-p256".
	Key     Digest `json:"key"`
	KeyType string `json:"key_type"`
	// NotBefore and NotAfter are whole seconds, both within the validity.
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// Use are extended key usages by name: server, client, email, codesign.
	Use []string `json:"use"`
	// KeyUsage are key usage bits by name; none are those that key type and use need.
	KeyUsage []string `json:"key_usage,omitempty"`
	// Policies are certificate policies; none leave the extension out.
	Policies []CertPolicy `json:"policies,omitempty"`
	// Extensions are those beside our own, in their order, all Grantable.
	Extensions []Extension `json:"extensions,omitempty"`
	// Authority is the generation that signs.
	Authority string `json:"authority"`
	// Profile and ProfileDigest say under which rules it was cleared.
	Profile       string `json:"profile"`
	ProfileDigest Digest `json:"profile_digest"`
}

// RFC 5280 §4.2.1.12 extended key usages by the names profiles use.
var useOIDs = map[string]string{
	"server":   "1.3.6.1.5.5.7.3.1",
	"client":   "1.3.6.1.5.5.7.3.2",
	"codesign": "1.3.6.1.5.5.7.3.3",
	"email":    "1.3.6.1.5.5.7.3.4",
	"ocsp":     "1.3.6.1.5.5.7.3.9",
}

// UseOID is the object identifier of an extended key usage's name. The word for
// anyExtendedKeyUsage does not exist.
func UseOID(name string) (string, bool) {
	oid, ok := useOIDs[name]
	return oid, ok
}

// UseName is the name of an extended key usage's object identifier.
func UseName(oid string) (string, bool) {
	for name, known := range useOIDs {
		if known == oid {
			return name, true
		}
	}
	return "", false
}
