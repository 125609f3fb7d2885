// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"runtime/debug"
)

const (
	// collectAt lets the heap grow to five times what is in use before it is swept:
	// a few dozen megabytes for a fifth of the processor's time.
	collectAt = 400
	// heapLimit is where sweeping becomes eager again whatever that says, in octets.
	heapLimit = 512 << 20
)

// tuneMemory trades memory for time, unless the environment says otherwise.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
}
