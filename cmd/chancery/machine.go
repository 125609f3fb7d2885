// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"chancery/internal/faults"
	"chancery/signer/softkey"
)

// wallClock is the clock that all processes go by.
func wallClock() func() time.Time { return faults.Clock(time.Now) }

// sinceBoot counts from the machine's start, suspended or not (clock_gettime(2),
// CLOCK_BOOTTIME). A machine that has no such clock counts from zero for ever, and
// then every look at the clock is a jump: it would sign nothing, and say why.
func sinceBoot() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// space says how much room the disk of a directory has for this account, and how
// much it has in all.
func space(dir string) func() (free, total int64, err error) {
	return func() (free, total int64, err error) {
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil {
			return 0, 0, fmt.Errorf("ask the disk of %s: %w", dir, err)
		}
		return int64(s.Bavail) * s.Bsize, int64(s.Blocks) * s.Bsize, nil
	}
}

// derivation is what passphrases and recovery words are stretched with.
func derivation() softkey.Params {
	if faults.Light() {
		return softkey.FloorParams()
	}
	return softkey.DefaultParams()
}
