// SPDX-License-Identifier: Apache-2.0

package ca

// A ProofWish says what a Proof is wanted of.
type ProofWish struct {
	// Leaf is the index of a leaf whose inclusion is to be proven, -1 for none.
	Leaf int64 `json:"leaf"`
	// Since is the size of a tree that somebody kept, 0 for none.
	Since int64 `json:"since"`
}

// A Proof is the newest promise of the log about itself, and what follows from it. The
// hashes are those of RFC 9162 §2.1.3.1 and §2.1.4.1, in their order.
type Proof struct {
	// Checkpoint is signed (c2sp.org/tlog-checkpoint): the log's name, the number of its
	// leaves, and the root of their tree.
	Checkpoint string `json:"checkpoint"`
	// Key is the log's key in the form of c2sp.org/signed-note. Who verifies takes it from
	// elsewhere: audit.pub, as init wrote it.
	Key string `json:"key"`
	// Size is how many leaves the checkpoint is about, Root the root of their tree.
	Size int64  `json:"size"`
	Root Digest `json:"root"`
	// Inclusion proves a leaf to be in that tree, if that was asked for; of a tree of one
	// leaf it is empty.
	Inclusion []Digest `json:"inclusion,omitempty"`
	// Consistency proves that a smaller tree is the beginning of that one.
	Consistency []Digest `json:"consistency,omitempty"`
}
