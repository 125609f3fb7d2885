// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"fmt"
	"slices"
)

// Policies gives the policies that were put in force below a leaf, newest first: the first
// is the one that a certificate with that INTENT was issued under. No document is lost when
// another takes its place. A page has one at least, and ends where the next would not fit;
// none means that there are no more.
func (s *Signer) Policies(below int64) ([]Record, error) {
	s.mu.Lock()
	at, _ := slices.BinarySearch(s.policies, below)
	leaves := slices.Clone(s.policies[:at])
	s.mu.Unlock()
	var page []Record
	size := 0
	for _, index := range slices.Backward(leaves) {
		r, err := s.journal.Leaf(index)
		if err != nil {
			return nil, fmt.Errorf("read the policy of leaf %d: %w", index, err)
		}
		if size += len(r.Bytes) + len(r.Body); size > maxLeavesPage && len(page) > 0 {
			break
		}
		page = append(page, Record{Index: index, Leaf: bytes.Clone(r.Bytes), Body: bytes.Clone(r.Body)})
	}
	return page, nil
}
