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
// and those of its JSON. policy.Check says whether one is sound.
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
	// Names says which names may be asked for.
	Names NameRules `toml:"names" json:"names"`
	// Subject says, per field, what becomes of it.
	Subject SubjectRules `toml:"subject" json:"subject"`
	// Digest is set by whoever read the document.
	Digest Digest `toml:"-" json:"digest"`
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
}

// SubjectRules say per field what becomes of it: "drop", "optional" (taken if
// asked for), "supplied" (must be asked for), or "fixed:VALUE".
type SubjectRules struct {
	CommonName   string `toml:"common_name" json:"common_name"`
	Organization string `toml:"organization" json:"organization"`
	Unit         string `toml:"unit" json:"unit"`
	Country      string `toml:"country" json:"country"`
	State        string `toml:"state" json:"state"`
	Locality     string `toml:"locality" json:"locality"`
	// CommonNameInNames demands that the common name is also one of the names, as
	// servers need it; a person's common name is no name.
	CommonNameInNames bool `toml:"common_name_in_names" json:"common_name_in_names"`
}
