// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"errors"
	"time"
)

// ErrTaken says that a commit was refused because a row already stands under
// one of its unique keys. Nothing of the commit was written. It is the one error
// of a commit, beside a Problem, that does not leave the outcome unknown.
var ErrTaken = errors.New("a row already stands in this place")

// ErrDisk says that the disk under the book failed or is full. Memory and page
// cache may have more than the disk, so the process must end and read what is
// really there (security rule IS-06). A Problem with the reason comes with it.
var ErrDisk = errors.New("the disk under the book failed")

// The bodies of leaves, as JSON. The signer writes them, settling reads them
// (docs/recovery.md). A body may be erased by retention without breaking a
// proof; what must outlive it stands in the leaf.

// An IntentBody is the body of an INTENT leaf: everything the row of the book
// needs, so that settling can make the row without parsing a certificate.
type IntentBody struct {
	// Wish is the request as the front sent it; zero for a CA certificate.
	Wish Request `json:"wish,omitzero"`
	// TBS is the exact bytes that are signed; the leaf's digest is their SHA-256.
	TBS []byte `json:"tbs"`
	// Authority is the generation that signs.
	Authority string `json:"authority"`
	// Kind is EndEntity or CACertificate.
	Kind CertificateKind `json:"kind"`
	// Names and Common are the subject alternative names and the common name.
	Names  []Name `json:"names,omitempty"`
	Common string `json:"common,omitempty"`
	// Key is the SHA-256 of the subject's SubjectPublicKeyInfo, KeyType its type.
	Key     Digest `json:"key"`
	KeyType string `json:"key_type"`
	// NotBefore and NotAfter are the validity in TBS. A void row needs the end: it
	// is reported revoked until then.
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	// Challenge is set if the request brought a challenge password.
	Challenge *Challenge `json:"challenge,omitempty"`
}

// A FinalBody is the body of a FINAL leaf. The leaf cites the INTENT, and its
// digest is the SHA-256 of DER.
type FinalBody struct {
	// DER is the certificate.
	DER []byte `json:"der"`
	// Late says that settling brought the certificate from the book, because the
	// first FINAL never reached the disk.
	Late bool `json:"late,omitempty"`
}

// A BundleBody is the body of a BUNDLE leaf, whose digest is the document's.
type BundleBody struct {
	Document []byte `json:"document"`
	// Signature is the policy key's Ed25519 signature over policy.BundleMessage.
	Signature []byte `json:"signature"`
}

// A RefusalBody is the body of a REFUSAL leaf: a wish that was read, and the
// rule's no.
type RefusalBody struct {
	Request Request `json:"request"`
	Problem Problem `json:"problem"`
}

// An EventBody is the body of a FRONT-EVENT leaf: what the front says happened.
type EventBody struct {
	// Kind is such as "token-made"; By is the actor's ID, About what it is about.
	Kind  string `json:"kind"`
	By    string `json:"by"`
	About string `json:"about,omitempty"`
}

// Placed is where a leaf lies in the log, with its exact bytes.
type Placed struct {
	Index int64  `json:"index"`
	Leaf  []byte `json:"leaf"`
}
