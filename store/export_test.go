// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// For the tests of front, signer and book together, which stand outside.
var (
	EmptyDatabase = emptyDatabase
	Proxied       = proxy
	CheckWrites   = checkWrites
	WaitForLock   = waitForLock
	Issuance      = change
)

// SetWait sets how long a transaction may take.
func (s *Store) SetWait(d time.Duration) { s.wait = d }
