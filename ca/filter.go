// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// MaxPage is the largest number of rows a page of a list may have.
const MaxPage = 500

// ExpiringWithin is from when a certificate may be expiring: it ends within this time.
const ExpiringWithin = 30 * 24 * time.Hour

// MinSearch is the least of a name, in characters, that Search finds.
const MinSearch = 3

// A Filter chooses certificates for a list. Zero fields do not restrict.
type Filter struct {
	// Name is a whole name or a pattern: "*.suffix" for all names below a suffix, "prefix*"
	// for all that begin so, "*part*" as Search.
	Name string
	// Search is a part of a name or e-mail address, MinSearch characters at least.
	Search string
	// Authority is a generation, Line a line of them, Profile a profile, Owner an actor's
	// ID, Door a way in.
	Authority, Line, Profile, Owner string
	Door                            Door
	// Tag is a word of the annotation.
	Tag string
	// Authorities are the generations of Line; whoever knows the lines sets them.
	Authorities []string
	// Key is the SHA-256 of a subject's SubjectPublicKeyInfo; zero is any.
	Key Digest
	// IssuedSince keeps those issued then or later.
	IssuedSince time.Time
	// ExpiringBefore keeps those valid now that end before it.
	ExpiringBefore time.Time
	// Status is empty or one of Statuses, judged at Now.
	Status string
	Now    time.Time
	// Sort is empty or one of Sorts.
	Sort string
	// After is the cursor: the ID of the last row seen, whatever the order.
	After ID
	// Limit is 1 to MaxPage.
	Limit int
}

// Statuses are the words of Filter.Status. An expiring one is valid too:
// it ends within ExpiringWithin, two thirds of its life are over, and its owner has no newer
// one of the same common name and profile that stands. One that is held is revoked too, for the reason certificateHold.
func Statuses() []string { return []string{"valid", "expiring", "expired", "revoked", "held", "void"} }

// Sorts are the words of Filter.Sort: newest first; the next to end first; by common name.
// The last two leave void rows out, which have neither. Without a word what is expiring
// comes by its end, what has expired the last to end first, and all else newest first.
func Sorts() []string { return []string{"newest", "expiry", "name"} }

// An EventFilter chooses events for a list. Zero fields do not restrict.
type EventFilter struct {
	// Actor is who did it, whatever credential acted (see Actor.By), Kind what.
	Actor, Kind string
	Since       time.Time
	// After is the cursor: the ID of the last event seen; they come newest first.
	After ID
	// Limit is 1 to MaxPage.
	Limit int
}
