// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// MaxPage is the largest number of rows a page of a list may have.
const MaxPage = 500

// A Filter chooses certificates for a list. Zero fields do not restrict.
type Filter struct {
	// Name is a whole name, or "*.suffix" for all names below a suffix.
	Name string
	// Authority is a generation, Profile a profile, Owner an actor's ID.
	Authority, Profile, Owner string
	// Key is the SHA-256 of a subject's SubjectPublicKeyInfo; zero is any.
	Key Digest
	// ExpiringBefore keeps those valid now that end before it.
	ExpiringBefore time.Time
	// Status is "", "valid", "revoked", "expired" or "void", judged at Now.
	Status string
	Now    time.Time
	// After is the cursor: the ID of the last row seen; rows come newest first.
	After ID
	// Limit is 1 to MaxPage.
	Limit int
}
