// SPDX-License-Identifier: Apache-2.0

package ca

// LeastRoom is how many octets of a disk with total octets must be free for issuing
// (security rule IS-09): 5 % of it, but never less than 256 MiB nor more than 2 GiB.
func LeastRoom(total int64) int64 {
	const least, most = 256 << 20, 2 << 30
	return max(least, min(total/20, most))
}

// NearlyFull tells whether a disk has so little room left that issuing stops (IS-09).
// Revoking goes on.
func NearlyFull(free, total int64) bool { return free < LeastRoom(total) }

// RunsLow tells whether a disk comes near to that: there is still time to make room.
func RunsLow(free, total int64) bool { return free < LeastRoom(total)/2*3 }
