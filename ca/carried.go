// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"net/url"
	"strings"
)

// A Hash is what a signature is made over. MD5 and SHA-1 have no name: nothing is
// signed with them (R128). Empty is the default of the key type: SHA-256 for RSA,
// for ECDSA the hash of the curve's strength. Ed25519 has its own, and takes
// no name here.
type Hash string

// The hashes one can choose.
const (
	SHA256 Hash = "sha256"
	SHA384 Hash = "sha384"
	SHA512 Hash = "sha512"
)

// UnmarshalText takes the names of hashes, or nothing; the Problem is E1101.
func (h *Hash) UnmarshalText(text []byte) error {
	switch v := Hash(text); v {
	case "", SHA256, SHA384, SHA512:
		*h = v
		return nil
	}
	return Invalid(E1101, Show(string(text))+" is no hash to sign with", "use sha256, sha384 or sha512; MD5 and SHA-1 are refused")
}

// An AKIForm says what an authority key identifier names (RFC 5280 §4.2.1.1).
// Empty is AKIKeyID.
type AKIForm string

const (
	// AKIKeyID names the issuer's key. It outlives a renewal of the issuer's
	// certificate with the same key, and is what most want.
	AKIKeyID AKIForm = "keyid"
	// AKIIssuer names also the issuer's certificate, by its issuer and serial
	// number: what this stands in verifies with that one certificate only.
	AKIIssuer AKIForm = "keyid+issuer"
)

// UnmarshalText takes the names of the forms, or nothing; the Problem is E1101.
func (f *AKIForm) UnmarshalText(text []byte) error {
	switch v := AKIForm(text); v {
	case "", AKIKeyID, AKIIssuer:
		*f = v
		return nil
	}
	return Invalid(E1101, Show(string(text))+" is no form of an authority key identifier", "use keyid or keyid+issuer")
}

// MaxPolicies bounds the certificate policies of one certificate.
const MaxPolicies = 20

// maxCPS bounds the address of a practice statement, in octets.
const maxCPS = 200

// A CertPolicy is a certificate policy of a CA certificate (RFC 5280 §4.2.1.4):
// whoever verifies may ask for certificates under it.
type CertPolicy struct {
	// OID is dotted decimal; 2.5.29.32.0 is any policy.
	OID string `json:"oid" toml:"oid"`
	// CPS is the http or https address of the practice statement, or empty.
	CPS string `json:"cps,omitempty" toml:"cps"`
}

// String writes OID or OID=CPS.
func (p CertPolicy) String() string {
	if p.CPS == "" {
		return p.OID
	}
	return p.OID + "=" + p.CPS
}

// ParseCertPolicy reads OID or OID=CPS, such as
// 1.3.6.1.4.1.32473.1=https://pki.lab.example/cps. The Problem is E1101.
func ParseCertPolicy(text string) (CertPolicy, error) {
	oid, cps, has := strings.Cut(text, "=")
	p := CertPolicy{OID: oid, CPS: cps}
	if has && cps == "" {
		return CertPolicy{}, p.bad("there is no address after =")
	}
	if err := p.Check(); err != nil {
		return CertPolicy{}, err
	}
	return p, nil
}

// Check demands an object identifier, and an address if there is one.
func (p CertPolicy) Check() error {
	if !isOID(p.OID) {
		return p.bad("it begins with no object identifier")
	}
	if p.CPS == "" {
		return nil
	}
	u, err := url.Parse(p.CPS)
	if err != nil || len(p.CPS) > maxCPS || faultOfURI(p.CPS) != "" || u.Scheme != "http" && u.Scheme != "https" {
		return p.bad("the practice statement is at no http or https address of at most 200 characters")
	}
	return nil
}

func (p CertPolicy) bad(fault string) error {
	return Invalid(E1101, Show(p.String())+" is no certificate policy: "+fault, "write it as 1.3.6.1.4.1.32473.1 or 1.3.6.1.4.1.32473.1=https://pki.lab.example/cps")
}
