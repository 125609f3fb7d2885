// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"crypto/sha256"
	"slices"
)

// profileTag separates profile digests from every other hash we make.
const profileTag = "chancery profile v1\n"

// ProfileDigest is the digest of a profile document: SHA-256 over a tag and the
// exact bytes.
func ProfileDigest(document []byte) Digest {
	return sha256.Sum256(append([]byte(profileTag), document...))
}

// A Profile is a closed list of what may be asked for: what is not named is
// refused (security rule PF-01). Its document is TOML; the tags are its keys,
// and those of its JSON. policy.Sound says whether one is sound.
type Profile struct {
	// Schema fixes the meaning of defaults; 1 is the only one.
	Schema int `toml:"schema" json:"schema"`
	// Name is the profile's name, such as "server": lower-case letters, digits, '-'.
	Name string `toml:"name" json:"name"`
	// Line is the authority line that signs, such as "issuing". Lines are others that a
	// request may name in its place (R15); none is the usual.
	Line  string   `toml:"line" json:"line"`
	Lines []string `toml:"lines" json:"lines,omitempty"`
	// Doors are the ways in that may use it.
	Doors []Door `toml:"doors" json:"doors"`
	// Use are extended key usages by name: server, client, email, codesign. Not empty.
	Use []string `toml:"use" json:"use"`
	// Days is the usual lifetime, MaxDays the longest; both at least 1.
	Days    int `toml:"days" json:"days"`
	MaxDays int `toml:"max_days" json:"max_days"`
	// Strict refuses a certificate that would outlive its issuer instead of
	// shortening it.
	Strict bool `toml:"strict" json:"strict"`
	// Keys are the accepted key types, such as ecdsa-p256, rsa-2048 (this size
	// and larger up to 8192), ed25519.
	Keys []string `toml:"keys" json:"keys"`
	// ServerKeys says whether a key may be made for the requester: "never", or "warn",
	// which makes it and says that it should not have been (R38).
	ServerKeys string `toml:"server_keys" json:"server_keys"`
	// KeyEncryption says whether the file of a key that is made must be encrypted:
	// "required" or "optional" (R39).
	KeyEncryption string `toml:"key_encryption" json:"key_encryption"`
	// KeyUsage are key usage bits by name (see UsageBit); empty takes those that the key
	// type and the use need. Bits that the key's type cannot have are left out.
	KeyUsage []string `toml:"key_usage" json:"key_usage,omitempty"`
	// Unique refuses a second live certificate with the same "subject" or
	// "common_name"; "no" does not ask (R67).
	Unique string `toml:"unique" json:"unique"`
	// Hold lets its certificates be held: revoked for certificateHold, which alone has a way
	// back (RV-01).
	Hold bool `toml:"hold" json:"hold,omitempty"`
	// RevokeChallenge lets an owner's account revoke only with the challenge password of
	// the certificate's request, if that brought one (R49).
	RevokeChallenge bool `toml:"revoke_challenge" json:"revoke_challenge,omitempty"`
	// Names says which names may be asked for.
	Names NameRules `toml:"names" json:"names"`
	// Subject says, per field, what becomes of it.
	Subject SubjectRules `toml:"subject" json:"subject"`
	// Extensions says which extensions certificates have beside our own.
	Extensions ExtensionRules `toml:"extensions" json:"extensions,omitzero"`
	// Rules are expressions that must hold.
	Rules []Rule `toml:"rule" json:"rules,omitempty"`
	// Digest and Document are set by whoever read the document.
	Digest   Digest `toml:"-" json:"digest"`
	Document string `toml:"-" json:"document"`
}

// SigningLine is the line that signs a request which names this one, or none: the
// profile's own, or one of its others. ok is false for any other line.
func (p Profile) SigningLine(named string) (line string, ok bool) {
	switch {
	case named == "" || named == p.Line:
		return p.Line, true
	case slices.Contains(p.Lines, named):
		return named, true
	}
	return "", false
}

// NameRules are the allowed names of a profile. A pattern is a whole name, or
// "*.example.org" for every name below example.org at any depth, or "*" for any
// DNS name; for IP a prefix such as 10.0.0.0/8; for email an address or
// "@example.org"; for URI a prefix ending in '/'.
type NameRules struct {
	// Max is the largest number of names, 1 to 100.
	Max int `toml:"max" json:"max"`
	// DNS, IP, Email and URI are patterns; an empty list refuses the type.
	DNS   []string `toml:"dns" json:"dns,omitempty"`
	IP    []string `toml:"ip" json:"ip,omitempty"`
	Email []string `toml:"email" json:"email,omitempty"`
	URI   []string `toml:"uri" json:"uri,omitempty"`
	// Wildcards lets a name begin with "*.".
	Wildcards bool `toml:"wildcards" json:"wildcards"`
	// FromCN takes the common name as a DNS name if a request names none
	// otherwise; without it such a request is refused.
	FromCN bool `toml:"from_cn" json:"from_cn"`
	// Granted demands that each name also lies in a grant of the requester.
	Granted bool `toml:"granted" json:"granted,omitempty"`
}

// SubjectRules say per field what becomes of it: "drop", "optional" (taken if
// asked for), "supplied" (must be asked for), "match" (must be asked for as the
// authority's own name has it), or "fixed:VALUE". Unit and Domain may stand several
// times.
type SubjectRules struct {
	CommonName   string `toml:"common_name" json:"common_name"`
	Organization string `toml:"organization" json:"organization"`
	Unit         string `toml:"unit" json:"unit"`
	Country      string `toml:"country" json:"country"`
	State        string `toml:"state" json:"state"`
	Locality     string `toml:"locality" json:"locality"`
	Domain       string `toml:"domain" json:"domain"`
	Title        string `toml:"title" json:"title"`
	Surname      string `toml:"surname" json:"surname"`
	GivenName    string `toml:"given_name" json:"given_name"`
	SerialNumber string `toml:"serial_number" json:"serial_number"`
	UserID       string `toml:"user_id" json:"user_id"`
	// Email says what becomes of an e-mail address in the subject: "drop", "move" (it
	// becomes a name), or "copy" (it also stays in the subject).
	Email string `toml:"email" json:"email"`
	// Preserve keeps the fields in the request's order, and takes those without a rule
	// of their own as optional (R57). Without it the order is that of the encoding of
	// directories, widest field first.
	Preserve bool `toml:"preserve" json:"preserve,omitempty"`
	// CommonNameInNames demands that the common name is also one of the names, as
	// servers need it; a person's common name is no name.
	CommonNameInNames bool `toml:"common_name_in_names" json:"common_name_in_names"`
	// CommonNamePrefix stands before that name in the common name, such as system:node:,
	// where whoever reads it tells kinds of users apart.
	CommonNamePrefix string `toml:"common_name_prefix" json:"common_name_prefix,omitempty"`
}

// ExtensionRules say which extensions a certificate has beside those that we write.
type ExtensionRules struct {
	// Take are extensions that are taken from requests: "tls-feature", or object
	// identifiers. They become uncritical.
	Take []string `toml:"take" json:"take,omitempty"`
	// Add are extensions that every certificate has.
	Add []AddedExtension `toml:"add" json:"add,omitempty"`
}

// An AddedExtension is an extension of every certificate of a profile: by object
// identifier and value, or in one of the typed forms.
type AddedExtension struct {
	// OID is dotted decimal; Critical is for it alone.
	OID      string `toml:"oid" json:"oid,omitempty"`
	Critical bool   `toml:"critical" json:"critical,omitempty"`
	// Hex or Base64 is the value: one element of DER.
	Hex    string `toml:"hex" json:"hex,omitempty"`
	Base64 string `toml:"base64" json:"base64,omitempty"`
	// Policies are certificate policies (RFC 5280 §4.2.1.4).
	Policies []CertPolicy `toml:"policies" json:"policies,omitempty"`
	// TLSFeature are features by name (RFC 7633): "status_request" is must-staple.
	TLSFeature []string `toml:"tls_feature" json:"tls_feature,omitempty"`
}

// A Rule is an expression that must hold, in the Common Expression Language; the
// language is that of docs/profiles.md.
type Rule struct {
	Require string `toml:"require" json:"require"`
	// Message is what a requester is told if it does not hold.
	Message string `toml:"message" json:"message"`
	// Holds is the expression made ready by policy.Sound, nil before: whether it holds
	// for the facts, which have the names that the language gives them.
	Holds func(facts map[string]any) (bool, error) `toml:"-" json:"-"`
}
