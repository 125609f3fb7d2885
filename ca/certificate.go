// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"slices"
	"time"
)

// A CertificateKind says what a row of the book stands for.
type CertificateKind string

// EndEntity is a certificate handed out, CACertificate one of an authority,
// Void an intent that was given up: a serial that is never used again and is
// reported revoked.
const (
	EndEntity     CertificateKind = "end-entity"
	CACertificate CertificateKind = "ca"
	Void          CertificateKind = "void"
)

// A Certificate is a row of the book. Rows are inserted once and never changed.
type Certificate struct {
	// ID names the INTENT's leaf. In JSON it is a string, because it is larger than
	// what a double holds exactly.
	ID   ID              `json:"id,string"`
	Kind CertificateKind `json:"kind"`
	// IssuerKey and Serial are unique together, void rows included.
	IssuerKey Digest `json:"issuer_key"`
	Serial    Serial `json:"serial"`
	// Authority is the generation that signed.
	Authority string    `json:"authority"`
	Request   RequestID `json:"request"`
	Profile   string    `json:"profile"`
	// ProfileDigest is the version of the profile it was issued under.
	ProfileDigest Digest `json:"profile_digest"`
	// Owner is the ID of the actor who asked.
	Owner  string `json:"owner"`
	Door   Door   `json:"door"`
	Names  []Name `json:"names,omitempty"`
	Common string `json:"common_name,omitempty"`
	// Key is the SHA-256 of the subject's SubjectPublicKeyInfo.
	Key       Digest    `json:"key"`
	KeyType   string    `json:"key_type"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	IssuedAt  time.Time `json:"issued_at"`
	// DER is the certificate; empty for a void row.
	DER []byte `json:"der,omitempty"`
	// Undelivered says that settling inserted the row: nobody was answered.
	Undelivered bool `json:"undelivered,omitempty"`
	// Revoked is how it stands with its revocation; nil if it is not revoked. It is
	// no column of the row.
	Revoked *Revoked `json:"revoked,omitempty"`
	// Steps is how many steps its history has, those included that were taken back. It is
	// no column either.
	Steps int `json:"steps,omitempty"`
	// IssuerRevoked is the revoked authority that issued it, or is above that one: whoever
	// checks the whole chain does not take it, though it was not revoked itself. Who looks
	// certificates up fills it in; it is no column either.
	IssuerRevoked string `json:"issuer_revoked,omitempty"`
	Annotation
	// Status is Standing when the API answered, and empty elsewhere.
	Status string `json:"status,omitempty"`
}

// Standing is how it stands with a certificate, in the words of Filter.Status. One
// that was revoked and has ended is expired.
func (c Certificate) Standing(now time.Time) string {
	switch {
	case c.Kind == Void:
		return "void"
	case c.NotAfter.Before(now):
		return "expired"
	case c.Revoked != nil && c.Revoked.Reason == CertificateHold:
		return "held"
	case c.Revoked != nil:
		return "revoked"
	}
	return "valid"
}

// RenewFrom is when renewing is due: two thirds of its life are over.
func (c Certificate) RenewFrom() time.Time {
	return c.NotBefore.Add(c.NotAfter.Sub(c.NotBefore) * 2 / 3)
}

// Due tells whether it should be renewed by now: two thirds of its life are over, and it
// ends within ExpiringWithin. Whether that was done, its owner's newer ones say.
func (c Certificate) Due(now time.Time) bool {
	return !now.Before(c.RenewFrom()) && !now.After(c.NotAfter) && c.NotAfter.Before(now.Add(ExpiringWithin))
}

// PublicName is how a certificate is named in pages and the API:
// <generation>-<serial>.
func (c Certificate) PublicName() string { return c.Authority + "-" + string(c.Serial) }

// Title is the name people see: the common name, else the first name.
func (c Certificate) Title() string {
	if c.Common != "" {
		return c.Common
	}
	if len(c.Names) > 0 {
		return c.Names[0].Value
	}
	return c.PublicName()
}

// The words of a profile's rule unique that demand something (R67).
const (
	UniqueName    = "common_name"
	UniqueSubject = "subject"
)

// SameHolder tells whether two certificates are a renewal of each other as far as anybody can
// see: the same owner, and the same names in whatever order.
func SameHolder(a, b Certificate) bool {
	return a.Owner == b.Owner && len(a.Names) == len(b.Names) && !slices.ContainsFunc(a.Names, func(n Name) bool { return !slices.Contains(b.Names, n) })
}

// An Answer is what the signer gives for one wish: a certificate with its leaf,
// or a problem.
type Answer struct {
	Request RequestID `json:"request"`
	// Index is the INTENT's leaf index, Leaf its exact bytes.
	Index int64  `json:"index,omitempty"`
	Leaf  []byte `json:"leaf,omitempty"`
	// DER is the certificate.
	DER     []byte   `json:"der,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
}

// An Event explains a change. Leaf is the exact leaf of the log that proves it.
type Event struct {
	// ID names the leaf.
	ID    ID
	Kind  string
	By    string
	At    time.Time
	About string
	Leaf  []byte
}

// A Change is what one step writes: all of it in one transaction, or nothing.
type Change struct {
	// Request is the request row to insert, if the step has one.
	Request *Request
	// Certificate is the row to insert, if the step has one.
	Certificate *Certificate
	// Unique is what no other live certificate of the profile may share with it: UniqueName,
	// UniqueSubject, or empty for nothing.
	Unique string
	// Authority is the generation to insert or to move to another state.
	Authority *Authority
	// Revocation is the row to insert, if the step is one.
	Revocation *Revocation
	// Token is the row to insert when one is made, TokenEnd when one is revoked.
	Token    *Token
	TokenEnd *TokenEnd
	// Annotated is the annotation that takes the place of another, if the step is one.
	Annotated *Annotated
	// Event is always there: state never changes without it.
	Event Event
}
