// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"unicode/utf8"
)

// hanging is how far the rest of a broken line stands behind its begin.
const hanging = 2

// fitted breaks lines for people to fit into columns, 0 for any number. What is to be copied
// stays whole: a hint, on a line of its own, and a command within a sentence.
func fitted(text string, columns int) string {
	if columns == 0 {
		return text
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if utf8.RuneCountInString(line) <= columns {
			b.WriteString(line + "\n")
			continue
		}
		said, hint, hinted := strings.Cut(line, "→ ")
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		broken(&b, said, indent, columns)
		if hinted {
			b.WriteString(indent + strings.Repeat(" ", hanging) + "→ " + hint + "\n")
		}
	}
	return b.String()
}

// broken writes one line as several.
func broken(b *strings.Builder, line, indent string, columns int) {
	at := 0
	for i, word := range units(line) {
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			b.WriteString(indent + word)
			at = len(indent) + n
		case at+1+n > columns:
			b.WriteString("\n" + indent + strings.Repeat(" ", hanging) + word)
			at = len(indent) + hanging + n
		default:
			b.WriteString(" " + word)
			at += 1 + n
		}
	}
	if at > 0 {
		b.WriteByte('\n')
	}
}

// units are the words of a line; a command of ours is one, up to the end of its clause, and
// so are flags that stand beside each other, with what to put in for their values.
func units(line string) (all []string) {
	command, flags := false, false
	for _, word := range strings.Fields(line) {
		flag := strings.HasPrefix(word, "--")
		flags = flags && (flag || word == strings.ToUpper(word))
		if command || flags {
			all[len(all)-1] += " " + word
		} else {
			all = append(all, word)
		}
		flags = flags || flag
		command = (command || strings.TrimLeft(word, "(`") == "chancery") && !strings.ContainsAny(word[len(word)-1:], ",;)`:")
	}
	return all
}
