// SPDX-License-Identifier: Apache-2.0

package ca

import (
	"strings"
	"time"
)

// A Renewing asks for a certificate once more (security rule PF-08).
type Renewing struct {
	// Certificate is a public name, a serial number, its tail, or a name; empty is the one
	// that who asks has shown.
	Certificate string
	// CSR asks for the same names and subject with another key; nil takes the request that
	// the certificate came of, and so its key.
	CSR *CSR
	// Days is the wished lifetime; 0 is the profile's usual one.
	Days int
	// Replaces says that the old certificate is revoked as superseded, After it was renewed:
	// at once, in one transaction with the new one, or after days.
	Replaces bool
	After    time.Duration
}

// RenewalKey begins the idempotency key of every request that renews a certificate.
func RenewalKey(s Serial) string { return renewalKey + string(s) + " " }

const renewalKey = "renew "

// RenewedSerial is the serial number of the certificate that a request of this idempotency
// key renews, if it is one of RenewalKey. Anybody may choose such a key.
func RenewedSerial(key string) (Serial, bool) {
	rest, ok := strings.CutPrefix(key, renewalKey)
	text, _, whole := strings.Cut(rest, " ")
	s, err := ParseSerial(text)
	return s, ok && whole && err == nil
}

// MaxOverlap is how long after a renewal the old certificate may be revoked.
const MaxOverlap = 90 * 24 * time.Hour

// EventReplaced is the kind of the event that plans the revocation of a certificate that was
// renewed; it is about the certificate's public name and the moment in RFC 3339.
const EventReplaced = "replaced"
