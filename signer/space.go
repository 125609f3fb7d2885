// SPDX-License-Identifier: Apache-2.0

package signer

import (
	"errors"
	"io/fs"

	"chancery/ca"
	"chancery/signer/journal"
)

const (
	// reserveName is a file that only takes room: when the disk is full it is removed,
	// so that what must go on has some (security rule IS-09).
	reserveName = "state/reserve"
	// reserveSize is room for the log's next segment and a list beside it.
	reserveSize = 32 << 20
)

// full tells whether the disk is too full to issue. A disk that cannot be asked is
// not: the write itself will say.
func (s *Signer) full() bool {
	if s.Space == nil {
		return false
	}
	free, total, err := s.Space()
	return err == nil && ca.NearlyFull(free, total)
}

func nearlyFull() error {
	return ca.Unavailable(ca.E1407, "the signer's disk is nearly full, so nothing is issued", "free space on it; revoking goes on")
}

// reserve takes the room, if there is enough of it.
func (s *Signer) reserve() error {
	if s.Space == nil {
		return nil
	}
	free, total, err := s.Space()
	if err != nil || ca.NearlyFull(free-reserveSize, total) {
		return nil // later starts try again
	}
	f, err := s.files.OpenFile(reserveName, journal.Create)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(f.Allocate(reserveSize), f.Close())
}

// spend gives the room free where there is hardly any left, for what must go on:
// revocations, lists, void intents.
func (s *Signer) spend() {
	if s.Space == nil {
		return
	}
	if free, _, err := s.Space(); err == nil && free < reserveSize/2 {
		_ = s.files.Remove(reserveName) // what then fails says so itself
	}
}
