// SPDX-License-Identifier: Apache-2.0

package ca

// NearlyFull tells whether a disk has so little room left that issuing stops
// (security rule IS-09): less than 5 % of it, but never less than 256 MiB nor more
// than 2 GiB. Revoking goes on.
func NearlyFull(free, total int64) bool {
	const least, most = 256 << 20, 2 << 30
	return free < max(least, min(total/20, most))
}
