// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// marks are the signs of a line, where the locale can show them and where not.
var marks = map[level][2]string{fine: {"✓", "ok  "}, warned: {"!", "warn"}, failed: {"✗", "FAIL"}}

// colours are green, yellow and red (ECMA-48 SGR).
var colours = map[level]string{fine: "\x1b[32m", warned: "\x1b[33m", failed: "\x1b[31m"}

// mark is the sign of a level, in colour where stdout shows it. The colour never
// says anything that the sign does not.
func (a *app) mark(l level) string {
	sign := marks[l][1]
	if a.utf8() {
		sign = marks[l][0]
	}
	if a.colourful() {
		return colours[l] + sign + "\x1b[0m"
	}
	return sign
}

// colourful tells whether stdout takes colour.
func (a *app) colourful() bool {
	out, is := a.out.(*os.File)
	switch {
	case a.noColor || a.env("NO_COLOR") != "":
		return false
	case a.env("CLICOLOR_FORCE") == "1":
		return true
	}
	return is && a.env("TERM") != "dumb" && term.IsTerminal(int(out.Fd()))
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
