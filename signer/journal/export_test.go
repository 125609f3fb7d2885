// SPDX-License-Identifier: Apache-2.0

package journal

// Waiters is how many calls of Append and Sync wait for the writer to look at them.
func (j *Journal) Waiters() int {
	j.qmu.Lock()
	defer j.qmu.Unlock()
	return len(j.waits)
}
