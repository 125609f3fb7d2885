// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"strings"
)

// An Extension is one of a request or certificate (RFC 5280 §4.2) beside those that
// have a meaning of their own here.
type Extension struct {
	// OID is dotted decimal.
	OID      string `json:"oid"`
	Critical bool   `json:"critical,omitempty"`
	// Value is DER.
	Value []byte `json:"value"`
}

// Extensions that profiles name.
const (
	OIDTLSFeature   = "1.3.6.1.5.5.7.1.24" // RFC 7633
	OIDPolicies     = "2.5.29.32"          // RFC 5280 §4.2.1.4
	OIDAnyPolicy    = "2.5.29.32.0"
	extensionArc    = "2.5.29."                // those of RFC 5280
	accessArc       = "1.3.6.1.5.5.7.1."       // those of RFC 5280 §4.2.2 and later ones
	microsoftArc    = "1.3.6.1.4.1.311."       // templates, identities, application policies
	netscapeArc     = "2.16.840.1.113730.1.1"  // certificate type, which can say CA
	transparencyArc = "1.3.6.1.4.1.11129.2.4." // poison and timestamps
	statusNoCheck   = "1.3.6.1.5.5.7.48.1.5"   // a certificate nobody may ask about
)

// ownExtensions within accessArc: authority and subject information, proxies, and
// address space of authorities.
var ownExtensions = [...]string{accessArc + "1", accessArc + "7", accessArc + "8", accessArc + "11", accessArc + "14", accessArc + "28", accessArc + "29"}

// Grantable says whether a profile may take or add an extension: not what would make an
// authority, name a purpose, change how a certificate is checked, say who the holder is
// to somebody's directory, or collide with what we write (security rule PF-09).
func Grantable(oid string) bool {
	switch {
	case !isOID(oid), oid == netscapeArc, oid == statusNoCheck:
		return false
	}
	return !strings.HasPrefix(oid, extensionArc) && !strings.HasPrefix(oid, microsoftArc) && !strings.HasPrefix(oid, transparencyArc) &&
		!slices.Contains(ownExtensions[:], oid)
}

// ExtensionOID is the object identifier of an extension's name, or of itself; "" if it
// is neither.
func ExtensionOID(word string) string {
	switch {
	case word == "tls-feature":
		return OIDTLSFeature
	case isOID(word):
		return word
	}
	return ""
}

// usageBits are the key usage bits of RFC 5280 §4.2.1.3 by their place. The two that
// make an authority have no name.
var usageBits = [...]string{"digital_signature", "non_repudiation", "key_encipherment", "data_encipherment", "key_agreement", "", "", "encipher_only", "decipher_only"}

// UsageBit is the place of a key usage bit's name, counted from 0 as RFC 5280 does.
func UsageBit(name string) (bit int, ok bool) {
	bit = slices.Index(usageBits[:], name)
	return bit, bit >= 0 && name != ""
}

// UsageBits are the names of all bits that a profile can give, in their order.
func UsageBits() []string {
	return slices.DeleteFunc(slices.Clone(usageBits[:]), func(s string) bool { return s == "" })
}
