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
}
