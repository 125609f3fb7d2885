// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"strings"
	"time"
)

// A Reason says why a certificate is revoked: the CRLReason of RFC 5280 §5.3.1.
type Reason int

// The reasons that can be given. 7 is not used by the RFC, 8 (removeFromCRL)
// belongs to delta lists.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

// reasonNames are the RFC's own words, by number.
var reasonNames = [...]string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", "", "", "privilegeWithdrawn", "aACompromise"}

// Valid tells whether the reason can be given to a certificate for good. A hold
// cannot: it needs a way back.
func (r Reason) Valid() bool {
	return r.Listed() && r != CertificateHold
}

// Listed tells whether the reason can stand on a complete list. A hold that was given
// elsewhere can: nobody here takes it back.
func (r Reason) Listed() bool {
	return r >= 0 && int(r) < len(reasonNames) && reasonNames[r] != ""
}

// String is the RFC's word, such as "keyCompromise".
func (r Reason) String() string {
	if !r.Listed() {
		return "unknown"
	}
	return reasonNames[r]
}

// Reasons are the words of all reasons that can be given, in the RFC's order.
func Reasons() []string {
	var out []string
	for r, name := range reasonNames {
		if Reason(r).Valid() {
			out = append(out, name)
		}
	}
	return out
}

// ParseReason reads one of the RFC's words in any case, with or without dashes.
// The Problem is E2111.
func ParseReason(s string) (Reason, error) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	i := slices.IndexFunc(reasonNames[:], func(name string) bool { return name != "" && plain(name) == plain(s) })
	if i < 0 || !Reason(i).Valid() {
		return 0, Invalid(E2111, Show(s)+" is not a reason to revoke", "use one of "+strings.Join(Reasons(), ", ")).At("reason")
	}
	return Reason(i), nil
}

// MarshalText gives the RFC's word.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseReason reads.
func (r *Reason) UnmarshalText(text []byte) (err error) {
	*r, err = ParseReason(string(text))
	return err
}

// A Revocation is one step of a certificate's history: from At on it is not to be
// trusted. A later step may raise the reason to KeyCompromise; nothing takes a step
// back (security rule RV-03).
type Revocation struct {
	// ID is the REVOKED leaf's, Certificate that of the INTENT.
	ID          ID     `json:"id,string"`
	Certificate ID     `json:"certificate,string"`
	IssuerKey   Digest `json:"issuer_key"`
	Serial      Serial `json:"serial"`
	// Step counts from 1.
	Step   int       `json:"step"`
	Reason Reason    `json:"reason"`
	At     time.Time `json:"at"`
	// By is the ID of whoever revoked it.
	By string `json:"by"`
}

// Revoked is what all steps of a certificate come to.
type Revoked struct {
	// At is the date of the first step, Reason and Step are of the last.
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
	Step   int       `json:"step"`
	// First and Last are the REVOKED leaves of the first and the last step.
	First ID `json:"first,string"`
	Last  ID `json:"last,string"`
}

// Leaf gives the leaf of a step. There are two at most: a reason is raised once.
func (r Revoked) Leaf(step int) ID {
	if step == 1 {
		return r.First
	}
	return r.Last
}

// A Revoking is the wish to take a step.
type Revoking struct {
	// ID names the certificate by its INTENT leaf.
	ID ID `json:"id"`
	// Step is the one to take: 1 for a certificate that is not revoked, 2 to raise
	// the reason of one that is.
	Step   int    `json:"step"`
	Reason Reason `json:"reason"`
	By     string `json:"by"`
}

// A RevokeAnswer is what became of a Revoking: the REVOKED leaf, durable, or a
// problem.
type RevokeAnswer struct {
	Placed
	Problem *Problem `json:"problem,omitempty"`
}

// A RevokedBody is the body of a REVOKED leaf. The revocation date is the leaf's
// time.
type RevokedBody struct {
	// Intent is the index of the certificate's INTENT in the same log, 0 for one that was
	// made elsewhere: the book has no row of it, and none of its revocation but the event.
	Intent int64  `json:"intent"`
	Reason Reason `json:"reason"`
	By     string `json:"by"`
	// NotAfter is the certificate's end, Key the SHA-256 of its SubjectPublicKeyInfo, as
	// the INTENT has them.
	NotAfter time.Time `json:"not_after"`
	Key      Digest    `json:"key"`
}

// A List describes a complete revocation list (RFC 5280 §5) without its entries.
// It is also the body of a CRL leaf, whose digest is the SHA-256 of the
// to-be-signed bytes.
type List struct {
	// Authority is the generation that issued it.
	Authority string `json:"authority"`
	// Number is the CRL number: higher than that of any list before.
	Number     int64     `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	Entries    int       `json:"entries"`
}

// A ListHead is what a published list says of itself before its entries are read.
type ListHead struct {
	Authority  string    `json:"authority"`
	Number     int64     `json:"number"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}

// An Entry is a line of a revocation list (RFC 5280 §5.1.2.6).
type Entry struct {
	Serial Serial
	// At is the revocation date, whole seconds.
	At     time.Time
	Reason Reason
}
