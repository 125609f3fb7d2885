// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"chancery/ca"
)

func (a *app) explainCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use: "explain CODE|SERIAL|NAME", Short: "Say what an error code means, or how a certificate came about", Example: "  chancery explain E2107\n  chancery explain nas.lab.example\n  chancery explain --json E3001\n  chancery explain --all > errors.md",
		ValidArgs: codeNames(),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case all && len(args) == 0:
				codes := ca.Codes()
				return a.give(answer{value: codes, rows: codes, text: catalogueOf(codes), names: codeNames()})
			case len(args) != 1 || all:
				return usage("explain takes one code, or one certificate", "chancery explain E2107")
			}
			e, ok := ca.Explain(ca.Code(strings.ToUpper(args[0])))
			if !ok && !isCode(args[0]) && !isCode((args[0] + "0000")[:5]) {
				return a.explainCertificate(c.Context(), args[0])
			}
			if !ok {
				return ca.NotFound(ca.E2101, "there is no code "+ca.Show(args[0]), "codes look like E2107; chancery explain --all has every one")
			}
			return a.print(e, fitted(fmt.Sprintf("%s  %s\n\n%s\n", e.Code, e.Title, e.Text), columnsOf(a.out)))
		},
	}
	c.Flags().BoolVar(&all, "all", false, "explain every code, in Markdown")
	return c
}

func codeNames() []string {
	var names []string
	for _, e := range ca.Codes() {
		names = append(names, string(e.Code))
	}
	return names
}

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the program's version", Example: "  chancery version\n  chancery version --json",
		RunE: func(*cobra.Command, []string) error {
			v := version()
			return a.print(struct {
				Version string `json:"version"`
			}{v}, v+"\n")
		},
	}
}

// version is what the build recorded: a tag, or the commit of a work tree.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// isCode tells whether a text has the form of a code; no certificate is called so.
func isCode(text string) bool {
	return len(text) == 5 && (text[0] == 'E' || text[0] == 'e') && strings.Trim(text[1:], "0123456789") == ""
}
