// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"sync/atomic"
	"syscall"

	"chancery/ca"
)

// A failure is the first fault of the disk under an SQLite file. What SQLite holds
// in memory and what lies in the page cache may then be more than the disk has, and
// a second fsync would call it written (security rule IS-06): the process must end,
// and the next one reads what is really there. A PostgreSQL server looks after its
// own disk.
type failure = atomic.Pointer[ca.Problem]

// note remembers the first fault of the disk, and passes every error on.
func (s *Store) note(err error) error {
	if p := diskFault(err); p != nil {
		s.failure.CompareAndSwap(nil, p)
	}
	return err
}

// failed is ca.ErrDisk with its reason once the disk has failed.
func (s *Store) failed() error {
	if p := s.failure.Load(); p != nil {
		return errors.Join(ca.ErrDisk, p)
	}
	return nil
}

// diskFault tells whether an error is the disk's, and what to say of it.
func diskFault(err error) *ca.Problem {
	extended := sqliteCode(err)
	code := extended & 0xff // extended codes have the plain one below
	switch {
	case code == sqliteFull || extended == sqliteShmSize || errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT):
		return diskFull(err)
	case code == sqliteIO || code == sqliteCantOpen || errors.Is(err, syscall.EIO):
		return ca.Unavailable(ca.E1410, "the disk of the database failed", "look after the disk; the service starts again by itself").Because(err.Error())
	}
	return nil
}

// diskFull is the Problem of a full disk, on either engine.
func diskFull(err error) *ca.Problem {
	return ca.Unavailable(ca.E1407, "the disk of the database is full", "free space, then restart the service").Because(err.Error())
}
