// SPDX-License-Identifier: Apache-2.0

package ca

// A NameType is the type of a subject alternative name (RFC 5280 §4.2.1.6).
type NameType string

// The name types that can be asked for.
const (
	DNS   NameType = "dns"
	IP    NameType = "ip"
	Email NameType = "email"
	URI   NameType = "uri"
)

// A Name is one subject alternative name. Value is text in canonical form:
// lower-case A-labels for DNS, netip.Addr.String for IP, the address for email,
// the absolute URI as given.
type Name struct {
	Type  NameType `json:"type"`
	Value string   `json:"value"`
}

// String gives type:value, such as dns:nas.lab.example.
func (n Name) String() string { return string(n.Type) + ":" + n.Value }

// A StringType is the ASN.1 string type of a subject field's value.
type StringType byte

// The string types a subject field may carry: what RFC 5280 §4.1.2.4 asks for,
// and IA5String for the fields defined with it.
const (
	UTF8String      StringType = 12
	PrintableString StringType = 19
	IA5String       StringType = 22
)

// An Attribute is one field of a distinguished name.
type Attribute struct {
	// OID is dotted decimal, such as 2.5.4.3.
	OID string `json:"oid"`
	// Value is the text, at most 255 octets of UTF-8.
	Value string `json:"value"`
	// Type is the string type to encode; 0 lets the encoder choose PrintableString
	// where the value allows it, IA5String for e-mail and domain component,
	// UTF8String otherwise.
	Type StringType `json:"type,omitempty"`
}

// A Subject is a distinguished name: one attribute per RDN, in encoding order.
type Subject []Attribute

// The attribute types that profiles name (RFC 4519, RFC 5280 appendix A, RFC 2985).
const (
	OIDCommonName   = "2.5.4.3"
	OIDSurname      = "2.5.4.4"
	OIDSerialNumber = "2.5.4.5"
	OIDCountry      = "2.5.4.6"
	OIDLocality     = "2.5.4.7"
	OIDState        = "2.5.4.8"
	OIDOrganization = "2.5.4.10"
	OIDUnit         = "2.5.4.11"
	OIDTitle        = "2.5.4.12"
	OIDGivenName    = "2.5.4.42"
	OIDDomain       = "0.9.2342.19200300.100.1.25"
	OIDUserID       = "0.9.2342.19200300.100.1.1"
	OIDEmail        = "1.2.840.113549.1.9.1"
)

// Get is the first value of the attribute type, or "".
func (s Subject) Get(oid string) string {
	for _, a := range s {
		if a.OID == oid {
			return a.Value
		}
	}
	return ""
}

// attributeName is the short name of RFC 4514 §3, or the OID itself.
func attributeName(oid string) string {
	switch oid {
	case OIDCommonName:
		return "CN"
	case OIDSerialNumber:
		return "serialNumber"
	case OIDCountry:
		return "C"
	case OIDLocality:
		return "L"
	case OIDState:
		return "ST"
	case OIDOrganization:
		return "O"
	case OIDUnit:
		return "OU"
	case OIDSurname:
		return "SN"
	case OIDGivenName:
		return "GN"
	case OIDTitle:
		return "title"
	case OIDDomain:
		return "DC"
	case OIDUserID:
		return "UID"
	case OIDEmail:
		return "emailAddress"
	}
	return oid
}
