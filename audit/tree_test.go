// SPDX-License-Identifier: Apache-2.0

package audit

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"
)

// treeSizes is how far the second implementation is compared.
const treeSizes = 21

// The second implementation, word for word from RFC 6962 §2.1 (the same tree as
// RFC 9162 §2.1), over the leaves themselves.

func naiveSplit(n int) int {
	k := 1
	for k*2 < n {
		k *= 2
	}
	return k
}

func naiveRoot(d [][]byte) Hash {
	switch len(d) {
	case 0:
		return sha256.Sum256(nil)
	case 1:
		return sha256.Sum256(append([]byte{0}, d[0]...))
	}
	k := naiveSplit(len(d))
	left, right := naiveRoot(d[:k]), naiveRoot(d[k:])
	return sha256.Sum256(slices.Concat([]byte{1}, left[:], right[:]))
}

func naivePath(m int, d [][]byte) []Hash {
	if len(d) == 1 {
		return nil
	}
	k := naiveSplit(len(d))
	if m < k {
		return append(naivePath(m, d[:k]), naiveRoot(d[k:]))
	}
	return append(naivePath(m-k, d[k:]), naiveRoot(d[:k]))
}

func naiveProof(m int, d [][]byte, whole bool) []Hash {
	if m == len(d) {
		if whole {
			return nil
		}
		return []Hash{naiveRoot(d)}
	}
	k := naiveSplit(len(d))
	if m <= k {
		return append(naiveProof(m, d[:k], whole), naiveRoot(d[k:]))
	}
	return append(naiveProof(m-k, d[k:], false), naiveRoot(d[:k]))
}

// hashesOf reads subtrees of the leaves, and fails beyond their end.
func hashesOf(d [][]byte) Hashes {
	return func(level int, n int64) (Hash, error) {
		if end := (n + 1) << level; end > int64(len(d)) {
			return Hash{}, fmt.Errorf("no subtree %d of level %d in a tree of %d", n, level, len(d))
		}
		return naiveRoot(d[n<<level : (n+1)<<level]), nil
	}
}

func someLeaves(n int) [][]byte {
	d := make([][]byte, n)
	for i := range d {
		d[i] = fmt.Appendf(nil, "leaf %d", i)
	}
	return d
}

// The leaves and roots with which implementations of RFC 6962 are commonly tried.
func TestAU02_RootsAreThoseOfRFC6962(t *testing.T) {
	var d [][]byte
	var grown Range
	for i, v := range []struct{ leaf, root string }{
		{"", "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
		{"00", "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"},
		{"10", "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"},
		{"2021", "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"},
		{"3031", "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"},
		{"40414243", "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"},
		{"5051525354555657", "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"},
		{"606162636465666768696a6b6c6d6e6f", "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"},
	} {
		leaf, err := hex.DecodeString(v.leaf)
		if err != nil {
			t.Fatal(err)
		}
		d = append(d, leaf)
		grown.Add(LeafHash(leaf))
		root, err := Root(int64(i+1), hashesOf(d))
		if err != nil || hex.EncodeToString(root[:]) != v.root {
			t.Errorf("root of %d leaves: %x, %v, want %s", i+1, root[:], err, v.root)
		}
		if grown.Root() != root || naiveRoot(d) != root {
			t.Errorf("three ways to the root of %d leaves do not meet", i+1)
		}
	}
}

func TestAU02_ARangeGrowsToTheSameRoots(t *testing.T) {
	d := someLeaves(300)
	var r Range
	for n := range len(d) {
		if r.Size() != int64(n) || r.Root() != naiveRoot(d[:n]) {
			t.Fatalf("the range of %d leaves has another root", n)
		}
		if root, err := Root(int64(n), hashesOf(d[:n])); err != nil || root != r.Root() {
			t.Fatalf("Root of %d leaves: %v", n, err)
		}
		r.Add(LeafHash(d[n]))
	}
}

func TestAU02_InclusionProofsAreThoseOfTheRFCAndHoldForNothingElse(t *testing.T) {
	for size := 1; size <= treeSizes; size++ {
		d := someLeaves(size)
		root := naiveRoot(d)
		for i := range size {
			proof, err := Inclusion(int64(i), int64(size), hashesOf(d))
			if err != nil || !slices.Equal(proof, naivePath(i, d)) {
				t.Fatalf("path of leaf %d in %d: %v, %v", i, size, proof, err)
			}
			if err := CheckInclusion(proof, int64(i), int64(size), root, d[i]); err != nil {
				t.Errorf("leaf %d of %d: %v", i, size, err)
			}
			for j := range size {
				if CheckInclusion(proof, int64(j), int64(size), root, d[i]) == nil && j != i {
					t.Errorf("leaf %d of %d is proved to be leaf %d", i, size, j)
				}
			}
			if CheckInclusion(proof, int64(i), int64(size), root, []byte("other")) == nil {
				t.Errorf("another leaf is proved to be leaf %d of %d", i, size)
			}
			for k := range proof {
				bad := slices.Clone(proof)
				bad[k][k%32] ^= 1
				if CheckInclusion(bad, int64(i), int64(size), root, d[i]) == nil ||
					CheckInclusion(slices.Delete(slices.Clone(proof), k, k+1), int64(i), int64(size), root, d[i]) == nil {
					t.Errorf("a proof of leaf %d of %d with a wrong hash %d holds", i, size, k)
				}
			}
		}
		for _, i := range []int64{-1, int64(size)} {
			if _, err := Inclusion(i, int64(size), hashesOf(d)); err == nil {
				t.Errorf("there is a proof for leaf %d of %d", i, size)
			}
		}
	}
}

func TestAU02_ConsistencyProofsAreThoseOfTheRFCAndHoldForNothingElse(t *testing.T) {
	for size := 1; size <= treeSizes; size++ {
		d := someLeaves(size)
		root := naiveRoot(d)
		for old := 0; old <= size; old++ {
			proof, err := Consistency(int64(old), int64(size), hashesOf(d))
			if err != nil {
				t.Fatal(err)
			}
			if old > 0 && !slices.Equal(proof, naiveProof(old, d, true)) {
				t.Fatalf("proof from %d to %d is %v", old, size, proof)
			}
			oldRoot := naiveRoot(d[:old])
			if err := CheckConsistency(proof, int64(old), oldRoot, int64(size), root); err != nil {
				t.Errorf("from %d to %d: %v", old, size, err)
			}
			oldRoot[0] ^= 1
			if CheckConsistency(proof, int64(old), oldRoot, int64(size), root) == nil {
				t.Errorf("another tree of %d is proved to be in that of %d", old, size)
			}
			oldRoot[0] ^= 1
			for k := range proof {
				bad := slices.Clone(proof)
				bad[k][k%32] ^= 1
				if CheckConsistency(bad, int64(old), oldRoot, int64(size), root) == nil {
					t.Errorf("a proof from %d to %d with a wrong hash %d holds", old, size, k)
				}
			}
			if CheckConsistency(append(slices.Clone(proof), Hash{}), int64(old), oldRoot, int64(size), root) == nil {
				t.Errorf("a proof from %d to %d with one hash too many holds", old, size)
			}
		}
		for _, old := range []int64{-1, int64(size) + 1} {
			if _, err := Consistency(old, int64(size), hashesOf(d)); err == nil {
				t.Errorf("there is a proof from %d to %d", old, size)
			}
		}
	}
}

func TestATreeThatCannotBeReadGivesAnErrorAndNoRoot(t *testing.T) {
	lost := errors.New("lost")
	none := Hashes(func(int, int64) (Hash, error) { return Hash{}, lost })
	if _, err := Root(5, none); !errors.Is(err, lost) {
		t.Errorf("Root: %v", err)
	}
	if _, err := TileData(Tile{Width: 1}, none); !errors.Is(err, lost) {
		t.Errorf("TileData: %v", err)
	}
}

func TestTilesHaveThePathsAndOctetsOfTlogTiles(t *testing.T) {
	for want, tile := range map[string]Tile{
		"tile/0/000":           {Width: 256},
		"tile/0/000.p/8":       {Width: 8},
		"tile/1/005":           {Level: 1, N: 5, Width: 256},
		"tile/0/x001/234.p/8":  {N: 1234, Width: 8},
		"tile/2/x001/x234/067": {Level: 2, N: 1234067, Width: 256},
	} {
		if got := tile.Path(); got != want {
			t.Errorf("path %s, want %s", got, want)
		}
	}
	d := someLeaves(600)
	data, err := TileData(Tile{Level: 1, N: 0, Width: 2}, hashesOf(d))
	left, right := naiveRoot(d[:256]), naiveRoot(d[256:512])
	if err != nil || string(data) != string(left[:])+string(right[:]) {
		t.Errorf("tile of level 1: %x, %v", data, err)
	}
	if _, err := TileData(Tile{Level: 1, N: 0, Width: 3}, hashesOf(d)); err == nil {
		t.Error("a tile beyond the tree is given")
	}
	for _, tile := range []Tile{{Width: 0}, {Width: 257}, {Level: -1, Width: 1}, {Level: 8, Width: 1}, {N: -1, Width: 1}} {
		if _, err := TileData(tile, hashesOf(d)); err == nil {
			t.Errorf("there is a tile %+v", tile)
		}
	}
}
