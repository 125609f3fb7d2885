// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"unicode/utf8"
)

// hanging is how far the rest of a broken line stands behind its begin.
const hanging = 2

// fitted breaks lines for people to fit into columns, 0 for any number. A hint has a line of its
// own. What is to be copied stays whole: a hint that is a command, and one within a sentence.
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
		under := indent + strings.Repeat(" ", hanging)
		switch {
		case hinted && strings.HasPrefix(hint, "chancery "):
			b.WriteString(under + "→ " + hint + "\n")
		case hinted:
			broken(&b, "→ "+hint, under, columns)
		}
	}
	return b.String()
}

// broken writes one line as several. A label keeps its column, and what is said stays in its own.
func broken(b *strings.Builder, line, indent string, columns int) {
	begin, hang := indent, len(indent)+hanging
	if label := labelled(line); label != "" && utf8.RuneCountInString(label) <= columns*2/3 {
		begin, line, hang = label, line[len(label):], utf8.RuneCountInString(label)
	}
	at := 0
	for i, word := range units(line) {
		switch n := utf8.RuneCountInString(word); {
		case i == 0:
			b.WriteString(begin + word)
			at = utf8.RuneCountInString(begin) + n
		case at+1+n > columns:
			under := hang
			if hang+n > columns { // what must stay whole has more room further left
				under = min(hang, len(indent)+hanging)
			}
			b.WriteString("\n" + strings.Repeat(" ", under) + word)
			at = under + n
		default:
			b.WriteString(" " + word)
			at += 1 + n
		}
	}
	if at > 0 {
		b.WriteByte('\n')
	}
}

// labelled is the begin of a line up to its second column, if it has one: a word or a few, and
// two spaces at least.
func labelled(line string) string {
	said := strings.TrimLeft(line, " ")
	label, rest, is := strings.Cut(said, "  ")
	if !is || label == "" {
		return ""
	}
	return line[:len(line)-len(strings.TrimLeft(rest, " "))]
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
