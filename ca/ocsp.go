// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// Bounds of what is asked about at once (security rule RV-06), and of a nonce in octets
// (RFC 9654 §2.1).
const (
	MaxOCSPCertIDs = 10
	MaxOCSPNonce   = 128
)

// A CertID names a certificate by its issuer and serial number (RFC 6960 §4.1.1), as
// whoever asks wrote it: an answer repeats it.
type CertID struct {
	// Hash is that of both digests, one of CertIDHashes.
	Hash     string `json:"hash"`
	NameHash []byte `json:"name_hash"`
	KeyHash  []byte `json:"key_hash"`
	// Parameters says that the hash's AlgorithmIdentifier has an explicit NULL, which is
	// repeated too: some compare octets.
	Parameters bool `json:"parameters,omitempty"`
	// Serial is positive, 20 octets at most.
	Serial Serial `json:"serial"`
}

// CertIDHashes are the names of the hashes that a CertID can have, in the order of how often
// clients use them.
func CertIDHashes() []string { return []string{"sha1", "sha256", "sha384", "sha512"} }

// An OCSPStatus is what is said of a certificate (RFC 6960 §4.2.1).
type OCSPStatus int

// The states, with the RFC's tags as numbers.
const (
	OCSPGood    OCSPStatus = 0
	OCSPRevoked OCSPStatus = 1
	OCSPUnknown OCSPStatus = 2
)

// String is the RFC's word.
func (s OCSPStatus) String() string {
	switch s {
	case OCSPGood:
		return "good"
	case OCSPRevoked:
		return "revoked"
	}
	return "unknown"
}

// An OCSPSingle is what a response says of one certificate (RFC 6960 §4.2.1).
type OCSPSingle struct {
	CertID CertID     `json:"cert_id"`
	Status OCSPStatus `json:"status"`
	// RevokedAt, whole seconds, and Reason stand with OCSPRevoked only; Unspecified is
	// left out of the response (RFC 5280 §5.3.1).
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	Reason    Reason    `json:"reason,omitempty"`
	// ThisUpdate and NextUpdate are whole seconds; NextUpdate is never left out.
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
}

// An OCSPQuery asks about one certificate. ID is its INTENT as the book has it, zero
// if the book knows none: where to look, which is never believed.
type OCSPQuery struct {
	CertID CertID `json:"cert_id"`
	ID     ID     `json:"id"`
}

// An OCSPWish asks for one response of an authority, for MaxOCSPCertIDs certificates
// at most. Nonce is repeated if there is one, 1 to MaxOCSPNonce octets.
type OCSPWish struct {
	Authority string      `json:"authority"`
	Queries   []OCSPQuery `json:"queries"`
	Nonce     []byte      `json:"nonce,omitempty"`
}

// An OCSPAnswer is what became of an OCSPWish: a response, or a problem.
type OCSPAnswer struct {
	// DER is the whole OCSPResponse (RFC 6960 §4.2.1).
	DER     []byte       `json:"der,omitempty"`
	Singles []OCSPSingle `json:"singles,omitempty"`
	Problem *Problem     `json:"problem,omitempty"`
}

// A ResponderDraft is the certificate of a key that answers OCSP for an authority and
// does nothing else (RFC 6960 §4.2.2.2).
type ResponderDraft struct {
	// Issuer is the authority it answers for, which signs it.
	Issuer    *Authority
	Serial    Serial
	Subject   Subject
	SPKI      []byte
	NotBefore time.Time
	NotAfter  time.Time
}
