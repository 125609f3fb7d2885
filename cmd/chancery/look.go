// SPDX-License-Identifier: Apache-2.0

package main

import "strings"

// marks are the signs of a line, where the locale can show them and where not.
var marks = map[level][2]string{fine: {"✓", "ok  "}, warned: {"!", "warn"}, failed: {"✗", "FAIL"}}

// mark is the sign of a level.
func (a *app) mark(l level) string {
	if a.utf8() {
		return marks[l][0]
	}
	return marks[l][1]
}

// utf8 tells whether the locale shows more than ASCII: the first variable that
// is set decides (POSIX.1-2017, XBD §8.2).
func (a *app) utf8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(a.env(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return false
}
