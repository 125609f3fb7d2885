// SPDX-License-Identifier: Apache-2.0

// Package feed makes and reads the compact feed: a small signed file that says of
// every live certificate of one issuer whether it is revoked, for parties that can
// hold no list and ask nobody. docs/feed.md has its bytes, and feed/verify a reader
// that stands alone.
//
// The filter inside is exact for what it was made of and says nothing sensible of
// serial numbers that were never issued: a feed is no proof that a certificate
// exists. It is a static function in two tables of linear equations over GF(2) ("ribbon"
// tables, arXiv 2103.02515), cut in two as Clubcards are (IEEE S&P 2025): the first
// lets all revoked numbers through and few others, the second has one bit for each
// number that came through. Its size is near the least that there can be.
//
// The package signs nothing, verifies no signature, opens no file and reads no clock.
// Whoever knows the book calls Build; the signer, which does not believe it, calls New,
// Check with what it knows to be revoked, and Signed. Start reading at Build, then
// Feed.Status.
package feed
