// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"time"
)

// An AuthorityKind says what an authority signs.
type AuthorityKind string

// A root signs authorities and is kept sealed; an intermediate is below another
// and signs authorities; an issuing authority signs end-entity certificates.
const (
	Root         AuthorityKind = "root"
	Intermediate AuthorityKind = "intermediate"
	Issuing      AuthorityKind = "issuing"
)

// An AuthorityState is where a generation stands in its line (architecture §6).
type AuthorityState string

// The states, in the order of a generation's life. One that is retired is in no bundle
// and signs no certificate any more; its list goes on (see Lists).
const (
	Standby  AuthorityState = "standby"
	Active   AuthorityState = "active"
	Retiring AuthorityState = "retiring"
	Retired  AuthorityState = "retired"
)

// An Authority is one generation of a line: a name, a key and the certificate
// of that key. It is immutable; a change makes a new value.
type Authority struct {
	// Name is the generation, such as "issuing-g1": fixed at creation, never reused.
	Name string `json:"name"`
	// Line is the succession it belongs to, such as "issuing".
	Line  string         `json:"line"`
	Kind  AuthorityKind  `json:"kind"`
	State AuthorityState `json:"state"`
	// Parent is the generation that signed it; its own name for a root.
	Parent string `json:"parent"`
	// Key is issuer_key: the SHA-256 of the SubjectPublicKeyInfo.
	Key Digest `json:"key"`
	// KeyType is such as "ecdsa-p384".
	KeyType string `json:"key_type"`
	// Certificate is the CA certificate in DER.
	Certificate []byte `json:"certificate"`
	// Subject is the name in DER as the certificate has it; SPKI the key in DER.
	Subject []byte `json:"subject"`
	SPKI    []byte `json:"spki"`
	// SKI is the subject key identifier (RFC 7093 §2 method 1: 20 octets).
	SKI []byte `json:"ski"`
	// Use are the extended key usages by name that it may hand out; empty for a root.
	Use       []string  `json:"use,omitempty"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// CRL is the address of its list, Issuer that of its certificate: what goes
	// into the certificates it signs (RFC 5280 §4.2.1.13, §4.2.2.1), CA
	// certificates included. An empty one is left out (R143).
	CRL    string `json:"crl"`
	Issuer string `json:"issuer"`
	// OCSP is the address of its responder, for the same place (RFC 5280 §4.2.2.1).
	OCSP string `json:"ocsp,omitempty"`
	// Shards is the number of CRL shards, fixed for the generation's life.
	Shards int `json:"shards"`
	// Hash is what it signs with; empty is the default of its key type.
	Hash Hash `json:"hash,omitempty"`
	// AKI is the form of the authority key identifier in what it signs.
	AKI AKIForm `json:"aki,omitempty"`
	// Version is 1 when it is founded, and one more with each change since.
	Version int `json:"version"`
	// Activated rises along the line with each activation: 0 for one that was never
	// activated, or signs since it was made. A renewal leaves it as it is.
	Activated int `json:"activated,omitempty"`
	// External says that its key is elsewhere: it signs nothing here.
	External bool `json:"external,omitempty"`
	// Earlier are certificates that Certificate replaced, of the same key, oldest first.
	Earlier [][]byte `json:"earlier,omitempty"`
	// Cross are certificates of its key by others than its parent.
	Cross []CrossCertificate `json:"cross,omitempty"`
	// Revoked are the revocations of its certificate, and of its cross-certificates, at most
	// one by each who signed.
	Revoked []AuthorityRevocation `json:"revoked,omitempty"`
	// Past is what its key revoked elsewhere; nil for a key that was made here.
	Past *Past `json:"past,omitempty"`
	// Constraints are the name constraints of its certificate and of all above it,
	// each of which its certificates must keep (RFC 5280 §6.1). They are never
	// stored: whoever loads an authority reads them from the certificates with
	// check.Constraints, so that the two cannot differ.
	Constraints []NameConstraints `json:"-"`
	// Fields are those of Subject, read like Constraints by whoever loads it: what a
	// profile's match is held against.
	Fields Subject `json:"-"`
	// Until is the earliest end in its chain, if the one who loads it read that too.
	Until time.Time `json:"-"`
	// OCSPByItself says that its own key signs its OCSP answers, by the policy in force, if
	// the one who loads it read that too.
	OCSPByItself bool `json:"-"`
	// Fallen is FallenOf its chain, if the one who loads it read that too: while it is set
	// it signs no certificate.
	Fallen string `json:"-"`
}

// End is when whatever it signs must have ended: verifiers demand that the whole chain is
// valid, and a root may have been renewed to end before what is below it.
func (a Authority) End() time.Time {
	if !a.Until.IsZero() && a.Until.Before(a.NotAfter) {
		return a.Until
	}
	return a.NotAfter
}

// A CrossCertificate is a certificate of a generation's key that another one than
// its parent signed, so that whoever trusts the other accepts the generation.
type CrossCertificate struct {
	By          string `json:"by"`
	Certificate []byte `json:"certificate"`
}

// An AuthorityRevocation says that what one generation signed for another's key is
// revoked. What stands on the list is in the book, by certificate.
type AuthorityRevocation struct {
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
}

// Signs tells whether it may sign certificates, now or when it is activated, and here:
// whether its key is unlocked is another question.
func (a Authority) Signs() bool { return !a.External && a.State != Retired }

// Lists tells whether its list is made here. One that is retired lists on, since what
// it signed may be valid and be revoked, until its own certificate ends: from then on
// nobody accepts what is below it, and nobody would accept its list.
func (a Authority) Lists(now time.Time) bool { return !a.External && now.Before(a.NotAfter) }

// NewerThan tells which of two active generations of a line signs: there are two only
// while an activation that a power cut broke off waits to be repeated. It is the one
// activated last, whatever dates a renewal gave the other.
func (a Authority) NewerThan(b Authority) bool {
	if a.Activated != b.Activated {
		return a.Activated > b.Activated
	}
	return a.Name > b.Name
}

// Algorithm names what it signs with: its key type, followed by "+" and the hash if
// one was chosen, such as rsa-3072+sha512.
func (a Authority) Algorithm() string {
	if a.Hash == "" {
		return a.KeyType
	}
	return a.KeyType + "+" + string(a.Hash)
}

// An AuthorityDraft is the CA certificate a founding would make. It is a type of
// its own, so that nothing that signs end-entity drafts can sign one.
type AuthorityDraft struct {
	Serial  Serial
	Subject Subject
	SPKI    []byte
	// SKI is the subject key identifier of a key that has one already: what it signed
	// names it so. Empty is that of the key (RFC 7093 §2 method 1).
	SKI       []byte
	NotBefore time.Time
	NotAfter  time.Time
	// PathLen is the path length constraint; -1 leaves it out.
	PathLen int
	// Use are extended key usages by name; empty leaves the extension out.
	Use []string
	// Constraints are the name constraints; empty ones leave the extension out.
	Constraints NameConstraints
	// Policies are the certificate policies; none leave the extension out.
	Policies []CertPolicy
	// AKI is the form of this certificate's authority key identifier (R11).
	AKI AKIForm
	// Hash is what a root signs itself with; all others are signed with their
	// issuer's, and leave it empty.
	Hash Hash
	// Issuer is who signs. It is nil for a root, which signs itself.
	Issuer *Authority
}

// NobodySigns is the Problem of a line without an active generation whose chain stands,
// E3004. One that waits in standby is the way out, as after its predecessor was revoked.
// Those given are Bound.
func NobodySigns(line string, all []Authority) *Problem {
	fix, why := "chancery ca list", ""
	var newest *Authority
	for i, a := range all {
		switch {
		case a.Line != line || a.Kind != Issuing || a.External:
		case a.State == Active && a.Fallen == "": // its key is not open
			return Unavailable(E3004, "no authority of line "+Show(line)+" can sign", "chancery ca list")
		case a.State == Active:
			why = a.Fallen + " is revoked, and " + a.Name + " is below it"
			if newest == nil {
				fix = "make the next generation below another authority: chancery ca create"
			}
		case a.State == Retired && newest == nil && fix == "chancery ca list":
			fix, why = "make the next generation: chancery ca create", a.Name+" is retired"
			if a.RevokedByParent() {
				why = a.Name + " is revoked"
			}
		case a.State == Standby && a.Fallen == "" && (newest == nil || a.NewerThan(*newest)):
			newest = &all[i]
			fix = "chancery ca activate " + a.Name
		}
	}
	p := Unavailable(E3004, "no authority of line "+Show(line)+" can sign", fix)
	p.Why = why
	return p
}
