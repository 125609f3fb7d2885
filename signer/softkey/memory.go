// SPDX-License-Identifier: Apache-2.0

package softkey

import (
	"errors"
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// lockedSecret gives n zero octets on pages of their own that are kept out of
// swap and core dumps as far as the limits allow: a refused mlock (RLIMIT_MEMLOCK)
// is no reason not to sign. It is for the one secret that lives as long as the
// process; Go's own copies of a key in use cannot be reached that way.
func lockedSecret(n int) (Secret, error) {
	if n > os.Getpagesize() {
		return Secret{}, errors.New("a locked secret has at most one page")
	}
	page, err := unix.Mmap(-1, 0, os.Getpagesize(), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return Secret{}, fmt.Errorf("take a page for a key: %w", err)
	}
	// Best effort, as said above.
	_ = unix.Mlock(page)
	_ = unix.Madvise(page, unix.MADV_DONTDUMP)
	b := page[:n:n]
	s := NewSecret(b)
	// Wipe clears the octets; the page goes back when nobody can reach them.
	runtime.AddCleanup(s.held, func(page []byte) { _ = unix.Munmap(page) }, page)
	return s, nil
}
