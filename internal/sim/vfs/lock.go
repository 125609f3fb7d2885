// SPDX-License-Identifier: Apache-2.0

package vfs

import (
	"sync"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// slots is the number of locks of a WAL's shared memory.
const slots = sqlite3.SQLITE_SHM_NLOCK

// A shared is what the connections to one file of one process share: SQLite's
// five-step lock of a database, and the memory beside its write-ahead log.
type shared struct {
	mu sync.Mutex

	readers  int   // that hold SHARED or more
	reserved *file // who holds RESERVED or more
	pending  *file // who holds PENDING or more; no new readers then

	users   int       // of the memory
	regions []uintptr // of libc
	held    [slots]int
}

// lock takes a step of the database's lock; busy is SQLite's word for a step that
// somebody else has.
func (s *shared) lock(f *file, step int32) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.step >= step {
		return sqlite3.SQLITE_OK
	}
	others := func(holder *file) bool { return holder != nil && holder != f }
	switch {
	case step == sqlite3.SQLITE_LOCK_SHARED:
		if others(s.pending) {
			return sqlite3.SQLITE_BUSY
		}
		s.readers++
	case step == sqlite3.SQLITE_LOCK_RESERVED:
		if others(s.reserved) {
			return sqlite3.SQLITE_BUSY
		}
		s.reserved = f
	default: // EXCLUSIVE, by way of PENDING
		if others(s.reserved) || others(s.pending) {
			return sqlite3.SQLITE_BUSY
		}
		s.pending = f
		if s.readers > 1 {
			f.step = sqlite3.SQLITE_LOCK_PENDING
			return sqlite3.SQLITE_BUSY
		}
		s.reserved = f
	}
	f.step = step
	return sqlite3.SQLITE_OK
}

func (s *shared) unlock(f *file, step int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.step <= step {
		return
	}
	if s.reserved == f {
		s.reserved = nil
	}
	if s.pending == f {
		s.pending = nil
	}
	if step == sqlite3.SQLITE_LOCK_NONE && f.step >= sqlite3.SQLITE_LOCK_SHARED {
		s.readers--
	}
	f.step = step
}

// slot takes or gives back locks of the shared memory.
func (s *shared) slot(f *file, first, n, how int32) int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	exclusive := how&sqlite3.SQLITE_SHM_EXCLUSIVE != 0
	if how&sqlite3.SQLITE_SHM_UNLOCK != 0 {
		for i := first; i < first+n; i++ {
			s.leave(f, i)
		}
		return sqlite3.SQLITE_OK
	}
	for i := first; i < first+n; i++ {
		switch own := f.slots[i]; {
		case own < 0, own > 0 && !exclusive:
		case exclusive && s.held[i] != own, !exclusive && s.held[i] < 0:
			return sqlite3.SQLITE_BUSY
		}
	}
	for i := first; i < first+n; i++ {
		switch {
		case exclusive:
			s.held[i], f.slots[i] = -1, -1
		case f.slots[i] == 0:
			s.held[i]++
			f.slots[i] = 1
		}
	}
	return sqlite3.SQLITE_OK
}

func (s *shared) leave(f *file, i int32) {
	switch f.slots[i] {
	case -1:
		s.held[i] = 0
	case 1:
		s.held[i]--
	}
	f.slots[i] = 0
}

// region gives a piece of the shared memory; 0 if there is none and none is to be
// made.
func (s *shared) region(tls *libc.TLS, f *file, i, size int32, extend bool) uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !f.maps {
		f.maps = true
		s.users++
	}
	for extend && int(i) >= len(s.regions) {
		s.regions = append(s.regions, libc.Xcalloc(tls, 1, uint64(size)))
	}
	if int(i) >= len(s.regions) {
		return 0
	}
	return s.regions[i]
}

// forget ends a connection's use of the memory. The last one frees it: a process
// that starts afresh reads the log anew.
func (s *shared) forget(tls *libc.TLS, f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range int32(slots) {
		s.leave(f, i)
	}
	if !f.maps {
		return
	}
	f.maps = false
	if s.users--; s.users > 0 {
		return
	}
	for _, r := range s.regions {
		libc.Xfree(tls, r)
	}
	s.regions = nil
}
