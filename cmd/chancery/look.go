// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// marks are the signs of a line: where the locale can show them, and where not.
var marks = map[level][2]string{fine: {"✓", "ok  "}, warned: {"!", "warn"}, failed: {"✗", "FAIL"}}

// colours are green, yellow and red (ECMA-48 SGR).
var colours = map[level]string{fine: "\x1b[32m", warned: "\x1b[33m", failed: "\x1b[31m"}

// plainSigns are what texts for people have beside ASCII, and what stands for them
// where the locale has no more.
var plainSigns = strings.NewReplacer("✓", "ok", "✗", "FAIL", "…", "...", "→", "->", "×", "x", "·", "-", "–", "-", "§", "section ")

// mark is the sign that a line of a level begins with. What it looks like is settled
// by dress, when it is known where the line goes.
func (a *app) mark(l level) string { return marks[l][0] }

// A screen is a stream that people read. Stdout and stderr are judged separately:
// one of them may be a file while the other is a terminal.
type screen struct {
	io.Writer
	app *app
}

// Write dresses what is written; lines come whole.
func (s screen) Write(b []byte) (int, error) {
	if _, err := io.WriteString(s.Writer, s.app.dress(string(b), s.Writer)); err != nil {
		return 0, err
	}
	return len(b), nil
}

// bare is the stream behind a screen.
func bare(w io.Writer) io.Writer {
	if s, is := w.(screen); is {
		return s.Writer
	}
	return w
}

// onTerminal tells whether a stream is a terminal.
func onTerminal(w any) bool {
	if s, is := w.(screen); is {
		w = s.Writer
	}
	f, is := w.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

// dress gives text for people the look of the stream it goes to: the sign that a line
// begins with gets its colour, and outside of UTF-8 all signs become ASCII. The colour
// never says anything that the sign does not.
func (a *app) dress(text string, to io.Writer) string {
	colourful, unicode := a.colourful(to), a.utf8()
	if !colourful && unicode {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		start := len(line) - len(strings.TrimLeft(line, " "))
		for l, signs := range marks {
			rest, is := strings.CutPrefix(line[start:], signs[0]+" ")
			if !is {
				continue
			}
			sign := signs[0]
			if !unicode {
				sign = signs[1]
			}
			if colourful {
				sign = colours[l] + sign + "\x1b[0m"
			}
			b.WriteString(line[:start] + sign)
			line, start = " "+rest, 0
			break
		}
		b.WriteString(line)
	}
	if unicode {
		return b.String()
	}
	return ascii(plainSigns.Replace(b.String()))
}

// ascii writes what is not ASCII as escapes: names may have any letters.
func ascii(text string) string {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r < 0x80:
			b.WriteRune(r)
		case r > 0xffff: // a pair, as JSON has it (RFC 8259 §7)
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04x\u%04x`, 0xd800+r>>10, 0xdc00+r&0x3ff)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

// colourful tells whether a stream takes colour.
func (a *app) colourful(to io.Writer) bool {
	switch {
	case a.noColor || a.env("NO_COLOR") != "":
		return false
	case a.env("CLICOLOR_FORCE") == "1":
		return true
	}
	return a.env("TERM") != "dumb" && onTerminal(to)
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
