// SPDX-License-Identifier: Apache-2.0

// Package audit is the pure half of the log: what a leaf is, how it lies in a
// frame, a group and a segment, the Merkle tree over leaves (RFC 9162 §2.1),
// signed checkpoints, and the verifier that needs nothing but the files, the
// checkpoint and the log's public key.
//
// The log is the signer's journal; there is no second one. Only leaves are
// hashed into the tree. A leaf holds the digest of its salted body, so that the
// body, where all free text lives, can be erased later without breaking a proof.
//
// The package writes nothing, opens nothing and knows no clock: package
// signer/journal owns the files. Start reading at Leaf, then AppendFrame, then
// Verify. docs/journal.md has the same format in prose, enough for a second
// implementation.
package audit
