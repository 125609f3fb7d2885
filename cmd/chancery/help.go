// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"
)

// A manual is what there is to read about a command: help, man pages and the
// reference are made of it.
type manual struct {
	name, short, long, usage string
	// examples are whole lines; the first two open the help.
	examples []string
	commands []*cobra.Command
	// own are the command's flags, shared those that every command has.
	own, shared *pflag.FlagSet
}

// manualOf reads a command.
func manualOf(c *cobra.Command) manual {
	m := manual{name: c.CommandPath(), short: c.Short, long: c.Long, usage: c.UseLine(), own: c.NonInheritedFlags(), shared: c.InheritedFlags()}
	if !c.HasParent() {
		m.own, m.shared = c.LocalNonPersistentFlags(), c.PersistentFlags()
	}
	if c.HasSubCommands() {
		m.usage = m.name + " COMMAND"
	}
	for line := range strings.Lines(c.Example) {
		if line = strings.TrimSpace(line); line != "" {
			m.examples = append(m.examples, line)
		}
	}
	for _, sub := range c.Commands() {
		if sub.IsAvailableCommand() || sub.IsAdditionalHelpTopicCommand() {
			m.commands = append(m.commands, sub)
		}
	}
	return m
}

// openingExamples is how many examples help begins with: who looks for a line to type
// finds it without reading on.
const openingExamples = 2

// help writes what -h, --help and help show.
func (a *app) help(c *cobra.Command, _ []string) {
	m, columns := manualOf(c), columnsOf(a.out)
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", m.short)
	if c.IsAdditionalHelpTopicCommand() { // a page, and nothing to type
		_ = a.tell(b.String() + "\n" + m.long + "\n") // there is nobody else to tell
		return
	}
	few := min(openingExamples, len(m.examples))
	block := func(title, text string) {
		if text != "" {
			fmt.Fprintf(&b, "\n%s:\n%s\n", title, strings.TrimRight(text, "\n"))
		}
	}
	block("Examples", indented(m.examples[:few]))
	block("Usage", "  "+m.usage)
	if m.long != "" && m.long != m.short {
		fmt.Fprintf(&b, "\n%s\n", filled(m.long, columns))
	}
	wide := 0
	for _, sub := range m.commands {
		wide = max(wide, len(sub.Name()))
	}
	var commands strings.Builder
	for _, sub := range m.commands {
		fmt.Fprintf(&commands, "  %-*s  %s\n", wide, sub.Name(), sub.Short)
	}
	block("Commands", commands.String())
	block("Flags", m.own.FlagUsagesWrapped(columns))
	block("More examples", indented(m.examples[few:]))
	block("Flags of every command", m.shared.FlagUsagesWrapped(columns))
	if c.HasSubCommands() {
		fmt.Fprintf(&b, "\nMore about each: %s COMMAND --help\n", m.name)
	}
	_ = a.tell(b.String()) // the same
}

func indented(all []string) string {
	var b strings.Builder
	for _, line := range all {
		b.WriteString("  " + line + "\n")
	}
	return b.String()
}

// filled fits paragraphs into columns, 0 for any number. Lines that are indented, or
// begin with a flag, stay lines of their own.
func filled(text string, columns int) string {
	if columns == 0 {
		return text
	}
	var b strings.Builder
	at := 0
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		if at > 0 && (line == "" || strings.HasPrefix(line, " ") || strings.HasPrefix(line, "-")) {
			b.WriteByte('\n')
			at = 0
		}
		if line == "" {
			b.WriteByte('\n')
		}
		indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
		for _, word := range strings.Fields(line) {
			switch {
			case at == 0:
				b.WriteString(indent)
				at = len(indent)
			case at+1+utf8.RuneCountInString(word) > columns:
				b.WriteString("\n" + indent)
				at = len(indent)
			default:
				b.WriteByte(' ')
				at++
			}
			b.WriteString(word)
			at += utf8.RuneCountInString(word)
		}
		if indent != "" {
			b.WriteByte('\n')
			at = 0
		}
	}
	return strings.TrimRight(b.String(), "\n")
}

// narrowest is the width below which flags are no longer wrapped: nothing fits there.
const narrowest = 40

// columnsOf is how wide a terminal is, and 0 for what is none, which wraps nothing.
func columnsOf(w io.Writer) int {
	f, is := bare(w).(*os.File)
	if !is {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil || columns < narrowest {
		return 0
	}
	return columns
}

// helpOrHelpOf is what a command does that only holds others: alone it prints its help, and
// with the word help the one of the command that follows.
func helpOrHelpOf(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return c.Help()
	}
	at, err := reached(c, args[1:])
	if err != nil {
		return err
	}
	return at.Help()
}
