// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"bytes"
	"time"
)

// MaxCSR is the largest certification request in DER, in octets (architecture
// §10): a request with 100 names and an 8192-bit key stays well below.
const MaxCSR = 64 << 10

// A RequestID is a UUIDv7 in its usual text form: ordered by time.
type RequestID string

// A Request is what somebody asks for, whatever the door. From the door on
// nothing knows the protocol.
type Request struct {
	ID RequestID `json:"id"`
	// Door is the way in; Key the door's idempotency key, empty if it has none.
	// The same (door, actor, key) gives the same certificate for 24 hours.
	Door Door   `json:"door"`
	Key  string `json:"key,omitempty"`
	From Actor  `json:"actor"`
	// Profile is the profile's name and Digest the version the requester's side
	// saw. The signer refuses another version.
	Profile string `json:"profile"`
	Digest  Digest `json:"digest"`
	// Line is the authority line that is wished for; empty takes the profile's. The
	// profile says which others it takes.
	Line string `json:"line,omitempty"`
	// CSR is the PKCS#10 request in DER (RFC 2986), at most MaxCSR octets, without its
	// challenge password if it had one: it is kept in many places.
	CSR []byte `json:"csr"`
	// Whole is the request as it came, if it has a challenge password, which its signature
	// is over. The signer alone needs it; it is kept nowhere but sealed (Challenge).
	Whole Private `json:"whole,omitempty"`
	// Renews is the certificate that is renewed with the key that it has, for whose request
	// the signer looks on its log where Whole is missing; zero for none.
	Renews ID `json:"renews,omitempty"`
	// NotAfter is the wished end; zero takes the profile's usual lifetime.
	NotAfter time.Time `json:"not_after,omitzero"`
	// Evidence is what approvals and proofs the request brings; each document is
	// checked by the signer itself.
	Evidence [][]byte `json:"evidence,omitempty"`
	// At is when the door took the request in.
	At time.Time `json:"at"`
}

// Same tells whether two requests ask for the same: request, profile, line and end. An
// end that was given in days is the same number of days, whenever it was sent. Of
// times only milliseconds count, as the book keeps no more.
func (r Request) Same(other Request) bool {
	days := func(r Request) int64 { return r.NotAfter.UnixMilli() - r.At.UnixMilli() }
	end := r.NotAfter.UnixMilli() == other.NotAfter.UnixMilli() ||
		!r.NotAfter.IsZero() && !other.NotAfter.IsZero() && days(r) == days(other)
	return end && r.Profile == other.Profile && r.Line == other.Line && bytes.Equal(r.CSR, other.CSR)
}

// A CSR is a parsed certification request: what was asked, with nothing
// believed but the syntax. internal/csr makes it.
type CSR struct {
	// Raw is the request in DER, without its challenge password if it had one, SPKI the
	// SubjectPublicKeyInfo in DER.
	Raw, SPKI []byte
	// Whole is the request as it came, if it has a challenge password, else nil.
	Whole Private
	// Key is the SHA-256 of SPKI.
	Key Digest
	// KeyType is such as "ecdsa-p256", "rsa-3072", "ed25519".
	KeyType string
	// Bits is the size of the key's modulus or field.
	Bits    int
	Subject Subject
	// Names are the subject alternative names asked for, in their order,
	// canonical, without duplicates.
	Names []Name
	// Use are the extended key usages asked for, by name or object identifier; KeyUsage
	// the bits, by name. Profiles set both.
	Use, KeyUsage []string
	// Extensions are the others asked for, each once, with values that are DER.
	Extensions []Extension
	// Dropped says in plain words what the request asked for that no profile
	// takes from a request, such as extension OIDs.
	Dropped []string
}
