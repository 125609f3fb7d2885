// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"chancery/ca"
)

func (a *app) manCommand() *cobra.Command {
	var out string
	var reference bool
	c := &cobra.Command{
		Use: "man [COMMAND...]", Short: "Print a command's man page, or write those of all",
		Long:    "Prints the man page of a command, as man reads it. --out writes the pages of all commands into a directory;\n--reference prints one document about all of them in Markdown, which is docs/cli.md.",
		Example: "  chancery man revoke | man -l -\n  chancery man --out man1/\n  chancery man --reference > cli.md",
		RunE: func(c *cobra.Command, args []string) error {
			root := c.Root()
			at, err := reached(root, args)
			switch {
			case err != nil:
				return err
			case (out != "" || reference) && len(args) > 0 || out != "" && reference:
				return usage("man prints the page of one command, or takes --out or --reference alone", "chancery man --out man1/")
			case reference:
				return a.write([]byte(referenceOf(root)))
			case out != "":
				return a.writePages(root, out)
			}
			return a.write([]byte(manualOf(at).roff(exitCodes().Long)))
		},
		ValidArgsFunction: completeCommands,
	}
	c.Flags().StringVar(&out, "out", "", "directory for the pages of all commands, made if it is not there")
	c.Flags().BoolVar(&reference, "reference", false, "print the reference of all commands in Markdown")
	return c
}

// completeCommands suggests the words that follow those that were typed.
func completeCommands(c *cobra.Command, args []string, typed string) (words []cobra.Completion, otherwise cobra.ShellCompDirective) {
	at, err := reached(c.Root(), args)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	for _, sub := range at.Commands() {
		if sub.IsAvailableCommand() && strings.HasPrefix(sub.Name(), typed) {
			words = append(words, sub.Name())
		}
	}
	return words, cobra.ShellCompDirectiveNoFileComp
}

// documented gives every command there is something to read about, in the order of
// the tree.
func documented(c *cobra.Command, do func(*cobra.Command)) {
	if c.Hidden || c.Name() == "help" {
		return
	}
	do(c)
	for _, sub := range c.Commands() {
		documented(sub, do)
	}
}

// writePages writes a man page for each command.
func (a *app) writePages(root *cobra.Command, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // manuals are for everybody
		return taken(dir, "--out", err)
	}
	var paths []string
	var fault error
	documented(root, func(c *cobra.Command) {
		path := filepath.Join(dir, strings.ReplaceAll(c.CommandPath(), " ", "-")+".1")
		if fault == nil {
			fault = os.WriteFile(path, []byte(manualOf(c).roff(exitCodes().Long)), 0o644) //nolint:gosec // the same
		}
		paths = append(paths, path)
	})
	if fault != nil {
		return taken(dir, "--out", fault)
	}
	return a.give(answer{value: paths, text: fmt.Sprintf("%s %d pages are in %s\n", a.mark(fine), len(paths), dir), names: paths})
}

// roff writes a page in the language of man(7), with the exit codes that all commands
// share.
func (m manual) roff(exits string) string {
	var b strings.Builder
	title := strings.ToUpper(strings.ReplaceAll(m.name, " ", "-"))
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"Chancery\" \"Chancery\"\n", inRoff(title))
	section := func(name string) { fmt.Fprintf(&b, ".SH %s\n", name) }
	section("NAME")
	fmt.Fprintf(&b, "%s \\- %s\n", inRoff(strings.ReplaceAll(m.name, " ", "-")), inRoff(m.short))
	section("SYNOPSIS")
	fmt.Fprintf(&b, "\\fB%s\\fR\n", inRoff(m.usage))
	verbatim := func(text string) { fmt.Fprintf(&b, ".nf\n%s\n.fi\n", inRoff(strings.TrimRight(text, "\n"))) }
	if m.long != "" {
		section("DESCRIPTION")
		for line := range strings.Lines(m.long) {
			switch line = strings.TrimRight(line, "\n"); {
			case line == "":
				b.WriteString(".PP\n")
			case strings.HasPrefix(line, " ") || strings.HasPrefix(line, "-"):
				b.WriteString(".br\n" + inRoff(line) + "\n")
			default:
				b.WriteString(inRoff(line) + "\n")
			}
		}
	}
	if len(m.examples) > 0 {
		section("EXAMPLES")
		verbatim(indented(m.examples))
	}
	if len(m.commands) > 0 {
		section("COMMANDS")
		for _, sub := range m.commands {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", inRoff(sub.CommandPath()), inRoff(sub.Short))
		}
	}
	for _, one := range []struct {
		title string
		flags *pflag.FlagSet
	}{{"OPTIONS", m.own}, {"OPTIONS OF EVERY COMMAND", m.shared}} {
		if one.flags.HasAvailableFlags() {
			section(one.title)
		}
		eachFlag(one.flags, func(flag, what string) {
			fmt.Fprintf(&b, ".TP\n\\fB%s\\fR\n%s\n", inRoff(flag), inRoff(what))
		})
	}
	section("EXIT STATUS")
	verbatim(exits)
	return b.String()
}

// inRoff writes text so that none of it is taken for a request (groff(7), "Escapes").
func inRoff(text string) string {
	text = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "→", `\(->`, "✓", "ok", "§", `\(sc`).Replace(text)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, ".") || strings.HasPrefix(line, "'") {
			lines[i] = `\&` + line
		}
	}
	return strings.Join(lines, "\n")
}

// eachFlag gives the flags that are not hidden as they are typed, and what they do.
func eachFlag(flags *pflag.FlagSet, do func(flag, what string)) {
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, what := pflag.UnquoteUsage(f)
		flag := "--" + f.Name
		if f.Shorthand != "" {
			flag = "-" + f.Shorthand + ", " + flag
		}
		if value != "" {
			flag += " " + value
		}
		if d := f.DefValue; d != "" && d != "false" && d != "0" && d != "[]" && d != "0s" {
			what += " (default: " + d + ")"
		}
		do(flag, what)
	})
}

// referenceOf is docs/cli.md.
func referenceOf(root *cobra.Command) string {
	var b strings.Builder
	b.WriteString("# The command line\n\nMade of the program itself by `chancery man --reference`; do not edit it. `chancery help COMMAND` and the man pages\n" +
		"(`chancery man --out man1/`) say the same.\n\n## Flags of every command\n\n")
	flags := func(set *pflag.FlagSet) {
		eachFlag(set, func(flag, what string) { fmt.Fprintf(&b, "* `%s`: %s\n", flag, what) })
	}
	flags(root.PersistentFlags())
	fmt.Fprintf(&b, "\n## Exit codes\n\n```text\n%s\n```\n", exitCodes().Long)
	documented(root, func(c *cobra.Command) {
		if c == root || !c.Runnable() && !c.HasSubCommands() {
			return
		}
		m := manualOf(c)
		fmt.Fprintf(&b, "\n## %s\n\n%s.\n\n`%s`\n", m.name, m.short, m.usage)
		if m.long != "" {
			b.WriteString("\n" + asQuote(m.long))
		}
		if len(m.examples) > 0 {
			b.WriteString("\nExamples:\n\n")
			for _, line := range m.examples {
				fmt.Fprintf(&b, "* `%s`\n", line)
			}
		}
		if m.own.HasAvailableFlags() {
			b.WriteString("\nFlags:\n\n")
			flags(m.own)
		}
	})
	return b.String()
}

// asQuote is text in Markdown that keeps its lines.
func asQuote(text string) string {
	return "> " + strings.ReplaceAll(strings.ReplaceAll(text, "\n", "  \n> "), "\n>   \n", "\n>\n") + "\n"
}

// catalogueOf is docs/errors.md.
func catalogueOf(all []ca.Explanation) string {
	var b strings.Builder
	b.WriteString("# Error codes\n\nMade of the program itself by `chancery explain --all`; do not edit it. `chancery explain CODE` prints one of these.\n")
	for _, e := range all {
		fmt.Fprintf(&b, "\n## %s\n\n**%s** (`%s`)\n\n%s", e.Code, e.Title, e.Words, asQuote(e.Text))
	}
	return b.String()
}
