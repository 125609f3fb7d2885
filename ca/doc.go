// SPDX-License-Identifier: Apache-2.0

// Package ca holds the nouns of a certificate authority: Request, Certificate,
// Authority, Profile, Draft, Actor, Event, Change and Problem, and the rules of
// their states as pure methods.
//
// It does no I/O, keeps no time of its own, and knows no protocol, no SQL, no
// HTTP status and no ASN.1. Start reading at Request, then Draft, then
// Certificate.
//
// Words, one per thing, in Go, SQL, JSON, pages and manual alike:
//
//   - authority: one generation of a CA: a name such as issuing-g1, a key, one
//     or more certificates of that key. The command line says ca.
//   - line: the succession of generations with one purpose (issuing).
//   - request: what somebody asks for. A wish is a request on its way to the signer.
//   - draft: the certificate a request would become. Only a cleared one is signed.
//   - certificate: what was signed; named <generation>-<serial>.
//   - profile: what may be asked for, as a versioned document.
//   - bundle (policy bundle): the signed set of profiles and limits the signer obeys.
//   - trust bundle: the CA certificates a relying party installs.
//   - leaf: an entry of the log. End-entity certificates are never called leaf
//     in code that also speaks of the log.
//   - book: the database. Log: the signer's journal as a Merkle tree.
//   - void: an intent that was given up before anything was signed; reported revoked.
package ca
