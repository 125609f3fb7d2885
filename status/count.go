// SPDX-License-Identifier: Apache-2.0

package status

import "fmt"

// Size is the length of the list in octets.
func (l *List) Size() (int64, error) {
	info, err := l.file.Stat()
	if err != nil {
		return 0, fmt.Errorf("look at a revocation list: %w", err)
	}
	return info.Size(), nil
}

// Entries counts the entries, for which it reads the whole list the first time.
func (l *List) Entries() (int, error) {
	if l.index == nil {
		if err := l.read(); err != nil {
			return 0, fmt.Errorf("count the entries of a revocation list: %w", err)
		}
	}
	return l.count, nil
}
