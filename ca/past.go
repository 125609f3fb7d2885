// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A Past says what is known of a key that was used elsewhere before it came here: which
// certificates of it were revoked there. They stay on every list that it signs here.
type Past struct {
	// Awaited says that nobody has told yet. No list is made meanwhile: one without them
	// would make each of them good again.
	Awaited bool `json:"awaited,omitempty"`
	// List is the SHA-256 of the newest list that told, in DER; it is zero if there was
	// none, because whoever brought the key said that nothing is revoked.
	List Digest `json:"list,omitzero"`
	// Number is that list's, 0 if it has none: those made here are above it.
	Number int64 `json:"number,omitempty"`
	// Entries is how many certificates are revoked, on all lists that told together.
	Entries int `json:"entries,omitempty"`
}

// An EarlierBody is the body of an EARLIER leaf: certificates that were revoked before
// their issuer's key, which the leaf names, came here. The leaf's digest is the SHA-256 of
// the list in DER that told; a list makes as many leaves as its entries need.
type EarlierBody struct {
	Entries []EarlierEntry `json:"entries"`
}

// An EarlierEntry is an entry of a list from elsewhere. Its certificate is on no log, so
// that nobody knows when it ends, or of which key it is.
type EarlierEntry struct {
	Serial Serial `json:"serial"`
	// At is the revocation date, in seconds since 1970.
	At int64 `json:"at"`
	// Reason is the RFC's number, as the words that Reason takes lack the hold.
	Reason int `json:"reason,omitempty"`
}

// MaxEarlier is the most entries of an EarlierBody: 92 octets each at most, in a frame of
// the log of 256 KiB.
const MaxEarlier = 2500

// Never is the end of a certificate that has none which is known (RFC 5280 §4.1.2.5).
func Never() time.Time { return time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC) }
