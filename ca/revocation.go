// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"strings"
	"time"
)

// A Reason says why a certificate is revoked: the CRLReason of RFC 5280 §5.3.1.
type Reason int

// The reasons. 7 is not used by the RFC. 8 stands on no complete list: it is the reason
// of the step that takes a hold back.
const (
	Unspecified          Reason = 0
	KeyCompromise        Reason = 1
	CACompromise         Reason = 2
	AffiliationChanged   Reason = 3
	Superseded           Reason = 4
	CessationOfOperation Reason = 5
	CertificateHold      Reason = 6
	RemoveFromCRL        Reason = 8
	PrivilegeWithdrawn   Reason = 9
	AACompromise         Reason = 10
)

// reasonNames are the RFC's own words, by number.
var reasonNames = [...]string{"unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded",
	"cessationOfOperation", "certificateHold", "", "removeFromCRL", "privilegeWithdrawn", "aACompromise"}

// Final tells whether the reason can be given for good: all but a hold.
func (r Reason) Final() bool { return r.Listed() && r != CertificateHold }

// Listed tells whether the reason can stand on a complete list, which is whether it
// revokes. A hold does: it is the only one that has a way back.
func (r Reason) Listed() bool { return r.known() && r != RemoveFromCRL }

func (r Reason) known() bool {
	return r >= 0 && int(r) < len(reasonNames) && reasonNames[r] != ""
}

// Follows tells whether a step for this reason may come after one for another: what is
// held may come back, or stay revoked for any reason; what is revoked for good only is
// compromised as well (security rule RV-03); what came back is as if it had never been held.
func (r Reason) Follows(before Reason) bool {
	switch before {
	case RemoveFromCRL:
		return r.Listed()
	case CertificateHold:
		return r.Final() || r == RemoveFromCRL
	}
	return r == KeyCompromise && before != KeyCompromise
}

// String is the RFC's word, such as "keyCompromise".
func (r Reason) String() string {
	if !r.known() {
		return "unknown"
	}
	return reasonNames[r]
}

// Reasons are the words of all reasons that revoke, in the RFC's order.
func Reasons() []string {
	var out []string
	for r, name := range reasonNames {
		if Reason(r).Listed() {
			out = append(out, name)
		}
	}
	return out
}

// FinalReasons are those of Reasons that nothing takes back.
func FinalReasons() []string {
	return slices.DeleteFunc(Reasons(), func(name string) bool { return name == CertificateHold.String() })
}

// ParseReason reads one of Reasons in any case, with or without dashes.
// The Problem is E2111.
func ParseReason(s string) (Reason, error) {
	r, err := readReason(s)
	if err == nil && !r.Listed() {
		return 0, Invalid(E2111, Show(s)+" is no reason to revoke: it takes a hold back", "chancery unhold NAME").At("reason")
	}
	return r, err
}

func readReason(s string) (Reason, error) {
	plain := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "-", "")) }
	i := slices.IndexFunc(reasonNames[:], func(name string) bool { return name != "" && plain(name) == plain(s) })
	if i < 0 {
		return 0, Invalid(E2111, Show(s)+" is not a reason to revoke", "use one of "+strings.Join(Reasons(), ", ")).At("reason")
	}
	return Reason(i), nil
}

// MarshalText gives the RFC's word.
func (r Reason) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText reads what ParseReason reads, and removeFromCRL.
func (r *Reason) UnmarshalText(text []byte) (err error) {
	*r, err = readReason(string(text))
	return err
}

// A Withdrawal says how a certificate is to be revoked.
type Withdrawal struct {
	// Reason is RemoveFromCRL to take a hold back.
	Reason Reason `json:"reason"`
	// InvalidSince is when it is known or thought that the certificate was not to be
	// trusted any more, whole seconds, not after now; zero says nothing (RFC 5280 §5.3.2).
	InvalidSince time.Time `json:"invalid_since,omitzero"`
}

// MaxAlso is how many certificates Aftermath.Also names: as many as are revoked in a minute.
const MaxAlso = 10_000

// An Aftermath is a certificate as it stands after it was revoked, or came back, and what was
// revoked with it because somebody else may have their key.
type Aftermath struct {
	Certificate
	// Also are the public names of the other certificates of a compromised key, which were
	// revoked with it: of those that whoever asks may read, at most 10 000.
	Also []string `json:"also_revoked,omitempty"`
	// AlsoUnnamed is how many more were revoked with it.
	AlsoUnnamed int `json:"also_revoked_unnamed,omitempty"`
}

// A Revocation is one step of a certificate's history: from At on it is not to be
// trusted, or, if the reason is RemoveFromCRL, is again. Which step may follow says
// Reason.Follows.
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
	By           string    `json:"by"`
	InvalidSince time.Time `json:"invalid_since,omitzero"`
}

// Revoked is what all steps of a certificate come to, unless the last took a hold back.
type Revoked struct {
	// At is the date of the first step since it was good, the rest is of the last.
	At     time.Time `json:"at"`
	Reason Reason    `json:"reason"`
	Step   int       `json:"step"`
	// Last is the REVOKED leaf of the last step.
	Last         ID        `json:"last,string"`
	InvalidSince time.Time `json:"invalid_since,omitzero"`
}

// A Revoking is the wish to take a step.
type Revoking struct {
	// ID names the certificate by its INTENT leaf.
	ID ID `json:"id"`
	// Step is the one to take, counted from 1.
	Step         int       `json:"step"`
	Reason       Reason    `json:"reason"`
	By           string    `json:"by"`
	InvalidSince time.Time `json:"invalid_since,omitzero"`
	// Evidence is nil where somebody with an account revokes, or the service.
	Evidence *Evidence `json:"evidence,omitempty"`
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
	// InvalidSince is that of ca.Withdrawal.
	InvalidSince time.Time `json:"invalid_since,omitzero"`
	// NotAfter is the certificate's end, Key the SHA-256 of its SubjectPublicKeyInfo, as
	// the INTENT has them.
	NotAfter time.Time `json:"not_after"`
	Key      Digest    `json:"key"`
	// Evidence is that of the Revoking, as it was judged.
	Evidence *Evidence `json:"evidence,omitempty"`
}

// An Entry is a line of a revocation list (RFC 5280 §5.1.2.6).
type Entry struct {
	Serial Serial
	// At is the revocation date, whole seconds.
	At     time.Time
	Reason Reason
	// InvalidSince is whole seconds, or zero (RFC 5280 §5.3.2).
	InvalidSince time.Time
}
