// SPDX-License-Identifier: Apache-2.0

package ca

import "time"

// A Feed is what a compact revocation feed (docs/feed.md) says of itself.
type Feed struct {
	Authority string `json:"authority"`
	// Number rises with each feed of an issuing key, complete or delta.
	Number int64 `json:"number"`
	// Base is the number of the complete feed that a delta stands on; zero for a complete one.
	Base       int64     `json:"base,omitempty"`
	ThisUpdate time.Time `json:"this_update"`
	NextUpdate time.Time `json:"next_update"`
	// Live is how many certificates it answers for, Revoked how many of them are revoked,
	// held, or given up.
	Live    int64 `json:"live"`
	Revoked int64 `json:"revoked"`
}

// A FeedBody is the body of a FEED leaf, whose digest is the SHA-256 of all of the feed that
// is signed.
type FeedBody struct {
	Feed
	// Leaves is how many leaves the log had when it was looked at what is revoked: the feed
	// revokes what was revoked below. Zero is of a feed whose leaf does not say so.
	Leaves int64 `json:"leaves,omitempty"`
}

// FeedName names a feed, for people and as the end of its address.
func FeedName(authority string, delta bool) string {
	if delta {
		return authority + ".delta.feed"
	}
	return authority + ".feed"
}

// FeedGround is what the signer knows of the feed that could be made now.
type FeedGround struct {
	// Now is when the signer looked. What is revoked is that of this moment.
	Now time.Time `json:"now"`
	// Horizon is in whole seconds: each certificate whose serial number has a second up
	// to it has its INTENT below Leaves. So it is in a book whose mark is not below that.
	Horizon time.Time `json:"horizon"`
	Leaves  int64     `json:"leaves"`
	// Base is the number of the complete feed that a delta can stand on; zero is none.
	Base int64 `json:"base,omitempty"`
	// Revoked is how many numbers follow.
	Revoked int `json:"revoked"`
}
