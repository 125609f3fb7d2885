// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// A Hash is a node of the tree: SHA-256, leaves with prefix 0x00 and inner nodes
// with 0x01 (RFC 9162 §2.1).
type Hash = tlog.Hash

// TileHeight is the height of a tile: 256 hashes.
const TileHeight = 8

// Hashes reads the hash of the complete subtree over the leaves
// [n·2^level, (n+1)·2^level).
type Hashes func(level int, n int64) (Hash, error)

// ReadHashes lets tlog read through h.
func (h Hashes) ReadHashes(indexes []int64) ([]Hash, error) {
	out := make([]Hash, len(indexes))
	for i, x := range indexes {
		level, n := tlog.SplitStoredHashIndex(x)
		var err error
		if out[i], err = h(level, n); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// LeafHash is the hash of a leaf's canonical bytes.
func LeafHash(leaf []byte) Hash { return tlog.RecordHash(leaf) }

// Root is the root of the tree of the first size leaves.
func Root(size int64, h Hashes) (Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil // RFC 9162 §2.1.1
	}
	return tlog.TreeHash(size, h)
}

// Inclusion proves that leaf index is in the tree of the first size leaves.
func Inclusion(index, size int64, h Hashes) ([]Hash, error) {
	if index < 0 || index >= size {
		return nil, fmt.Errorf("no leaf %d in a tree of %d", index, size)
	}
	return tlog.ProveRecord(size, index, h)
}

// CheckInclusion verifies a proof of Inclusion for a leaf's canonical bytes.
func CheckInclusion(proof []Hash, index, size int64, root Hash, leaf []byte) error {
	return tlog.CheckRecord(proof, size, root, index, LeafHash(leaf))
}

// Consistency proves that the tree of the first old leaves is a prefix of the
// tree of the first size. The proof from the empty tree is empty.
func Consistency(old, size int64, h Hashes) ([]Hash, error) {
	if old < 0 || old > size {
		return nil, fmt.Errorf("no tree of %d in a tree of %d", old, size)
	}
	if old == 0 {
		return nil, nil
	}
	return tlog.ProveTree(size, old, h)
}

// CheckConsistency verifies a proof of Consistency.
func CheckConsistency(proof []Hash, old int64, oldRoot Hash, size int64, root Hash) error {
	if old == 0 {
		if len(proof) != 0 || oldRoot != sha256.Sum256(nil) {
			return errors.New("the proof from the empty tree is empty")
		}
		return nil
	}
	return tlog.CheckTree(proof, size, root, old, oldRoot)
}

// A Tile names 1 to 256 neighbouring hashes of one level, as tlog-tiles
// publishes them (c2sp.org/tlog-tiles).
type Tile struct {
	Level int   // hashes are of tree level 8·Level
	N     int64 // the tile holds hashes 256·N and on
	Width int   // 256, or fewer at the tree's right edge
}

// Path is the tile's path by tlog-tiles, such as tile/0/x001/234.p/8. Unlike
// sumdb's it does not name the height.
func (t Tile) Path() string {
	_, path, _ := strings.Cut(strings.TrimPrefix(tlog.Tile{H: TileHeight, L: t.Level, N: t.N, W: t.Width}.Path(), "tile/"), "/")
	return "tile/" + path
}

// TileData is the tile's hashes one after the other. All of its leaves must
// exist: what lies beyond the tree's end is the caller's to refuse.
func TileData(t Tile, h Hashes) ([]byte, error) {
	if t.Level < 0 || t.Level > 63/TileHeight || t.N < 0 || t.Width < 1 || t.Width > 1<<TileHeight {
		return nil, fmt.Errorf("there is no tile %+v", t)
	}
	out := make([]byte, 0, t.Width*len(Hash{}))
	for i := range int64(t.Width) {
		x, err := h(t.Level*TileHeight, t.N<<TileHeight+i)
		if err != nil {
			return nil, err
		}
		out = append(out, x[:]...)
	}
	return out, nil
}

// A Range is a growing tree that remembers only its right edge, so it grows
// without bound in under 64 hashes. The zero Range is the empty tree.
type Range struct {
	size int64
	edge []Hash // of the complete subtrees, largest first
}

// Add appends the hash of the next leaf.
func (r *Range) Add(leaf Hash) {
	for n := r.size; n&1 == 1; n >>= 1 {
		leaf = tlog.NodeHash(r.edge[len(r.edge)-1], leaf)
		r.edge = r.edge[:len(r.edge)-1]
	}
	r.edge = append(r.edge, leaf)
	r.size++
}

// Size is the number of leaves.
func (r *Range) Size() int64 { return r.size }

// Root is the root of the tree so far.
func (r *Range) Root() Hash {
	if len(r.edge) == 0 {
		return sha256.Sum256(nil)
	}
	h := r.edge[len(r.edge)-1]
	for i := len(r.edge) - 2; i >= 0; i-- {
		h = tlog.NodeHash(r.edge[i], h)
	}
	return h
}
