// SPDX-License-Identifier: Apache-2.0

package signer

import "chancery/signer/journal"

// A Place is where the log lies if not in the signer's directory. Tests alone have
// one: a simulated disk must see every call, and few leaves must fill a segment.
// The keys stay in the directory.
type Place struct {
	Disk journal.FS
	// SegmentLeaves and Ahead are the journal's options of these names; 0 is the usual.
	SegmentLeaves, Ahead int64
	// SnapshotLeaves is after how many leaves a snapshot is made; 0 is the usual.
	SnapshotLeaves int64
	// Remembered is how many settled intents are known; 0 is the usual.
	Remembered int
}
