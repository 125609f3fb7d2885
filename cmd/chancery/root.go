// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"chancery/ca"
)

// An app is one run of the command line.
type app struct {
	in   io.Reader
	out  io.Writer // the answer
	err  io.Writer // everything else
	args []string
	env  func(string) string

	dir  string
	json bool
}

// run carries out the command line and gives the exit code.
func (a *app) run(ctx context.Context) int {
	root := a.root()
	root.SetArgs(a.args[1:])
	err := root.ExecuteContext(ctx)
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		return exitInterrupted
	case errors.Is(err, errFaults): // the answer has said which
		return exitFaults
	}
	p := asProblem(err)
	a.complain(p)
	return exitOf(p)
}

func (a *app) root() *cobra.Command {
	c := &cobra.Command{
		Use:           "chancery",
		Short:         "A private certificate authority",
		Long:          "Chancery is a private certificate authority: it founds one, signs what policy allows,\nand keeps every signature on a log that can be verified.",
		Example:       "  chancery init --names lab.example\n  chancery serve",
		SilenceErrors: true, SilenceUsage: true,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			return usage(fmt.Sprintf("unknown command %q", args[0]), "chancery help").Because(suggestion(c, args[0]))
		},
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.SetIn(a.in)
	c.SetOut(a.out)
	c.SetErr(a.err)
	c.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usage(err.Error(), c.CommandPath()+" --help")
	})
	f := c.PersistentFlags()
	f.StringVar(&a.dir, "dir", "", "directory of the installation (CHANCERY_DIR)")
	f.BoolVar(&a.json, "json", false, "print JSON")
	c.AddCommand(a.initCommand(), a.serveCommand(), a.statusCommand(), a.signCommand(), a.issueCommand(), a.listCommand(), a.showCommand(), a.caCommand(), a.auditCommand(), a.runCommand(), a.keyCommand(), a.doctorCommand(), a.explainCommand(), a.versionCommand())
	return c
}

// suggestion names the commands that come near a word.
func suggestion(c *cobra.Command, word string) string {
	c.SuggestionsMinimumDistance = 2
	if near := c.SuggestionsFor(word); len(near) > 0 {
		return fmt.Sprintf("did you mean %q?", near[0])
	}
	return ""
}

// layout is the directory the command works on: flag, variable, or where
// packages put it.
func (a *app) layout() (layout, error) {
	dir := a.dir
	if dir == "" {
		dir = a.env("CHANCERY_DIR")
	}
	if dir == "" {
		dir = "/var/lib/chancery"
		if home := a.env("HOME"); os.Getuid() != 0 && home != "" {
			dir = filepath.Join(home, ".local", "share", "chancery")
			if xdg := a.env("XDG_DATA_HOME"); xdg != "" {
				dir = filepath.Join(xdg, "chancery")
			}
		}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return layout{}, fmt.Errorf("find the directory %s: %w", dir, err)
	}
	return layout{full}, nil
}

// founded is layout for commands that need an installation.
func (a *app) founded() (layout, error) {
	l, err := a.layout()
	if err != nil {
		return l, err
	}
	_, err = os.Stat(l.config())
	switch {
	case errors.Is(err, fs.ErrPermission):
		return l, ca.Forbidden(ca.E1303, "this account may not look into "+l.dir, "use the account that founded it, or name another directory: --dir DIR").Because(err.Error())
	case err != nil && l.begun():
		return l, halfway(l)
	case err != nil:
		return l, ca.NotFound(ca.E1001, "there is no authority in "+l.dir, "chancery init --dir "+l.dir)
	}
	return l, nil
}

// print writes v as JSON with --json, else text.
func (a *app) print(v any, text string) error {
	if a.json {
		body, err := json.MarshalIndent(v, "", "  ")
		if err != nil {
			return fmt.Errorf("write the answer: %w", err)
		}
		text = string(body) + "\n"
	}
	_, err := io.WriteString(a.out, text)
	return err
}
