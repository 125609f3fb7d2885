// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"chancery/audit"
	"chancery/ca"
)

// Prove gives the audit path of a durable leaf to the newest checkpoint, with both. A leaf
// that no checkpoint covers yet comes without a path: within a second one does.
func (s *Signer) Prove(index int64) (ca.Inclusion, error) {
	if !s.founded() {
		return ca.Inclusion{}, unfounded()
	}
	key, ok := s.logSigner.Public().(ed25519.PublicKey)
	if !ok {
		return ca.Inclusion{}, errors.New("the log key is not an Ed25519 key")
	}
	if err := s.journal.Sync(); err != nil {
		return ca.Inclusion{}, fmt.Errorf("make the log durable: %w", err)
	}
	if index < 0 || index >= s.journal.Size() {
		return ca.Inclusion{}, ca.NotFound(ca.E1401, fmt.Sprintf("the log has no leaf %d", index), "ask for one that the log has")
	}
	leaf, err := s.journal.Leaf(index)
	if err != nil {
		return ca.Inclusion{}, fmt.Errorf("read leaf %d: %w", index, err)
	}
	out := ca.Inclusion{Index: index, Leaf: leaf.Bytes, Checkpoint: s.journal.Checkpoint(), Key: key}
	if len(out.Checkpoint) == 0 {
		return out, nil
	}
	c, err := audit.ParseCheckpoint(out.Checkpoint, s.journal.LogID(), key)
	if err != nil {
		return ca.Inclusion{}, fmt.Errorf("read the log's own checkpoint: %w", err)
	}
	if index >= c.Size {
		return out, nil
	}
	path, err := s.journal.Inclusion(index, c.Size)
	for _, h := range path {
		out.Path = append(out.Path, ca.Digest(h))
	}
	return out, err
}

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
