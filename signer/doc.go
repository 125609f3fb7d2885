// SPDX-License-Identifier: Apache-2.0

// Package signer is the only holder of keys. It takes wishes, vets each again
// with its own copy of the policy, builds the certificate, walks the bytes with
// the fast checker, writes the intent to its journal, and only then signs and
// verifies what it signed (architecture §4, security §4).
//
// It never takes bytes to sign, has no network, no database and no timer of its
// own, and makes CA certificates only on the ceremony socket: in Found, Create,
// Recertify and Resign. It decides nothing about them: it reads certificates into
// values (link.go), asks policy.Hierarchy, and then opens keys, journals and signs. Its
// socket is package wire; its journal, package journal; its keys at rest, package
// softkey.
//
// Start reading at Issue, then Hello and Settle (docs/recovery.md is their
// table), then Found and Create.
package signer
